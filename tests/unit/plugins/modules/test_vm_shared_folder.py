# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import re
import threading
import time

import pytest

stepped = pytest.mark.openvix(clock="stepped")
LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
SWITCH = "isolation.tools.hgfs.disable"


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)


@pytest.fixture
def site(tmp_path):
    """A directory of the VM host."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("Welcome\n")
    return str(folder)


def reconfigure(run_module, vm, pattern, text):
    """Change a line of the .vmx, while the VM is off."""
    run_module("vm_power", vm=vm, state="powered_off", stop="hard")
    config = pathlib.Path(vm)
    changed, times = re.subn(pattern, text, config.read_text(), flags=re.MULTILINE)
    assert times == 1
    config.write_text(changed)
    run_module("vm_power", vm=vm, state="powered_on")


def meanwhile(openvix, call, work, other):
    """Do some work, something else while its first such call is under way, and return the result of the work. The call lasts until the time moves on."""
    results = []
    before = len(openvix.calls(call))
    task = threading.Thread(target=lambda: results.append(work()))
    task.start()
    while task.is_alive() and len(openvix.calls(call)) == before:
        time.sleep(0.01)
    assert task.is_alive(), results
    assert other()["_rc"] == 0
    openvix.advance(1)
    task.join()
    assert results[0]["_rc"] == 0, results
    return results[0]


def names(result):
    return [folder["name"] for folder in result["folders"]]


@pytest.mark.parametrize("writable", [False, True])
def test_folder_added_and_removed(openvix, ladder, web, site, writable):
    def untouched():
        return pathlib.Path(web).read_text()

    folder = {"name": "site", "path": site, "writable": writable}

    done = ladder("vm_shared_folder", untouched, vm=web, **folder, **LOGIN)

    assert done["diff"] == {"before": {"enabled": None, "folders": []}, "after": {"enabled": True, "folders": [folder]}}
    assert (done["vm"], done["enabled"], done["folders"]) == (web, True, [folder])

    gone = ladder("vm_shared_folder", untouched, vm=web, name="site", state="absent")

    assert gone["diff"] == {"before": {"enabled": True, "folders": [folder]}, "after": {"enabled": True, "folders": []}}
    assert pathlib.Path(site, "index.html").read_text() == "Welcome\n"


@pytest.mark.parametrize("change", [{"writable": True}, {"path": "elsewhere"}])
def test_different_folder_updated(openvix, ladder, run_module, web, site, tmp_path, change):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    wanted = {"name": "site", "path": site, "writable": False, **change}
    if wanted["path"] != site:
        wanted["path"] = str(tmp_path / wanted["path"])
        pathlib.Path(wanted["path"]).mkdir()

    done = ladder("vm_shared_folder", vm=web, **wanted)

    assert done["folders"] == [wanted]
    assert len(openvix.calls("VixVM_AddSharedFolder")) == 1


def test_others_kept_unless_exclusive(ladder, run_module, web, site):
    for name in ("zeta", "alpha", "middle"):
        run_module("vm_shared_folder", vm=web, name=name, path=site)

    assert names(ladder("vm_shared_folder", vm=web, name="site", path=site)) == ["alpha", "middle", "site", "zeta"]

    exclusive = [{"name": "site", "path": site}, {"name": "new", "path": site, "writable": True}]
    assert names(ladder("vm_shared_folder", vm=web, folders=exclusive, exclusive=True)) == ["new", "site"]
    assert names(ladder("vm_shared_folder", vm=web, folders=[], exclusive=True)) == []


def test_several_removed_despite_renumbering(ladder, run_module, web, site):
    folders = [{"name": name, "path": site} for name in ("one", "two", "three", "four")]
    run_module("vm_shared_folder", vm=web, folders=folders)

    done = ladder("vm_shared_folder", vm=web, folders=[{"name": "one"}, {"name": "three"}, {"name": "none"}], state="absent")

    assert names(done) == ["four", "two"]


def test_trailing_slash_ignored(run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)

    assert not run_module("vm_shared_folder", vm=web, name="site", path=f"{site}/")["changed"]


def test_enabled_only_with_new_folder(openvix, run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    run_module("vm_shared_folder", vm=web, name="site", state="absent")

    assert len(openvix.calls("VixVM_EnableSharedFolders")) == 1


def test_disabled_sharing_enabled(ladder, run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    reconfigure(run_module, web, f"^{re.escape(SWITCH)} = .*$", f'{SWITCH} = "TRUE"')

    done = ladder("vm_shared_folder", vm=web, name="site", path=site, **LOGIN)

    assert (done["diff"]["before"]["enabled"], done["enabled"]) == (False, True)


def test_waits_until_guest_sees_folder(openvix, run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site, secrets=["s3cret-lab"], **LOGIN)

    assert len(openvix.calls("VixVM_DirectoryExistsInGuest")) >= 1
    calls = [call["call"] for call in openvix.calls()]
    assert calls.index("VixVM_AddSharedFolder") < calls.index("VixVM_LoginInGuest") < calls.index("VixVM_DirectoryExistsInGuest")


@pytest.mark.parametrize("options", [{}, {**LOGIN, "guest_timeout": 0}, {**LOGIN, "check_mode": True}])
def test_guest_not_asked_without_login_or_time(openvix, run_module, web, site, options):
    assert run_module("vm_shared_folder", vm=web, name="site", path=site, **options)["changed"]

    assert openvix.calls("VixVM_LoginInGuest") == []


def test_folder_not_visible_is_error(run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    reconfigure(run_module, web, f"^{re.escape(SWITCH)} = .*\n", "")

    result = run_module("vm_shared_folder", vm=web, name="site", path=site, guest_timeout=1, **LOGIN)

    assert result["msg"] == (
        f"waiting until the guest of {web} sees the shared folder site: lab cannot see /mnt/hgfs/site after 1 s; "
        "check that the guest mounts shared folders there and that this user has access to them"
    )
    assert result["error"] == "TimedOut"


@stepped
@pytest.mark.parametrize("same", [True, False])
def test_folder_added_meanwhile_updated(openvix, run_module, web, site, tmp_path, same):
    openvix.fault(call="VixVM_AddSharedFolder", times=1, error=23, delay=1)

    result = meanwhile(
        openvix,
        "VixVM_AddSharedFolder",
        lambda: run_module("vm_shared_folder", vm=web, name="site", path=site),
        lambda: run_module("vm_shared_folder", vm=web, name="site", path=site if same else str(tmp_path)),
    )

    assert result["folders"] == [{"name": "site", "path": site, "writable": False}]
    assert len(openvix.calls("VixVM_SetSharedFolderState")) == (0 if same else 1)


@stepped
def test_folder_removed_meanwhile_accepted(openvix, run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    openvix.fault(call="VixVM_RemoveSharedFolder", times=1, error=2000, delay=1)

    def remove():
        return run_module("vm_shared_folder", vm=web, name="site", state="absent")

    assert meanwhile(openvix, "VixVM_RemoveSharedFolder", remove, remove)["folders"] == []


@stepped
def test_folder_removed_during_update_added(openvix, run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    openvix.fault(call="VixVM_SetSharedFolderState", times=1, error=2000, delay=1)

    result = meanwhile(
        openvix,
        "VixVM_SetSharedFolderState",
        lambda: run_module("vm_shared_folder", vm=web, name="site", path=site, writable=True),
        lambda: run_module("vm_shared_folder", vm=web, name="site", state="absent"),
    )

    assert result["folders"] == [{"name": "site", "path": site, "writable": True}]


def test_not_found_but_listed_is_error(openvix, run_module, web, site):
    run_module("vm_shared_folder", vm=web, name="site", path=site)
    openvix.fault(call="VixVM_RemoveSharedFolder", error=2000)

    assert run_module("vm_shared_folder", vm=web, name="site", state="absent")["vix_code"] == 2000


def test_missing_directory_reported_before_vix(openvix, run_module, web, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file"):
        result = run_module("vm_shared_folder", vm=web, name="site", path=str(path))
        assert result["msg"] == f"reading the path of site: {path} is not a directory of the VM host"

    assert openvix.calls("VixHost_OpenVM") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "site"}, "reading the path of site: state=present requires the path of the shared folder"),
        ({"name": "site", "path": "srv"}, "reading the path of site: srv is not an absolute path"),
        ({"name": "a/b", "path": "/tmp"}, "reading the name 'a/b': the name of a shared folder cannot be empty or contain a slash"),
        ({"folders": [{"name": "a"}, {"name": "a"}], "state": "absent"}, "reading the shared folders: a is named more than once"),
        (
            {"name": "a", "state": "absent", "exclusive": True},
            "reading the shared folders: exclusive=true cannot be used with state=absent",
        ),
    ],
)
def test_invalid_options_reported(openvix, run_module, web, options, sentence):
    assert run_module("vm_shared_folder", vm=web, **options)["msg"] == sentence
    assert openvix.calls("VixHost_OpenVM") == []


@pytest.mark.parametrize("power", ["powered_off", "suspended", "paused"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_powered_off_vm_refused(openvix, run_module, power, check_mode):
    vm = openvix.add_vm("db", power=power)

    assert (
        run_module("vm_shared_folder", vm=vm, name="tmp", path="/tmp", check_mode=check_mode)["msg"]
        == f"waiting for VMware Tools in {vm}: the VM is {power}; power it on first (vmlab.vix.vm_power)"
    )


def test_unsupported_product_reported(openvix, run_module, web):
    openvix.fault(call="VixVM_GetNumSharedFolders", error=6)

    result = run_module("vm_shared_folder", vm=web, name="tmp", path="/tmp")

    assert result["error"] == "NotSupported"
    assert result["msg"].startswith(
        f"counting the shared folders of {web}: this product does not support shared folders; VMware Workstation, Player and Fusion do"
    )
