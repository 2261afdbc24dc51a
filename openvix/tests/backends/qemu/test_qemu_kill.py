# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemons that are killed in the middle of what they do to a real machine: it is as before or as after it, and nothing is left over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import real_machines
from protocol_client import Client
from waiting import eventually

from openvix.backends.qemu import emulator
from openvix.backends.qemu.disk import Disk
from openvix.daemon import control
from openvix.system import process_locks
from openvix.vix import constants

pytestmark = real_machines.NEEDED

OFF, ON, SUSPENDED = "powered_off", "powered_on", "suspended"
# What brings a machine that is off to where the operation begins, and the operation.
OPERATIONS = {
    "power on": ([], lambda client, vm: ("VixVM_PowerOn", vm, 0, [])),
    "power off": (["VixVM_PowerOn"], lambda client, vm: ("VixVM_PowerOff", vm, 0)),
    "suspend": (["VixVM_PowerOn"], lambda client, vm: ("VixVM_Suspend", vm, 0)),
    "resume": (["VixVM_PowerOn", "VixVM_Suspend"], lambda client, vm: ("VixVM_PowerOn", vm, 0, [])),
    "take": (["VixVM_PowerOn"], lambda client, vm: ("VixVM_CreateSnapshot", vm, "new", None, constants.VIX_SNAPSHOT_INCLUDE_MEMORY, [])),
    "revert": (["VixVM_PowerOn", "VixVM_CreateSnapshot"], lambda client, vm: ("VixVM_RevertToSnapshot", vm, taken(client, vm), 0, [])),
    "remove": (["VixVM_PowerOn", "VixVM_CreateSnapshot"], lambda client, vm: ("VixVM_RemoveSnapshot", vm, taken(client, vm), 0)),
}
ARGUMENTS = {
    "VixVM_PowerOn": (0, []),
    "VixVM_Suspend": (0,),
    "VixVM_CreateSnapshot": ("one", None, constants.VIX_SNAPSHOT_INCLUDE_MEMORY, []),
}
# Each step is tried with OPENVIX_TEST_EVERY_STEP=1, otherwise every so many.
STRIDE = 1 if os.environ.get("OPENVIX_TEST_EVERY_STEP") else 6
END = 1 << 20


def taken(client, vm):
    return client.one("VixVM_GetRootSnapshot", vm, 0)


def seen(openvix, vm):
    """Return power state and snapshots of a machine, once nothing is left over of what was under way."""
    power, folder = openvix.vms[vm], Path(vm).parent / "openvix"
    state = json.loads((folder / "state.json").read_bytes())
    used = {state["disk"], *(kept["disk"] for kept in state["snapshots"].values())} - {0}
    assert len(process_locks.holders(folder / "guest" / emulator.LOCK)) == (power == ON)
    assert set(Disk(folder / "disks").kept()) == used
    assert Disk(folder / "disks").numbers() == used
    return power, len(state["snapshots"])


def settled(openvix, vm):
    """Return what is seen of a machine once its daemon has put it in order."""
    with Client(openvix.directory) as client:
        client.code("VixVM_GetNumRootSnapshots", vm)
        # An operation waits for that, and this one changes nothing.
        client.code("VixVM_Unpause", vm, 0, [])
    return seen(openvix, vm)


def attempt(openvix, name, step):
    """Carry out an operation on a new machine, with the daemon killed at this step; return whether it was, and what was seen before, after, and done again."""
    before_it, operation = OPERATIONS[name]
    vm = openvix.add_vm("web", hypervisor="qemu", memory=96)
    killed = False
    with Client(openvix.directory) as client:
        for function in before_it:
            client.items(function, vm, *ARGUMENTS[function])
        before = seen(openvix, vm)
        call = operation(client, vm)
        openvix.fault(call=call[0], kill=True, step=step)
        try:
            assert client.code(*call) == 0
        except (control.Unserved, ConnectionError):
            killed = True
    openvix.clear_faults()
    after = again = settled(openvix, vm)
    with Client(openvix.directory) as client:
        if killed and after == before and name != "revert":
            assert client.code(*operation(client, vm)) == 0
            again = settled(openvix, vm)
        if openvix.vms[vm] == ON:
            assert client.code("VixVM_PowerOff", vm, 0) == 0
        assert client.code("VixVM_Delete", vm, constants.VIX_VMDELETE_DISK_FILES) == 0
    eventually(lambda: not Path(vm).parent.exists())
    return killed, before, after, again


@pytest.mark.parametrize("name", OPERATIONS)
def test_vm_is_intact_wherever_the_daemon_is_killed(openvix, name):
    _, before, whole, _ = attempt(openvix, name, END)
    step, killed = 1, True
    while killed:
        killed, before, after, again = attempt(openvix, name, step)
        assert after in (before, whole), f"step {step}"
        assert again == whole, f"step {step}"
        step += STRIDE
    assert step > 1 + STRIDE
