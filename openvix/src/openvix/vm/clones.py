# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones (docs/vix-semantics.md, section 14). They are created atomically: first in a staging directory, then moved to the target."""

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

# Keys of the .vmx that a clone does not inherit.
OWN_KEYS = re.compile(r"uuid\.|ethernet\d+\.generatedAddress", re.IGNORECASE)
PARENT = 'parentFileNameHint="{}"\n'


def clone(world: Keeper, vm: Machine, call: Caller, uid: int | None, linked: bool, target: str) -> Machine:
    """Clone a VM.

    uid: the snapshot to clone, None for the current state; target: the absolute path of the clone's .vmx.
    Returns the clone. Raises VixError: 3007 in the wrong power state (a full clone requires a VM that is off or suspended; a linked clone one that is not
    suspended, and off if it takes a snapshot itself; a snapshot must have been taken while the VM was off), 12 if the target exists, 15.
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
        with staged(world, path, vm if linked else None, takes):
            vm.simulate_duration(call)
            if takes:
                uid = snapshots.take(vm, "Clone").uid
            disk = vm.state["disk"] if uid is None else vm.state["snapshots"][str(uid)]["disk"]
            write_files(vm, path, disk, uid if linked else None)
            if linked and uid is not None:
                record_clone(vm, uid, str(path))
        created = world.add_existing(path, vm.host)
    created.settle()
    return created


@contextlib.contextmanager
def staged(world: Keeper, path: Path, base: Machine | None, takes: bool) -> Iterator[None]:
    """Create a VM in a staging directory within the block, and move it to its target at the end. A failure or a kill leaves nothing.

    base: the VM in which the block records a linked clone; takes: the block also takes a snapshot of it.
    """
    if any(os.path.lexists(each) for each in reserved_paths(path)):
        raise VixError(constants.VIX_E_FILE_ALREADY_EXISTS, f"cloning to {path}")
    missing = [str(directory) for directory in (path.parent, *path.parent.parents) if not directory.exists()]
    uid = base.tree.last + 1 if base else 0
    if not world.inventory.begin_creating(str(path), missing, (base.path, uid) if base and takes else None):
        raise VixError(constants.VIX_E_FILE_ALREADY_EXISTS, f"cloning to {path}")
    done = False
    try:
        (staging_directory(path) / "openvix" / "disks").mkdir(mode=0o700, parents=True)
        yield
        world.inventory.end_creating(str(path))
        done = True
    finally:
        if not done:
            roll_back(path, missing)
            is_taken = False
            if base:
                # On a full disk, the next daemon does it.
                try:
                    forget_clones(base, {str(path)})
                    snapshots.drop(base, {uid} if takes else set())
                except OSError:
                    is_taken = takes
            world.inventory.cancel_creating(str(path), is_taken)
    complete(path)


def reserved_paths(path: Path) -> tuple[Path, ...]:
    """Return the paths that must not exist for a new VM; two VMs cannot share a directory."""
    return path, path.with_suffix(".vmsd"), path.with_suffix(".vmdk"), path.parent / "openvix"


def staging_directory(path: Path) -> Path:
    return path.parent / f".{path.stem}.clone"


def complete(path: Path) -> None:
    """Move a VM from its staging directory to its target. Can be repeated after an interruption."""
    stage = staging_directory(path)
    if stage.exists():
        # The .vmx is moved last, since it makes the files a VM.
        for each in sorted(stage.iterdir(), key=lambda each: (each.suffix == ".vmx", each.name)):
            os.rename(each, path.parent / each.name)
        stage.rmdir()


def roll_back(path: Path, made: list[str]) -> None:
    """Remove the staging directory of a VM and the directories that were made for it."""
    stage = staging_directory(path)
    if stage.exists():
        machine.remove_own(stage / "openvix")
        for each in stage.iterdir():
            each.unlink()
        stage.rmdir()
    for directory in made:
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def write_files(vm: Machine, path: Path, disk: int, base: int | None) -> None:
    """Write the files of a clone to its staging directory; disk: the disk of the VM to copy, base: the snapshot of a linked clone."""
    stage, name = staging_directory(path), path.stem
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


def record_clone(vm: Machine, uid: int, path: str) -> None:
    """Record a linked clone in the snapshot that it is based on. The VM must be held."""
    snapshot = vm.tree.find(uid)
    if snapshot and path not in snapshot.clones:
        vm.save(vm.state, vm.tree.with_clones(uid, (*snapshot.clones, path)))


def forget_clones(vm: Machine, missing: set[str]) -> None:
    """Remove linked clones that no longer exist from the snapshots of a VM. The VM must be held."""
    tree = vm.tree
    for snapshot in tree.snapshots:
        tree = tree.with_clones(snapshot.uid, tuple(path for path in snapshot.clones if path not in missing))
    if tree != vm.tree:
        vm.save(vm.state, tree)


def require_base(vm: Machine) -> None:
    """Raise VixError unless the base disk of a linked clone and its snapshot exist."""
    base = vm.state.get("base")
    if base and not has_base_disk(Path(base["vmx"]), base["uid"]):
        raise VixError(constants.VIX_E_DISK_OPENPARENT, f"opening the disk of {base['vmx']}")


def has_base_disk(path: Path, uid: int) -> bool:
    """Return whether the disk of a snapshot exists; path: the .vmx of its VM, which may have been deleted without its disks."""
    try:
        tree = vmsd.read(path.with_suffix(".vmsd").read_bytes())
        base = json.loads((path.parent / "openvix" / "state.json").read_bytes()).get("base")
    except FileNotFoundError:
        return path.with_suffix(".vmdk").exists()
    # The VM may be a linked clone itself.
    return path.with_suffix(".vmdk").exists() and tree.find(uid) is not None and (base is None or has_base_disk(Path(base["vmx"]), base["uid"]))
