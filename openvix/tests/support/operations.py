# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every operation that changes a VM, and everything that a client can see of one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from openvix.vix import constants
from openvix.vmware import vmsd, vmx

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
PROCESS = {"name": "daemon", "command": "/usr/sbin/daemon"}
DISKS = constants.VIX_VMDELETE_DISK_FILES


def snapshot(client, vm, name="base"):
    return client.one("VixVM_GetNamedSnapshot", vm, name)


# Name: the settings of the VM, and the call to which the fault applies.
OPERATIONS = {
    "power on": ({}, lambda client, vm, clone: ("VixVM_PowerOn", vm, 0, [])),
    "power off": ({"power": ON}, lambda client, vm, clone: ("VixVM_PowerOff", vm, 0)),
    "reset": ({"power": ON}, lambda client, vm, clone: ("VixVM_Reset", vm, 0)),
    "suspend": ({"power": ON}, lambda client, vm, clone: ("VixVM_Suspend", vm, 0)),
    "resume": ({"power": SUSPENDED}, lambda client, vm, clone: ("VixVM_PowerOn", vm, 0, [])),
    "pause": ({"power": ON}, lambda client, vm, clone: ("VixVM_Pause", vm, 0, [])),
    "unpause": ({"power": PAUSED}, lambda client, vm, clone: ("VixVM_Unpause", vm, 0, [])),
    "take": ({"power": ON}, lambda client, vm, clone: ("VixVM_CreateSnapshot", vm, "new", None, constants.VIX_SNAPSHOT_INCLUDE_MEMORY, [])),
    "remove": ({}, lambda client, vm, clone: ("VixVM_RemoveSnapshot", vm, snapshot(client, vm), constants.VIX_SNAPSHOT_REMOVE_CHILDREN)),
    "revert": ({"power": ON}, lambda client, vm, clone: ("VixVM_RevertToSnapshot", vm, snapshot(client, vm), 0, [])),
    "full clone": ({}, lambda client, vm, clone: ("VixVM_Clone", vm, None, constants.VIX_CLONETYPE_FULL, clone, 0, [])),
    "linked clone": ({}, lambda client, vm, clone: ("VixVM_Clone", vm, None, constants.VIX_CLONETYPE_LINKED, clone, 0, [])),
    "delete": ({}, lambda client, vm, clone: ("VixVM_Delete", vm, DISKS)),
    "delete but the disks": ({}, lambda client, vm, clone: ("VixVM_Delete", vm, 0)),
    "variable": ({"power": ON}, lambda client, vm, clone: ("VixVM_WriteVariable", vm, constants.VIX_VM_GUEST_VARIABLE, "name", "value", 0)),
    "folder": ({"power": ON}, lambda client, vm, clone: ("VixVM_AddSharedFolder", vm, "tmp", "/tmp", 0)),
    "shares enabled": ({"power": ON}, lambda client, vm, clone: ("VixVM_EnableSharedFolders", vm, 1, 0)),
    "hardware": ({"hardware": 10}, lambda client, vm, clone: ("VixVM_UpgradeVirtualHardware", vm, 0)),
    "tools": ({"power": ON, "tools": "outdated"}, lambda client, vm, clone: ("VixVM_InstallTools", vm, constants.VIX_INSTALLTOOLS_AUTO_UPGRADE, None)),
}


def seen(openvix, client, vm, clone):
    """Return everything that a client can read of the VM and its clone, and the files in their directories."""
    found = {"vms": openvix.vms, "clone": sorted(str(path.relative_to(clone.parent)) for path in (*clone.parent.glob("*"), *clone.parent.glob("openvix/*")))}
    path = Path(vm)
    found["files"] = sorted(re.sub(r"\d+", "", each.name) for each in path.parent.iterdir()) if path.parent.exists() else []
    if vm not in openvix.vms:
        return found
    tree, config = vmsd.read(path.with_suffix(".vmsd").read_bytes()), vmx.read(path.read_bytes())
    # By name: a number that was given out is not given again.
    names = {0: "", **{each.uid: each.name for each in tree.snapshots}}
    found["tree"] = [(each.name, names[each.parent], len(each.clones)) for each in tree.snapshots], names[tree.current]
    state = json.loads((path.parent / "openvix/state.json").read_bytes())
    found["disks"] = len({str(state["disk"]), *(str(kept["disk"]) for kept in state["snapshots"].values())})
    found["stray disks"] = sum(1 for _ in (path.parent / "openvix/disks").iterdir()) - found["disks"]
    found["variables"], found["config"] = state.get("runtime") or {}, [line for line in config.lines if not line.startswith(b"checkpoint")]
    found["tools"] = json.loads((path.parent / "openvix/machine.json").read_bytes())["tools"]
    if openvix.vms[vm] == ON:
        client.log_in(vm)
        listed = client.items("VixVM_ListProcessesInGuest", vm, 0)
        found["processes"] = sorted(item[item.index(constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME) + 1] for item in listed)
    return found


def settled(openvix, client):
    """Wait until the daemon has put everything in order: an operation waits for that too, and this one changes nothing."""
    for vm, power in openvix.vms.items():
        if power == ON:
            client.items("VixVM_WaitForToolsInGuest", vm, 30)
        else:
            client.code("VixVM_Pause", vm, 0, [])


def different(one, other):
    return {key: (one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)}
