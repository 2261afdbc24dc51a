# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The world, as operations know it that create, delete or look for a VM."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from openvix.config.hosts import Host
from openvix.vm.machine import Machine


class Machines(Protocol):
    """The VMs of a world by the paths of their .vmx."""

    def get(self, path: str | None) -> Machine | None:
        """Return the VM with this .vmx, None for none."""


class Inventory(Protocol):
    """What a world notes of VMs that are being created or deleted, for the next daemon to end or take back."""

    def begin_making(self, path: str, made: list[str], taking: tuple[str, int] | None = None) -> bool:
        """Note that a VM is being made, with the directories made for it and the snapshot taken; False when another call is at work in its directory."""

    def end_making(self, path: str, whole: bool) -> None:
        """Note that a VM is whole, or that nothing is left of it."""

    def begin_deleting(self, path: str, files: list[str]) -> None:
        """Note that these files of a VM are being deleted."""

    def end_deleting(self, path: str) -> None:
        """Note that a VM is deleted."""


class Keeper(Protocol):
    """The world that VMs belong to."""

    @property
    def machines(self) -> Machines:
        """Its VMs."""

    @property
    def inventory(self) -> Inventory:
        """What it notes."""

    def find(self, path: str) -> Machine | None:
        """Return the VM with this .vmx, however the path to it is written."""

    def take_in(self, path: Path, host: Host) -> Machine:
        """Return the VM with this .vmx as one of this host; it must be settled."""

    def forget(self, machine: Machine) -> None:
        """Have a VM that is being deleted no longer."""
