# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared folders, kept in the .vmx as VMware keeps them (docs/vix-semantics.md, section 22)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import vmx

SWITCH, COUNT = "isolation.tools.hgfs.disable", "sharedFolder.maxNum"
# Where a Linux guest has them.
PLACE = "/mnt/hgfs"
KEYS = ("present", "enabled", "readAccess", "writeAccess", "hostPath", "guestName", "expiration")


class Folder(NamedTuple):
    """A directory of the host that a guest sees under a name."""

    name: str
    host: str
    writable: bool

    @property
    def flags(self) -> int:
        return constants.VIX_SHAREDFOLDER_WRITE_ACCESS if self.writable else 0


class VM(Protocol):
    """The VM whose folders are changed."""

    def config(self) -> vmx.Settings:
        """Return what its .vmx says now."""

    def change_config(self, change: Callable[[vmx.Settings], None]) -> None:
        """Have the .vmx changed as a whole."""

    def show_folders(self) -> None:
        """Show the guest the folders that are shared with it now."""


def of(config: vmx.Settings) -> list[Folder]:
    """Return the shared folders of a VM in the order of their indices, whether the feature is on or off."""
    found = []
    for number in range(_count(config)):
        key = f"sharedFolder{number}"
        if _is_true(config.get(f"{key}.present")):
            found.append(Folder(config.get(f"{key}.guestName", ""), config.get(f"{key}.hostPath", ""), _is_true(config.get(f"{key}.writeAccess"))))
    return found


def visible(config: vmx.Settings) -> dict[str, tuple[str, bool]]:
    """Return what the guest sees while it runs: for each name the directory of the host, and whether it can be written."""
    return {folder.name: (folder.host, folder.writable) for folder in of(config)} if are_enabled(config) else {}


def are_enabled(config: vmx.Settings) -> bool:
    return (config.get(SWITCH) or "TRUE").upper() == "FALSE"


def enable(vm: VM, enabled: bool) -> None:
    """Switch the feature on or off, with all folders."""
    vm.change_config(lambda config: config.set(SWITCH, _text(not enabled)))
    vm.show_folders()


def at(vm: VM, index: int) -> Folder:
    """Return the folder with this index, or raise VIX_E_INVALID_ARG."""
    found = of(vm.config())
    if not 0 <= index < len(found):
        raise VixError(constants.VIX_E_INVALID_ARG)
    return found[index]


def add(vm: VM, folder: Folder) -> None:
    """Share one more directory; raises 23 when the name is taken, 4 or 20002 when the host has no such directory."""
    _require_directory(folder.host)

    def added(folders: list[Folder]) -> list[Folder]:
        if any(each.name == folder.name for each in folders):
            raise VixError(constants.VIX_E_ALREADY_EXISTS)
        return [*folders, folder]

    _change(vm, added)


def set_state(vm: VM, folder: Folder) -> None:
    """Change the directory and the access of the folder of this name; raises 2000 when there is none."""
    _require_directory(folder.host)
    _change(vm, lambda folders: [folder if each.name == folder.name else each for each in _with(folder.name, folders)])


def remove(vm: VM, name: str) -> None:
    """Share a directory no longer; the indices behind it shift. Raises 2000 when there is none of this name."""
    _change(vm, lambda folders: [each for each in _with(name, folders) if each.name != name])


def _with(name: str, folders: list[Folder]) -> list[Folder]:
    if all(each.name != name for each in folders):
        raise VixError(constants.VIX_E_NOT_FOUND)
    return folders


def _change(vm: VM, change: Callable[[list[Folder]], list[Folder]]) -> None:
    vm.change_config(lambda config: _write(config, change(of(config))))
    vm.show_folders()


def _write(config: vmx.Settings, folders: list[Folder]) -> None:
    for number in range(_count(config)):
        for key in KEYS if number >= len(folders) else ():
            config.remove(f"sharedFolder{number}.{key}")
    for number, folder in enumerate(folders):
        values = ("TRUE", "TRUE", "TRUE", _text(folder.writable), folder.host, folder.name, "never")
        for key, value in zip(KEYS, values, strict=True):
            config.set(f"sharedFolder{number}.{key}", value)
    config.set(COUNT, str(len(folders)))


def _count(config: vmx.Settings) -> int:
    text = config.get(COUNT, "0")
    if not text.isdecimal() or len(text) > 4:
        raise VixError(constants.VIX_E_CANNOT_READ_VM_CONFIG, f"reading {COUNT}")
    return int(text)


def _require_directory(path: str) -> None:
    if not os.path.isdir(path):
        raise VixError(constants.VIX_E_NOT_A_DIRECTORY if os.path.exists(path) else constants.VIX_E_FILE_NOT_FOUND)


def _text(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _is_true(text: str | None) -> bool:
    return (text or "").upper() == "TRUE"
