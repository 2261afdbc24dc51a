# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of the world for operations that create, delete or find a VM."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from openvix.config.hosts import Host
from openvix.vm.machine import Machine


class Machines(Protocol):
    """The VMs of a world by the paths of their .vmx files."""

    def get(self, path: str | None) -> Machine | None:
        """Return the VM with this .vmx, None without one."""


class Inventory(Protocol):
    """The record of VMs that are being created or deleted, by which the next daemon finishes or rolls back interrupted operations."""

    def begin_creating(self, path: str, made: list[str], taking: tuple[str, int] | None = None) -> bool:
        """Record that a VM is being created.

        made: the new directories; taking: the snapshot that is taken for it. Returns False if another call works in the same directory.
        """

    def end_creating(self, path: str) -> None:
        """Record that a VM has been created. Raises OSError if it cannot be written: then it has not."""

    def cancel_creating(self, path: str, is_taking: bool = False) -> None:
        """Record that the creation of a VM has been rolled back; is_taking: the snapshot that was taken for it is still to be removed."""

    def begin_deleting(self, path: str, files: list[str]) -> None:
        """Record that these files of a VM are being deleted."""

    def end_deleting(self, path: str) -> None:
        """Record that a VM has been deleted."""


class Keeper(Protocol):
    """The world to which VMs belong."""

    @property
    def machines(self) -> Machines:
        """Its VMs."""

    @property
    def inventory(self) -> Inventory:
        """The record of VMs that are being created or deleted."""

    def find(self, path: str) -> Machine | None:
        """Return the VM with this .vmx; the path may contain links."""

    def add_existing(self, path: Path, host: Host) -> Machine:
        """Add the VM with this .vmx to a host and return it. The caller must settle it."""

    def forget(self, machine: Machine) -> None:
        """Remove a VM that is being deleted."""
