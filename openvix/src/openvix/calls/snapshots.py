# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots (docs/vix-semantics.md, section 15)."""

from __future__ import annotations

from openvix.calls.table import direct, job, reference, require, require_bits, require_display
from openvix.vix import constants
from openvix.vm import snapshots


def snapshot_item(machine, snapshot):
    return [[constants.VIX_PROPERTY_NONE, snapshot and reference(machine, snapshot.uid)]]


@direct("VixVM_GetNumRootSnapshots", "v")
def get_num_root_snapshots(call, machine):
    return [[constants.VIX_PROPERTY_NONE, len(machine.tree.children(0))]]


@direct("VixVM_GetRootSnapshot", "vi")
def get_root_snapshot(call, machine, index):
    return snapshot_item(machine, snapshots.child(machine, 0, index))


@direct("VixVM_GetCurrentSnapshot", "v")
def get_current_snapshot(call, machine):
    return snapshot_item(machine, snapshots.find(machine, machine.tree.current))


@direct("VixVM_GetNamedSnapshot", "vs")
def get_named_snapshot(call, machine, name):
    return snapshot_item(machine, snapshots.named(machine, name))


@direct("VixSnapshot_GetNumChildren", "p")
def get_num_children(call, parent):
    machine, uid = parent
    return [[constants.VIX_PROPERTY_NONE, len(machine.tree.children(snapshots.find(machine, uid).uid))]]


@direct("VixSnapshot_GetChild", "pi")
def get_child(call, parent, index):
    machine, uid = parent
    return snapshot_item(machine, snapshots.child(machine, snapshots.find(machine, uid).uid, index))


@direct("VixSnapshot_GetParent", "p")
def get_parent(call, child):
    machine, uid = child
    return snapshot_item(machine, machine.tree.find(snapshots.find(machine, uid).parent))


@job("VixVM_CreateSnapshot", "vssil")
def create_snapshot(call, machine, name, description, options, properties):
    require_bits(options, constants.VIX_SNAPSHOT_INCLUDE_MEMORY)
    require(not properties)
    snapshot = snapshots.create(machine, call, name or "", description or "", memory=bool(options), only=machine.host.plays.keeps_one_snapshot)
    return [[constants.VIX_PROPERTY_JOB_RESULT_HANDLE, reference(machine, snapshot.uid)]]


@job("VixVM_RemoveSnapshot", "vpi")
def remove_snapshot(call, machine, snapshot, options):
    require_bits(options, constants.VIX_SNAPSHOT_REMOVE_CHILDREN)
    require(snapshot[0] is machine)
    snapshots.remove(machine, call, snapshot[1], children=bool(options))
    return []


@job("VixVM_RevertToSnapshot", "vpil")
def revert_to_snapshot(call, machine, snapshot, options, properties):
    stay_off = options == constants.VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON
    # To stay off excludes every way of starting.
    require_bits(options, options if stay_off else constants.VIX_VMPOWEROP_LAUNCH_GUI)
    require(not properties and snapshot[0] is machine)
    require_display(call, machine, options)
    snapshots.revert(machine, call, snapshot[1], stay_off)
    return []
