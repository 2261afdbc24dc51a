# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker

REMOTE = {"provider": "vi_server", "hostname": "https://esx.example.com/sdk", "username": "root", "password": "s3cret", "validate_certs": False}


def test_full_clone_handle_released(openvix, on_host):
    web, copy = openvix.add_vm("web"), f"{openvix.directory}/vms/copy/copy.vmx"

    def work(host):
        with host.open_vm(web) as vm:
            vm.clone(copy)
        with host.open_vm(copy) as clone:
            return clone.path, clone.power

    assert on_host(work) == [copy, "powered_off"]
    assert openvix.handles() == []


def test_linked_clone_depends_on_snapshot(openvix, on_host):
    web, copy = openvix.add_vm("web", snapshots=[{"name": "one"}, {"name": "two"}]), f"{openvix.directory}/vms/copy/copy.vmx"

    def work(host):
        with host.open_vm(web) as vm:
            one, two = vm.snapshot_tree()
            vm.clone(copy, one, linked=True)
            vm.remove_snapshot(two)
            return [node.name for node in vm.snapshot_tree()]

    assert on_host(work) == ["one"], "VIX took no extra snapshot"


def test_clone_over_vm_refused_by_vix(openvix, on_host):
    web, other = openvix.add_vm("web"), openvix.add_vm("other")

    def work(host):
        with host.open_vm(web) as vm:
            vm.clone(other)

    with pytest.raises(_worker.Failure, match=f"cloning to {other} from {web}: .*VIX_E_FILE_ALREADY_EXISTS, 12"):
        on_host(work)


@pytest.mark.parametrize("disks", [True, False])
def test_delete_with_or_without_disks(openvix, on_host, disks):
    web = openvix.add_vm("web")

    def work(host):
        with host.open_vm(web) as vm:
            vm.delete(disks)

    on_host(work)

    assert web not in openvix.vms
    assert (openvix.directory / "vms" / "web" / "web.vmdk").exists() != disks


def test_running_vm_not_deleted_by_vix(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on")

    def work(host):
        with host.open_vm(web) as vm:
            vm.delete(True)

    with pytest.raises(_worker.Failure, match=r"deleting .*VIX_E_VM_IS_RUNNING, 3007"):
        on_host(work)


def test_hardware_upgraded(openvix, on_host):
    web = openvix.add_vm("web", hardware=10)

    def work(host):
        with host.open_vm(web) as vm:
            vm.upgrade_hardware()
            return "hardware_upgrade" in vm.features

    assert on_host(work) is True
    assert 'virtualHW.version = "21"' in (openvix.directory / "vms" / "web" / "web.vmx").read_text()


def test_register_without_inventory_no_effect(openvix, on_host):
    web = openvix.add_vm("web")

    def work(host):
        host.unregister(web)
        host.register(web)

    on_host(work)
    with pytest.raises(_worker.Failure, match=r"listing the registered VMs: .*VIX_E_NOT_SUPPORTED, 6"):
        on_host(lambda host: host.registered())


@pytest.mark.openvix(product="vi_server")
def test_inventory_changed_and_listed(openvix, on_host):
    openvix.add_vm("web")
    openvix.add_vm("db")
    web, db = "[standard] web/web.vmx", "[standard] db/db.vmx"

    def work(host):
        before = sorted(host.registered())
        host.unregister(web)
        between = host.registered()
        host.register(web)
        return before, between, sorted(host.registered())

    assert on_host(work, **REMOTE) == [[db, web], [db], [db, web]]
