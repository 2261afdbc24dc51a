# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The selection of a VM's backend: simulated, or QEMU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from openvix.backends.simulated import backend as simulated
from openvix.backends.simulated.system import System
from openvix.backends.simulated.tools import SimulatedTools
from openvix.guest.machine_backend import MachineBackend
from openvix.guest.owner import Owner

# The key in the .vmx that names the hypervisor of a VM, unless it is simulated.
KEY = "openvix.hypervisor"


class Hypervisor(NamedTuple):
    """The functions that create the backend of a VM and, before that, its disks.

    new(directory, host name of the guest, settings as worldfile.vm() returns them, VM) returns the backend.
    make(empty directory, host name, settings, whether the VM has snapshots) creates the disks; it returns the numbers of the current disk and of the
    disk of the snapshots. Raises VixError, OSError.
    """

    new: Callable[[Path, str, dict[str, Any], Owner], MachineBackend]
    make: Callable[[Path, str, dict[str, Any], bool], tuple[int, int]]


def of(settings: dict[str, Any]) -> Hypervisor:
    """Return the hypervisor of a VM with these settings. The guest tools of each backend are also chosen here."""
    if settings["hypervisor"] == "qemu":
        from openvix.backends.qemu import backend, tools  # imported here, as only worlds with QEMU need it

        return Hypervisor(lambda own, hostname, settings, owner: backend.QemuMachine(own, owner, tools.AgentTools), backend.make)
    return Hypervisor(_simulated, simulated.make)


def _simulated(own: Path, hostname: str, settings: dict[str, Any], owner: Owner) -> MachineBackend:
    def tools(system: System) -> SimulatedTools:
        return SimulatedTools(system, settings["accounts"], lambda: str(owner.settings["ip"]))

    return simulated.SimulatedMachine(own, hostname, settings["processes"], owner, tools)
