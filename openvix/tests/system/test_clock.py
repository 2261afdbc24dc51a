# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time that a test moves on: what takes long ends when the test says so."""

from __future__ import annotations

import time

import pytest
from protocol_client import Client

from openvix.protocol import frames
from openvix.vix import constants

OFF, ON = "powered_off", "powered_on"
stepped = pytest.mark.openvix(clock="stepped")


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


def is_done(client, number, other="VixVM_GetNumRootSnapshots"):
    """Whether a job is over; what the daemon has to say arrives in order, as the answer to another call does."""
    client.connection.call(other, "none")
    return any(frame[0] == frames.DONE for frame in client.connection._received.get(number, []))


@stepped
def test_tools_run_after_boot_and_tools_seconds(openvix, client):
    vm = openvix.add_vm("web", boot_seconds=30, tools_seconds=10)
    client.items("VixVM_PowerOn", vm, 0, [])
    waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 300)
    client.connection.receive(waiting, frames.ACCEPTED)
    openvix.advance(39)
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON
    assert not is_done(client, waiting)
    openvix.advance(1)
    assert client.connection.wait(waiting)[0] == 0


@stepped
@pytest.mark.parametrize("late", [0, 10])
def test_tools_timeout_counts_from_the_call(openvix, client, late):
    """However late a thread comes to it."""
    vm = openvix.add_vm("web", power=ON, tools="never")
    if late:
        openvix.fault(call="VixVM_WaitForToolsInGuest", delay=late, times=1)
    waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 300)
    client.connection.receive(waiting, frames.ACCEPTED)
    for seconds in (late, 299 - late):
        openvix.advance(seconds)
        assert not is_done(client, waiting)
    openvix.advance(1)
    assert client.connection.wait(waiting)[0] == constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS


@stepped
def test_power_off_ends_the_wait_for_tools(openvix, client):
    """However late a thread comes to it."""
    vm = openvix.add_vm("web", power=ON, tools="never")
    openvix.fault(call="VixVM_WaitForToolsInGuest", delay=10, times=1)
    waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 0)
    client.connection.receive(waiting, frames.ACCEPTED)
    client.items("VixVM_PowerOff", vm, 0)
    openvix.advance(10)
    assert client.connection.wait(waiting)[0] == constants.VIX_E_VM_NOT_RUNNING


@stepped
def test_delayed_call_does_not_block_others(openvix, client):
    vm = openvix.add_vm("web")
    for call, *arguments in (("VixVM_PowerOn", 0, []), ("VixVM_GetNumRootSnapshots",)):
        openvix.fault(call=call, delay=10)
        slow = client.connection.begin(call, vm, *arguments)
        client.power(vm)
        openvix.advance(9)
        assert not is_done(client, slow, "VixVM_GetCurrentSnapshot")
        openvix.advance(1)
        assert client.connection.wait(slow)[0] == 0


@stepped
def test_concurrent_operation_finds_vm_busy(openvix, client):
    vm = openvix.add_vm("web", operation_seconds=10)
    job = client.connection.begin("VixVM_PowerOn", vm, 0, [])
    client.connection.receive(job, frames.EVENT)
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERING_ON
    assert client.code("VixVM_PowerOff", vm, 0) == constants.VIX_E_OBJECT_IS_BUSY
    assert client.code("VixVM_CreateSnapshot", vm, "x", None, 0, []) == constants.VIX_E_OBJECT_IS_BUSY
    openvix.advance(10)
    assert client.connection.wait(job)[0] == 0
    assert client.power(vm) == constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_TOOLS_RUNNING


@stepped
def test_boot_pauses_with_the_vm(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=30)
    for stop, go in (("VixVM_Pause", "VixVM_Unpause"), ("VixVM_Suspend", "VixVM_PowerOn")):
        client.items(stop, vm, *([0, []] if stop == "VixVM_Pause" else [0]))
        waiting = client.connection.begin("VixVM_WaitForToolsInGuest", vm, 100)
        client.connection.receive(waiting, frames.ACCEPTED)
        openvix.advance(100)
        assert client.connection.wait(waiting)[0] == constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS
        client.items(go, vm, 0, [])
        assert client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE) == constants.VIX_TOOLSSTATE_UNKNOWN
    openvix.advance(30)
    client.items("VixVM_WaitForToolsInGuest", vm, 10)


@stepped
def test_tools_run_at_once_after_memory_revert(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=30)
    openvix.advance(30)
    client.items("VixVM_WaitForToolsInGuest", vm, 10)
    taken = client.take(vm, memory=True)
    client.items("VixVM_Reset", vm, 0)
    assert client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE) == constants.VIX_TOOLSSTATE_UNKNOWN
    client.revert(vm, taken)
    assert client.get(vm, constants.VIX_PROPERTY_VM_TOOLS_STATE) == constants.VIX_TOOLSSTATE_RUNNING


@stepped
def test_snapshots_take_snapshot_seconds(openvix, client):
    vm = openvix.add_vm("web", operation_seconds=5, snapshot_seconds=60)
    for call, seconds in ((("VixVM_CreateSnapshot", vm, "a", None, 0, []), 60), (("VixVM_PowerOn", vm, 0, []), 5)):
        job = client.connection.begin(*call)
        client.connection.receive(job, frames.EVENT)
        openvix.advance(seconds - 1)
        assert not is_done(client, job)
        openvix.advance(1)
        assert client.connection.wait(job)[0] == 0


@stepped
def test_soft_stop_and_delay_follow_the_clock(openvix, client):
    vm = openvix.add_vm("web", power=ON, stop_seconds=20)
    openvix.fault(call="VixVM_PowerOff", delay=10, times=1)
    job = client.connection.begin("VixVM_PowerOff", vm, constants.VIX_VMPOWEROP_FROM_GUEST)
    client.connection.receive(job, frames.ACCEPTED)
    openvix.advance(9)
    assert not is_done(client, job)
    openvix.advance(1)
    client.connection.receive(job, frames.EVENT)
    openvix.advance(19)
    assert not is_done(client, job)
    assert openvix.vms == {vm: ON}
    openvix.advance(1)
    assert client.connection.wait(job)[0] == 0
    assert openvix.vms == {vm: OFF}


@stepped
def test_copy_follows_copy_speed(openvix, client, tmp_path):
    vm = openvix.add_vm("web", power=ON, copy_speed=1000)
    (tmp_path / "file").write_bytes(bytes(5000))
    client.log_in(vm)
    job = client.connection.begin("VixVM_CopyFileFromHostToGuest", vm, str(tmp_path / "file"), "/tmp/file", 0, [])
    client.connection.receive(job, frames.ACCEPTED)
    seconds = 0
    while not is_done(client, job):
        openvix.advance(1)
        seconds += 1
        assert seconds < 10_000
    assert seconds >= 5
    assert (openvix.disk(vm) / "tmp/file").stat().st_size == 5000


@stepped
def test_stepped_time_stops_without_daemon(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=100)
    assert openvix.advance(99) < openvix.advance(0.5)
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as again:
        waiting = again.connection.begin("VixVM_WaitForToolsInGuest", vm, 0)
        assert not is_done(again, waiting)
        assert not again.power(vm) & constants.VIX_POWERSTATE_TOOLS_RUNNING
        openvix.advance(0.5)
        assert again.connection.wait(waiting)[0] == 0


def test_real_time_passes(openvix, client):
    vm, began = openvix.add_vm("web", boot_seconds=0.2, operation_seconds=0.1, stop_seconds=0.3), time.monotonic()
    client.items("VixVM_PowerOn", vm, 0, [])
    client.items("VixVM_WaitForToolsInGuest", vm, 0)
    client.items("VixVM_PowerOff", vm, constants.VIX_VMPOWEROP_FROM_GUEST)
    assert time.monotonic() - began >= 0.6
    with Client(openvix.directory) as other:
        began = time.monotonic()
        assert other.code("VixVM_WaitForToolsInGuest", vm, 1) == constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS
        assert time.monotonic() - began >= 1


def test_real_time_cannot_be_advanced(openvix):
    with pytest.raises(Exception, match="requires clock = "):
        openvix.advance(1)


@stepped
def test_time_advances_by_numbers_only(openvix):
    for wrong in (-1, "1", None, True):
        with pytest.raises(Exception, match="must be a number of seconds"):
            openvix.advance(wrong)
