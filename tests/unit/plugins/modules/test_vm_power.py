# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import pathlib
import threading
import time

import pytest

STATES = ("powered_on", "powered_off", "suspended", "paused")


@pytest.mark.parametrize(("now", "wanted"), [*itertools.permutations(STATES, 2)])
def test_each_state_reached_from_each(openvix, ladder, now, wanted):
    web = openvix.add_vm("web", power=now)

    done = ladder("vm_power", lambda: openvix.vms, ["stopped"], vm=web, state=wanted, wake_suspended=True)

    assert done["diff"] == {"before": {"power": now}, "after": {"power": wanted}}
    assert (done["vm"], done["power"]) == (web, wanted)
    assert (done["transitions"][0], done["transitions"][-1]) == (now, wanted)
    assert openvix.vms[web] == wanted


@pytest.mark.parametrize(
    ("now", "wanted", "stop", "transitions"),
    [
        ("powered_off", "suspended", "soft", ["powered_off", "powered_on", "suspended"]),
        ("powered_off", "paused", "soft", ["powered_off", "paused"]),
        ("suspended", "powered_off", "hard", ["suspended", "powered_on", "powered_off"]),
        ("paused", "powered_off", "soft", ["paused", "powered_on", "powered_off"]),
        ("paused", "powered_off", "hard", ["paused", "powered_off"]),
        ("powered_on", "powered_on", "soft", ["powered_on"]),
    ],
)
def test_transitions_returned(openvix, run_module, now, wanted, stop, transitions):
    web = openvix.add_vm("web", power=now)

    assert run_module("vm_power", vm=web, state=wanted, stop=stop, wake_suspended=True)["transitions"] == transitions
    assert len(openvix.calls("VixVM_Unpause")) == (1 if now == "paused" and stop == "soft" else 0)


@pytest.mark.parametrize("wanted", ["powered_off", "paused"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_suspended_vm_not_resumed_by_default(openvix, run_module, wanted, check_mode):
    web = openvix.add_vm("web", power="suspended")

    result = run_module("vm_power", vm=web, state=wanted, check_mode=check_mode)

    assert result["msg"] == f"bringing {web} to {wanted}: the VM is suspended and must be resumed first: set wake_suspended=true to allow this"
    assert openvix.vms[web] == "suspended"


def test_soft_stop_obeyed_not_hard(openvix, run_module):
    """The lesson of ansible/ansible issue 28498 and vmware.vmware issue 224: a shutdown was reported as complete while the guest was still running."""
    web = openvix.add_vm("web", power="powered_on", stop_seconds=1.0)

    result = run_module("vm_power", vm=web, state="powered_off")

    assert openvix.vms[web] == "powered_off"
    assert (result["power"], result["stopped"]) == ("powered_off", "soft")
    assert len(openvix.calls("VixVM_PowerOff")) == 1


def test_soft_stop_ignored_hard_in_time(openvix, run_module):
    """The lesson of snobear/ezmomi issue 32: softly, and hard by itself when that does not help."""
    web = openvix.add_vm("web", power="powered_on", soft_stop="ignored")

    result = run_module("vm_power", vm=web, state="powered_off", soft_timeout=1)

    assert result["power"] == openvix.vms[web] == "powered_off"
    assert result["stopped"] == "hard"
    assert len(openvix.calls("VixVM_PowerOff")) == 2


def test_soft_stop_ignored_error_if_soft(openvix, run_module):
    """The lesson of adobe/aquarium-fish issue 22: a stop that never returns."""
    web = openvix.add_vm("web", power="powered_on", soft_stop="ignored")

    result = run_module("vm_power", vm=web, state="powered_off", stop="soft", soft_timeout=1)

    assert result["msg"] == f"shutting down the guest of {web}: timed out after 1 s; VIX cannot cancel the operation, so it may still finish"
    assert result["error"] == "TimedOut"
    assert openvix.vms[web] == "powered_on"


@pytest.mark.openvix(clock="stepped")
def test_starting_tools_asked_again(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", scripts_seconds=1.0)
    results = []
    task = threading.Thread(target=lambda: results.append(run_module("vm_power", vm=web, state="powered_off", stop="soft", soft_timeout=50)))

    task.start()
    while task.is_alive() and not [call for call in openvix.calls("VixVM_PowerOff") if call["error"]]:
        time.sleep(0.01)
    openvix.advance(1)
    task.join()

    assert results[0].get("power") == "powered_off", results
    assert len(openvix.calls("VixVM_PowerOff")) > 1


def test_soft_stop_without_tools_refused(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")

    result = run_module("vm_power", vm=web, state="powered_off", stop="soft")

    assert (result["error"], result["vix_code"]) == ("NoToolsInGuest", 3016)
    assert "VIX_E_TOOLS_NOT_RUNNING, 3016" in result["msg"]
    assert openvix.vms[web] == "powered_on"


def test_without_tools_hard_if_allowed(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")

    assert run_module("vm_power", vm=web, state="powered_off")["power"] == "powered_off"


def test_hard_does_not_ask_guest(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", soft_stop="ignored")

    assert run_module("vm_power", vm=web, state="powered_off", stop="hard")["power"] == "powered_off"
    assert len(openvix.calls("VixVM_PowerOff")) == 1


def test_result_is_read_back(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixVM_PowerOff", times=1, error=3006)

    result = run_module("vm_power", vm=web, state="powered_off", stop="hard")

    assert (result["power"], result["diff"]["after"]) == ("powered_on", {"power": "powered_on"}), "the result was read back"


def test_powered_off_waits_for_lock_release(openvix, run_module):
    """The lesson of hashicorp/packer issues 57 and 2125: locks that are still there break what comes next."""
    web = openvix.add_vm("web", power="powered_on")
    lock = pathlib.Path(f"{web}.lck")
    (lock / "M00002.lck").touch()

    def passed():
        """The power state is read back before the lock is looked at."""
        calls = [call["call"] for call in openvix.calls()]
        return "VixVM_PowerOff" in calls and calls[-1] == "Vix_GetProperties"

    result = run_module("vm_power", vm=web, state="powered_off", stop="hard", timeout=1, passed=passed)

    assert result["msg"].startswith(f"waiting for another process to release {web} ({lock}): timed out after 1 s")
    assert openvix.vms[web] == "powered_off"


@pytest.mark.parametrize("power", ["powered_on", "powered_off"])
def test_tools_waited_for_on_request(openvix, run_module, power):
    web = openvix.add_vm("web", power=power, boot_seconds=1.5)

    assert run_module("vm_power", vm=web, state="powered_on", tools_timeout=50)["changed"] == (power == "powered_off")

    assert run_module("vm_info", vm=web)["vms"][0]["tools"] == "running"


def test_missing_tools_error_vm_stays_on(openvix, run_module):
    web = openvix.add_vm("web", tools="not_installed")

    result = run_module("vm_power", vm=web, state="powered_on", tools_timeout=1)

    assert "no answer within 1 s; VMware Tools are not installed" in result["msg"]
    assert openvix.vms[web] == "powered_on"


def test_powered_off_vm_started_paused(openvix, run_module):
    web = openvix.add_vm("web")

    run_module("vm_power", vm=web, state="paused")

    assert [call["call"] for call in openvix.calls() if call["call"] in ("VixVM_PowerOn", "VixVM_Pause")] == ["VixVM_PowerOn"]


def test_vms_processed_in_parallel(openvix, ladder):
    vms = [openvix.add_vm(f"vm{number}", operation_seconds=1.0) for number in range(4)]

    done = ladder("vm_power", lambda: openvix.vms, vms=vms, state="powered_on")

    assert [result["vm"] for result in done["results"]] == vms
    assert {result["power"] for result in done["results"]} == {"powered_on"}
    assert [difference["before_header"] for difference in done["diff"]] == vms
    assert set(openvix.vms.values()) == {"powered_on"}


def test_concurrency_limits_vms(openvix, run_module):
    vms = [openvix.add_vm(f"vm{number}", operation_seconds=0.3) for number in range(4)]

    run_module("vm_power", vms=vms, state="powered_on", concurrency=1)

    powered = [call["call"] for call in openvix.calls() if call["call"] in ("VixHost_OpenVM", "VixVM_PowerOn")]
    assert powered == ["VixHost_OpenVM", "VixVM_PowerOn"] * 4


@pytest.mark.parametrize(
    ("fault", "seconds", "words"),
    [
        ({"error": 15}, 0.9, "VIX_E_FILE_ALREADY_LOCKED, 15"),
        ({"hang": True}, 9, "the VIX library hangs in VixVM_PowerOn"),
        ({"hang": True, "where": "job"}, 1, "timed out after 1 s; VIX cannot cancel the operation"),
    ],
)
def test_failed_vm_does_not_hide_others(openvix, run_module, fault, seconds, words):
    vms = [openvix.add_vm(name) for name in ("one", "two", "three")]
    openvix.fault(call="VixVM_PowerOn", vm="two", **fault)
    openvix.forgive_leaks("where the library hangs its process is killed")

    since = []

    def passed():
        """What has passed since the others were read for the last time: each is read once before it is powered on and once afterwards."""
        if not since and len(openvix.calls("Vix_GetProperties")) == 2 + 1 + 2 and len(openvix.calls("VixVM_PowerOn")) >= 3:
            since.append(time.monotonic())
        return min(seconds, time.monotonic() - since[0]) if since else 0

    result = run_module("vm_power", vms=vms, state="powered_on", timeout=1, passed=passed)

    one, two, three = result["results"]
    assert (one["power"], three["power"]) == ("powered_on", "powered_on")
    assert (two["vm"], two["failed"]) == (vms[1], True)
    assert two["msg"].startswith(f"powering on {vms[1]}: ")
    assert words in two["msg"]
    assert result["msg"] == f"1 of 3 VMs failed: {two['msg']}"
    assert result["failed"]


def test_duplicate_vm_processed_once(openvix, run_module):
    web = openvix.add_vm("web")

    assert len(run_module("vm_power", vms=[web, web], state="powered_on")["results"]) == 1
    assert len(openvix.calls("VixVM_PowerOn")) == 1
