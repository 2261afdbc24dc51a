# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fault injection by rules: which calls on which VM are selected, and the fault that is applied to them."""

from __future__ import annotations

import collections
import os
import threading
from collections.abc import Iterable
from typing import NamedTuple

from openvix.config import worldfile
from openvix.config.errors import ConfigError

# Of a rule that applies more often, the latest calls are reported.
CALLS = 100


class Fault(NamedTuple):
    """The fault of one call: its effects, all optional.

    error, junk: the error code instead of the result, and bits above bit 15 of it. delay: seconds.
    directive, in_job: what the client's library does, in the function or in its job.
    end, step: "lost" closes the connection, "kill" kills the daemon, perhaps before the step of the work that has this number.
    after: whether end, or error and delay, come after the work is done.
    late_event: the client may know of the end of a job before its callback does.
    room, cut, sees: limits of disk space and copied bytes, and overridden settings of the VM (fault_context.py).
    """

    error: int = 0
    junk: int = 0
    delay: float = 0.0
    directive: str = ""
    in_job: bool = False
    end: str = ""
    after: bool = False
    step: int = 0
    room: int | None = None
    cut: int | None = None
    sees: dict | None = None
    late_event: bool = False


class Rule:
    """One rule, with the number of calls that matched and to which the fault was applied, and the latest of these calls.

    settings: as worldfile.fault() returns them; the other arguments: from saved() of an earlier daemon.
    """

    def __init__(self, settings: dict, matched: int = 0, applied: int = 0, counts: Iterable[tuple[object, int]] = (), calls: Iterable[dict] = ()):
        self.settings = settings
        self.matched, self.applied = matched, applied
        self.first, self.end = settings["from"], settings["from"] + settings["times"] if settings["times"] else None
        self._counts: dict[object, int] = dict(counts)
        self._calls: collections.deque[dict] = collections.deque(calls, maxlen=CALLS)
        self.fault = Fault(
            settings["error"],
            settings["junk"],
            settings["delay"],
            next((each for each in worldfile.DIRECTIVES if settings[each]), ""),
            settings["where"] == "job",
            next((each for each in worldfile.ENDS if settings[each]), ""),
            settings["where"] == "after",
            settings["step"] or 0,
            settings["disk_full"],
            settings["cut"],
            {key: settings[key] for key in worldfile.OVERRIDES if settings[key] is not None} or None,
            settings["late_event"],
        )

    def count(self, key: object) -> bool:
        """Count a matching call for a key (a client, a VM or None); return whether the fault applies to it."""
        self.matched += 1
        self._counts[key] = count = self._counts.get(key, 0) + 1
        return count >= self.first and (self.end is None or count < self.end)

    def apply(self, call: dict) -> Fault:
        """Record a call to which the fault applies; return the fault."""
        self.applied += 1
        self._calls.append(call)
        return self.fault

    def report(self) -> dict:
        """Return the settings that differ from the defaults, and what happened."""
        given = {key: value for key, value in self.settings.items() if value != worldfile.FAULT[key][0]}
        return {**given, "matched": self.matched, "applied": self.applied, "calls": [*self._calls]}

    def saved(self) -> list:
        """Return the arguments that create the same rule, with the same counts, in another daemon."""
        return [self.settings, self.matched, self.applied, [*self._counts.items()], [*self._calls]]


class Faults:
    """The rules of a world."""

    def __init__(self, rules: list[dict], saved: list[list] | None = None):
        """rules: as worldfile.fault() returns them; saved: from saved() of an earlier daemon, replaces rules."""
        self._lock = threading.Lock()
        self._rules = [Rule(*each) for each in ([[rule] for rule in rules] if saved is None else saved)]

    def saved(self) -> list[list]:
        with self._lock:
            return [rule.saved() for rule in self._rules]

    def add(self, rule: dict) -> None:
        """Add a rule as worldfile.fault() returns it."""
        with self._lock:
            # Replace the list instead of changing it: match() checks without the lock whether it is empty.
            self._rules = [*self._rules, Rule(rule)]

    def clear(self, number: int | None = None) -> None:
        """Remove the rule with this number, the first being 1, or all rules. Raises ConfigError."""
        with self._lock:
            if number is not None and not 1 <= number <= len(self._rules):
                raise ConfigError(f"no fault has the number {number}; the world has {len(self._rules)} faults")
            self._rules = [rule for at, rule in enumerate(self._rules, start=1) if number is not None and at != number]

    def report(self) -> list[dict]:
        """Return the settings of each rule that differ from the defaults, with what happened.

        "matched", "applied": the numbers of calls; "calls": the latest calls to which the fault was applied, each {"number":, "client":, "call":, "vm":}.
        """
        with self._lock:
            return [rule.report() for rule in self._rules]

    def match(self, call: str, name: str | None, path: str | None, client: object = None, number: int | None = None) -> Fault | None:
        """Count a call for every rule that it matches; return the fault of the first rule that applies, None without one.

        call: the function; name, path: of the VM that the call is about, None without one; client: the process id; number: of the call in the log.
        """
        if not self._rules:
            return None
        found = None
        with self._lock:
            for rule in self._rules:
                settings = rule.settings
                if settings["call"] not in (call, "*") or not _matches(settings["vm"], name, path) or settings["client"] not in (None, client):
                    continue
                if rule.count({"world": None, "client": client, "vm": path}[settings["per"]]) and found is None:
                    found = rule.apply({"number": number, "client": client, "call": call, "vm": path})
        return found


def _matches(vm: str | None, name: str | None, path: str | None) -> bool:
    return vm is None or (name is not None and (vm == name or (vm.startswith("/") and os.path.realpath(vm) == path)))
