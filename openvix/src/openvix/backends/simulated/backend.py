# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a simulated VM runs on: a guest in a sandbox of the host, and disks that are directories."""

from __future__ import annotations

from pathlib import Path

from openvix.backends.simulated import screen
from openvix.backends.simulated.system import Guest
from openvix.guest import disks
from openvix.vmware import shared_folders, vmx


def make(own: Path, hostname: str, settings: dict, is_kept: bool) -> tuple[int, int]:
    """Make the disks of a new VM in an empty directory; return the number of the one that it begins with, and of what its snapshots (is_kept) keep."""
    disks.create(own / "disks" / "1", hostname=hostname, accounts=settings["accounts"], files=settings["files"])
    if not is_kept:
        return 1, 1
    disks.copy(own / "disks" / "1", own / "disks" / "2")
    return 2, 1


class Simulation(Guest):
    """The guest of a VM that keeps its own in this directory; disks have numbers, and those that snapshots keep never change."""

    def __init__(self, own: Path, hostname: str, settings: dict, machine):
        runtime = own / "guest"
        runtime.mkdir(mode=0o700, exist_ok=True)
        super().__init__(runtime, hostname=hostname, accounts=settings["accounts"], processes=settings["processes"])
        self._disks, self._machine = own / "disks", machine

    def start(self, disk: int, config: vmx.Settings, *, resumed: bool, paused: bool) -> int:
        """Run the guest from a disk, resumed with what of its memory was kept with it; return the number of the disk that then changes. Raises VixError."""
        # A .vmx that cannot be read is told before anything runs.
        shared = shared_folders.visible(config)
        self.boot(self._place(disk))
        self.share(shared)
        if paused:
            self.freeze()
        return disk

    def take_over(self, disk: int) -> int | None:
        """Return the number of the disk from which the guest runs that an earlier daemon started, which is then ours; None when it runs no longer."""
        return disk if self.attach(self._place(disk)) else None

    def suspend(self, disk: int) -> int:
        """Keep the guest as it is, which then ends; return the number of what keeps it. A simulated one has no memory to keep."""
        return disk

    # It is on again, from its start, when its world is served again.
    leave = suspend

    def is_lost(self, disk: int) -> bool:
        """Return whether a guest that ran from this disk, and runs no more, has ended for good."""
        return False

    def tools_at(self, on_since: float, settings: dict) -> float | None:
        """Return when Tools run in a VM that is on since then, None when nobody can know."""
        return on_since + settings["boot_seconds"] + settings["tools_seconds"]

    def stop(self, reset: bool) -> bool:
        """Ask the guest to stop or restart by itself; return whether it does. A simulated one is stopped."""
        return False

    def address(self) -> str:
        """Return the guest's own IP address as Tools report it, "" for none."""
        return self._machine.settings["ip"]

    def screen(self, config: vmx.Settings) -> bytes:
        """Return the screen as a PNG."""
        machine = self._machine
        return screen.picture([config.get("displayName", machine.name), machine.power.replace("_", " "), config.get("guestOS", "other")])

    # Its disks

    def keep(self, disk: int, *, runs: bool, memory: bool) -> int:
        """Keep what the guest has on this disk, from which it may run, and with memory all else of it; return the number of what keeps it. Raises VixError."""
        number = 1 + max(int(path.name) for path in self._disks.iterdir() if path.name.isdigit())
        if runs:
            self.freeze()
        try:
            disks.copy(self._place(disk), self._place(number))
        finally:
            if runs:
                self.thaw()
        return number

    def restored(self, kept: int) -> int:
        """Return the number of a disk that is what was kept, and from which the guest can run."""
        return self.keep(kept, runs=False, memory=False)

    def drop(self, used: set[int]):
        """Remove every disk that is not used."""
        for place in self._disks.iterdir():
            if place.name not in {str(number) for number in used}:
                disks.remove(place)

    def clone(self, disk: int, own: Path) -> int:
        """Copy a disk to the directory of another VM, where there is none, and return its number there."""
        disks.copy(self._place(disk), own / "disks" / "1")
        return 1

    def _place(self, disk: int) -> Path:
        return self._disks / str(disk)
