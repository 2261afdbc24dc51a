# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is, what should be, and the steps between."""

from __future__ import annotations


class Plan:
    """A way from what is to what should be. Making one changes nothing.

    before, after: dictionaries in the same words, which diff mode shows; steps: callables without arguments, in order;
    observe: reads what became of it, in the words of after; waits: callables that change nothing and that a run ends with,
    steps or none, as for a guest that has to be up.
    """

    def __init__(self, before, after, steps, observe, waits=()):
        self.before, self.after, self.steps, self._observe, self._waits = before, after, tuple(steps), observe, tuple(waits)

    def carry_out(self, check_mode):
        """Take the steps, or in check mode only foretell; return what Ansible reports."""
        after = self.after
        if not check_mode:
            for step in (*self.steps, *self._waits):
                step()
            if self.steps:
                after = self._observe()
        return {"changed": bool(self.steps), "diff": {"before": self.before, "after": after}}
