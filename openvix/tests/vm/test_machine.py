# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from protocol_client import Client
from waiting import eventually

from openvix.protocol import frames
from openvix.vix import constants
from openvix.vmware import vmx

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
BITS = {
    OFF: constants.VIX_POWERSTATE_POWERED_OFF,
    ON: constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_TOOLS_RUNNING,
    SUSPENDED: constants.VIX_POWERSTATE_SUSPENDED,
    PAUSED: constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_PAUSED,
}
FROM_GUEST = constants.VIX_VMPOWEROP_FROM_GUEST
IS_OFF, IS_ON = constants.VIX_E_VM_NOT_RUNNING, constants.VIX_E_VM_IS_RUNNING
NO_TOOLS = constants.VIX_E_TOOLS_NOT_RUNNING

# Arguments behind the VM, and for each state the error or the state that follows.
OPERATIONS = {
    "VixVM_PowerOn": ((0, []), {OFF: ON, ON: IS_ON, SUSPENDED: ON, PAUSED: IS_ON}),
    "VixVM_PowerOff": ((0,), {OFF: IS_OFF, ON: OFF, SUSPENDED: IS_OFF, PAUSED: OFF}),
    "VixVM_Reset": ((0,), {OFF: IS_OFF, ON: ON, SUSPENDED: IS_OFF, PAUSED: ON}),
    "VixVM_Suspend": ((0,), {OFF: IS_OFF, ON: SUSPENDED, SUSPENDED: IS_OFF, PAUSED: SUSPENDED}),
    "VixVM_Pause": ((0, []), {OFF: IS_OFF, ON: PAUSED, SUSPENDED: IS_OFF, PAUSED: IS_OFF}),
    "VixVM_Unpause": ((0, []), {OFF: IS_OFF, ON: IS_ON, SUSPENDED: IS_OFF, PAUSED: ON}),
}


stepped = pytest.mark.openvix(clock="stepped")


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.mark.parametrize("state", [OFF, ON, SUSPENDED, PAUSED])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_in_each_state_matches_vix(openvix, client, operation, state):
    vm = openvix.add_vm("web", power=state)
    arguments, outcomes = OPERATIONS[operation]
    outcome = outcomes[state]

    assert client.power(vm) == BITS[state]
    code = client.code(operation, vm, *arguments)

    error, after = (outcome, state) if isinstance(outcome, int) else (0, outcome)
    assert (code, client.power(vm)) == (error, BITS[after])
    assert openvix.vms == {vm: after}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("VixVM_PowerOn", (FROM_GUEST, [])),
        ("VixVM_PowerOn", (0, [constants.VIX_PROPERTY_VM_NAME, "x"])),
        ("VixVM_PowerOff", (constants.VIX_VMPOWEROP_LAUNCH_GUI,)),
        ("VixVM_Reset", (1,)),
        ("VixVM_Suspend", (FROM_GUEST,)),
        ("VixVM_Pause", (1, [])),
        ("VixVM_Unpause", (1, [])),
    ],
)
def test_unknown_power_option_is_invalid(openvix, client, operation, arguments):
    vm = openvix.add_vm("web")
    assert client.code(operation, vm, *arguments) == constants.VIX_E_INVALID_ARG


def test_vm_can_start_paused(openvix, client):
    vm = openvix.add_vm("web")
    client.items("VixVM_PowerOn", vm, constants.VIX_VMPOWEROP_START_VM_PAUSED, [])
    assert openvix.vms == {vm: PAUSED}


def test_window_requires_a_display(openvix, client):
    vm = openvix.add_vm("web")
    assert client.code("VixVM_PowerOn", vm, constants.VIX_VMPOWEROP_LAUNCH_GUI, []) == constants.VIX_E_NO_DISPLAY_SERVER


def test_memory_not_multiple_of_4_cancels_start(openvix, client):
    vm = openvix.add_vm("web", memory=1023)
    assert client.code("VixVM_PowerOn", vm, 0, []) == constants.VIX_E_CANCELLED
    assert openvix.vms == {vm: OFF}


def test_files_show_the_power_state(openvix, client):
    vm = openvix.add_vm("web")
    path = Path(vm)
    lock, state = path.with_name("web.vmx.lck"), path.with_name("web.vmss")

    def result():
        return lock.is_dir(), state.exists(), vmx.read(path.read_bytes()).get("checkpoint.vmState")

    assert result() == (False, False, None)
    client.items("VixVM_PowerOn", vm, 0, [])
    assert result() == (True, False, None)
    client.items("VixVM_Suspend", vm, 0)
    assert result() == (False, True, "web.vmss")
    client.items("VixVM_PowerOn", vm, 0, [])
    assert result() == (True, False, "")
    client.items("VixVM_PowerOff", vm, 0)
    assert result() == (False, False, "")


def test_properties_follow_the_vmx(openvix, client):
    vm = openvix.add_vm("web", memory=512, cpus=2, guest_os="ubuntu-64")
    wanted = [constants.VIX_PROPERTY_VM_NAME, constants.VIX_PROPERTY_VM_MEMORY_SIZE, constants.VIX_PROPERTY_VM_NUM_VCPUS, constants.VIX_PROPERTY_VM_GUESTOS]
    assert [client.get(vm, key) for key in wanted] == ["web", 512, 2, "ubuntu-64"]
    settings = vmx.read(Path(vm).read_bytes())
    settings.set("displayName", "Wöb")
    settings.set("memsize", "2048")
    Path(vm).write_bytes(settings.write())
    assert [client.get(vm, key) for key in wanted] == ["Wöb", 2048, 2, "ubuntu-64"]


def test_unreadable_vmx_is_reported(openvix, client):
    vm = openvix.add_vm("web")
    Path(vm).write_bytes(b'.encoding = "UTF-8"\n\xff\n')
    assert client.code("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, [constants.VIX_PROPERTY_VM_NAME]) == constants.VIX_E_CANNOT_READ_VM_CONFIG


# Orderly stops


def test_soft_stop_requires_tools(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    assert client.code("VixVM_PowerOff", vm, FROM_GUEST) == NO_TOOLS
    assert client.code("VixVM_Reset", vm, FROM_GUEST) == NO_TOOLS
    assert openvix.vms == {vm: ON}


def test_soft_stop_of_stopped_vm_fails_first(openvix, client):
    assert client.code("VixVM_PowerOff", openvix.add_vm("web"), FROM_GUEST) == IS_OFF


def test_power_scripts_are_ready_after_tools(openvix, client):
    vm = openvix.add_vm("web", power=ON, scripts_seconds=60)
    assert client.code("VixVM_PowerOff", vm, FROM_GUEST) == constants.VIX_E_POWEROP_SCRIPTS_NOT_AVAILABLE
    ready = openvix.add_vm("db", power=ON)
    client.items("VixVM_PowerOff", ready, FROM_GUEST)
    assert openvix.vms == {vm: ON, ready: OFF}


@stepped
def test_soft_stop_takes_time_and_blocks_others(openvix, client):
    vm = openvix.add_vm("web", power=ON, stop_seconds=20)
    job = client.connection.begin("VixVM_PowerOff", vm, FROM_GUEST)
    client.connection.receive(job, frames.EVENT)
    assert client.code("VixVM_Suspend", vm, 0) == constants.VIX_E_OBJECT_IS_BUSY
    assert openvix.vms == {vm: ON}
    openvix.advance(20)
    assert client.connection.wait(job)[0] == 0
    assert openvix.vms == {vm: OFF}


def test_soft_reset_boots_again(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=0)
    client.log_in(vm)
    client.items("VixVM_Reset", vm, FROM_GUEST)
    assert openvix.vms == {vm: ON}
    assert client.is_logged_in(vm)


def test_ignored_soft_stop_ends_with_hard_stop(openvix, client):
    vm = openvix.add_vm("web", power=ON, soft_stop="ignored")
    job = client.connection.begin("VixVM_PowerOff", vm, FROM_GUEST)
    client.connection.receive(job, frames.EVENT)
    with Client(openvix.directory) as other:
        other.items("VixVM_Pause", vm, 0, [])
        other.items("VixVM_Unpause", vm, 0, [])
    assert [call["error"] for call in openvix.calls("VixVM_PowerOff")] == [None]
    client.items("VixVM_PowerOff", vm, 0)
    assert client.connection.wait(job)[0] == 0
    assert openvix.vms == {vm: OFF}


@stepped
def test_hard_stop_overtakes_soft_stop(openvix, client):
    vm = openvix.add_vm("web", power=ON, stop_seconds=60)
    job = client.connection.begin("VixVM_PowerOff", vm, FROM_GUEST)
    client.connection.receive(job, frames.EVENT)
    client.items("VixVM_PowerOff", vm, 0)
    assert client.connection.wait(job)[0] == 0
    client.items("VixVM_PowerOn", vm, 0, [])


# Tools


@stepped
def test_tools_run_after_the_boot(openvix, client):
    vm = openvix.add_vm("web", boot_seconds=30)
    states = [client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE)]
    client.items("VixVM_PowerOn", vm, 0, [])
    states.append(client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE))
    assert client.code("VixVM_LoginInGuest", vm, "lab", "lab", 0) == NO_TOOLS
    openvix.advance(30)
    client.items("VixVM_WaitForToolsInGuest", vm, 10)
    states.append(client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE))
    client.log_in(vm)
    assert states == [constants.VIX_TOOLSSTATE_UNKNOWN, constants.VIX_TOOLSSTATE_UNKNOWN, constants.VIX_TOOLSSTATE_RUNNING]


@stepped
@pytest.mark.parametrize("settings", [{}, {"power": ON, "tools": "not_installed"}, {"power": PAUSED}, {"power": ON, "boot_seconds": 60}])
def test_wait_for_tools_ends_with_timeout(openvix, client, settings):
    vm = openvix.add_vm("web", **settings)
    waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 10)
    client.connection.receive(waiting, frames.ACCEPTED)
    openvix.advance(10)
    assert client.connection.wait(waiting)[0] == constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS


@pytest.mark.parametrize("seconds", [0, -1])
def test_wait_without_timeout_ends_with_tools(openvix, client, seconds):
    vm = openvix.add_vm("web", boot_seconds=0.1)
    job = client.connection.begin("VixVM_WaitForToolsInGuest", vm, seconds)
    client.items("VixVM_PowerOn", vm, 0, [])
    assert client.connection.wait(job)[0] == 0


def test_wait_for_tools_fails_if_vm_is_stopped(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=60)
    job = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 0)
    client.items("VixVM_PowerOff", vm, 0)
    assert client.connection.wait(job)[0] == IS_OFF


def test_vm_without_tools_reports_it_while_on(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    assert client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE) == constants.VIX_TOOLSSTATE_NOT_INSTALLED
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON


@stepped
def test_tools_run_at_once_after_resume(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=30)
    openvix.advance(30)
    client.items("VixVM_WaitForToolsInGuest", vm, 10)
    for stop, go in (("VixVM_Pause", "VixVM_Unpause"), ("VixVM_Suspend", "VixVM_PowerOn")):
        client.items(stop, vm, *([0, []] if stop == "VixVM_Pause" else [0]))
        client.items(go, vm, 0, [])
        assert client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE) == constants.VIX_TOOLSSTATE_RUNNING


# Killed


@pytest.mark.parametrize("state", [OFF, ON, SUSPENDED, PAUSED])
def test_vm_is_unchanged_after_killed_daemon(openvix, state):
    vm = openvix.add_vm("web", power=state, processes=[{"name": "apache2"}])
    openvix.kill_daemon()
    assert openvix.vms == {vm: state}


def test_guest_processes_outlive_the_daemon(openvix):
    vm = openvix.add_vm("web", power=ON, processes=[{"name": "apache2"}])

    def listed():
        with Client(openvix.directory) as client:
            client.log_in(vm)
            return client.items("VixVM_ListProcessesInGuest", vm, 0)

    before = listed()
    openvix.kill_daemon()
    openvix.status()
    assert listed() == before
    assert any("apache2" in item for item in before)


@pytest.mark.parametrize(
    ("operation", "state"),
    [("VixVM_PowerOn", OFF), ("VixVM_PowerOff", ON), ("VixVM_Suspend", ON), ("VixVM_PowerOn", SUSPENDED), ("VixVM_Pause", ON), ("VixVM_Reset", ON)],
)
def test_operation_is_atomic_if_daemon_is_killed(openvix, operation, state):
    arguments, outcomes = OPERATIONS[operation]
    vm = openvix.add_vm("web", power=state)
    for wait in range(12):
        client = Client(openvix.directory)
        client.connection.begin(operation, vm, *arguments)
        # As long as an operation takes here, in twelve parts.
        time.sleep(wait * 0.0005)
        openvix.kill_daemon()
        client.connection.close()
        now = openvix.vms[vm]
        path = Path(vm)
        assert now in (state, outcomes[state])
        wake(openvix, vm)
        # The next daemon clears up while it answers already.
        eventually(lambda path=path, now=now: path.with_name("web.vmx.lck").exists() == (now in (ON, PAUSED)))
        assert path.with_name("web.vmss").exists() == (now == SUSPENDED)
        back(openvix, vm, now, state)


@pytest.mark.parametrize("state", [ON, OFF])
def test_partial_lock_is_repaired_by_next_daemon(openvix, state):
    vm = openvix.add_vm("web", power=state)
    lock = Path(vm).with_name("web.vmx.lck")
    openvix.status()
    openvix.kill_daemon()
    if state == ON:
        (lock / "M00001.lck").unlink()
    else:
        lock.mkdir()

    openvix.status()
    wake(openvix, vm)

    eventually(lambda: (lock / "M00001.lck").exists() if state == ON else not lock.exists())
    back(openvix, vm, state, OFF)
    assert not lock.exists()


def wake(openvix, vm):
    """Ask for a VM: one that is off sleeps until somebody does, and what was left half done waits as long."""
    with Client(openvix.directory) as client:
        client.power(vm)


def back(openvix, vm, now, wanted):
    """Bring the VM to the wanted state, whatever it is in."""
    with Client(openvix.directory) as client:
        if now == wanted:
            return
        if now == SUSPENDED:
            client.items("VixVM_PowerOn", vm, 0, [])
        if wanted == OFF:
            client.items("VixVM_PowerOff", vm, 0)
        elif wanted == SUSPENDED:
            client.items("VixVM_Suspend", vm, 0)
        elif now == OFF:
            client.items("VixVM_PowerOn", vm, 0, [])
        elif now == PAUSED:
            client.items("VixVM_Unpause", vm, 0, [])


def test_remains_of_killed_daemon_are_removed(openvix):
    vm = openvix.add_vm("web")
    folder = Path(vm).parent
    half = [folder / "openvix" / "disks" / "9", folder / "openvix" / "disks" / ".10.partial", folder.parent / ".new.db"]
    for place in half:
        place.mkdir()
    files = [folder / ".web.vmx.new", folder / "openvix" / ".state.json.new"]
    for file in files:
        file.touch()
    openvix.kill_daemon()
    assert openvix.vms == {vm: OFF}
    with Client(openvix.directory) as client:
        # An operation waits until the VM is settled.
        client.items("VixVM_PowerOn", vm, 0, [])
    assert [path for path in (*half, *files) if path.exists()] == []
    assert openvix.disk(vm).is_dir()


def test_broken_vm_does_not_affect_others(openvix):
    broken, whole = openvix.add_vm("broken"), openvix.add_vm("whole")
    (Path(broken).parent / "openvix" / "state.json").write_bytes(b"{")
    openvix.kill_daemon()
    assert list(openvix.vms) == [broken, whole]
    with Client(openvix.directory) as client:
        assert client.code("VixVM_Open", client.host, broken) == constants.VIX_E_CANNOT_READ_VM_CONFIG


def test_log_and_directories_are_private(openvix):
    openvix.add_vm("web", accounts=[{"name": "lab", "password": "s3cret-word"}], power=ON)
    with Client(openvix.directory) as client:
        client.code("VixVM_LoginInGuest", next(iter(openvix.vms)), "lab", "wr0ng-word", 0)
    log = (openvix.directory / "run" / "log").read_text()
    assert "serving" in log
    assert "s3cret-word" not in log
    assert "wr0ng-word" not in log
    for path in (openvix.directory, *(openvix.directory / name for name in ("run", "vms", "run/clients", "vms/web"))):
        assert path.stat().st_mode & 0o077 == 0, path


def test_daemon_inherits_nothing(openvix):
    pid = openvix.status()["pid"]
    assert os.getsid(pid) == pid
    for descriptor in (0, 1):
        assert os.readlink(f"/proc/{pid}/fd/{descriptor}") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
