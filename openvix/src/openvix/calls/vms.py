# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs: open, clone, delete and upgrade (docs/vix-semantics.md, sections 11, 13, 14 and 24)."""

from __future__ import annotations

import os

from openvix.calls.table import answers, named, require, require_bits
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import clones, deletion, upgrades
from openvix.vmware import encryption


@answers("VixHost_OpenVM")
def open_vm(call, host, path, options, properties):
    require(options == constants.VIX_VMOPEN_NORMAL)
    # The password is ignored for a VM that is not encrypted.
    require(all(key == constants.VIX_PROPERTY_VM_ENCRYPTION_PASSWORD for key in properties[::2]))
    passwords = properties[1::2]
    require(all(isinstance(password, str) for password in passwords))
    return opened(call, host, path, passwords[-1] if passwords else None)


@answers("VixVM_Open")
def open_(call, host, path):
    return opened(call, host, path, None)


def opened(call, host, text, password):
    """Open a VM by its path in the notation of the host's product; return the result items. Raises VixError."""
    world = call.world
    place = call.client.hosts[host]
    path = place.product.parse_path(place.directory, text or "")
    require(path)
    machine = named(world, place, text)
    unlisted = machine and place.product.has_inventory and machine.path in world.inventory.unregistered
    if not os.path.isfile(path) or unlisted:
        raise VixError(constants.VIX_E_VM_NOT_FOUND)
    if machine is None:
        real = os.path.realpath(path)
        unread = world.machines.peek(real)
        broken = not path.endswith(".vmx") or real.startswith(f"{place.directory}/vms/") or (unread and unread.host is place)
        raise VixError(constants.VIX_E_CANNOT_READ_VM_CONFIG if broken else constants.VIX_E_VM_NOT_FOUND)
    encryption.require_password(machine.config(), password)
    call.client.opened(machine, host)
    return [[constants.VIX_PROPERTY_JOB_RESULT_HANDLE, machine.path]]


@answers("VixVM_Delete")
def delete(call, machine, options):
    require_bits(options, constants.VIX_VMDELETE_DISK_FILES)
    # vSphere and Server 2 always delete the disks with the VM (docs/vix-semantics.md, section 13).
    require(options or machine.host.product.provider != constants.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER)
    deletion.delete(call.world, machine, call, with_disks=bool(options))
    return []


@answers("VixVM_Clone")
def clone(call, machine, snapshot, kind, target, options, properties):
    require(kind in (constants.VIX_CLONETYPE_FULL, constants.VIX_CLONETYPE_LINKED) and not options and not properties)
    require(target and target.startswith("/") and len(os.path.basename(target)) > len(".vmx") and target.endswith(".vmx"))
    require(snapshot is None or snapshot[0] is machine)
    made = clones.clone(call.world, machine, call, snapshot and snapshot[1], kind == constants.VIX_CLONETYPE_LINKED, target)
    call.client.opened(made, call.client.opener(machine))
    return [[constants.VIX_PROPERTY_JOB_RESULT_HANDLE, made.path]]


@answers("VixVM_UpgradeVirtualHardware")
def upgrade_virtual_hardware(call, machine, options):
    require(not options)
    upgrades.upgrade_hardware(machine, call, machine.host.product.hardware)
    return []
