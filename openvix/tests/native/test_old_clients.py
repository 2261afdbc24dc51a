# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What clients in the wild rely on: exports that the header has no more, the wrapper's refusals, and the order of a completion and its wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from openvix.vix import constants

BEGIN = """
import ctypes, json, os, sys, time
vix = ctypes.CDLL(os.environ["VIX_LIBRARY"])
Callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
for name in ("VixJob_Wait", "VixJob_GetError", "VixJob_CheckCompletion", "Vix_GetProperties", "VixJob_GetNthProperties"):
    getattr(vix, name).restype = ctypes.c_uint64
seen = []

def connect(provider=1):
    return vix.VixHost_Connect(-1, provider, None, 0, None, None, 0, 0, None, None)

def result(job):
    handle = ctypes.c_int()
    assert vix.VixJob_Wait(job, 3010, ctypes.byref(handle), 0) == 0
    vix.Vix_ReleaseHandle(job)
    return handle.value
"""


@pytest.fixture
def run(openvix):
    """Run a client in Python that binds the library by ctypes, and return what it prints as JSON."""

    def run(program, *arguments):
        command = [sys.executable, "-c", BEGIN + program, *arguments]
        done = subprocess.run(command, env=os.environ | openvix.environment, capture_output=True, text=True, timeout=100, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout)

    return run


def test_removed_functions_end_in_not_supported(openvix, run):
    """nova-vix-driver, Keiter's Ruby binding, smiley's and yzlin's clients bind them when they load."""
    web = openvix.add_vm("web", power="powered_on")

    found = run(
        """
host = result(connect())
vm = result(vix.VixHost_OpenVM(host, sys.argv[1].encode(), 0, 0, None, None))
events = []
callback = Callback(lambda job, kind, info, data: events.append([kind, vix.VixJob_GetError(job)]))
jobs = [
    vix.VixVM_BeginRecording(vm, b"name", b"text", 0, 0, callback, None),
    vix.VixVM_EndRecording(vm, 0, 0, callback, None),
    vix.VixVM_BeginReplay(vm, 0, 0, 0, callback, None),
    vix.VixVM_EndReplay(vm, 0, 0, callback, None),
    vix.VixVM_OpenUrlInGuest(vm, b"https://example.com", 0, 0, callback, None),
]
codes = [vix.VixJob_Wait(job, 0) for job in jobs]
vix.Vix_PumpEvents(host, 0)
wrong = vix.VixVM_EndReplay(host, 0, 0, None, None)
codes.append(vix.VixJob_Wait(wrong, 0))
for each in (*jobs, wrong, vm):
    vix.Vix_ReleaseHandle(each)
vix.VixHost_Disconnect(host)
print(json.dumps([codes, events]))
""",
        web,
    )

    assert found == [
        [constants.VIX_E_NOT_SUPPORTED] * 5 + [constants.VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE],
        [[constants.VIX_EVENTTYPE_JOB_COMPLETED, constants.VIX_E_NOT_SUPPORTED]] * 5,
    ]
    assert {call["call"] for call in openvix.calls()} == {"VixHost_Connect", "VixHost_OpenVM", "VixHost_Disconnect"}


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        (2, constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND),
        (4, constants.VIX_E_WRAPPER_PLAYER_NOT_INSTALLED),
        (99, constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND),
    ],
)
def test_refused_connection_is_as_by_wrapper(openvix, run, provider, code):
    """Its pseudo-handle has the error everywhere, and nothing is filled in."""
    found = run(
        """
job = connect(int(sys.argv[1]))
cell, done, count = ctypes.c_int(7), ctypes.c_byte(7), ctypes.c_int(7)
print(json.dumps([
    vix.Vix_GetHandleType(job),
    vix.VixJob_GetError(job),
    [vix.VixJob_Wait(job, 3010, ctypes.byref(cell), 0), cell.value],
    [vix.VixJob_CheckCompletion(job, ctypes.byref(done)), done.value],
    vix.Vix_GetProperties(job, 50, ctypes.byref(count), 0),
    vix.VixJob_GetNthProperties(job, 0, 3010, ctypes.byref(count), 0),
]))
vix.Vix_ReleaseHandle(job)
""",
        str(provider),
    )

    assert found == [constants.VIX_HANDLETYPE_NONE, code, [code, 7], [code, 7], code, code]
    assert openvix.handles() == []


def test_foreign_handle_gives_no_job(openvix, run):
    """VMware's wrapper passes on a handle only to the library whose id is its top byte."""
    found = run(
        """
host = result(connect())
gone = vix.VixVM_Reset(host + 1, 0, None, None)
print(json.dumps([[vix.VixVM_Reset(handle, 0, None, None) for handle in (0, -1, 0x7F000001)], vix.VixJob_Wait(gone, 0)]))
vix.Vix_ReleaseHandle(gone)
vix.VixHost_Disconnect(host)
"""
    )

    assert found == [[0, 0, 0], constants.VIX_E_INVALID_HANDLE]


ORDER = """
host = result(connect())
late = []
for number in range(40):
    state = {}

    def called(job, kind, info, data, state=state):
        if kind == 2:
            state["inside"] = vix.VixJob_Wait(job, 0)
            time.sleep(0.02)
            state["done"] = True

    callback = Callback(called)
    job = vix.VixHost_FindItems(host, 1, 0, -1, callback, None)
    if number % 2:
        code = vix.VixJob_Wait(job, 0)
    else:
        done = ctypes.c_byte()
        while not done.value:
            code = vix.VixJob_CheckCompletion(job, ctypes.byref(done))
    assert code == 0
    late.append("done" not in state)
    while "done" not in state:
        time.sleep(0.001)
    assert state["inside"] == 0
    vix.Vix_ReleaseHandle(job)
vix.VixHost_Disconnect(host)
print(json.dumps(late))
"""


def test_callback_is_over_before_wait_returns(openvix, run):
    """smiley's VixPy frees its callback when VixJob_Wait returns, and crashed when an event came later."""
    openvix.add_vm("web", power="powered_on")

    assert run(ORDER) == [False] * 40


def test_late_callback_is_a_fault(openvix, run):
    """The manual leaves the order open, so clients that are right live with either."""
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_FindItems", late_event=True)

    assert all(run(ORDER))
    [rule] = openvix.faults()
    assert rule["applied"] == 40


def test_text_without_value_is_empty(openvix, run):
    """shawcx/pyvix crashed on a NULL text."""
    web = openvix.add_vm("web")

    found = run(
        """
host = result(connect())
vm = result(vix.VixHost_OpenVM(host, sys.argv[1].encode(), 0, 0, None, None))
text = ctypes.c_char_p()
code = vix.Vix_GetProperties(vm, 105, ctypes.byref(text), 0)
print(json.dumps([code, text.value.decode()]))
vix.Vix_FreeBuffer(text)
vix.Vix_ReleaseHandle(vm)
vix.VixHost_Disconnect(host)
""",
        web,
    )

    assert found == [0, ""]
