# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
PROCESSES = [{"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"}]


def add_vm(openvix, **settings):
    return openvix.add_vm("web", **{"power": "powered_on", "accounts": ACCOUNTS, "processes": PROCESSES, **settings})


@pytest.mark.parametrize(("stop", "soft_stop", "stopped"), [("soft", "obeyed", "soft"), ("hard", "obeyed", "hard"), ("soft_then_hard", "ignored", "hard")])
def test_restarted_guest_is_new(openvix, run_module, stop, soft_stop, stopped):
    """The lesson of ansible/ansible pull request 60473: Tools of the guest that still shuts down pass for those of the new one."""
    web = add_vm(openvix, soft_stop=soft_stop, boot_seconds=1.0)
    (before,) = run_module("guest_process_info", vm=web, pattern="cron", **LOGIN)["processes"]

    options = {"vm": web, "stop": stop, "soft_timeout": 1 if soft_stop == "ignored" else 60}
    predicted = run_module("vm_restart", check_mode=True, **options)
    done = run_module("vm_restart", **options)

    assert done.pop("stopped") == stopped
    assert predicted == done
    assert done["changed"]
    assert done["diff"] == {"before": {"power": "powered_on"}, "after": {"power": "powered_on"}}
    assert run_module("vm_info", vm=web)["vms"][0]["tools"] == "running"
    (after,) = run_module("guest_process_info", vm=web, pattern="cron", **LOGIN)["processes"]
    assert after["start_time"] > before["start_time"]


def test_check_mode_does_not_restart(openvix, run_module):
    web = add_vm(openvix)

    assert run_module("vm_restart", vm=web, check_mode=True)["changed"]

    assert openvix.calls("VixVM_PowerOff") == openvix.calls("VixVM_PowerOn") == []


def test_paused_guest_restarted(openvix, run_module):
    web = add_vm(openvix, power="paused")

    assert run_module("vm_restart", vm=web)["power"] == "powered_on"
    assert openvix.vms[web] == "powered_on"


@pytest.mark.parametrize("power", ["powered_off", "suspended"])
def test_stopped_guest_refused(openvix, run_module, power):
    web = add_vm(openvix, power=power)

    assert run_module("vm_restart", vm=web)["msg"] == f"restarting {web}: the VM is {power}, so its guest does not run: power it on first (vmlab.vix.vm_power)"
    assert openvix.vms[web] == power


def test_guest_not_coming_back_reported(openvix, run_module):
    web = add_vm(openvix, boot_seconds=60.0)

    result = run_module("vm_restart", vm=web, tools_timeout=1, stop="hard")

    assert "no answer within 1 s; the VM is powered on, and its guest may still be booting" in result["msg"]
