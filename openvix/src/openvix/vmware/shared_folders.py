# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared folders, stored in the .vmx like VMware does (docs/vix-semantics.md, section 22)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import vmx

SWITCH, COUNT = "isolation.tools.hgfs.disable", "sharedFolder.maxNum"
# The directory of shared folders in a Linux guest.
PLACE = "/mnt/hgfs"
KEYS = ("present", "enabled", "readAccess", "writeAccess", "hostPath", "guestName", "expiration")


class Folder(NamedTuple):
    """A directory of the host that is shared with a guest under a name."""

    name: str
    host: str
    writable: bool

    @property
    def flags(self) -> int:
        return constants.VIX_SHAREDFOLDER_WRITE_ACCESS if self.writable else 0


class VM(Protocol):
    """The VM whose shared folders are changed."""

    def config(self) -> vmx.Settings:
        """Return the current content of its .vmx."""

    def change_config(self, change: Callable[[vmx.Settings], None]) -> None:
        """Change its .vmx atomically."""

    def update_shares(self) -> None:
        """Update the shared folders in the guest."""


def read(config: vmx.Settings) -> list[Folder]:
    """Return the shared folders of a VM in the order of their indices, whether the feature is enabled or not."""
    found = []
    for number in range(_count(config)):
        key = f"sharedFolder{number}"
        if _is_true(config.get(f"{key}.present")):
            found.append(Folder(config.get(f"{key}.guestName", ""), config.get(f"{key}.hostPath", ""), _is_true(config.get(f"{key}.writeAccess"))))
    return found


def visible(config: vmx.Settings) -> dict[str, tuple[str, bool]]:
    """Return the shared folders that a running guest has: {name: (directory of the host, writable)}."""
    return {folder.name: (folder.host, folder.writable) for folder in read(config)} if are_enabled(config) else {}


def are_enabled(config: vmx.Settings) -> bool:
    return (config.get(SWITCH) or "TRUE").upper() == "FALSE"


def enable(vm: VM, enabled: bool) -> None:
    """Enable or disable the feature, which affects all shared folders."""
    vm.change_config(lambda config: config.set(SWITCH, _text(not enabled)))
    vm.update_shares()


def at(vm: VM, index: int) -> Folder:
    """Return the shared folder with this index. Raises VIX_E_INVALID_ARG."""
    found = read(vm.config())
    if not 0 <= index < len(found):
        raise VixError(constants.VIX_E_INVALID_ARG)
    return found[index]


def add(vm: VM, folder: Folder) -> None:
    """Add a shared folder. Raises VixError 23 if the name is in use, 4 or 20002 if the host has no such directory."""
    _require_directory(folder.host)

    def added(folders: list[Folder]) -> list[Folder]:
        if any(each.name == folder.name for each in folders):
            raise VixError(constants.VIX_E_ALREADY_EXISTS)
        return [*folders, folder]

    _change(vm, added)


def set_state(vm: VM, folder: Folder) -> None:
    """Change the directory and the access of the shared folder with this name. Raises VixError 2000 if there is none."""
    _require_directory(folder.host)
    _change(vm, lambda folders: [folder if each.name == folder.name else each for each in _with(folder.name, folders)])


def remove(vm: VM, name: str) -> None:
    """Remove the shared folder with this name; the indices of later ones are decremented. Raises VixError 2000 if there is none."""
    _change(vm, lambda folders: [each for each in _with(name, folders) if each.name != name])


def _with(name: str, folders: list[Folder]) -> list[Folder]:
    if all(each.name != name for each in folders):
        raise VixError(constants.VIX_E_NOT_FOUND)
    return folders


def _change(vm: VM, change: Callable[[list[Folder]], list[Folder]]) -> None:
    vm.change_config(lambda config: _write(config, change(read(config))))
    vm.update_shares()


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
