# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by rule: which call on which VM, from which occurrence, and what befalls it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from openvix import worldfile


@dataclass(frozen=True)
class Fault:
    """What befalls one call: an error code (0: its own) with junk above bit 15, seconds of delay, a directive for the client and where it strikes."""

    error: int = 0
    junk: int = 0
    delay: float = 0.0
    directive: str = ""
    in_job: bool = False


class Faults:
    """The rules of a world, each with the number of calls it has matched."""

    def __init__(self, rules: list[dict]):
        self._lock = threading.Lock()
        self._rules = []
        for rule in rules:
            self.add(rule)

    def add(self, rule: dict):
        """Add a rule as worldfile.fault() returns it."""
        directive = next((each for each in worldfile.DIRECTIVES if rule[each]), "")
        fault = Fault(rule["error"], rule["junk"], rule["delay"], directive, rule["where"] == "job")
        end = rule["from"] + rule["times"] if rule["times"] else None
        with self._lock:
            # A new list: match() reads the old one without the lock when it is empty.
            self._rules = [*self._rules, [rule, fault, rule["from"], end, 0]]

    def clear(self):
        with self._lock:
            self._rules = []

    def match(self, call: str, name: str | None, path: str | None) -> Fault | None:
        """Count a call on a VM (None: on none) for every rule that it matches; return what the first rule in force does to it."""
        if not self._rules:
            return None
        struck = None
        with self._lock:
            for matched in self._rules:
                rule, fault, first, end, _ = matched
                if rule["call"] not in (call, "*") or not _is_meant(rule["vm"], name, path):
                    continue
                matched[4] += 1
                if struck is None and matched[4] >= first and (end is None or matched[4] < end):
                    struck = fault
        return struck


def _is_meant(vm: str | None, name: str | None, path: str | None) -> bool:
    return vm is None or (name is not None and (vm == name or (vm.startswith("/") and os.path.realpath(vm) == path)))
