# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VMs run on: each can be simulated or real, and those that have to do with it need not know which."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# How the .vmx of a VM says it, where it is not simulated.
KEY = "openvix.hypervisor"


class Hypervisor(NamedTuple):
    """How the guest of a VM comes to be (new), and its disks (make): see simulated/backend.py, which says what each takes and returns."""

    new: Callable
    make: Callable


def of(settings: dict) -> Hypervisor:
    """Return what a VM with these settings, as worldfile.vm() returns them, runs on."""
    if settings["hypervisor"] == "qemu":
        from openvix.backends.qemu import backend  # only a world with real machines waits for it

        return Hypervisor(backend.Emulation, backend.make)
    from openvix.backends.simulated import backend

    return Hypervisor(backend.Simulation, backend.make)
