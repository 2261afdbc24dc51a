# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs a VM: its power, disks, snapshots, screen and shared folders, apart from the Tools in its guest."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from openvix.guest.guest_tools import GuestTools
from openvix.vmware import vmx


class MachineBackend(Protocol):
    """The machine of one VM. Two kinds exist: simulated by a sandbox of the host (backends/simulated) and emulated by QEMU (backends/qemu).

    It has Tools and is none: either kind works with any kind of GuestTools. Its disks and what is kept of them have numbers, which the VM stores: what is
    kept never changes, and a number stays valid until drop(). A backend outlives no daemon, but its machine does: the next daemon finds it by take_over().
    """

    @property
    def tools(self) -> GuestTools:
        """The Tools in the guest; the same object as long as the backend exists. The backend reports each start and end of the guest to it."""

    # Its run

    def start(self, disk: int, config: vmx.Settings, *, resumed: bool, paused: bool) -> int:
        """Run the guest; one that runs already is ended first.

        Args:
            disk: Number of the disk to run from, or of what was kept.
            config: What the .vmx says now.
            resumed: Go on with the memory that was kept with the disk, where there is any.
            paused: Let the guest stand still until thaw().

        Returns:
            Number of the disk that changes from now on.

        Raises:
            VixError: The machine cannot start (VIX_E_CANNOT_POWER_ON_VM), or the .vmx cannot be read; nothing runs then.
        """

    def take_over(self, disk: int) -> int | None:
        """Return the number of the disk from which the guest runs that an earlier daemon started, and take it over; None when it runs no longer."""

    def runs(self) -> bool:
        """Return whether the machine runs, paused or not."""

    def halt(self) -> None:
        """End the guest and every process in it, as a hard power-off does. A guest that does not run stays so."""

    def freeze(self) -> None:
        """Stop the guest where it is. Raises VixError."""

    def thaw(self) -> None:
        """Let a guest that freeze() stopped go on. Raises VixError."""

    def suspend(self, disk: int) -> int:
        """Keep the guest as it is, for halt() to end it and start() to resume it; return the number of what keeps it. Raises VixError."""

    def leave(self, disk: int) -> int:
        """Keep the guest as suspend() does, for a daemon that ends. What cannot be kept is as after a power failure: the disk's own number is returned."""

    def is_lost(self, disk: int) -> bool:
        """Return whether a guest that ran from this disk, and no longer runs, has ended for good; it starts again with its world otherwise."""

    def stop(self, reset: bool) -> bool:
        """Ask the guest to shut down, or to restart (reset), by itself.

        Returns False when it will not, and the machine has to be ended. Raises VixError (VIX_E_TOOLS_NOT_RUNNING) when nothing can ask it.
        """

    # What it shows

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Show the guest these directories of the host and no others (docs/vix-semantics.md, section 22).

        shares: name of a shared folder: (path of the host, whether the guest may write). Raises VixError.
        """

    def screen(self, config: vmx.Settings) -> bytes:
        """Return the screen as a PNG. Raises VixError, OSError."""

    # Its disks

    def keep(self, disk: int, *, runs: bool, memory: bool) -> int:
        """Keep what the guest has on a disk; return the number of what keeps it.

        runs: the guest runs from this disk; it stands still meanwhile, and no request to its Tools or its shared folders is half answered in what is kept.
        memory: keep its memory too, where the machine has any. Raises VixError.
        """

    def restored(self, kept: int) -> int:
        """Return the number of a disk that has what was kept, and from which the guest can run. Raises VixError."""

    def drop(self, used: set[int]) -> None:
        """Remove every disk, and all that was kept, whose number is not among these. Raises VixError."""

    def clone(self, disk: int, own: Path) -> int:
        """Copy a disk to the directory of another VM that has none; return its number there. Raises VixError, OSError."""
