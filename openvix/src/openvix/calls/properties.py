# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of hosts, VMs and snapshots (docs/vix-semantics.md, section 5)."""

from __future__ import annotations

from typing import Any

from openvix.calls.table import answers, snapshot_of
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import snapshots
from openvix.vmware import shared_folders

API_VERSION = 19


@answers("Vix_GetProperties")
def get_properties(call, kind, text, wanted):
    world = call.world
    item: list[object] = []
    subject: Any  # what the properties are those of
    if kind == constants.VIX_HANDLETYPE_VM and (subject := world.machines.get(text)):
        known = VM_PROPERTIES
    elif kind == constants.VIX_HANDLETYPE_SNAPSHOT and (found := snapshot_of(world, text)):
        machine, uid = found
        subject, known = (machine, snapshots.find(machine, uid)), SNAPSHOT_PROPERTIES
    elif kind == constants.VIX_HANDLETYPE_HOST and text in call.client.hosts:
        subject, known = call.client.hosts[text], HOST_PROPERTIES
    else:
        raise VixError(constants.VIX_E_VM_NOT_FOUND if text in world.deleted else constants.VIX_E_INVALID_HANDLE)
    for key in wanted:
        read = known.get(key)
        if read is None:
            raise VixError(constants.VIX_E_UNRECOGNIZED_PROPERTY)
        item += key, read(subject)
    return [item]


def shares_path(vm):
    """Return the directory of shared folders in the guest. Raises VixError unless the guest tools run."""
    if not vm.tools_run() or "VixVM_AddSharedFolder" in vm.host.product.lacks:
        raise VixError(constants.VIX_E_UNRECOGNIZED_PROPERTY)
    return shared_folders.PLACE


HOST_PROPERTIES = {
    constants.VIX_PROPERTY_HOST_HOSTTYPE: lambda host: host.product.provider,
    constants.VIX_PROPERTY_HOST_API_VERSION: lambda host: API_VERSION,
    constants.VIX_PROPERTY_HOST_SOFTWARE_VERSION: lambda host: f"{host.product.title} {host.product.version} (OpenVIX)",
}
VM_PROPERTIES = {
    constants.VIX_PROPERTY_VM_NUM_VCPUS: lambda vm: vm.number("numvcpus", 1),
    constants.VIX_PROPERTY_VM_VMX_PATHNAME: lambda vm: vm.host.product.format_path(vm.host.directory, vm.path),
    constants.VIX_PROPERTY_VM_VMTEAM_PATHNAME: lambda vm: "",  # clients such as pyvix crash on NULL
    constants.VIX_PROPERTY_VM_MEMORY_SIZE: lambda vm: vm.number("memsize", 4),
    constants.VIX_PROPERTY_VM_READ_ONLY: lambda vm: 0,
    constants.VIX_PROPERTY_VM_NAME: lambda vm: vm.config().get("displayName", vm.name),
    constants.VIX_PROPERTY_VM_GUESTOS: lambda vm: vm.config().get("guestOS", "other"),
    constants.VIX_PROPERTY_VM_IN_VMTEAM: lambda vm: 0,
    constants.VIX_PROPERTY_VM_POWER_STATE: lambda vm: vm.power_bits(),
    constants.VIX_PROPERTY_VM_TOOLS_STATE: lambda vm: vm.tools_state(),
    constants.VIX_PROPERTY_VM_IS_RUNNING: lambda vm: int(vm.is_on),
    constants.VIX_PROPERTY_VM_SUPPORTED_FEATURES: lambda vm: vm.host.product.features,
    constants.VIX_PROPERTY_VM_SSL_ERROR: lambda vm: 0,
    constants.VIX_PROPERTY_GUEST_SHAREDFOLDERS_SHARES_PATH: shares_path,
}
SNAPSHOT_PROPERTIES = {
    constants.VIX_PROPERTY_SNAPSHOT_DISPLAYNAME: lambda found: found[1].name,
    constants.VIX_PROPERTY_SNAPSHOT_DESCRIPTION: lambda found: found[1].description,
    constants.VIX_PROPERTY_SNAPSHOT_POWERSTATE: lambda found: snapshots.power_bits(found[0], found[1].uid),
}
