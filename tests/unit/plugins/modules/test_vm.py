# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest

VI_SERVER = {"provider": "vi_server", "hostname": "https://esx.example.com/sdk", "username": "root", "password": "s3cret-of-host", "validate_certs": False}
SHARED = {**VI_SERVER, "provider": "workstation_shared"}


def clone(run_module, vm, path):
    assert run_module("vm_clone", vm=vm, dest=path, linked=True)["changed"]
    return path


@pytest.fixture
def copy(openvix):
    return f"{openvix.directory}/vms/copy/copy.vmx"


@pytest.mark.parametrize("power", ["powered_off", "suspended"])
def test_a_vm_is_deleted_and_its_disks_are_kept(openvix, ladder, power):
    web = openvix.add_vm("web", power=power)
    folder = pathlib.Path(web).parent

    done = ladder("vm", lambda: sorted(path.name for path in folder.iterdir()), ["remaining"], vm=web, state="absent")

    assert done["diff"] == {"before": {"state": "present"}, "after": {"state": "absent"}}
    assert "web.vmdk" in done["remaining"]
    assert "web.vmx" not in done["remaining"]
    assert folder.joinpath("web.vmdk").exists()
    assert web not in openvix.vms


def test_disks_go_when_it_is_said(openvix, ladder):
    web = openvix.add_vm("web")
    pathlib.Path(web).with_name("notes.txt").touch()

    done = ladder("vm", lambda: openvix.vms, ["remaining"], vm=web, state="absent", delete_disks=True)

    assert done["remaining"] == ["notes.txt"], "what the user put there stays"


def test_the_folder_goes_with_all_that_was_in_it(openvix, run_module):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])

    assert run_module("vm", vm=web, state="absent", delete_disks=True)["remaining"] == []
    assert not pathlib.Path(web).parent.exists()


@pytest.mark.parametrize("power", ["powered_on", "paused"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_vm_that_runs_is_not_deleted(openvix, run_module, power, check_mode):
    web = openvix.add_vm("web", power=power)

    result = run_module("vm", vm=web, state="absent", check_mode=check_mode)

    assert result["msg"] == f"deleting {web}: the VM is {power}: set power_off to have it powered off first"
    assert openvix.vms[web] == power


@pytest.mark.parametrize("power", ["powered_on", "paused"])
@pytest.mark.parametrize(("stop", "stopped"), [("soft_then_hard", "soft"), ("hard", "hard")])
def test_a_vm_that_runs_is_powered_off_first_when_told_to(openvix, ladder, power, stop, stopped):
    web = openvix.add_vm("web", power=power)

    done = ladder("vm", lambda: openvix.vms, ["remaining", "stopped"], vm=web, state="absent", power_off=True, stop=stop)

    assert done["stopped"] == stopped
    assert web not in openvix.vms


def test_a_guest_that_does_not_obey_keeps_its_vm_when_only_soft_is_allowed(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", soft_stop="ignored")

    result = run_module("vm", vm=web, state="absent", power_off=True, stop="soft", soft_timeout=1)

    assert result["error"] == "TimedOut"
    assert openvix.vms[web] == "powered_on"


def test_a_vm_that_is_not_there_is_absent_already(openvix, run_module):
    result = run_module("vm", vm=f"{openvix.directory}/vms/none/none.vmx", state="absent", delete_disks=True)

    assert (result["changed"], result["diff"]) == (False, {"before": {"state": "absent"}, "after": {"state": "absent"}})


def test_a_file_that_vix_does_not_take_for_a_vm_is_not_absent(openvix, run_module, tmp_path):
    (tmp_path / "web.vmx").write_text('config.version = "8"\n')

    result = run_module("vm", vm=str(tmp_path / "web.vmx"), state="absent")

    assert result["error"] == "VMNotFound"
    assert (tmp_path / "web.vmx").exists()


def test_a_vm_that_is_open_in_a_window_is_told_to_be(openvix, run_module):
    """The lesson of bottkars/vmxtoolkit issue 1: a VM that is open in VMware's window cannot be removed, and nobody says why."""
    web = openvix.add_vm("web")
    lock = pathlib.Path(f"{web}.lck")
    lock.mkdir()
    lock.joinpath("M12345.lck").write_text("another program")

    result = run_module("vm", vm=web, state="absent")

    assert result["msg"].startswith(f"deleting {web}: ")
    assert result["msg"].endswith("(VIX_E_FILE_ALREADY_LOCKED, 15); another program has the VM open: close its tab or window there")
    assert web in openvix.vms


@pytest.mark.parametrize("delete_disks", [True, False])
@pytest.mark.parametrize("check_mode", [True, False])
def test_linked_clones_are_named_before_a_vm_dies(openvix, run_module, copy, delete_disks, check_mode):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)

    result = run_module("vm", vm=web, state="absent", delete_disks=delete_disks, check_mode=check_mode)

    assert result["msg"] == f"deleting {web}: linked clones hang on its disks, and would be lost with it: {copy}; delete those first, or set force"
    assert web in openvix.vms


def test_linked_clones_are_lost_when_that_is_forced_and_told(openvix, ladder, run_module, copy):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)

    foretold = run_module("vm", vm=web, state="absent", force=True, check_mode=True)
    done = run_module("vm", vm=web, state="absent", force=True)

    assert foretold["linked_clones"] == done["linked_clones"] == [copy]
    assert done["diff"] == foretold["diff"]
    assert web not in openvix.vms


def test_a_linked_clone_that_went_first_is_no_hindrance(openvix, run_module, copy):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)

    assert run_module("vm", vm=copy, state="absent", delete_disks=True)["changed"]
    assert run_module("vm", vm=web, state="absent", delete_disks=True)["linked_clones"] == []


def test_a_linked_clone_that_only_the_clone_knows_of_is_found(openvix, run_module, copy):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)
    vmsd = pathlib.Path(web).with_suffix(".vmsd")
    vmsd.write_text("".join(line for line in vmsd.read_text().splitlines(keepends=True) if "lone" not in line))

    assert copy in run_module("vm", vm=web, state="absent")["msg"]


def test_a_full_clone_is_no_hindrance(openvix, run_module, copy):
    web = openvix.add_vm("web")
    run_module("vm_clone", vm=web, dest=copy)

    assert run_module("vm", vm=web, state="absent", delete_disks=True)["changed"]
    assert run_module("vm_power", vm=copy, state="powered_on")["changed"]


def test_what_clones_there_are_is_not_guessed(openvix, run_module):
    web = openvix.add_vm("web")
    pathlib.Path(web).with_suffix(".vmsd").write_bytes(b"\0")

    result = run_module("vm", vm=web, state="absent")

    assert "what linked clones the VM has cannot be known" in result["msg"]
    assert "it is not a text file): set force to delete it all the same" in result["msg"]


def test_a_delete_that_did_not_happen_is_not_told_as_one(openvix, run_module):
    """The lesson of ansible/ansible issue 28498: success is told only of what was read back."""
    web = openvix.add_vm("web")
    openvix.fault(call="VixVM_Delete", error=36)

    result = run_module("vm", vm=web, state="absent")

    assert (result["failed"], result["vix_code"]) == (True, 36)
    assert web in openvix.vms


def test_an_encrypted_vm_is_deleted_with_its_password(openvix, ladder):
    web = openvix.add_vm("web", password="s3cret-of-vm")

    assert ladder("vm", lambda: openvix.vms, ["remaining"], vm=web, state="absent", vm_password="s3cret-of-vm", secrets=["s3cret-of-vm"])["changed"]


@pytest.mark.parametrize("state", ["registered", "unregistered"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_without_an_inventory_nothing_is_done_and_that_is_told(openvix, run_module, state, check_mode):
    web = openvix.add_vm("web")

    result = run_module("vm", vm=web, state=state, check_mode=check_mode)

    assert (result["changed"], result["has_inventory"]) == (False, False)
    assert openvix.calls("VixHost_RegisterVM") == openvix.calls("VixHost_UnregisterVM") == []


@pytest.mark.parametrize(("product", "connection"), [("vi_server", VI_SERVER), ("workstation_shared", SHARED)])
def test_an_inventory_has_what_it_shall_have(request, product, connection, openvix_of, ladder):
    openvix = openvix_of(product)
    openvix.add_vm("web")
    web = "[standard] web/web.vmx"

    out = ladder("vm", vm=web, state="unregistered", **connection)
    back = ladder("vm", vm=web, state="registered", **connection)

    assert out["diff"] == {"before": {"has_inventory": True, "registered": True}, "after": {"has_inventory": True, "registered": False}}
    assert back["diff"] == {"before": {"has_inventory": True, "registered": False}, "after": {"has_inventory": True, "registered": True}}
    assert out["has_inventory"] is True


@pytest.fixture
def openvix_of(request):
    def make(product):
        request.node.add_marker(pytest.mark.openvix(product=product))
        return request.getfixturevalue("openvix")

    return make


@pytest.mark.openvix(product="vi_server")
def test_a_vm_that_runs_is_not_unregistered(openvix, run_module):
    openvix.add_vm("web", power="powered_on")

    result = run_module("vm", vm="[standard] web/web.vmx", state="unregistered", **VI_SERVER)

    assert result["msg"].startswith("unregistering [standard] web/web.vmx: ")
    assert "(VIX_E_VM_IS_RUNNING, 3007); the VM must not be powered on for this" in result["msg"]


@pytest.mark.openvix(product="vi_server")
def test_a_vi_server_deletes_no_vm_without_its_disks(openvix, run_module):
    openvix.add_vm("web")
    web = "[standard] web/web.vmx"

    assert run_module("vm", vm=web, state="absent", **VI_SERVER)["msg"].endswith("set delete_disks, or unregister the VM")

    done = run_module("vm", vm=web, state="absent", delete_disks=True, **VI_SERVER)
    assert (done["changed"], "remaining" in done) == (True, False)
    assert not run_module("vm", vm=web, state="absent", delete_disks=True, **VI_SERVER)["changed"]
