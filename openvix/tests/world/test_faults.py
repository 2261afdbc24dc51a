# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule can do to a call beside an error: the end of a connection or of the daemon, a full disk, half a file, and a VM that is seen in another state."""

from __future__ import annotations

import os
import signal
import subprocess

import programs
import pytest
from protocol_client import Client
from waiting import bounded, eventually

from openvix.cli import main as cli
from openvix.daemon import control
from openvix.vix import constants

OFF, ON = "powered_off", "powered_on"
BLOCKED = constants.VIX_POWERSTATE_BLOCKED_ON_MSG


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.mark.parametrize("where", ["call", "job", "after"])
@pytest.mark.parametrize("end", ["lost", "kill"])
def test_lost_or_kill_before_or_after_the_work(openvix, client, end, where):
    vm = openvix.add_vm("web")
    daemon = openvix.status()["pid"]
    openvix.fault(**{"call": "VixVM_PowerOn", end: True, "where": where})
    number = client.connection.begin("VixVM_PowerOn", vm, 0, [])
    with pytest.raises((control.Unserved, ConnectionError)):
        client.connection.wait(number)
    assert openvix.vms == {vm: ON if where == "after" else OFF}
    assert (openvix.status()["pid"] == daemon) == (end == "lost")


def test_synchronous_call_loses_its_connection(openvix, client):
    openvix.fault(call="VixVM_GetNumRootSnapshots", lost=True, times=1)
    vm = openvix.add_vm("web")
    with pytest.raises((control.Unserved, ConnectionError)):
        client.code("VixVM_GetNumRootSnapshots", vm)
    with Client(openvix.directory) as again:
        assert again.one("VixVM_GetNumRootSnapshots", vm) == 0


def test_kth_call_of_each_client_fails(openvix, monkeypatch):
    vm = openvix.add_vm("web")
    openvix.fault(call="*", per="client", from_=3, times=1, error=11)
    for process in (1001, 1002):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        # The first call of a client is the one that connects.
        with control.connect(openvix.directory) as connection:
            connected = ("VixHost_Connect", constants.VIX_API_VERSION, constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION, None, 0, None, None, 0, [])
            assert [connection.call(*connected)[0] for _ in range(4)] == [0, 0, 11, 0]
    assert openvix.faults()[0]["matched"] == 8
    assert openvix.faults()[0]["applied"] == 2
    assert openvix.vms == {vm: OFF}


@pytest.mark.parametrize("where", ["call", "job", "after"])
@pytest.mark.parametrize(("effect", "ended"), [("crash", -signal.SIGSEGV), ("exit", 3), ("hang", None)])
def test_client_ends_before_or_after_the_work(openvix, effect, ended, where):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", where=where, **{effect: True})
    client = subprocess.Popen(programs.command("drive", "connect", f"open={vm}", "on"), stdout=subprocess.DEVNULL)
    with bounded(client):
        if ended is None:
            eventually(lambda: openvix.faults()[0]["applied"])
            with pytest.raises(subprocess.TimeoutExpired):
                client.wait(0.3)
            client.kill()
        else:
            assert client.wait(60) == ended
    assert openvix.vms == {vm: ON if where == "after" else OFF}
    openvix.forgive_leaks("the client was ended")


@pytest.mark.parametrize(
    ("effect", "where", "ended"),
    [
        *(("crash", "call", -signal.SIGSEGV), ("exit", "call", 3), ("hang", "call", None)),
        *(("lost", "call", 0), ("kill", "call", 0), ("lost", "after", 0), ("kill", "after", 0)),
    ],
)
def test_fault_applies_to_disconnect(openvix, effect, where, ended):
    openvix.fault(call="VixHost_Disconnect", where=where, **{effect: True})
    client = subprocess.Popen(programs.command("drive", "connect", "disconnect"), stdout=subprocess.PIPE, text=True)
    with bounded(client):
        assert client.stdout.readline() == "connect 0\n"
        if ended is None:
            eventually(lambda: openvix.faults()[0]["applied"])
            with pytest.raises(subprocess.TimeoutExpired):
                client.wait(0.3)
            client.kill()
        else:
            assert client.wait(60) == ended
    [rule] = openvix.faults()
    assert (rule["matched"], rule["applied"], [call["call"] for call in rule["calls"]]) == (1, 1, ["VixHost_Disconnect"])
    assert openvix.status()["pid"] > 0


def test_rule_names_the_calls_that_it_was_applied_to(openvix, client, capsys):
    vm = openvix.add_vm("web")
    openvix.fault(call="*", from_=2, times=2, error=11)
    for _ in range(2):
        client.code("VixVM_GetNumRootSnapshots", vm)
        client.code("VixVM_PowerOn", vm, 0, [])
    here = {"client": os.getpid(), "vm": vm}
    expected = [{"number": 2, "call": "VixVM_PowerOn", **here}, {"number": 3, "call": "VixVM_GetNumRootSnapshots", **here}]
    assert [rule["calls"] for rule in openvix.faults()] == [expected]
    assert [call["call"] for call in openvix.calls()][2:4] == ["VixVM_PowerOn", "VixVM_GetNumRootSnapshots"]
    assert cli.main(["fault", "list", "--world", str(openvix.directory)]) == 0
    assert capsys.readouterr().out.endswith("(matched 4, applied 2, last to VixVM_GetNumRootSnapshots)\n")
    openvix.fault(call="VixVM_Pause", kill=True)
    with pytest.raises((control.Unserved, ConnectionError)):
        client.code("VixVM_Pause", vm, 0, [])
    # The next daemon knows it too.
    assert [[call["call"] for call in rule["calls"]] for rule in openvix.faults()] == [["VixVM_PowerOn", "VixVM_GetNumRootSnapshots"], ["VixVM_Pause"]]


def test_kth_call_on_each_vm_fails(openvix, client):
    vms = [openvix.add_vm(name) for name in "ab"]
    openvix.fault(call="VixVM_GetNumRootSnapshots", per="vm", from_=2, times=1, error=13000)
    assert [client.code("VixVM_GetNumRootSnapshots", vm) for vm in (*vms, *vms, *vms)] == [0, 0, 13000, 13000, 0, 0]


@pytest.mark.parametrize("room", [0, 200_000])
def test_full_disk_fails_copy_and_snapshot(openvix, client, tmp_path, room):
    vm = openvix.add_vm("web", power=ON)
    (tmp_path / "big").write_bytes(b"x" * 1_500_000)
    client.log_in(vm)
    client.items("VixVM_CopyFileFromHostToGuest", vm, str(tmp_path / "big"), "/tmp/big", 0, [])
    openvix.fault(call="*", vm="web", disk_full=room)
    assert client.code("VixVM_CopyFileFromHostToGuest", vm, str(tmp_path / "big"), "/tmp/other", 0, []) == constants.VIX_E_DISK_FULL
    assert client.code("VixVM_CreateSnapshot", vm, "one", None, 0, []) == constants.VIX_E_DISK_FULL
    openvix.clear_faults()
    assert client.one("VixVM_GetNumRootSnapshots", vm) == 0
    openvix.kill_daemon()
    assert openvix.vms == {vm: ON}
    with Client(openvix.directory) as again:
        again.take(vm)


def test_power_off_on_full_disk_does_nothing(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    openvix.fault(call="VixVM_Suspend", disk_full=10)
    assert client.code("VixVM_Suspend", vm, 0) == constants.VIX_E_DISK_FULL
    assert openvix.vms == {vm: ON}
    openvix.clear_faults()
    client.items("VixVM_Suspend", vm, 0)
    assert openvix.vms == {vm: "suspended"}


def test_copied_file_is_truncated_silently(openvix, client, tmp_path):
    vm = openvix.add_vm("web", power=ON)
    (tmp_path / "big").write_bytes(b"0123456789" * 200_000)
    client.log_in(vm)
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", cut=1_500_000)
    client.items("VixVM_CopyFileFromHostToGuest", vm, str(tmp_path / "big"), "/tmp/big", 0, [])
    assert (openvix.disk(vm) / "tmp/big").stat().st_size == 1_500_000
    openvix.fault(call="VixVM_CopyFileFromGuestToHost", cut=3)
    client.items("VixVM_CopyFileFromGuestToHost", vm, "/tmp/big", str(tmp_path / "back"), 0, [])
    assert (tmp_path / "back").read_bytes() == b"012"


def test_call_sees_overridden_settings(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", question="Moved or copied?", times=1)
    openvix.fault(call="VixVM_PowerOn", from_=2, locked=True, times=1)
    codes = [client.code("VixVM_PowerOn", vm, 0, []) for _ in range(3)]
    assert codes == [constants.VIX_E_VMX_MSG_DIALOG_AND_NO_UI, constants.VIX_E_FILE_ALREADY_LOCKED, 0]
    openvix.fault(call="Vix_GetProperties", question="?", extra_power_bits=0x1400, times=1)
    openvix.fault(call="VixVM_WaitForToolsInGuest", tools="never")
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON | BLOCKED | 0x1400
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_TOOLS_RUNNING
    assert client.code("VixVM_WaitForToolsInGuest", vm, 1) == constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS


def test_tools_and_lock_can_be_overridden(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="never")
    assert client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE) == constants.VIX_TOOLSSTATE_UNKNOWN
    waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 60)
    openvix.change_vm(vm, tools="installed", locked=True)
    assert client.connection.wait(waiting)[0] == 0
    assert client.code("VixVM_CreateSnapshot", vm, "x", None, 0, []) == constants.VIX_E_FILE_ALREADY_LOCKED


def test_rules_are_listed_and_cleared(openvix):
    openvix.fault(call="VixVM_PowerOn", vm="web", error=3008)
    openvix.fault(call="*", junk=1)
    assert openvix.faults() == [
        {"call": "VixVM_PowerOn", "vm": "web", "error": 3008, "matched": 0, "applied": 0, "calls": []},
        {"call": "*", "junk": 1, "matched": 0, "applied": 0, "calls": []},
    ]
    openvix.clear_faults(1)
    assert [rule["call"] for rule in openvix.faults()] == ["*"]
    with pytest.raises(Exception, match="no fault has the number 2"):
        openvix.clear_faults(2)


@pytest.mark.parametrize("how", [{}, {"where": "after"}, {"step": 2}])
def test_killing_fault_keeps_counts_and_calls(openvix, client, how):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOff", error=3008, per="vm", from_=2)
    openvix.fault(call="VixVM_PowerOn", kill=True, from_=2, times=1, **how)
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0
    assert client.code("VixVM_PowerOff", vm, 0) == 0
    with pytest.raises((control.Unserved, ConnectionError)):
        client.code("VixVM_PowerOn", vm, 0, [])
    assert openvix.vms
    with Client(openvix.directory) as again:
        # The work of the call has been done before the daemon is killed after it.
        assert again.code("VixVM_PowerOn", vm, 0, []) == (constants.VIX_E_VM_IS_RUNNING if "where" in how else 0)
        assert again.code("VixVM_PowerOff", vm, 0) == 3008
    assert [(rule["matched"], rule["applied"]) for rule in openvix.faults()] == [(2, 1), (3, 1)]
    assert [call["error"] for call in openvix.calls("VixVM_PowerOn")][:2] == [0, 0 if "where" in how else constants.VIX_E_HOST_CONNECTION_LOST]
    assert [call["number"] for call in openvix._ask("OpenVIX_Calls", {"since": 5})] == [5, 6]


def test_start_by_user_forgets_counts_and_calls(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", kill=True, times=1)
    with pytest.raises((control.Unserved, ConnectionError)):
        client.code("VixVM_PowerOn", vm, 0, [])
    cli.serve(openvix.directory, None, [], None)
    assert openvix.faults() == openvix.calls() == []


def test_killed_daemon_leaves_no_zombie(openvix):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", kill=True)
    with Client(openvix.directory) as client, pytest.raises((control.Unserved, ConnectionError)):
        client.code("VixVM_PowerOn", vm, 0, [])
    assert openvix.vms == {vm: OFF}
    both = list(openvix._daemons)
    openvix.end()
    assert (len(both), [pid for pid in both if os.path.exists(f"/proc/{pid}")]) == (2, [])
