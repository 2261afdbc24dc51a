# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Obstacles for operations on a VM: a question, the lock of another program, and undocumented power states."""

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client

from openvix.vix import constants

OFF, ON = "powered_off", "powered_on"
BLOCKED, ASKS, LOCKED = constants.VIX_POWERSTATE_BLOCKED_ON_MSG, constants.VIX_E_VMX_MSG_DIALOG_AND_NO_UI, constants.VIX_E_FILE_ALREADY_LOCKED


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


def test_vm_with_question_does_not_start(openvix, client):
    vm = openvix.add_vm("web", question="Did you move or copy this virtual machine?")
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_OFF | BLOCKED
    assert client.code("VixVM_PowerOn", vm, 0, []) == ASKS
    assert openvix.vms == {vm: OFF}
    openvix.change_vm(vm, question="")
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0
    assert not client.power(vm) & BLOCKED


@pytest.mark.openvix(display=True)
def test_vm_with_question_starts_in_a_window(openvix, client):
    vm = openvix.add_vm("web", question="?")
    assert client.code("VixVM_PowerOn", vm, constants.VIX_VMPOWEROP_LAUNCH_GUI, []) == 0
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON | BLOCKED
    assert client.code("VixVM_WaitForToolsInGuest", vm, 1) == constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS
    waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 60)
    openvix.change_vm(vm, question="")
    assert client.connection.wait(waiting)[0] == 0


def test_extra_power_bits_are_added(openvix, client):
    vm = openvix.add_vm("web", extra_power_bits=0x1400)
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_OFF | 0x1400
    client.items("VixVM_PowerOn", vm, 0, [])
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_TOOLS_RUNNING | 0x1400


def foreign(vm):
    lock = Path(vm).with_suffix(".vmx.lck")
    lock.mkdir()
    (lock / "M27182.lck").write_text("vmx")
    return lock


@pytest.mark.parametrize(
    "call",
    [
        ("VixVM_PowerOn", 0, []),
        ("VixVM_CreateSnapshot", "x", None, 0, []),
        ("VixVM_RemoveSnapshot", "#1", 0),
        ("VixVM_RevertToSnapshot", "#1", 0, []),
        ("VixVM_Clone", None, 0, "/nowhere/x.vmx", 0, []),
        ("VixVM_UpgradeVirtualHardware", 0),
        ("VixVM_Delete", 2),
    ],
    ids=lambda call: call[0],
)
def test_vm_locked_by_other_program_is_kept(openvix, client, call):
    vm = openvix.add_vm("web", snapshots=[{"name": "base"}])
    lock = foreign(vm)
    function, *arguments = call
    arguments = [vm + each if isinstance(each, str) and each.startswith("#") else each for each in arguments]
    assert client.code(function, vm, *arguments) == LOCKED
    openvix.kill_daemon()
    assert openvix.vms == {vm: OFF}
    assert [path.name for path in lock.iterdir()] == ["M27182.lck"]


def test_own_lock_of_stopped_vm_is_ignored(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as again:
        again.items("VixVM_PowerOff", vm, 0)
        assert again.code("VixVM_PowerOn", vm, 0, []) == 0


def test_only_live_settings_can_be_changed(openvix):
    vm = openvix.add_vm("web")
    for wrong in ({"memory": 4}, {"tools": "maybe"}, {"password": "x"}):
        with pytest.raises(Exception, match=next(iter(wrong))):
            openvix.change_vm(vm, **wrong)
    with pytest.raises(Exception, match="requires the key vmx"):
        openvix.change_vm("/none.vmx", ip="x")
