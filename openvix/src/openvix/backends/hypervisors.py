# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VMs run on: each can be simulated or real, and those that have to do with it need not know which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from openvix.backends.simulated import backend as simulated
from openvix.backends.simulated.system import System
from openvix.backends.simulated.tools import SimulatedTools
from openvix.guest.machine_backend import MachineBackend
from openvix.guest.owner import Owner

# How the .vmx of a VM says it, where it is not simulated.
KEY = "openvix.hypervisor"


class Hypervisor(NamedTuple):
    """How the machine of a VM comes to be, and before that its disks.

    new: from the directory that it keeps its own in, the guest's host name, the settings of the VM as worldfile.vm() returns them, and the VM.
    make: from an empty directory, the host name, the settings, and whether snapshots exist from the start; returns the number of the disk that the VM begins
    with, and of what its snapshots keep. Raises VixError, OSError.
    """

    new: Callable[[Path, str, dict[str, Any], Owner], MachineBackend]
    make: Callable[[Path, str, dict[str, Any], bool], tuple[int, int]]


def of(settings: dict[str, Any]) -> Hypervisor:
    """Return what a VM with these settings runs on. Each kind of machine is given its kind of Tools here, and can be given another."""
    if settings["hypervisor"] == "qemu":
        from openvix.backends.qemu import backend, tools  # only a world with real machines waits for it

        return Hypervisor(lambda own, hostname, settings, owner: backend.QemuMachine(own, owner, tools.AgentTools), backend.make)
    return Hypervisor(_simulated, simulated.make)


def _simulated(own: Path, hostname: str, settings: dict[str, Any], owner: Owner) -> MachineBackend:
    def tools(system: System) -> SimulatedTools:
        return SimulatedTools(system, settings["accounts"], lambda: str(owner.settings["ip"]))

    return simulated.SimulatedMachine(own, hostname, settings["processes"], owner, tools)
