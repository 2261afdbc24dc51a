# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots (docs/vix-semantics.md, section 15)."""

from __future__ import annotations

from openvix.calls.table import answers, reference, require, require_bits, require_display
from openvix.vix import constants
from openvix.vm import snapshots


def snapshot_item(machine, snapshot):
    return [[constants.VIX_PROPERTY_NONE, snapshot and reference(machine, snapshot.uid)]]


@answers("VixVM_GetNumRootSnapshots")
def get_num_root_snapshots(call, machine):
    return [[constants.VIX_PROPERTY_NONE, len(machine.tree.children(0))]]


@answers("VixVM_GetRootSnapshot")
def get_root_snapshot(call, machine, index):
    return snapshot_item(machine, snapshots.child(machine, 0, index))


@answers("VixVM_GetCurrentSnapshot")
def get_current_snapshot(call, machine):
    return snapshot_item(machine, snapshots.find(machine, machine.tree.current))


@answers("VixVM_GetNamedSnapshot")
def get_named_snapshot(call, machine, name):
    return snapshot_item(machine, snapshots.named(machine, name))


@answers("VixSnapshot_GetNumChildren")
def get_num_children(call, parent):
    machine, uid = parent
    return [[constants.VIX_PROPERTY_NONE, len(machine.tree.children(snapshots.find(machine, uid).uid))]]


@answers("VixSnapshot_GetChild")
def get_child(call, parent, index):
    machine, uid = parent
    return snapshot_item(machine, snapshots.child(machine, snapshots.find(machine, uid).uid, index))


@answers("VixSnapshot_GetParent")
def get_parent(call, child):
    machine, uid = child
    return snapshot_item(machine, machine.tree.find(snapshots.find(machine, uid).parent))


@answers("VixVM_CreateSnapshot")
def create_snapshot(call, machine, name, description, options, properties):
    require_bits(options, constants.VIX_SNAPSHOT_INCLUDE_MEMORY)
    require(not properties)
    snapshot = snapshots.create(machine, call, name or "", description or "", memory=bool(options), only=machine.host.product.keeps_one_snapshot)
    return [[constants.VIX_PROPERTY_JOB_RESULT_HANDLE, reference(machine, snapshot.uid)]]


@answers("VixVM_RemoveSnapshot")
def remove_snapshot(call, machine, snapshot, options):
    require_bits(options, constants.VIX_SNAPSHOT_REMOVE_CHILDREN)
    require(snapshot[0] is machine)
    snapshots.remove(machine, call, snapshot[1], children=bool(options))
    return []


@answers("VixVM_RevertToSnapshot")
def revert_to_snapshot(call, machine, snapshot, options, properties):
    stay_off = options == constants.VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON
    # The option to stay off excludes all options for the start.
    require_bits(options, options if stay_off else constants.VIX_VMPOWEROP_LAUNCH_GUI)
    require(not properties and snapshot[0] is machine)
    require_display(call, machine, options)
    snapshots.revert(machine, call, snapshot[1], stay_off)
    return []
