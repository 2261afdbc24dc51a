# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletion of a VM (docs/vix-semantics.md, section 13). Files in its directory that are not part of the VM are kept."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import clones, machine
from openvix.vm.caller import Caller
from openvix.vm.keeper import Keeper
from openvix.vm.machine import Machine


def delete(world: Keeper, vm: Machine, call: Caller, with_disks: bool) -> None:
    """Delete a VM. After an interruption, the next daemon finishes the deletion.

    Raises VixError 3007 if the VM is on, 15 if another program has locked it.
    """
    with vm.operation():
        if vm.is_on:
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        vm.require_unlocked()
        vm.simulate_duration(call)
        files = files_of(vm, with_disks)
        world.inventory.begin_deleting(vm.path, files)
        world.forget(vm)
        remove(Path(vm.path), files)
        world.inventory.end_deleting(vm.path)
        base = world.machines.get(vm.state.get("base", {}).get("vmx"))
        if base:
            # The VM is deleted even if the disk of its base is full: the next daemon then finds that the clone is missing.
            with base.held(), contextlib.suppress(OSError):
                clones.forget_clones(base, {vm.path})


def files_of(vm: Machine, with_disks: bool) -> list[str]:
    """Return the names of the files of a VM in its directory; "openvix" contains the disks of the guest."""
    stem = re.escape(vm.name)
    kinds = [rf"{stem}\.(vmx|vmxf|vmsd|vmss|vmem|nvram)", rf"{stem}-Snapshot\d+\.(vmsn|vmem)", rf"{stem}\.vmx\.lck", r"vmware(-\d+)?\.log"]
    kinds += [rf"{stem}(-flat|-s\d+|-\d{{6}}(-s\d+|-delta)?)?\.vmdk"] if with_disks else []
    own = "openvix" if with_disks else "openvix/*.json"
    return [own, *(name for name in os.listdir(vm.folder) if any(re.fullmatch(kind, name) for kind in kinds))]


def remove(path: Path, files: list[str]) -> None:
    """Remove these files of a VM, and its directory if it is empty then. Missing files are ignored."""
    # The .vmx is removed first, since it makes the files a VM.
    for name in sorted(files, key=lambda name: (not name.endswith(".vmx"), name)):
        each = path.parent / name
        if name.startswith("openvix"):
            machine.remove_own(path.parent / "openvix", disks_too=name == "openvix")
        elif each.is_dir():
            for lock in each.iterdir():
                lock.unlink()
            each.rmdir()
        else:
            each.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()
