# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._vix.deadline import Deadline


def test_changing_vm_awaited(openvix, on_host):
    web = openvix.add_vm("web", operation_seconds=1.0)

    def work(host):
        with host.open_vm(web) as vm, vm.start("VixVM_PowerOn", "powering on", 0, 0):
            seen = {vm.power}
            while vm.power != "powered_on":
                seen.add(vm.power)
            return sorted(seen)

    assert set(on_host(work)) <= {"powered_off", "powered_on"}


def test_vm_opened_twice_released_twice(openvix, on_host):
    web = openvix.add_vm("web")

    def work(host):
        with host.open_vm(web) as first, host.open_vm(web) as second:
            return first.is_same(second), first.name, second.name

    assert on_host(work) == [True, "web", "web"]


def test_late_tools_awaited(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", boot_seconds=1.0)

    def work(host):
        with host.open_vm(web) as vm:
            vm.wait_for_tools(60)
            return vm.tools

    assert on_host(work) == "running"


def test_missing_tools_reported_with_reason(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", boot_seconds=60.0)

    def work(host):
        with host.open_vm(web) as vm:
            vm._deadline = Deadline(60, lambda: 0.0)  # VIX's time-out comes first, however late it is reported
            vm.wait_for_tools(0)

    with pytest.raises(
        _worker.Failure, match=r"no answer within 1 s; the VM is powered on, and its guest may still be booting \(VIX_E_TIMEOUT_WAITING_FOR_TOOLS"
    ):
        on_host(work)


def test_revert_may_leave_vm_off(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on")

    def work(host):
        with host.open_vm(web) as vm:
            vm.create_snapshot("clean", "As installed")
            [node] = vm.snapshot_tree()
            vm.revert(node, power_on=False)
            return vm.power, node.description

    assert on_host(work) == ["powered_off", "As installed"]


def test_removed_snapshot_reported(openvix, on_host):
    web = openvix.add_vm("web", snapshots=[{"name": "one"}, {"name": "two"}])

    def work(host):
        with host.open_vm(web) as vm:
            one, two = vm.snapshot_tree()
            vm.remove_snapshot(one)
            vm.remove_snapshot(two)

    with pytest.raises(_worker.Failure, match=r"finding snapshot two of .*: another program changed the snapshots of the VM during the task"):
        on_host(work)


def test_password_list_released(openvix, on_host):
    web = openvix.add_vm("web")

    def work(host):
        with host.open_vm(web, "s3cret") as vm:
            return vm.name

    assert on_host(work) == "web"


def test_vm_described_by_one_call(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", memory=2048, cpus=2)

    def work(host):
        with host.open_vm(web) as vm:
            return vm.describe()

    described = on_host(work)

    assert described.pop("power_bits") & 8
    assert described == {"path": web, "name": "web", "tools": "running", "guest_os": "debian12-64", "cpus": 2, "memory": 2048}
    assert len(openvix.calls("Vix_GetProperties")) == 1


def test_unknown_property_hides_no_other(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on")
    openvix.fault(call="Vix_GetProperties", times=2, error=6000)

    def work(host):
        with host.open_vm(web) as vm:
            return vm.describe()

    described = on_host(work)

    assert (described["path"], described["name"], described["cpus"]) == (None, "web", 1)
