# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of a machine: power, disks, snapshots, screen and shared folders of a VM. Guest tools are separate."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from openvix.guest.guest_tools import GuestTools
from openvix.vmware import vmx


class MachineBackend(Protocol):
    """The machine of one VM. Implementations: simulated in a sandbox of the host (backends/simulated), and QEMU (backends/qemu).

    It works with any implementation of GuestTools. Disks and snapshots have numbers, which the VM stores. A snapshot never changes, and a number is
    valid until drop(). The machine outlives the daemon and its backend object; the next daemon finds it with take_over().
    """

    @property
    def tools(self) -> GuestTools:
        """The guest tools, always the same object. The backend reports each start and end of the guest to it."""

    # Run

    def start(self, disk: int, config: vmx.Settings, *, resumed: bool, paused: bool) -> int:
        """Start the guest; a guest that already runs is ended first.

        Args:
            disk: The number of the disk or snapshot to start from.
            config: The current content of the .vmx.
            resumed: Whether to restore the memory that was saved with the disk, if any.
            paused: Whether the guest stays paused until thaw().

        Returns:
            The number of the disk that the guest writes to.

        Raises:
            VixError: The machine cannot start (VIX_E_CANNOT_POWER_ON_VM), or the .vmx is unreadable; the guest does not run then.
        """

    def take_over(self, disk: int) -> int | None:
        """Take over the guest that an earlier daemon started; return the number of its disk, or None if it no longer runs."""

    def runs(self) -> bool:
        """Return whether the machine runs or is paused."""

    def halt(self) -> None:
        """End the guest and all its processes like a hard power-off; ignored if it does not run."""

    def freeze(self) -> None:
        """Pause the guest. Raises VixError."""

    def thaw(self) -> None:
        """Resume a guest after freeze(). Raises VixError."""

    def suspend(self, disk: int) -> int:
        """Save the guest, which is then ended by halt() and resumed by start(); return the number of its disk. Raises VixError."""

    def leave(self, disk: int) -> int:
        """As suspend(), for a daemon that stops. If saving fails, return the number of the current disk: the guest then boots as after a power failure."""

    def is_lost(self, disk: int) -> bool:
        """Return whether a guest that ran from this disk has ended for good. Otherwise it is started again with its world."""

    def stop(self, reset: bool) -> bool:
        """Request the guest to shut down, or to restart (reset).

        Returns False if it will not obey, and the machine must be ended. Raises VixError (VIX_E_TOOLS_NOT_RUNNING) if the guest cannot be reached.
        """

    # Display

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Share these directories of the host with the guest, and no others (docs/vix-semantics.md, section 22).

        shares: {name: (directory of the host, writable)}. Raises VixError.
        """

    def screen(self, config: vmx.Settings) -> bytes:
        """Return a screenshot as a PNG. Raises VixError, OSError."""

    # Disks

    def keep(self, disk: int, *, runs: bool, memory: bool) -> int:
        """Snapshot a disk; return the number of the snapshot's disk.

        runs: whether the guest runs from this disk. It is paused meanwhile, and no request to its tools or shared folders is pending in the snapshot.
        memory: whether to save its memory too, if the machine has any. Raises VixError.
        """

    def restored(self, kept: int) -> int:
        """Return the number of a disk with the content of a snapshot, from which the guest can run. Raises VixError."""

    def obstacle(self, kept: int) -> str:
        """Return why the memory that was saved with a snapshot cannot be loaded on this computer; "" if it can, or if there is none."""

    def drop(self, used: set[int]) -> None:
        """Remove all disks whose numbers are not in used. Raises VixError."""

    def clone(self, disk: int, own: Path) -> int:
        """Copy a disk to the empty directory of another VM; return its number there. Raises VixError, OSError."""
