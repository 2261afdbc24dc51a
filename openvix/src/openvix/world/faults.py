# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by rule: which call on which VM, from which occurrence, and what befalls it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import NamedTuple

from openvix.config import worldfile
from openvix.config.errors import ConfigError


class Fault(NamedTuple):
    """What befalls one call.

    An error code (0: its own) with junk above bit 15, seconds of delay, a directive for the client and where it strikes; the end of the connection ("lost")
    or of the daemon ("kill"), afterwards or before the step of this number; how its thread is struck (fault_context.py).
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


class Rule:
    """A rule of the world, and how many calls have matched it and were struck by it."""

    def __init__(self, said: dict, matched: int = 0, struck: int = 0, counted: Iterable[tuple[object, int]] = ()):
        self.said = said
        self.matched, self.struck = matched, struck
        self.first, self.end = said["from"], said["from"] + said["times"] if said["times"] else None
        self._of: dict[object, int] = dict(counted)
        self.fault = Fault(
            said["error"],
            said["junk"],
            said["delay"],
            next((each for each in worldfile.DIRECTIVES if said[each]), ""),
            said["where"] == "job",
            next((each for each in worldfile.ENDS if said[each]), ""),
            said["where"] == "after",
            said["step"] or 0,
            said["disk_full"],
            said["cut"],
            {key: said[key] for key in worldfile.SEEN if said[key] is not None} or None,
        )

    def takes(self, of: object) -> bool:
        """Count a call for whatever it is counted by, and return whether it is one of those to be struck."""
        self.matched += 1
        self._of[of] = count = self._of.get(of, 0) + 1
        return count >= self.first and (self.end is None or count < self.end)

    def books(self) -> list:
        """Return what makes the same rule, with the same counts, in another daemon."""
        return [self.said, self.matched, self.struck, [*self._of.items()]]


class Faults:
    """The rules of a world."""

    def __init__(self, rules: list[dict], books: list[list] | None = None):
        """rules: as worldfile.fault() returns them; books: of an earlier daemon, whose rules count instead."""
        self._lock = threading.Lock()
        self._rules = [Rule(*each) for each in ([[rule] for rule in rules] if books is None else books)]

    def books(self) -> list[list]:
        with self._lock:
            return [rule.books() for rule in self._rules]

    def add(self, rule: dict) -> None:
        """Add a rule as worldfile.fault() returns it."""
        with self._lock:
            # A new list: match() reads the old one without the lock when it is empty.
            self._rules = [*self._rules, Rule(rule)]

    def clear(self, number: int | None = None) -> None:
        """Remove the rule of this number as told() counts them, or all."""
        with self._lock:
            if number is not None and not 1 <= number <= len(self._rules):
                raise ConfigError(f"there is no fault {number}: there are {len(self._rules)}")
            self._rules = [rule for at, rule in enumerate(self._rules, start=1) if number is not None and at != number]

    def told(self) -> list[dict]:
        """Return each rule as it was said, what it left out left out, with how many calls it matched and struck."""
        with self._lock:
            return [
                {**{key: value for key, value in rule.said.items() if value != worldfile.FAULT[key][0]}, "matched": rule.matched, "struck": rule.struck}
                for rule in self._rules
            ]

    def match(self, call: str, name: str | None, path: str | None, client: object = None) -> Fault | None:
        """Count a call of a client on a VM (None: on none) for every rule that it matches; return what the first rule in force does to it."""
        if not self._rules:
            return None
        found = None
        with self._lock:
            for rule in self._rules:
                said = rule.said
                if said["call"] not in (call, "*") or not _is_meant(said["vm"], name, path) or said["client"] not in (None, client):
                    continue
                if rule.takes({"world": None, "client": client, "vm": path}[said["per"]]) and found is None:
                    rule.struck += 1
                    found = rule.fault
        return found


def _is_meant(vm: str | None, name: str | None, path: str | None) -> bool:
    return vm is None or (name is not None and (vm == name or (vm.startswith("/") and os.path.realpath(vm) == path)))
