# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole way: a client process with libvix.so, the daemon, a guest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from waiting import bounded, eventually

from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout

# A client as its author would write it, in a process that it may lose: it prints what it is asked for.
CLIENT = """
import ctypes, os, sys
from ctypes import byref, c_char_p, c_int, c_void_p
from openvix.vix import constants

vix = ctypes.CDLL(os.environ["VIX_LIBRARY"])
for name in ("VixHost_OpenVM", "VixVM_CreateSnapshot", "VixVM_LoginInGuest"):
    getattr(vix, name).restype = c_int
for name in ("VixJob_Wait", "Vix_GetProperties", "VixJob_GetNthProperties", "VixVM_GetCurrentSnapshot"):
    getattr(vix, name).restype = ctypes.c_uint64
vix.VixJob_Wait.argtypes = [c_int, c_int]
vix.Vix_GetProperties.argtypes = [c_int, c_int]
vix.VixJob_GetNthProperties.argtypes = [c_int, c_int, c_int]


def wait(job, *more):
    error = vix.VixJob_Wait(job, *(more or (0,)))
    vix.Vix_ReleaseHandle(job)
    return error


def result(job):
    handle = c_int(0)
    error = wait(job, constants.VIX_PROPERTY_JOB_RESULT_HANDLE, byref(handle), c_int(0))
    assert error == 0, error
    return handle.value


def text(handle, key):
    pointer = c_void_p()
    assert vix.Vix_GetProperties(handle, key, byref(pointer), c_int(0)) == 0
    value = ctypes.string_at(pointer).decode()
    vix.Vix_FreeBuffer(pointer)
    return value


def number(handle, key):
    value = c_int(0)
    error = vix.Vix_GetProperties(handle, key, byref(value), c_int(0))
    return -error if error else value.value


def connect():
    return vix.VixHost_Connect(-1, 3, None, 0, None, None, 0, 0, None, None)


def opened(path):
    return result(vix.VixHost_OpenVM(host, path.encode(), 0, 0, None, None))


def leave(*handles):
    for handle in handles:
        vix.Vix_ReleaseHandle(handle)
    vix.VixHost_Disconnect(host)


host = result(connect())
"""


def client(code, *arguments, check=True):
    return subprocess.run([sys.executable, "-c", CLIENT + code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=check)


def test_client_controls_vm_and_guest(openvix, tmp_path):
    vm = openvix.add_vm("web", processes=[{"name": "apache2", "owner": "www-data", "command": "/usr/sbin/apache2 -k start"}])
    (tmp_path / "hosted").write_text("from the host")
    result = client(
        """
vm = opened(sys.argv[1])
print(text(vm, constants.VIX_PROPERTY_VM_NAME), number(vm, constants.VIX_PROPERTY_VM_POWER_STATE))
print(wait(vix.VixVM_PowerOn(vm, 0, 0, None, None)), wait(vix.VixVM_PowerOn(vm, 0, 0, None, None)))
print(wait(vix.VixVM_WaitForToolsInGuest(vm, 10, None, None)), number(vm, constants.VIX_PROPERTY_VM_POWER_STATE))
snapshot = result(vix.VixVM_CreateSnapshot(vm, b"one", None, 2, 0, None, None))
current = c_int(0)
assert vix.VixVM_GetCurrentSnapshot(vm, byref(current)) == 0
print(text(snapshot, constants.VIX_PROPERTY_SNAPSHOT_DISPLAYNAME), current.value == snapshot)
print(wait(vix.VixVM_LoginInGuest(vm, b"lab", b"wrong", 0, None, None)), wait(vix.VixVM_LoginInGuest(vm, b"lab", b"lab", 0, None, None)))
print(wait(vix.VixVM_CopyFileFromHostToGuest(vm, sys.argv[2].encode(), b"/home/lab/copy", 0, 0, None, None)))
job = vix.VixVM_ListProcessesInGuest(vm, 0, None, None)
assert vix.VixJob_Wait(job, 0) == 0
for index in range(vix.VixJob_GetNumProperties(job, constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME)):
    name, command = c_void_p(), c_void_p()
    ids = constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, constants.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND
    assert vix.VixJob_GetNthProperties(job, index, ids[0], byref(name), c_int(ids[1]), byref(command), c_int(0)) == 0
    print(*(ctypes.string_at(each).decode() for each in (name, command)), sep="|")
    vix.Vix_FreeBuffer(name)
    vix.Vix_FreeBuffer(command)
leave(job, snapshot, current.value, vm)
""",
        vm,
        tmp_path / "hosted",
    )
    assert result.stdout.splitlines()[:6] == [
        "web 2",
        f"0 {constants.VIX_E_VM_IS_RUNNING}",
        "0 72",
        "one True",
        f"{constants.VIX_E_GUEST_USER_PERMISSIONS} 0",
        "0",
    ]
    assert "apache2|/usr/sbin/apache2 -k start" in result.stdout.splitlines()
    assert (openvix.disk(vm) / "home/lab/copy").read_text() == "from the host"
    assert openvix.handles() == []


def test_leaked_handle_is_reported(openvix):
    openvix.forgive_leaks("the test is about them")
    vm = openvix.add_vm("web")
    client("leave(); vm = None", vm)
    assert openvix.handles() == []
    client("vm = opened(sys.argv[1]); leave()", vm)
    eventually(lambda: openvix.handles()[0]["ended"])  # the daemon sees it a moment after us
    [row] = openvix.handles()
    assert (row["ended"], row["disconnected"], row["buffers"]) == (True, True, 0)
    assert [each["type"] for each in row["open"]] == [constants.VIX_HANDLETYPE_VM]


@pytest.mark.parametrize(("directive", "code"), [("crash", -signal.SIGSEGV), ("abort", -signal.SIGABRT), ("exit", 3)])
@pytest.mark.parametrize("where", ["call", "job"])
def test_fault_ends_client_like_a_broken_library(openvix, directive, code, where):
    openvix.forgive_leaks("the client dies")
    vm = openvix.add_vm("web")
    openvix.fault(**{"call": "VixVM_PowerOn", "where": where, directive: True})
    result = client("vm = opened(sys.argv[1]); job = vix.VixVM_PowerOn(vm, 0, 0, None, None); wait(job); print('alive')", vm, check=False)
    assert (result.returncode, result.stdout) == (code, "")
    assert openvix.vms == {vm: "powered_off"}


def test_junk_bits_reach_the_client(openvix):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", error=3008, junk=0xFFFF00000001)
    result = client("vm = opened(sys.argv[1]); print(hex(wait(vix.VixVM_PowerOn(vm, 0, 0, None, None)))); leave(vm)", vm)
    assert result.stdout.strip() == hex(0xFFFF00000001 << 16 | 3008)


def test_killed_daemon_disconnects_and_is_restarted(openvix):
    openvix.forgive_leaks("the host is lost")
    vm = openvix.add_vm("web", power="powered_on")
    pid = openvix.status()["pid"]
    result = client(
        """
vm = opened(sys.argv[1])
os.kill(int(sys.argv[2]), 9)
print(wait(vix.VixVM_WaitForToolsInGuest(vm, 0, None, None)), number(vm, constants.VIX_PROPERTY_VM_POWER_STATE))
""",
        vm,
        pid,
    )
    lost = constants.VIX_E_HOST_CONNECTION_LOST
    assert result.stdout.split() == [str(lost), str(-lost)]
    assert client("vm = opened(sys.argv[1]); print(number(vm, constants.VIX_PROPERTY_VM_POWER_STATE)); leave(vm)", vm).stdout.strip() == "72"
    assert openvix.status()["pid"] != pid


def test_client_does_not_start_a_stopped_world(openvix):
    control.end(openvix.directory)
    result = client("", check=False)
    assert result.returncode != 0
    assert f"AssertionError: {constants.VIX_E_HOST_NOT_CONNECTED}" in result.stderr
    assert layout.processes(openvix.directory) == {}


def test_endless_wait_ends_with_its_client(openvix):
    openvix.forgive_leaks("the client is killed")
    vm = openvix.add_vm("web")
    code = CLIENT + "vm = opened(sys.argv[1]); job = vix.VixVM_WaitForToolsInGuest(vm, 0, None, None); print('waiting', flush=True); wait(job)"
    with bounded(subprocess.Popen([sys.executable, "-c", code, vm], stdout=subprocess.PIPE, text=True)) as waiting:
        assert waiting.stdout.readline() == "waiting\n"
        assert [call["error"] for call in openvix.calls("VixVM_WaitForToolsInGuest")] == [None]
        os.kill(waiting.pid, signal.SIGKILL)
    eventually(lambda: openvix.calls("VixVM_WaitForToolsInGuest")[0]["error"] is not None)
    assert openvix.calls("VixVM_WaitForToolsInGuest")[0]["error"] == constants.VIX_E_HOST_CONNECTION_LOST


def test_results_of_clone_share_and_screen_reach_c(openvix, tmp_path):
    vm = openvix.add_vm("web", power="powered_on", snapshots=[{"name": "base"}])
    said = client(
        """
vm = opened(sys.argv[1])
snapshot = c_int(0)
assert vix.VixVM_GetRootSnapshot(vm, 0, byref(snapshot)) == 0
clone = result(vix.VixVM_Clone(vm, snapshot, 1, sys.argv[2].encode(), 0, 0, None, None))
print(vix.Vix_GetHandleType(clone), text(clone, constants.VIX_PROPERTY_VM_VMX_PATHNAME))
print(wait(vix.VixVM_EnableSharedFolders(vm, ctypes.c_byte(1), 0, None, None)))
print(wait(vix.VixVM_AddSharedFolder(vm, b"data", b"/tmp", 4, None, None)), text(vm, constants.VIX_PROPERTY_GUEST_SHAREDFOLDERS_SHARES_PATH))
wait(vix.VixVM_WriteVariable(vm, 1, b"role", b"db", 0, None, None))
value = c_void_p()
wait(vix.VixVM_ReadVariable(vm, 1, b"role", 0, None, None), constants.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING, byref(value), c_int(0))
print(ctypes.string_at(value).decode())
vix.Vix_FreeBuffer(value)
wait(vix.VixVM_LoginInGuest(vm, b"lab", b"lab", 0, None, None))
size, image = c_int(0), c_void_p()
print(wait(vix.VixVM_CaptureScreenImage(vm, 1, 0, None, None), constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, byref(size), byref(image), c_int(0)))
picture = ctypes.string_at(image, size.value)
print(picture[:4] == b"\\x89PNG", picture[-8:-4] == b"IEND")
vix.Vix_FreeBuffer(image)
print(wait(vix.VixVM_Delete(clone, 2, None, None)))
leave(snapshot, clone, vm)
""",
        vm,
        str(tmp_path / "copy" / "copy.vmx"),
    )
    assert said.stdout.splitlines() == [f"{constants.VIX_HANDLETYPE_VM} {tmp_path}/copy/copy.vmx", "0", "0 /mnt/hgfs", "db", "0", "True True", "0"]
    assert not (tmp_path / "copy").exists()
