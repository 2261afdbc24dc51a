# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VMs of a world by the paths of their .vmx files. Each is loaded when it is first used."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from openvix.config.hosts import Host
from openvix.vix import constants
from openvix.vm.machine import ON, PAUSED, Machine
from openvix.world.library import Library


class UnloadedVM(NamedTuple):
    """What is known about a VM that has not been loaded."""

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
    """A mapping from paths to VMs.

    load: the function that loads a VM when it is first requested; library: the list of the VMs of the local host, which is kept up to date.
    """

    def __init__(self, load: Callable[[UnloadedVM], Machine | None], library: Library):
        self._all: dict[str, Machine | UnloadedVM] = {}
        self._loaded: dict[str, Machine] = {}
        self._load, self._loading = load, threading.Lock()
        self._library, self._is_batch = library, False

    def get(self, path: str | None) -> Machine | None:
        """Return the VM with this path, None if there is none or if its files cannot be read."""
        if path is None:
            return None
        found = self._loaded.get(path)
        return self._load_once(path) if found is None and path in self._all else found

    def peek(self, path: str) -> Machine | UnloadedVM | None:
        """Return what is known about the VM with this path without loading it."""
        return self._all.get(path)

    def _load_once(self, path: str) -> Machine | None:
        with self._loading:
            found = self._all.get(path)
            if not isinstance(found, UnloadedVM):
                return found
            machine = self._load(found)
            # A VM that cannot be loaded stays in the world, and the next use tries again: somebody may have repaired its files.
            if machine is not None:
                self[path] = machine
            return machine

    def add_unloaded(self, vm: UnloadedVM) -> None:
        self._all[vm.path] = vm
        self._list()

    def __setitem__(self, path: str, machine: Machine) -> None:
        is_new = path not in self._all
        self._all[path] = self._loaded[path] = machine
        if is_new:
            self._list()

    def __delitem__(self, path: str) -> None:
        del self._all[path], self._loaded[path]
        self._list()

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Write the list of VMs once, after the block."""
        self._is_batch = True
        try:
            yield
        finally:
            self._is_batch = False
            self._list()

    def _list(self) -> None:
        if not self._is_batch:
            self._library.write(lambda: [path for path, vm in list(self._all.items()) if not vm.host.name])

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def __len__(self) -> int:
        return len(self._all)

    def values(self) -> list[Machine | UnloadedVM]:
        """Return all VMs without loading any."""
        return list(self._all.values())

    def loaded(self) -> list[Machine]:
        return list(self._loaded.values())
