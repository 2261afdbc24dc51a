# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VMs of a world by the paths of their .vmx: those that nobody has asked for are asleep, and cost next to nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from openvix.config.hosts import Host
from openvix.vix import constants
from openvix.vm.machine import ON, PAUSED, Machine


class Asleep(NamedTuple):
    """What is known of a VM whose files nobody has read yet."""

    path: str
    name: str
    host: Host
    power: str
    snapshots: int
    tools: str = "installed"

    @property
    def is_on(self) -> bool:
        return self.power in (ON, PAUSED)

    def tools_state(self) -> int:
        if not self.is_on:
            return constants.VIX_TOOLSSTATE_UNKNOWN
        return {"not_installed": constants.VIX_TOOLSSTATE_NOT_INSTALLED, "never": constants.VIX_TOOLSSTATE_UNKNOWN}.get(
            self.tools, constants.VIX_TOOLSSTATE_RUNNING
        )


class Machines:
    """Whoever is asked for by its path wakes up; wake makes a Machine of one that sleeps; for None it is unknown from then on."""

    def __init__(self, wake: Callable[[Asleep], Machine | None]):
        self._all: dict[str, Machine | Asleep] = {}
        self._awake: dict[str, Machine] = {}
        self._wake, self._waking = wake, threading.Lock()

    def get(self, path: str | None) -> Machine | None:
        if path is None:
            return None
        found = self._awake.get(path)
        return self._woken(path) if found is None and path in self._all else found

    def _woken(self, path: str) -> Machine | None:
        with self._waking:
            found = self._all.get(path)
            if not isinstance(found, Asleep):
                return found
            machine = self._wake(found)
            if machine is None:
                del self._all[path]
            else:
                self[path] = machine
            return machine

    def lay(self, asleep: Asleep) -> None:
        """Have one more that sleeps."""
        self._all[asleep.path] = asleep

    def __getitem__(self, path: str) -> Machine:
        found = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    def __setitem__(self, path: str, machine: Machine) -> None:
        self._all[path] = self._awake[path] = machine

    def __delitem__(self, path: str) -> None:
        del self._all[path], self._awake[path]

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def __len__(self) -> int:
        return len(self._all)

    def values(self) -> list[Machine | Asleep]:
        """Return all, those that sleep as they are."""
        return list(self._all.values())

    def awake(self) -> list[Machine]:
        return list(self._awake.values())
