# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a case of the sweep, and which of it is an exception with a reason."""

from __future__ import annotations

import fnmatch
import pathlib
import re
import tomllib
from typing import NamedTuple

import observed
from runs import Outcome

# Beside the deadline of the task, for a machine under load: to catch a hang, not to measure.
SPARE_SECONDS = 5.0
# The host is reached before there is a VM to name.
HOST = re.compile(r"(connecting|disconnecting|reading the properties of the host|finding|loading|searching)\b")
FILE = pathlib.Path(__file__).with_name("exceptions.toml")


class Violation(NamedTuple):
    """One thing that is wrong. name: of the kind, as in exceptions.toml."""

    name: str
    scenario: str
    fault: str
    call: str
    number: int
    what: str


class Exceptions:
    """The reviewed exceptions."""

    def __init__(self):
        self.entries = tomllib.loads(FILE.read_text(encoding="utf-8")).get("exception", [])
        for entry in self.entries:
            if not entry.get("reason") or not entry.get("violation"):
                raise ValueError(f"an exception of {FILE} has no reason or no violation: {entry}")

    def allow(self, violation: Violation) -> bool:
        """Return whether a violation is one of them."""
        for entry in self.entries:
            names = {"violation": violation.name, "scenario": violation.scenario, "fault": violation.fault, "call": violation.call}
            if all(fnmatch.fnmatchcase(value, entry.get(key, "*")) for key, value in names.items()):
                return True
        return False


def of_outcome(outcome: Outcome, *, signalled: str | None, seconds: float, names: list[str]) -> list[tuple[str, str]]:
    """Judge what a task returned: (name, what) of each violation.

    signalled: the signal that ended it; seconds: its deadline, and what ansible-playbook takes beside it; names: a message has one of these, if any are given.
    """
    found = []
    if outcome.seconds > seconds + SPARE_SECONDS or (outcome.code is None and not signalled):
        found.append(("late", f"{outcome.seconds:.1f} s of {seconds:.1f} + {SPARE_SECONDS}"))
    if "Traceback" in outcome.complaint:
        found.append(("traceback", outcome.complaint[-600:]))
    elif outcome.complaint.strip() and not signalled:
        found.append(("output", outcome.complaint[-300:]))
    if signalled != "SIGKILL":
        found += [("left on the host", each) for each in outcome.left]
    else:
        found += [("left on the host", each) for each in outcome.left if each.startswith("process")]
    if outcome.result is None and not signalled:
        found.append(("no result", f"ended with {outcome.code}"))
    if outcome.result and outcome.result.get("failed"):
        found += of_message(outcome.result, names)
    return found


def of_message(result: dict, names: list[str]) -> list[tuple[str, str]]:
    """Judge the message of a task that failed."""
    message = result.get("msg", "")
    if "Traceback" in str(result):
        return [("traceback", str(result)[-600:])]
    if not message or "\n" in message.strip():
        return [("message", f"not one line: {message!r}")]
    if names and not any(name in message for name in names) and not HOST.match(message):
        return [("no name", message)]
    return []


def of_state(now: dict, old: dict, new: dict, *, succeeded: bool) -> list[tuple[str, str]]:
    """Judge the state that a task left."""
    if succeeded and now != new:
        return [("untrue success", observed.difference(now, new))]
    if now not in (old, new):
        return [("between", f"from the old: {observed.difference(now, old)}; from the new: {observed.difference(now, new)}")]
    return []


def of_handles(rows: list[dict]) -> list[tuple[str, str]]:
    """Judge the handles that a client left which was not ended."""
    return [("handles", f"{row['buffers']} buffers, {row['open']}") for row in rows]


def of_repeat(outcome: Outcome, now: dict, new: dict, names: list[str]) -> list[tuple[str, str]]:
    """Judge the plain run after the fault."""
    found = of_outcome(outcome, signalled=None, seconds=90, names=names)
    if outcome.result and outcome.result.get("failed"):
        return [*found, ("not repeatable", outcome.result.get("msg", ""))]
    if now != new:
        found.append(("left for ever", observed.difference(now, new)))
    return found
