# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each call of a module fails in turn. No handle stays open, which the fixture "openvix" checks, and the message names the VM."""

from __future__ import annotations

import pathlib

import pytest

TREE = [{"name": "base", "children": [{"name": "patched", "children": [{"name": "clean"}]}, {"name": "other"}]}]
CRON = {"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"}
LOGIN = {"guest_username": "lab", "guest_password": "s3cret-of-lab"}
CASES = {
    "snapshot removed": ("vm_snapshot", {"name": "base/patched", "state": "absent"}),
    "pruned": ("vm_snapshot", {"state": "pruned", "keep": 1}),
    "cloned": ("vm_clone", {"dest": "copy/copy.vmx", "linked": True, "snapshot": "base/patched"}),
    "registered": ("vm", {"state": "registered"}),
    "deleted": ("vm", {"state": "absent", "power_off": True}),
    "upgraded": ("vm_hardware", {"power_off": True}),
    "shared": ("vm_shared_folder", {"name": "work", "path": "/tmp"}),
    "looked at": ("guest_stat", {"path": "/srv/a", "details": True, **LOGIN}),
    "copied": ("guest_copy", {"content": "Goodbye\n", "dest": "/srv/a", **LOGIN}),
    "run": ("guest_command", {"argv": ["true"], **LOGIN}),
    "ended": ("guest_process", {"name": "cron", "state": "absent", "stop": "hard", "wait_timeout": 1, **LOGIN}),
}
CONNECTING = "connecting to this machine: "
FEWEST, MOST = 3, 80  # calls of a module, so that a mistake neither tries nothing nor loops for ever


def add_vm(openvix, number):
    accounts = [{"name": "lab", "password": "s3cret-of-lab", "administrator": True}]
    return openvix.add_vm(f"web{number}", power="powered_on", snapshots=TREE, accounts=accounts, files={"/srv/a": "a"}, processes=[CRON])


@pytest.mark.parametrize("case", CASES)
def test_failure_of_each_call(openvix, run_module, case):
    module, options = CASES[case]
    for number in range(1, MOST):
        vm = add_vm(openvix, number)
        here = {**options, **({"dest": str(pathlib.Path(vm).parents[1] / f"copy{number}" / "copy.vmx")} if module == "vm_clone" else {})}
        openvix.fault(call="*", per="client", times=1, error=1, **{"from": number})
        before = len(openvix.calls())

        result = run_module(module, vm=vm, **here)

        openvix.clear_faults()
        if number > len(openvix.calls()) - before:
            break
        if result.get("failed"):
            assert result["msg"].startswith(CONNECTING) or vm in result["msg"] or here.get("dest", vm) in result["msg"]
    assert not result.get("failed"), "the last run, which had no fault"
    assert FEWEST < number < MOST - 1
