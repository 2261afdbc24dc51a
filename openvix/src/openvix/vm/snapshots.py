# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshots of a VM: find, create, remove and revert (docs/vix-semantics.md, section 15)."""

from __future__ import annotations

import time

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import creation, machine
from openvix.vm.caller import Caller
from openvix.vm.machine import OFF, ON, PAUSED, SUSPENDED, Machine
from openvix.vmware import vmsd


def find(vm: Machine, uid: int) -> vmsd.Snapshot:
    snapshot = vm.tree.find(uid)
    if snapshot is None:
        raise VixError(constants.VIX_E_SNAPSHOT_NOTFOUND)
    return snapshot


def child(vm: Machine, uid: int, index: int) -> vmsd.Snapshot:
    """Return the child of a snapshot with this index; uid 0 is the parent of the roots."""
    children = vm.tree.children(uid)
    if not 0 <= index < len(children):
        raise VixError(constants.VIX_E_INVALID_ARG)
    return children[index]


def named(vm: Machine, name: str | None) -> vmsd.Snapshot:
    """Return the snapshot with this name or this path from a root. Raises VixError 13003 if there is none, 13017 if there are several."""
    if not name:
        raise VixError(constants.VIX_E_INVALID_ARG)
    separators = [each for each in "/\\" if each in name]
    if not separators:
        found = [snapshot for snapshot in vm.tree.snapshots if snapshot.name == name]
    elif len(separators) == 1:
        parents = {0}
        for part in name.split(separators[0]):
            found = [snapshot for snapshot in vm.tree.snapshots if snapshot.parent in parents and snapshot.name == part]
            parents = {snapshot.uid for snapshot in found}
    else:
        # A path with both separators matches no snapshot.
        found = []
    if not found:
        raise VixError(constants.VIX_E_SNAPSHOT_NOTFOUND)
    if len(found) > 1:
        raise VixError(constants.VIX_E_SNAPSHOT_NONUNIQUE_NAME)
    return found[0]


def power_bits(vm: Machine, uid: int) -> int:
    """Return the power state after reverting to this snapshot."""
    find(vm, uid)
    return machine.POWER_BITS[vm.state["snapshots"][str(uid)]["power"]]


def create(vm: Machine, call: Caller, name: str, description: str, memory: bool, only: bool = False) -> vmsd.Snapshot:
    """Take a snapshot; only: it replaces all others."""
    with vm.operation():
        vm.require_unlocked()
        if vm.state["captured"]:
            raise VixError(constants.VIX_E_SNAPSHOT_NOCHANGE)
        vm.simulate_duration(call, snapshot=True)
        return take(vm, name, description, memory, only)


def take(vm: Machine, name: str, description: str = "", memory: bool = False, only: bool = False) -> vmsd.Snapshot:
    """Take a snapshot. The VM must be held by an operation."""
    with_memory = memory and vm.is_on
    # Reverting to a snapshot of a running VM without memory leaves the VM powered off.
    power = vm.power if with_memory or vm.power == SUSPENDED else OFF
    saved = {"disk": vm.keep(with_memory), "power": power, "ran": 0.0 if power == OFF else vm.ran()}
    before = vm.tree._replace(snapshots=(), current=0) if only else vm.tree
    tree = before.with_new(name, description, time.time_ns() // 1000, with_memory)
    snapshot = tree.snapshots[-1]
    others = {} if only else vm.state["snapshots"]
    state = {**vm.state, "captured": vm.power == SUSPENDED, "snapshots": {**others, str(snapshot.uid): saved}}
    replaced = {vmsd.state_file(vm.name, each.uid): None for each in vm.tree.snapshots} if only else {}
    with vm.dropping_disks_on_failure():
        vm.save(state, tree, {**replaced, vmsd.state_file(vm.name, snapshot.uid): creation.snapshot_state(snapshot)})
    if only:
        vm.drop_disks()
    return snapshot


def remove(vm: Machine, call: Caller, uid: int, children: bool) -> None:
    with vm.operation():
        find(vm, uid)
        vm.require_unlocked()
        vm.simulate_duration(call, snapshot=True)
        drop(vm, vm.tree.below(uid) if children else {uid})


def drop(vm: Machine, uids: set[int]) -> None:
    """Delete these snapshots if they exist; their children move to the parent. The VM must be held by an operation."""
    tree = vm.tree
    for uid in uids:
        tree = tree.without(uid, False) if tree.find(uid) else tree
    if tree != vm.tree:
        left = {number: each for number, each in vm.state["snapshots"].items() if int(number) not in uids}
        vm.save({**vm.state, "snapshots": left}, tree, {vmsd.state_file(vm.name, number): None for number in uids})
        vm.drop_disks()


def revert(vm: Machine, call: Caller, uid: int, stay_off: bool) -> None:
    with vm.operation():
        find(vm, uid)
        vm.require_unlocked()
        saved = vm.state["snapshots"][str(uid)]
        power = OFF if stay_off and saved["power"] in (ON, PAUSED) else saved["power"]
        if power in (ON, PAUSED):
            # A VM that runs goes on if its snapshot cannot.
            vm.require_resumable(saved["disk"])
        vm.simulate_duration(call, snapshot=True)
        before, tree = vm.state, vm.tree
        ran = 0.0 if power == OFF else saved["ran"]
        disk = vm.backend.restored(saved["disk"])
        vm.forget_logins()
        booted = vm.clock.now() - ran if power in (ON, PAUSED) else None
        state = {**vm.state, "power": power, "booted": booted, "ran": ran, "disk": disk, "captured": power == SUSPENDED}
        with vm.dropping_disks_on_failure():
            vm.save(state, vm.tree._replace(current=uid), lost=machine.VARIABLES)
        # If the daemon is killed before this line, the next one finds a guest that runs from another disk, and ends it.
        vm.halt()
        if vm.is_on:
            _boot(vm, before, tree)
        vm.drop_disks()


def _boot(vm: Machine, before: dict, tree: vmsd.Tree) -> None:
    """Start the guest after a revert. If that fails, the VM has the state from before the revert, but is off if it was on: its disk is still there."""
    try:
        vm.boot_or_off(resumed=True)
    except VixError:
        was_on = before["power"] in (ON, PAUSED)
        vm.save({**before, **({"power": OFF, "booted": None, "ran": 0.0} if was_on else {})}, tree)
        raise
