# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import threading
import time

import pytest


@pytest.mark.parametrize("power", ["powered_on", "powered_off", "suspended", "paused"])
def test_vm_described_in_each_state(openvix, run_module, power):
    web = openvix.add_vm("web", power=power, memory=2048, cpus=2, guest_os="debian12-64")

    result = run_module("vm_info", vm=web, gather=[])

    [vm] = result["vms"]
    assert not result["changed"]
    assert vm.pop("tools") in ("running", "unknown")
    assert vm.pop("power_details") in ([], ["tools_running"])
    assert vm == {
        "path": web,
        "name": "web",
        "power": power,
        "power_unknown_bits": 0,
        "question_pending": False,
        "guest_os": "debian12-64",
        "cpus": 2,
        "memory": 2048,
        "features": ["shared_folders", "multiple_snapshots", "tools_install", "hardware_upgrade"],
        "encrypted": False,
        "locked": power in ("powered_on", "paused"),
    }


def test_vms_returned_in_requested_order(openvix, run_module):
    web, db = openvix.add_vm("web"), openvix.add_vm("db")

    assert [vm["path"] for vm in run_module("vm_info", vms=[web, db])["vms"]] == [web, db]
    assert [vm["path"] for vm in run_module("vm_info", vms=[db, web])["vms"]] == [db, web]


def test_default_returns_running_vms(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    openvix.add_vm("db")
    paused = openvix.add_vm("paused", power="paused")

    assert {vm["path"] for vm in run_module("vm_info")["vms"]} == {web, paused}


def test_dead_listed_vm_does_not_hide_others(openvix, run_module):
    """The lesson of xlang-ai/OSWorld issue 42: dead VMs stay in the list of the running ones."""
    web, dead = openvix.add_vm("web", power="powered_on"), openvix.add_vm("dead", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", vm="dead", error=4000)

    vms = {vm["path"]: vm for vm in run_module("vm_info")["vms"]}

    assert vms[web]["power"] == "powered_on"
    assert vms[dead].pop("error").startswith(f"opening {dead}: ")
    assert vms[dead] == {"path": dead, "name": "dead", "encrypted": False}


def test_encrypted_running_vm_described(openvix, run_module):
    """The lesson of hashicorp/vagrant-vmware-desktop issue 101: encrypted VMs are VMs like others."""
    web = openvix.add_vm("web", power="powered_on")
    desk = openvix.add_vm("desk", power="powered_on", password="s3cret-vm")

    without = {vm["path"]: vm for vm in run_module("vm_info")["vms"]}
    known = {vm["path"]: vm for vm in run_module("vm_info", vm_password="s3cret-vm", secrets=["s3cret-vm"])["vms"]}

    assert "; the VM is encrypted: give its password as vm_password" in without[desk].pop("error")
    assert without[desk] == {"path": desk, "name": "desk", "encrypted": True}
    assert (known[desk]["power"], known[desk]["encrypted"], known[web]["encrypted"]) == ("powered_on", True, False)


def test_tools_running_reported(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    without = openvix.add_vm("without", power="powered_on", tools="not_installed")

    assert [vm["tools"] for vm in run_module("vm_info", vms=[web, without])["vms"]] == ["running", "not_installed"]


def test_gather_subsets_returned(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", snapshots=[{"name": "base", "children": [{"name": "clean"}]}])

    (vm,) = run_module("vm_info", vm=web)["vms"]

    assert vm["snapshots"] == ["base", "base/clean"]
    assert vm["power_details"] == ["tools_running"]
    assert (vm["power_unknown_bits"], vm["question_pending"], vm["locked"], vm["encrypted"]) == (0, False, True, False)
    assert vm["addresses"] == []
    assert "multiple_snapshots" in vm["features"]


def test_powered_off_vm_values_null(openvix, run_module):
    web = openvix.add_vm("web")

    (vm,) = run_module("vm_info", vm=web)["vms"]

    assert (vm["shared_folders"], vm["addresses"], vm["locked"]) == (None, [], False)


def test_vmx_address_with_source(openvix, run_module):
    """The lesson of vmware/open-vm-tools issue 93: every candidate is returned with its source, so that the right one can be chosen."""
    web = openvix.add_vm("web")
    with open(web, "a") as file:
        file.write('guestinfo.ip = "192.0.2.7"\n')

    assert run_module("vm_info", vm=web)["vms"][0]["addresses"] == [{"address": "192.0.2.7", "source": "vmx"}]


def test_no_snapshot_support_rest_returned(openvix, run_module):
    """The lesson of hashicorp/vagrant-vmware-desktop issue 91: Player does not support snapshots, and this is not an error."""
    web = openvix.add_vm("web")
    openvix.fault(call="VixVM_GetCurrentSnapshot", error=6)

    assert run_module("vm_info", vm=web)["vms"][0]["snapshots"] is None


@pytest.fixture
def listed(monkeypatch, tmp_path):
    """Write VMware's own list of the user who runs the task."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def write(*vms):
        place = tmp_path / ".vmware" / "inventory.vmls"
        place.parent.mkdir()
        lines = [f'vmlist{number}.config = "{path}"\nvmlist{number}.DisplayName = "{name}"' for number, (path, name) in enumerate(vms, 1)]
        place.write_text("\n".join(lines) + "\n")

    return write


def test_known_adds_vmware_lists(openvix, run_module, listed):
    """The lesson of msteinhoff/vmfusion-python issue 9: VMs that are off are wanted too."""
    web, db, gone = openvix.add_vm("web", power="powered_on"), openvix.add_vm("db"), "/nowhere/gone.vmx"
    listed((db, "db"), (gone, "gone"))

    vms = {vm["path"]: vm for vm in run_module("vm_info", which="known")["vms"]}

    assert set(vms) == {web, db, gone}
    assert (vms[db]["power"], vms[web]["power"]) == ("powered_off", "powered_on")
    assert vms[gone]["error"].startswith(f"opening {gone}: ")


def test_vm_found_by_display_name(openvix, run_module, listed):
    web, db = openvix.add_vm("web", power="powered_on"), openvix.add_vm("db")
    listed((db, "db"))

    assert run_module("vm_info", vm="web")["vms"][0]["path"] == web
    assert run_module("vm_info", vm="db")["vms"][0]["path"] == db
    assert [vm["path"] for vm in run_module("vm_info", vms=["db", "web"])["vms"]] == [db, web]


def test_unknown_name_lists_names(openvix, run_module, listed):
    openvix.add_vm("web", power="powered_on")

    result = run_module("vm_info", vm="wab")

    assert result["msg"].startswith("finding VM wab: no VM has that name; known names: web; looked at the running VMs, VMware's lists (")
    assert result["error"] == "VMNotFound"


def test_known_adds_named_directories(openvix, run_module, tmp_path):
    db = openvix.add_vm("db", power="powered_off")
    place = tmp_path / "labs" / "old"
    place.mkdir(parents=True)
    (place / "old.vmx").write_text('displayName = "old"\n')

    found = run_module("vm_info", which="known", vm_directories=[str(tmp_path / "labs")])

    assert {vm["path"] for vm in found["vms"]} == {db, str(place / "old.vmx")}


def test_name_found_by_environment(openvix, run_module, monkeypatch, tmp_path):
    web = openvix.add_vm("web", power="powered_off")
    monkeypatch.setenv("VIX_VM_DIRECTORIES", f"/nowhere:{openvix.directory}/vms")
    os.unlink(openvix.directory / "inventory.vmls")

    assert [vm["path"] for vm in run_module("vm_info", vm="web")["vms"]] == [web]


def test_broken_vmware_list_reported(openvix, run_module, listed, tmp_path):
    listed(("/vms/web.vmx", "web"))
    (tmp_path / ".vmware" / "inventory.vmls").write_text("no list\n")

    result = run_module("vm_info", which="known")

    assert result["msg"].startswith(f"listing the known VMs: a VM list of VMware cannot be read: {tmp_path}/.vmware/inventory.vmls: ")
    assert "exception" not in result


def test_deadline_not_reported_per_vm(openvix, run_module):
    for number in range(3):
        openvix.add_vm(f"vm{number}", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", delay=60)

    assert run_module("vm_info", timeout=1, passed=lambda: bool(openvix.calls("VixHost_OpenVM")))["error"] == "TimedOut"


def test_late_address_waited_for(openvix, run_module):
    """The lesson of vmware/open-vm-tools issue 718: one question for the address is not trusted."""
    web = openvix.add_vm("web", power="powered_on")
    results = []
    task = threading.Thread(target=lambda: results.append(run_module("vm_info", vm=web, address_timeout=50)))

    task.start()
    while task.is_alive() and len(openvix.calls("VixVM_ReadVariable")) < 2:
        time.sleep(0.01)
    openvix.change_vm(web, ip="192.0.2.9")
    task.join()

    assert results[0]["vms"][0]["addresses"] == [{"address": "192.0.2.9", "source": "tools"}]
    openvix.change_vm(web, ip="")
    assert run_module("vm_info", vm=web, address_timeout=1)["vms"][0]["addresses"] == []
