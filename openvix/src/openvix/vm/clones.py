# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones (docs/vix-semantics.md, section 14): made beside their place, and there as a whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import creation, machine, snapshots
from openvix.vm.caller import Caller
from openvix.vm.keeper import Keeper
from openvix.vm.machine import OFF, SUSPENDED, Machine
from openvix.vmware import vmsd, vmx

# What a new VM gets anew.
OWN_KEYS = re.compile(r"uuid\.|ethernet\d+\.generatedAddress", re.IGNORECASE)
PARENT = 'parentFileNameHint="{}"\n'


def clone(world: Keeper, vm: Machine, call: Caller, uid: int | None, linked: bool, target: str) -> Machine:
    """Make a clone of a VM, from a snapshot or (None) its current state, whose .vmx is at the absolute path target.

    Raises VixError: 3007 unless it can be cloned in its power state (full: off or suspended; linked: not suspended, and off to take the snapshot that it
    makes itself; from a snapshot: one that was taken while the VM was off), 12 when there is something at the target already, 15.
    """
    with vm.operation():
        must_be_off = uid is None if linked else vm.power != SUSPENDED
        if (linked and vm.power == SUSPENDED) or (must_be_off and vm.power != OFF):
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        if uid is not None and vm.state["snapshots"][str(snapshots.find(vm, uid).uid)]["power"] != OFF:
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        vm.require_unlocked()
        path = Path(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
        takes = linked and uid is None
        with begun(world, path, vm if takes else None):
            vm.linger(call)
            if takes:
                uid = snapshots.take(vm, "Clone").uid
            disk = vm.state["disk"] if uid is None else vm.state["snapshots"][str(uid)]["disk"]
            fill(vm, path, disk, uid if linked else None)
        made = world.take_in(path, vm.host)
        if linked and uid is not None:
            adopt(vm, uid, str(path))
    made.settle()
    return made


@contextlib.contextmanager
def begun(world: Keeper, path: Path, base: Machine | None) -> Iterator[None]:
    """Have a VM made beside its place within the block, and put it there at its end; what fails or is killed leaves nothing.

    base: of which the block takes a snapshot first.
    """
    if any(os.path.lexists(each) for each in places(path)):
        raise VixError(constants.VIX_E_FILE_ALREADY_EXISTS, f"cloning to {path}")
    missing = [str(folder) for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    uid = base.tree.last + 1 if base else 0
    if not world.inventory.begin_making(str(path), missing, (base.path, uid) if base else None):
        raise VixError(constants.VIX_E_FILE_ALREADY_EXISTS, f"cloning to {path}")
    whole = False
    try:
        (beside(path) / "openvix" / "disks").mkdir(mode=0o700, parents=True)
        yield
        whole = True
    finally:
        if not whole:
            take_back(path, missing)
            if base:
                snapshots.drop(base, {uid})
        world.inventory.end_making(str(path), whole)
    put(path)


def places(path: Path) -> tuple[Path, ...]:
    """Return where a new VM needs the place; two VMs do not share a folder."""
    return path, path.with_suffix(".vmsd"), path.with_suffix(".vmdk"), path.parent / "openvix"


def beside(path: Path) -> Path:
    return path.parent / f".{path.stem}.clone"


def put(path: Path) -> None:
    """Move what was made beside its place to its place; interrupted, it is done again."""
    stage = beside(path)
    if stage.exists():
        # The .vmx comes last: before, there is no VM.
        for each in sorted(stage.iterdir(), key=lambda each: (each.suffix == ".vmx", each.name)):
            os.rename(each, path.parent / each.name)
        stage.rmdir()


def take_back(path: Path, made: list[str]) -> None:
    """Remove what was made of a VM that did not become whole, with the directories that were made for it."""
    stage = beside(path)
    if stage.exists():
        machine.remove_own(stage / "openvix")
        for each in stage.iterdir():
            each.unlink()
        stage.rmdir()
    for folder in made:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def fill(vm: Machine, path: Path, disk: int, base: int | None) -> None:
    """Write the files of a clone beside its place: of this disk of the VM, linked to this snapshot of it (None: to none)."""
    stage, name = beside(path), path.stem
    number = vm.backend.clone(disk, stage / "openvix")
    config = vmx.read(Path(vm.path).read_bytes())
    keys = config.keys()
    for key in keys:
        if OWN_KEYS.match(key):
            config.remove(key)
        elif config.get(key) == f"{vm.name}.vmdk":
            config.set(key, f"{name}.vmdk")
    config.set("displayName", f"Clone of {config.get('displayName', vm.name)}")
    config.set("checkpoint.vmState", "")
    state: dict[str, object] = {"power": OFF, "booted": None, "ran": 0.0, "disk": number, "captured": False, "snapshots": {}}
    descriptor = creation.DISK
    if base is not None:
        state["base"] = {"vmx": vm.path, "uid": base}
        parent = PARENT.format(Path(vm.path).with_suffix(".vmdk"))
        descriptor = descriptor.replace("parentCID=ffffffff\n", f"parentCID=fffffffe\n{parent}").replace("monolithicFlat", "monolithicSparse")
    files = {
        stage / f"{name}.vmdk": descriptor.encode(),
        stage / f"{name}.vmsd": vmsd.write(vmsd.Tree(clone_of="" if base is None else vm.path), name),
        stage / "openvix" / "machine.json": json.dumps({**vm.settings, "power": OFF}).encode(),
        stage / "openvix" / "state.json": json.dumps(state).encode(),
        stage / f"{name}.vmx": config.write(),
    }
    for each, content in files.items():
        each.write_bytes(content)


def adopt(vm: Machine, uid: int, path: str) -> None:
    """Write into the snapshot of a VM that this linked clone is based on it; the VM is held."""
    snapshot = vm.tree.find(uid)
    if snapshot and path not in snapshot.clones:
        vm.save(vm.state, vm.tree.with_clones(uid, (*snapshot.clones, path)))


def disown(vm: Machine, gone: set[str]) -> None:
    """Strike linked clones that are gone from the snapshots of a VM, which is held."""
    tree = vm.tree
    for snapshot in tree.snapshots:
        tree = tree.with_clones(snapshot.uid, tuple(path for path in snapshot.clones if path not in gone))
    if tree != vm.tree:
        vm.save(vm.state, tree)


def require_base(vm: Machine) -> None:
    """Raise unless the disk that a linked clone is based on is there, and the snapshot that froze it."""
    base = vm.state.get("base")
    if base and not is_whole(Path(base["vmx"]), base["uid"]):
        raise VixError(constants.VIX_E_DISK_OPENPARENT, f"opening the disk of {base['vmx']}")


def is_whole(path: Path, uid: int) -> bool:
    """Return whether the VM with this .vmx still has the disk that its snapshot froze; where the VM was deleted and its disk kept, it has."""
    try:
        tree = vmsd.read(path.with_suffix(".vmsd").read_bytes())
        base = json.loads((path.parent / "openvix" / "state.json").read_bytes()).get("base")
    except FileNotFoundError:
        return path.with_suffix(".vmdk").exists()
    # It may be a linked clone itself.
    return path.with_suffix(".vmdk").exists() and tree.find(uid) is not None and (base is None or is_whole(Path(base["vmx"]), base["uid"]))
