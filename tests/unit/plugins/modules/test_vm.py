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
def test_absent_keeps_disks(openvix, ladder, power):
    web = openvix.add_vm("web", power=power)
    folder = pathlib.Path(web).parent

    done = ladder("vm", lambda: sorted(path.name for path in folder.iterdir()), ["remaining"], vm=web, state="absent")

    assert done["diff"] == {"before": {"state": "present"}, "after": {"state": "absent"}}
    assert "web.vmdk" in done["remaining"]
    assert "web.vmx" not in done["remaining"]
    assert folder.joinpath("web.vmdk").exists()
    assert web not in openvix.vms


def test_delete_disks_removes_disks(openvix, ladder):
    web = openvix.add_vm("web")
    pathlib.Path(web).with_name("notes.txt").touch()

    done = ladder("vm", lambda: openvix.vms, ["remaining"], vm=web, state="absent", delete_disks=True)

    assert done["remaining"] == ["notes.txt"], "what the user put there stays"


def test_absent_removes_whole_directory(openvix, run_module):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])

    assert run_module("vm", vm=web, state="absent", delete_disks=True)["remaining"] == []
    assert not pathlib.Path(web).parent.exists()


@pytest.mark.parametrize("power", ["powered_on", "paused"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_running_vm_not_deleted(openvix, run_module, power, check_mode):
    web = openvix.add_vm("web", power=power)

    result = run_module("vm", vm=web, state="absent", check_mode=check_mode)

    assert result["msg"] == f"deleting {web}: the VM is {power}: set power_off=true to power it off first"
    assert openvix.vms[web] == power


@pytest.mark.parametrize("power", ["powered_on", "paused"])
@pytest.mark.parametrize(("stop", "stopped"), [("soft_then_hard", "soft"), ("hard", "hard")])
def test_power_off_then_deleted(openvix, ladder, power, stop, stopped):
    web = openvix.add_vm("web", power=power)

    done = ladder("vm", lambda: openvix.vms, ["remaining", "stopped"], vm=web, state="absent", power_off=True, stop=stop)

    assert done["stopped"] == stopped
    assert web not in openvix.vms


def test_soft_stop_ignored_vm_kept(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", soft_stop="ignored")

    result = run_module("vm", vm=web, state="absent", power_off=True, stop="soft", soft_timeout=1)

    assert result["error"] == "TimedOut"
    assert openvix.vms[web] == "powered_on"


def test_missing_vm_is_absent(openvix, run_module):
    result = run_module("vm", vm=f"{openvix.directory}/vms/none/none.vmx", state="absent", delete_disks=True)

    assert (result["changed"], result["diff"]) == (False, {"before": {"state": "absent"}, "after": {"state": "absent"}})


def test_invalid_vmx_is_not_absent(openvix, run_module, tmp_path):
    (tmp_path / "web.vmx").write_text('config.version = "8"\n')

    result = run_module("vm", vm=str(tmp_path / "web.vmx"), state="absent")

    assert result["error"] == "VMNotFound"
    assert (tmp_path / "web.vmx").exists()


def test_vm_open_in_window_reported(openvix, run_module):
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
def test_linked_clones_refuse_delete(openvix, run_module, copy, delete_disks, check_mode):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)

    result = run_module("vm", vm=web, state="absent", delete_disks=delete_disks, check_mode=check_mode)

    assert result["msg"] == f"deleting {web}: linked clones depend on this VM's disks: {copy}; delete them first, or set force=true"
    assert web in openvix.vms


def test_force_deletes_and_lists_clones(openvix, ladder, run_module, copy):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)

    predicted = run_module("vm", vm=web, state="absent", force=True, check_mode=True)
    done = run_module("vm", vm=web, state="absent", force=True)

    assert predicted["linked_clones"] == done["linked_clones"] == [copy]
    assert done["diff"] == predicted["diff"]
    assert web not in openvix.vms


def test_deleted_clone_not_counted(openvix, run_module, copy):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)

    assert run_module("vm", vm=copy, state="absent", delete_disks=True)["changed"]
    assert run_module("vm", vm=web, state="absent", delete_disks=True)["linked_clones"] == []


def test_clone_known_only_by_itself_found(openvix, run_module, copy):
    web = openvix.add_vm("web", snapshots=[{"name": "base"}])
    clone(run_module, web, copy)
    vmsd = pathlib.Path(web).with_suffix(".vmsd")
    vmsd.write_text("".join(line for line in vmsd.read_text().splitlines(keepends=True) if "lone" not in line))

    assert copy in run_module("vm", vm=web, state="absent")["msg"]


def test_full_clone_not_counted(openvix, run_module, copy):
    web = openvix.add_vm("web")
    run_module("vm_clone", vm=web, dest=copy)

    assert run_module("vm", vm=web, state="absent", delete_disks=True)["changed"]
    assert run_module("vm_power", vm=copy, state="powered_on")["changed"]


def test_unreadable_vmsd_refuses_delete(openvix, run_module):
    web = openvix.add_vm("web")
    pathlib.Path(web).with_suffix(".vmsd").write_bytes(b"\0")

    result = run_module("vm", vm=web, state="absent")

    assert "the linked clones of this VM cannot be determined" in result["msg"]
    assert "it is not a text file): set force=true to delete it anyway" in result["msg"]


def test_failed_delete_not_reported_as_change(openvix, run_module):
    """The lesson of ansible/ansible issue 28498: success is reported only from values that were read back."""
    web = openvix.add_vm("web")
    openvix.fault(call="VixVM_Delete", error=36)

    result = run_module("vm", vm=web, state="absent")

    assert (result["failed"], result["vix_code"]) == (True, 36)
    assert web in openvix.vms


def test_encrypted_vm_deleted_with_password(openvix, ladder):
    web = openvix.add_vm("web", password="s3cret-of-vm")

    assert ladder("vm", lambda: openvix.vms, ["remaining"], vm=web, state="absent", vm_password="s3cret-of-vm", secrets=["s3cret-of-vm"])["changed"]


@pytest.mark.parametrize("state", ["registered", "unregistered"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_no_inventory_unchanged_and_reported(openvix, run_module, state, check_mode):
    web = openvix.add_vm("web")

    result = run_module("vm", vm=web, state=state, check_mode=check_mode)

    assert (result["changed"], result["has_inventory"]) == (False, False)
    assert openvix.calls("VixHost_RegisterVM") == openvix.calls("VixHost_UnregisterVM") == []


@pytest.mark.parametrize(("product", "connection"), [("vi_server", VI_SERVER), ("workstation_shared", SHARED)])
def test_inventory_registers_and_unregisters(request, product, connection, openvix_of, ladder):
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
def test_running_vm_not_unregistered(openvix, run_module):
    openvix.add_vm("web", power="powered_on")

    result = run_module("vm", vm="[standard] web/web.vmx", state="unregistered", **VI_SERVER)

    assert result["msg"].startswith("unregistering [standard] web/web.vmx: ")
    assert "(VIX_E_VM_IS_RUNNING, 3007); the VM must not be powered on for this" in result["msg"]


@pytest.mark.openvix(product="vi_server")
def test_vi_server_needs_delete_disks(openvix, run_module):
    openvix.add_vm("web")
    web = "[standard] web/web.vmx"

    assert run_module("vm", vm=web, state="absent", **VI_SERVER)["msg"].endswith("set delete_disks=true, or use state=unregistered")

    done = run_module("vm", vm=web, state="absent", delete_disks=True, **VI_SERVER)
    assert (done["changed"], "remaining" in done) == (True, False)
    assert not run_module("vm", vm=web, state="absent", delete_disks=True, **VI_SERVER)["changed"]
