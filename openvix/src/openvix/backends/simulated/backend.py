# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backend of simulated VMs: a system in a sandbox of the host, with disks that are directories."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from openvix.backends.simulated import screen
from openvix.backends.simulated.system import System
from openvix.guest import disks
from openvix.guest.guest_tools import GuestTools
from openvix.guest.owner import Owner
from openvix.vmware import shared_folders, vmx


def make(own: Path, hostname: str, settings: dict, is_kept: bool) -> tuple[int, int]:
    """Create the disks of a new VM in an empty directory; return the numbers of its current disk and of the disk of its snapshots (is_kept)."""
    disks.create(own / "disks" / "1", hostname=hostname, accounts=settings["accounts"], files=settings["files"])
    return numbers(own, is_kept)


def numbers(own: Path, is_kept: bool, copy: Callable[[Path, Path], None] = disks.copy) -> tuple[int, int]:
    """Return the numbers of the disks of a new VM with one disk, as make() does."""
    if not is_kept:
        return 1, 1
    copy(own / "disks" / "1", own / "disks" / "2")
    return 2, 1


class GuestSystem(Protocol):
    """The system that runs in a simulated machine: its processes. Every method raises VixError."""

    @property
    def disk(self) -> Path | None:
        """The disk of the guest, None if it does not run."""

    def boot(self, disk: Path) -> None:
        """Start the guest from this disk; a guest that runs is ended first."""

    def attach(self, disk: Path) -> bool:
        """Take over the guest that an earlier daemon started from this disk; return False if it no longer runs."""

    def halt(self) -> None:
        """End the guest and all its processes; ignored if it does not run."""

    def freeze(self) -> None:
        """Pause all processes of the guest."""

    def thaw(self) -> None:
        """Resume all processes of the guest."""

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Share these directories of the host, {name: (directory, writable)}, and no others."""


class SimulatedMachine:
    """The MachineBackend of a simulated VM.

    Args:
        own: The directory for the disks of the VM and for data of a run.
        hostname: The host name of the guest.
        declared: The processes of the world file, which run after each boot.
        owner: The VM.
        tools: Creates the guest tools for the system.
        system: The kind of the system.
        copy: Copies a disk of that system.
    """

    def __init__(
        self,
        own: Path,
        hostname: str,
        declared: list[dict],
        owner: Owner,
        tools: Callable[[Any], GuestTools],
        system: Callable[..., GuestSystem] = System,
        copy: Callable[[Path, Path], None] = disks.copy,
    ):
        runtime = own / "guest"
        runtime.mkdir(mode=0o700, exist_ok=True)
        self._disks, self._owner, self._copy = own / "disks", owner, copy
        self._system = system(runtime, hostname=hostname, declared=declared)
        self._tools = tools(self._system)

    @property
    def tools(self) -> GuestTools:
        return self._tools

    # Run

    def start(self, disk: int, config: vmx.Settings, *, resumed: bool, paused: bool) -> int:
        # Raise the error of an unreadable .vmx before anything is started.
        shared = shared_folders.visible(config)
        self._system.boot(self._place(disk))
        self._system.share(shared)
        if paused:
            self._system.freeze()
        self._tools.begin()
        return disk

    def take_over(self, disk: int) -> int | None:
        if not self._system.attach(self._place(disk)):
            return None
        self._tools.begin()
        return disk

    def runs(self) -> bool:
        return self._system.disk is not None

    def halt(self) -> None:
        self._tools.end()
        self._system.halt()

    def freeze(self) -> None:
        self._system.freeze()

    def thaw(self) -> None:
        """Also resumes processes that a program of the guest had stopped."""
        self._system.thaw()
        self._tools.resume()

    def suspend(self, disk: int) -> int:
        """A simulated guest has no memory to save."""
        return disk

    def leave(self, disk: int) -> int:
        """A simulated guest has no memory to save: it boots again when the world is started."""
        return disk

    def is_lost(self, disk: int) -> bool:
        return False

    def stop(self, reset: bool) -> bool:
        return self._tools.stop(reset)

    # Display

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Only file operations of the guest tools see their content; programs see empty directories."""
        self._system.share(shares)

    def screen(self, config: vmx.Settings) -> bytes:
        owner = self._owner
        return screen.picture([config.get("displayName", owner.name), owner.power.replace("_", " "), config.get("guestOS", "other")])

    # Disks

    def keep(self, disk: int, *, runs: bool, memory: bool) -> int:
        number = 1 + max(int(path.name) for path in self._disks.iterdir() if path.name.isdigit())
        with self._still() if runs else contextlib.nullcontext():
            self._copy(self._place(disk), self._place(number))
        return number

    def restored(self, kept: int) -> int:
        return self.keep(kept, runs=False, memory=False)

    def obstacle(self, kept: int) -> str:
        return ""

    def drop(self, used: set[int]) -> None:
        for place in self._disks.iterdir():
            if place.name not in {str(number) for number in used}:
                disks.remove(place)

    def clone(self, disk: int, own: Path) -> int:
        self._copy(self._place(disk), own / "disks" / "1")
        return 1

    @contextlib.contextmanager
    def _still(self) -> Iterator[None]:
        """Pause the guest within the block, between two requests to its tools."""
        with self._tools.quiet():
            self._system.freeze()
            try:
                yield
            finally:
                self._system.thaw()

    def _place(self, disk: int) -> Path:
        return self._disks / str(disk)
