# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A daemon that is killed by SIGKILL at each step of each operation: the next one finds every VM as before the operation or as after it."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from protocol_client import Client

from openvix.daemon import control
from openvix.vix import constants
from openvix.vmware import vmsd, vmx

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
PROCESS = {"name": "daemon", "command": "/usr/sbin/daemon"}
DISKS = constants.VIX_VMDELETE_DISK_FILES
# More steps than any operation has.
END = 1000


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
    found["variables"], found["config"] = state.get("runtime") or {}, [line for line in config.lines if not line.startswith("checkpoint")]
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


def attempt(openvix, place, name, step):
    """Carry out an operation on a new VM, with the daemon killed at this step of it; return whether it was killed, and what was there before and after."""
    settings, operation = OPERATIONS[name]
    vm = openvix.add_vm("web", processes=[PROCESS], snapshots=[{"name": "base"}], **settings)
    clone = place / "folder" / "copy" / "copy.vmx"
    killed = False
    with Client(openvix.directory) as client:
        settled(openvix, client)
        before = seen(openvix, client, vm, clone)
        call = operation(client, vm, str(clone))
        openvix.fault(call=call[0], kill=True, step=step)
        try:
            assert client.code(*call) == 0
        except (control.Unserved, ConnectionError):
            killed = True
    openvix.clear_faults()
    with Client(openvix.directory) as client:
        settled(openvix, client)
        after = seen(openvix, client, vm, clone)
        if killed and after == before:
            # It has not happened, and nothing stands in its way now.
            assert client.code(*operation(client, vm, str(clone))) == 0
            settled(openvix, client)
            again = seen(openvix, client, vm, clone)
        else:
            again = after
        for left in openvix.vms:
            client.code("VixVM_PowerOff", left, 0)
            client.items("VixVM_Delete", left, DISKS)
    for folder in (Path(vm).parent, clone.parent):
        shutil.rmtree(folder, ignore_errors=True)
    return killed, before, after, again


def different(one, other):
    return {key: (one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_killed_at_any_step_is_atomic(openvix, tmp_path, name):
    _, _, whole, _ = attempt(openvix, tmp_path, name, END)
    step, killed = 0, True
    while killed:
        # Copying and removing a disk are many steps alike.
        step += 1 if step < 12 else STRIDE
        killed, before, after, again = attempt(openvix, tmp_path, name, step)
        assert after in (before, whole), (step, different(before, after), different(after, whole))
        assert again == whole, f"step {step}"
    assert step > 1


STRIDE = 1 if os.environ.get("OPENVIX_TEST_EVERY_STEP") else 7
