# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users of the neighbouring tools suffered from, where it is about several modules at once."""

from __future__ import annotations

import threading

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]


def test_more_than_ten_vms_keep_connection(openvix, run_module):
    """The lesson of a user with more than ten VMs, whose connection to VIX was lost again and again."""
    vms = [openvix.add_vm(f"vm{number}") for number in range(14)]

    result = run_module("vm_power", vms=vms, state="powered_on", concurrency=14)

    assert [each["power"] for each in result["results"]] == ["powered_on"] * 14


def test_gui_opened_only_on_request(openvix, run_module):
    """The lesson of apcera/libretto issue 20: both gui and headless are needed, and the unsupported one is reported."""
    web = openvix.add_vm("web")

    result = run_module("vm_power", vm=web, state="powered_on", gui=True)
    assert result["msg"].startswith(f"powering on {web}: ")
    assert ", 3043); there is no display for a window here: start the VM without one" in result["msg"]
    assert run_module("vm_power", vm=web, state="powered_on")["power"] == "powered_on"


def test_pending_question_reported_by_tools_wait(openvix, run_module):
    """The lesson of hashicorp/vagrant issue 9902 and xlang-ai/OSWorld issue 39: behind a time-out at boot stands a dialog that nobody sees."""
    web = openvix.add_vm("web", power="powered_on", question="Did you move or copy this VM?", accounts=ACCOUNTS)

    result = run_module("guest_process_info", vm=web, tools_timeout=1, **LOGIN)

    assert "no answer within 1 s; the VM is waiting for an answer to a question" in result["msg"]
    (vm,) = run_module("vm_info", vm=web)["vms"]
    assert vm["question_pending"]


def test_question_at_power_on_has_advice(openvix, run_module):
    """The lesson of xlang-ai/OSWorld issue 39: without a window nobody can answer."""
    web = openvix.add_vm("web", question="Did you move or copy this VM?")

    assert ", 3028); the VM waits for an answer: open it in VMware and answer it" in run_module("vm_power", vm=web, state="powered_on")["msg"]


def test_cancelled_operation_explained(openvix, run_module):
    """The lesson of OS-Copilot/ScienceBoard issue 4: 'operation was canceled' says nothing."""
    web = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", error=10)

    assert "VIX_E_CANCELLED, 10); look at the VM in VMware's window: a dialog was cancelled" in run_module("vm_power", vm=web, state="powered_on")["msg"]


@pytest.mark.parametrize(("password", "words"), [(None, ", 30); the VM is encrypted: give its password as vm_password"), ("wr0ng", "; check vm_password")])
def test_encrypted_vm_needs_only_password(openvix, run_module, password, words):
    """The lesson of hashicorp/vagrant-vmware-desktop issue 101 and vmware/packer-plugin-vmware issue 244: encrypted VMs, and no secret on a command line."""
    web = openvix.add_vm("web", password="s3cret-vm")
    given = {} if password is None else {"vm_password": password}

    assert words in run_module("vm_power", vm=web, state="powered_on", secrets=["s3cret-vm", "wr0ng"], **given)["msg"]
    assert run_module("vm_power", vm=web, state="powered_on", vm_password="s3cret-vm", secrets=["s3cret-vm"])["power"] == "powered_on"
    (vm,) = run_module("vm_info", vm=web, vm_password="s3cret-vm")["vms"]
    assert vm["encrypted"]


def test_concurrent_tasks_on_one_vm_succeed(openvix, run_module):
    """The lesson of xlang-ai/OSWorld issue 332: parallel runs collide; here the later one waits its turn and finds the work done."""
    web = openvix.add_vm("web", operation_seconds=1.0)
    results = []
    tasks = [threading.Thread(target=lambda: results.append(run_module("vm_power", vm=web, state="powered_on"))) for _each in range(2)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()

    assert [result.get("power") for result in results] == ["powered_on"] * 2, results
    assert openvix.vms[web] == "powered_on"


@pytest.mark.parametrize("code", [5, 15, 16, 31, 3008])
def test_short_lock_retried(openvix, run_module, code):
    web = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", error=code, times=2)

    assert run_module("vm_power", vm=web, state="powered_on")["power"] == "powered_on"
    assert len(openvix.calls("VixVM_PowerOn")) == 3


def test_long_lock_keeps_code_not_timeout(openvix, run_module):
    web = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", error=5)

    result = run_module("vm_power", vm=web, state="powered_on", timeout=1, passed=lambda: 0.9 * (len(openvix.calls("VixVM_PowerOn")) > 1))

    assert (result["vix_code"], result["error"]) == (5, "TryAgain")
    assert "; another operation is at work on it: try again when it has ended" in result["msg"]


@pytest.mark.parametrize("code", [30, 35, 3015])
def test_failed_login_not_retried(openvix, run_module, code):
    web = openvix.add_vm("web")
    openvix.fault(call="VixHost_OpenVM", error=code)

    assert run_module("vm_info", vm=web)["vix_code"] == code
    assert len(openvix.calls("VixHost_OpenVM")) == 1


@pytest.mark.openvix(product="player")
@pytest.mark.parametrize(
    ("module", "options", "lack"),
    [("vm_snapshot", {"name": "clean"}, "snapshots"), ("vm_snapshot_info", {}, "snapshots"), ("vm_power", {"state": "paused"}, "paused VMs")],
)
def test_player_unsupported_one_message(openvix, run_module, module, options, lack):
    """The lesson of hashicorp/vagrant-vmware-desktop issue 91: snapshots refused, and the message did not name Player."""
    web = openvix.add_vm("web", power="powered_on")

    result = run_module(module, vm=web, **options)

    assert (result["error"], result["vix_code"]) == ("NotSupported", 6)
    assert result["msg"].endswith(f" (VIX_E_NOT_SUPPORTED, 6); VMware Player has no {lack}, as VMware Workstation has")
    assert "\n" not in result["msg"]


@pytest.mark.openvix(product="player")
def test_vms_unsupported_message_each(openvix, run_module):
    vms = [openvix.add_vm(name, power="powered_on") for name in ("web", "db")]

    result = run_module("vm_snapshot", vms=vms, name="clean")

    assert result["msg"].count("; VMware Player has no snapshots, as VMware Workstation has") == 2


def test_other_refusal_not_blamed_on_product(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixVM_Pause", error=6)

    assert run_module("vm_power", vm=web, state="paused")["msg"].endswith("6); VMware Workstation does not offer it, or not for this kind of VM")


def test_name_works_in_each_state(openvix, run_module, tmp_path):
    """msteinhoff/vmfusion-python#9, bottkars/vmxtoolkit#17: the next task of a play knew no VM that a revert had left powered off."""
    web = openvix.add_vm("web", power="powered_off", snapshots=[{"name": "clean"}])
    for options in ({"state": "powered_on"}, {"state": "suspended"}, {"state": "powered_on"}, {"state": "powered_off"}):
        assert run_module("vm_power", vm="web", **options)["changed"], options
    assert run_module("vm_snapshot", vm="web", name="clean", state="reverted")["vm"] == web

    clone = str(tmp_path / "student01" / "student01.vmx")
    run_module("vm_clone", vm="web", dest=clone, name="student01")

    assert run_module("vm_power", vm="student01", state="powered_on")["vm"] == clone
    assert openvix.vms[clone] == "powered_on"
