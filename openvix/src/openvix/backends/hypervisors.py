# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The selection of a VM's backend: simulated (Linux, Windows, or Linux with VMware's own Tools), or QEMU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from openvix.guest import tools_options
from openvix.guest.link import Link
from openvix.guest.machine_backend import MachineBackend
from openvix.guest.owner import Owner
from openvix.vmware import guest_os

# The key in the .vmx that names the hypervisor of a VM, unless it is simulated.
KEY = "openvix.hypervisor"
# The setting "tools" of a VM in whose guest VMware's own Tools run.
VMWARES_TOOLS = "open-vm-tools"


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
        return _qemu()
    if settings["tools"] == VMWARES_TOOLS:
        return _vmtoolsd()
    return _windows() if guest_os.is_windows(settings["guest_os"]) else _simulated()


# Imported where they are needed: a daemon starts a quarter faster in a world where no VM runs.


def _qemu() -> Hypervisor:
    from openvix.backends.qemu import backend, tools

    def new(own: Path, hostname: str, settings: dict[str, Any], owner: Owner) -> MachineBackend:
        def make_tools(link: Link) -> tools.AgentTools:
            return tools.AgentTools(link, tools_options.reader(lambda: owner.settings))

        return backend.QemuMachine(own, owner, make_tools)

    return Hypervisor(new, backend.make)


def _simulated() -> Hypervisor:
    from openvix.backends.simulated import backend, tools

    def new(own: Path, hostname: str, settings: dict[str, Any], owner: Owner) -> MachineBackend:
        # The setting may have been changed since the VM was created.
        if next((own / "disks").glob("*/version"), None):
            return _vmtoolsd().new(own, hostname, settings, owner)

        def make_tools(system: backend.System) -> tools.SimulatedTools:
            return tools.SimulatedTools(system, settings["accounts"], lambda: str(owner.settings["ip"]), tools_options.reader(lambda: owner.settings))

        return backend.SimulatedMachine(own, hostname, settings["processes"], owner, make_tools)

    return Hypervisor(new, backend.make)


def _windows() -> Hypervisor:
    from openvix.backends.simulated import backend
    from openvix.backends.wine import base, disks, tools
    from openvix.backends.wine.system import WindowsSystem, WineSystem

    def new(own: Path, hostname: str, settings: dict[str, Any], owner: Owner) -> MachineBackend:
        by_wine = settings["programs"] == "wine"

        def make_tools(system: Any) -> tools.WindowsTools:
            return (tools.WineTools if by_wine else tools.WindowsTools)(system, settings["accounts"], lambda: str(owner.settings["ip"]))

        # A world of an older version can have a Windows guest with the disk of a Linux one.
        if not disks.are_windows(own / "disks"):
            return _simulated().new(own, hostname, settings, owner)
        return backend.SimulatedMachine(own, hostname, settings["processes"], owner, make_tools, WineSystem if by_wine else WindowsSystem)

    def make(own: Path, hostname: str, settings: dict[str, Any], is_kept: bool) -> tuple[int, int]:
        lay = None
        if settings["programs"] == "wine":
            # Its error names what to install, and is not one of VIX.
            base.require()
            lay = base.lay
        disks.create(own / "disks" / "1", hostname=hostname, accounts=settings["accounts"], files=settings["files"], base=lay)
        return backend.numbers(own, is_kept)

    return Hypervisor(new, make)


def _vmtoolsd() -> Hypervisor:
    from openvix.backends.simulated import backend
    from openvix.backends.vmtoolsd import layers
    from openvix.backends.vmtoolsd.requests import Requests
    from openvix.backends.vmtoolsd.system import VmtoolsdSystem
    from openvix.backends.vmtoolsd.tools import VmtoolsdTools

    def new(own: Path, hostname: str, settings: dict[str, Any], owner: Owner) -> MachineBackend:
        def make_system(runtime: Path, *, hostname: str, declared: list[dict]) -> VmtoolsdSystem:
            return VmtoolsdSystem(runtime, hostname=hostname, declared=declared, ended=owner.ended)

        def make_tools(system: VmtoolsdSystem) -> VmtoolsdTools:
            administrators = {"root", *(account["name"] for account in settings["accounts"] if account.get("administrator"))}

            def changed() -> None:
                with owner.changed:
                    owner.changed.notify_all()

            return VmtoolsdTools(
                system.listen, lambda: system.disk is not None, changed, administrators, Requests(owner).answer, lambda: str(owner.settings["ip"])
            )

        return backend.SimulatedMachine(own, hostname, settings["processes"], owner, make_tools, make_system, layers.copy)

    def make(own: Path, hostname: str, settings: dict[str, Any], is_kept: bool) -> tuple[int, int]:
        accounts, processes, files = (settings[key] for key in ("accounts", "processes", "files"))
        layers.create(own / "disks" / "1", hostname=hostname, accounts=accounts, processes=processes, files=files)
        return backend.numbers(own, is_kept, layers.copy)

    return Hypervisor(new, make)
