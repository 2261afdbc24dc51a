# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan: the state that is, the state that is wanted, and the steps between."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Optional

    State = Dict[str, Any]  # a state, in the words of a diff
    Facts = Dict[str, Any]  # what a step has to report, by the names of RETURN values
    Step = Callable[[], Optional[Facts]]


class Plan:
    """The way from one state to another. Making a plan changes nothing.

    Args:
        before: The state that is. Diff mode shows it.
        after: The state that a run is predicted to end in, in the words of before.
        steps: Callables without arguments that lead there, in order. A step returns facts to report, or None.
        observe: Reads the state that a run has ended in, in the words of after. If it is None, a run reports the prediction.
        waits: Callables like steps that change nothing. A run ends with them, steps or none: for example, it waits for VMware Tools.
        facts: What is reported in check mode as well. Facts that a step or wait returns replace those of the same name.
    """

    def __init__(
        self,
        before: State,
        after: State,
        steps: Iterable[Step],
        observe: Callable[[], State] | None,
        waits: Iterable[Step] = (),
        facts: Facts | None = None,
    ) -> None:
        self.before, self.after, self.steps, self._observe, self._waits = before, after, tuple(steps), observe, tuple(waits)
        self._facts = facts or {}

    def carry_out(self, check_mode: bool) -> dict[str, Any]:
        """Take the steps, or only predict their result in check mode; return what Ansible reports: changed, diff and the facts."""
        after, facts = self.after, dict(self._facts)
        if not check_mode:
            for step in (*self.steps, *self._waits):
                facts.update(step() or {})
            if self.steps and self._observe:
                after = self._observe()
        return {"changed": bool(self.steps), "diff": {"before": self.before, "after": after}, **facts}
