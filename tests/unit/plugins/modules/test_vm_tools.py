# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest


@pytest.mark.parametrize("check_mode", [True, False])
def test_running_tools_found(openvix, run_module, check_mode):
    web = openvix.add_vm("web", power="powered_on")

    result = run_module("vm_tools", vm=web, check_mode=check_mode)

    assert (result["changed"], result["vm"], result["tools"]) == (False, web, "running")


def test_starting_tools_waited_for(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", boot_seconds=1.5)

    result = run_module("vm_tools", vm=web, tools_timeout=50)

    assert (result["changed"], result["tools"]) == (False, "running")
    assert run_module("vm_info", vm=web)["vms"][0]["tools"] == "running"


def test_check_mode_does_not_wait(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", boot_seconds=60.0)

    assert run_module("vm_tools", vm=web, check_mode=True, seconds=20)["tools"] == "running"
    assert openvix.calls("VixVM_WaitForToolsInGuest") == []


@pytest.mark.parametrize("power", ["powered_off", "suspended", "paused"])
@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("state", "doing"),
    [("running", "waiting for VMware Tools in"), ("mounted", "mounting the VMware Tools installer in"), ("upgraded", "upgrading VMware Tools in")],
)
def test_powered_off_vm_not_waited_for(openvix, run_module, power, check_mode, state, doing):
    web = openvix.add_vm("web", power=power)

    result = run_module("vm_tools", vm=web, state=state, check_mode=check_mode)

    assert result["msg"] == f"{doing} {web}: the VM is {power}; power it on first (vmlab.vix.vm_power)"
    assert result["error"] == "NoToolsInGuest"
    assert openvix.calls("VixVM_WaitForToolsInGuest") == openvix.calls("VixVM_InstallTools") == []


@pytest.mark.parametrize(
    ("settings", "reason", "advice"),
    [
        ({"tools": "not_installed"}, "VMware Tools are not installed", "install them in the guest (or open-vm-tools)"),
        ({"question": "Did you move or copy this VM?"}, "the VM is waiting for an answer to a question", "open it in VMware and answer it"),
        ({"boot_seconds": 60.0}, "the VM is powered on, and its guest may still be booting", "increase tools_timeout, or check the VM's screen"),
    ],
)
def test_error_has_reason_and_advice(openvix, run_module, settings, reason, advice):
    """The lesson of dblock/vmwaretasks issue 20: a wait for Tools needs an upper bound and a reason."""
    web = openvix.add_vm("web", power="powered_on", **settings)

    result = run_module("vm_tools", vm=web, tools_timeout=1, passed=lambda: 0)  # by VIX's own clock they do

    assert result["msg"] == (f"waiting for VMware Tools in {web}: no answer within 1 s; {reason} (VIX_E_TIMEOUT_WAITING_FOR_TOOLS, 3000); {advice}")


def test_installer_mounted_each_time(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")

    predicted = run_module("vm_tools", vm=web, state="mounted", check_mode=True)
    assert openvix.calls("VixVM_InstallTools") == []
    done = run_module("vm_tools", vm=web, state="mounted", seconds=20)

    assert predicted == done
    assert done["changed"]
    assert done["diff"] == {"before": {"tools": "not_installed", "installer": "unknown"}, "after": {"tools": "not_installed", "installer": "mounted"}}


def test_running_installation_reported(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")
    run_module("vm_tools", vm=web, state="mounted")

    result = run_module("vm_tools", vm=web, state="mounted")

    assert result["vix_code"] == 21011
    assert result["msg"].endswith("; wait until that installation has ended, or cancel it in VMware")


def test_missing_image_reported(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed", tools_image=False)

    result = run_module("vm_tools", vm=web, state="mounted")

    assert result["msg"].startswith(f"mounting the VMware Tools installer in {web}: ")
    assert "(VIX_E_TOOLS_INSTALL_NO_IMAGE, 21000); VMware has no image of VMware Tools for this guest" in result["msg"]


def test_old_tools_upgraded_and_running(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="outdated", boot_seconds=1.0)

    predicted = run_module("vm_tools", vm=web, state="upgraded", check_mode=True)
    assert openvix.calls("VixVM_InstallTools") == []
    done = run_module("vm_tools", vm=web, state="upgraded")

    assert predicted == done
    assert done["changed"]
    assert done["diff"] == {"before": {"tools": "running", "upgraded": False}, "after": {"tools": "running", "upgraded": True}}
    calls = [call["call"] for call in openvix.calls()]
    assert [call for call in calls if call in ("VixVM_InstallTools", "VixVM_WaitForToolsInGuest")] == [
        "VixVM_WaitForToolsInGuest",
        "VixVM_InstallTools",
        "VixVM_WaitForToolsInGuest",
    ]
    assert run_module("vm_info", vm=web)["vms"][0]["tools"] == "running"


def test_current_tools_unchanged_if_vix_reports(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixVM_InstallTools", error=21010)

    result = run_module("vm_tools", vm=web, state="upgraded")

    assert (result["changed"], result["tools"]) == (False, "running")
    assert result["diff"]["before"] == result["diff"]["after"]


def test_missing_tools_not_upgraded(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")

    result = run_module("vm_tools", vm=web, state="upgraded", tools_timeout=1)

    assert "no answer within 1 s; VMware Tools are not installed" in result["msg"]
    assert openvix.calls("VixVM_InstallTools") == []


def test_endless_upgrade_times_out(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", tools="outdated")
    openvix.fault(call="VixVM_InstallTools", hang=True, where="job")

    result = run_module("vm_tools", vm=web, state="upgraded", timeout=1, passed=lambda: bool(openvix.calls("VixVM_InstallTools")))

    assert result["msg"] == f"upgrading VMware Tools in {web}: timed out after 1 s; VIX cannot cancel the operation, so it may still finish"


def test_failed_vm_does_not_hide_others(openvix, run_module):
    vms = [openvix.add_vm("one", power="powered_on", boot_seconds=1.0), openvix.add_vm("two"), openvix.add_vm("three", power="powered_on")]

    result = run_module("vm_tools", vms=vms, tools_timeout=50)

    one, two, three = result["results"]
    assert (one["tools"], three["tools"]) == ("running", "running")
    assert two["failed"]
    assert result["msg"] == f"1 of 3 VMs failed: waiting for VMware Tools in {vms[1]}: the VM is powered_off; power it on first (vmlab.vix.vm_power)"
