# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time

import pytest
from waiting import eventually

stepped = pytest.mark.openvix(clock="stepped")
SNAPSHOTS = [{"name": "base", "children": [{"name": "patched"}]}, {"name": "other"}]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", snapshots=SNAPSHOTS)


@pytest.fixture
def dest(openvix):
    return f"{openvix.directory}/vms/copy/copy.vmx"


def names(vm):
    """The names of the snapshots of a VM, as VMware keeps them."""
    lines = pathlib.Path(vm).with_suffix(".vmsd").read_text().splitlines()
    return [line.split('"')[1] for line in lines if ".displayName" in line]


def test_full_clone_of_current_state(openvix, ladder, web, dest):
    openvix.disk(web).joinpath("etc/motd").write_text("of web")

    done = ladder("vm_clone", lambda: openvix.vms, vm=web, dest=dest)

    assert done["diff"] == {"before": {"state": "absent"}, "after": {"state": "present", "name": "copy", "linked": False, "snapshot": ""}}
    assert (done["vm"], done["clone"], done["name"]) == (web, dest, "copy")
    assert openvix.vms[dest] == "powered_off"
    assert openvix.disk(dest).joinpath("etc/motd").read_text() == "of web"
    assert "path" not in done, "Ansible would add what it finds there"
    assert "dest" not in done


@pytest.mark.parametrize(("snapshot", "path"), [("patched", "base/patched"), ("/other", "other"), ("base", "base")])
@pytest.mark.parametrize("linked", [True, False])
def test_snapshot_by_name_and_path(openvix, ladder, web, dest, snapshot, path, linked):
    done = ladder("vm_clone", lambda: openvix.vms, vm=web, dest=dest, linked=linked, snapshot=snapshot, name="Another name: ä")

    assert (done["snapshot"], done["linked"], done["name"]) == (path, linked, "Another name: ä")
    assert display_name(dest) == "Another name: ä"


def display_name(vm):
    return next(line.split('"')[1] for line in pathlib.Path(vm).read_text(encoding="utf-8").splitlines() if line.startswith("displayName"))


def test_linked_clone_of_current_snapshot(run_module, ladder, openvix, web, dest):
    run_module("vm_snapshot", vm=web, name="base", state="reverted")

    assert ladder("vm_clone", vm=web, dest=dest, linked=True)["snapshot"] == "base"


def test_no_stray_snapshot_left(openvix, run_module, web):
    """The lesson of hashicorp/vagrant-vmware-desktop issues 43 and 61: snapshots named "Clone" pile up until a name is no longer unique."""
    before = names(web)

    for number in range(3):
        assert run_module("vm_clone", vm=web, dest=f"{openvix.directory}/vms/copy{number}/copy{number}.vmx", linked=True)["changed"]

    assert names(web) == before


def test_linked_clone_without_snapshot_refused(openvix, run_module, dest):
    bare = openvix.add_vm("bare")

    for check_mode in (True, False):
        result = run_module("vm_clone", vm=bare, dest=dest, linked=True, check_mode=check_mode)
        assert result["msg"] == (
            f"cloning to {dest} from {bare}: a linked clone requires a snapshot, and the VM has no current snapshot: take one first (vmlab.vix.vm_snapshot)"
        )
    assert openvix.calls("VixVM_Clone") == []
    assert names(bare) == []


def test_running_vm_linked_clone_only(openvix, run_module, dest):
    web = openvix.add_vm("web", power="powered_on", snapshots=SNAPSHOTS)

    for check_mode in (True, False):
        result = run_module("vm_clone", vm=web, dest=dest, check_mode=check_mode)
        assert result["msg"] == (
            f"cloning to {dest} from {web}: the VM is powered_on; a full clone requires a VM that is powered off or suspended: "
            "power it off first (vmlab.vix.vm_power)"
        )

    assert run_module("vm_clone", vm=web, dest=dest, linked=True)["changed"]
    assert openvix.vms[web] == "powered_on"


def test_suspended_vm_full_clone_only(openvix, run_module, dest):
    web = openvix.add_vm("web", power="suspended", snapshots=SNAPSHOTS)

    assert "a suspended VM cannot have linked clones" in run_module("vm_clone", vm=web, dest=dest, linked=True)["msg"]

    assert run_module("vm_clone", vm=web, dest=dest)["changed"]
    assert (openvix.vms[web], openvix.vms[dest]) == ("suspended", "powered_off")


def test_snapshot_of_running_vm_refused(openvix, run_module, dest):
    web = openvix.add_vm("web", power="powered_on")
    run_module("vm_snapshot", vm=web, name="live")

    for check_mode in (True, False):
        result = run_module("vm_clone", vm=web, dest=dest, linked=True, snapshot="live", check_mode=check_mode)
        assert result["msg"].endswith("snapshot live was taken while the VM was powered_on; only snapshots taken while it was powered off can be cloned")


def test_missing_snapshot_lists_existing(run_module, web, dest):
    result = run_module("vm_clone", vm=web, dest=dest, linked=True, snapshot="nope")

    assert (
        f"cloning to {dest} from {web}: snapshot nope does not exist; existing snapshots: base, base/patched, other (VIX_E_SNAPSHOT_NOTFOUND, 13003)"
        in result["msg"]
    )


def test_existing_clone_only_name_compared(openvix, run_module, web, dest):
    run_module("vm_clone", vm=web, dest=dest, snapshot="other")
    run_module("vm_snapshot", vm=web, name="other", state="absent")
    run_module("vm_power", vm=web, state="powered_on")
    run_module("vm_power", vm=dest, state="powered_on")

    again = run_module("vm_clone", vm=web, dest=dest, snapshot="other")

    assert (again["changed"], again["snapshot"]) == (False, "other")


def test_clone_renamed_rest_kept(openvix, ladder, run_module, web, dest):
    run_module("vm_clone", vm=web, dest=dest, linked=True, snapshot="base")

    done = ladder("vm_clone", lambda: pathlib.Path(dest).read_bytes(), vm=web, dest=dest, linked=True, name="web 1")

    assert done["diff"]["before"] == {"state": "present", "name": "copy", "linked": True, "snapshot": "base"}
    assert done["diff"]["after"] == {"state": "present", "name": "web 1", "linked": True, "snapshot": "base"}
    assert len(openvix.calls("VixVM_Clone")) == 1
    assert run_module("vm_power", vm=dest, state="powered_on")["changed"]


def test_running_clone_not_renamed(run_module, web, dest):
    run_module("vm_clone", vm=web, dest=dest)
    run_module("vm_power", vm=dest, state="powered_on")

    for check_mode in (True, False):
        result = run_module("vm_clone", vm=web, dest=dest, name="other", check_mode=check_mode)
        assert result["msg"].endswith("the clone is named copy and can be renamed to other only while it is powered off and not in use; it is powered_on")


def test_locked_clone_not_renamed(run_module, web, dest):
    run_module("vm_clone", vm=web, dest=dest)
    pathlib.Path(f"{dest}.lck").mkdir()

    assert f"another program has it open ({dest}.lck)" in run_module("vm_clone", vm=web, dest=dest, name="other")["msg"]
    assert display_name(dest) == "copy"


def test_other_vm_at_dest_refused(openvix, run_module, web):
    other = openvix.add_vm("other")

    result = run_module("vm_clone", vm=web, dest=other)

    assert result["msg"].startswith(f"cloning to {other} from {web}: a VM already exists at this path and is not marked as a clone")
    assert openvix.calls("VixVM_Clone") == []


def test_vm_itself_at_dest_refused(run_module, web):
    assert "a VM already exists at this path and is not marked as a clone" in run_module("vm_clone", vm=web, dest=web)["msg"]


def test_clone_of_other_vm_at_dest_refused(openvix, run_module, web, dest):
    other = openvix.add_vm("other")
    run_module("vm_clone", vm=other, dest=dest)

    assert f"a clone of another VM already exists at this path; its source is {other}; use another path" in run_module("vm_clone", vm=web, dest=dest)["msg"]


def test_clone_of_clone_not_of_grandparent(openvix, run_module, web, dest):
    second = f"{openvix.directory}/vms/second/second.vmx"
    run_module("vm_clone", vm=web, dest=dest)
    assert run_module("vm_clone", vm=dest, dest=second)["changed"]

    assert f"a clone of another VM already exists at this path; its source is {dest}" in run_module("vm_clone", vm=web, dest=second)["msg"]
    assert not run_module("vm_clone", vm=dest, dest=second)["changed"]


def test_clone_kind_not_changed(run_module, web, dest):
    run_module("vm_clone", vm=web, dest=dest)

    result = run_module("vm_clone", vm=web, dest=dest, linked=True)

    assert "the existing clone is a full clone, and VIX cannot convert it to a linked clone; use another path, or delete that VM" in result["msg"]


def test_manual_linked_clone_recognized(on_vm, run_module, web, dest):
    on_vm(web, lambda vm: vm.clone(dest, vm.snapshot_tree()[0], linked=True))

    result = run_module("vm_clone", vm=web, dest=dest, linked=True, name="copy")

    assert (result["changed"], result["diff"]["before"]["name"], result["name"], result["snapshot"]) == (True, "Clone of web", "copy", "")


@pytest.fixture
def on_vm(openvix):
    """Do some work of the binding on a VM."""
    from ansible_collections.vmlab.vix.plugins.module_utils import _session

    connection = {"provider": "default", "hostname": None, "port": 0, "username": None, "password": None, "validate_certs": True}

    def do(path, work):
        def on_host(host):
            with host.open_vm(path) as vm:
                return work(vm)

        return _session.run(on_host, {**connection, "library": openvix.environment["VIX_LIBRARY"], "timeout": 120})

    return do


def test_interrupted_clone_remains_named(openvix, run_module, web, dest):
    """The lesson of adobe/aquarium-fish issue 62: the remains of a crash are reported and handled."""
    folder = pathlib.Path(dest).parent
    folder.mkdir()
    for number in range(7):
        folder.joinpath(f"copy-s00{number}.vmdk").touch()

    for check_mode in (True, False):
        result = run_module("vm_clone", vm=web, dest=dest, check_mode=check_mode)
        assert result["msg"] == (
            f"cloning to {dest} from {web}: {folder} is not empty and does not contain the VM (copy-s000.vmdk, copy-s001.vmdk, copy-s002.vmdk, "
            "copy-s003.vmdk, copy-s004.vmdk and 2 more), possibly after an interrupted clone: remove it, or use another path"
        )


def test_empty_directory_accepted(run_module, web, dest):
    pathlib.Path(dest).parent.mkdir()

    assert run_module("vm_clone", vm=web, dest=dest)["changed"]


@pytest.mark.parametrize(("content", "reason"), [(b"\0\1", "it is not a text file"), (None, "it is not a file")])
def test_invalid_vmx_at_dest_reported(run_module, web, dest, content, reason):
    path = pathlib.Path(dest)
    path.parent.mkdir()
    path.write_bytes(content) if content else path.mkdir()

    sentence = run_module("vm_clone", vm=web, dest=dest)["msg"]

    assert sentence.startswith(f"cloning to {dest} from {web}: dest exists and is not a VM: ")
    assert sentence.endswith(reason)


@pytest.mark.parametrize("check_mode", [True, False])
def test_unencodable_name_refused_before_clone(openvix, run_module, web, dest, check_mode):
    path = pathlib.Path(web)
    path.write_text(path.read_text().replace('.encoding = "UTF-8"', '.encoding = "windows-1252"'))

    result = run_module("vm_clone", vm=web, dest=dest, name="日本", check_mode=check_mode)

    assert "its .vmx cannot store the name 日本 (" in result["msg"]
    assert openvix.calls("VixVM_Clone") == []
    assert run_module("vm_clone", vm=web, dest=dest, name="Größe")["name"] == "Größe"


@pytest.mark.parametrize("wrong", ["copy/copy.vmx", "/vms/copy"])
def test_invalid_dest_refused(openvix, run_module, web, wrong):
    assert run_module("vm_clone", vm=web, dest=wrong)["msg"].endswith("dest must be the absolute path of a .vmx file")
    assert openvix.calls("VixVM_Clone") == []


@stepped
def test_timeout_names_possible_clone(openvix, run_module, dest):
    web = openvix.add_vm("web", operation_seconds=3.0)

    result = run_module("vm_clone", vm=web, dest=dest, timeout=1, passed=lambda: bool(openvix.calls("VixVM_Clone")))

    assert result["msg"] == (
        f"cloning to {dest} from {web}: timed out after 1 s; VIX cannot cancel the operation, so it may still finish; "
        f"when VMware has finished with {pathlib.Path(dest).parent}, run the task again, which completes the clone; use a longer timeout"
    )
    assert result["error"] == "TimedOut"
    end = time.monotonic() + 60
    while dest not in openvix.vms:
        assert time.monotonic() < end
        openvix.advance(3)
        time.sleep(0.05)
    assert run_module("vm_clone", vm=web, dest=dest)["diff"]["before"] == {"state": "unfinished"}


@stepped
def test_failure_names_remains(openvix, run_module, web, dest):
    openvix.fault(call="VixVM_Clone", delay=1.0, error=8)
    results = []
    task = threading.Thread(target=lambda: results.append(run_module("vm_clone", vm=web, dest=dest)))

    task.start()
    while task.is_alive() and not openvix.calls("VixVM_Clone"):
        time.sleep(0.01)
    pathlib.Path(dest).parent.mkdir()
    pathlib.Path(dest).with_suffix(".vmdk").touch()
    openvix.advance(1)
    task.join()

    folder = pathlib.Path(dest).parent
    assert f"; the incomplete clone is in {folder}: remove it before the next attempt (VIX_E_DISK_FULL, 8)" in results[0]["msg"]
    assert results[0]["vix_code"] == 8


def test_failure_without_remains_silent(openvix, run_module, web, dest):
    openvix.fault(call="VixVM_Clone", error=8)

    assert "lies in" not in run_module("vm_clone", vm=web, dest=dest)["msg"]


def test_library_crash_names_both_vms(openvix, run_module, web, dest):
    openvix.fault(call="VixVM_Clone", crash=True, where="job")
    openvix.forgive_leaks("the process of the library died")

    result = run_module("vm_clone", vm=web, dest=dest)

    assert result["msg"].startswith(f"cloning to {dest} from {web}: the VIX library crashed in ")


@pytest.mark.openvix(product="player")
@pytest.mark.parametrize("check_mode", [True, False])
def test_player_unsupported(openvix, run_module, dest, check_mode):
    web = openvix.add_vm("web")

    result = run_module("vm_clone", vm=web, dest=dest, check_mode=check_mode)

    assert result["msg"].startswith(f"cloning to {dest} from {web}: VMware Player does not support clones; VMware Workstation does (VIX_E_NOT_SUPPORTED, 6)")
    assert result["error"] == "NotSupported"


@pytest.mark.openvix(product="fusion")
def test_fusion_unsupported(openvix, run_module, dest):
    web = openvix.add_vm("web")

    result = run_module("vm_clone", vm=web, dest=dest)

    assert (result["error"], result["vix_code"]) == ("NotSupported", 6)


def test_encrypted_vm_encrypted_clone(openvix, ladder, dest):
    web = openvix.add_vm("web", password="s3cret-of-vm")

    done = ladder("vm_clone", vm=web, dest=dest, vm_password="s3cret-of-vm", name="copy of web", secrets=["s3cret-of-vm"])

    assert done["name"] == "copy of web"


def notes(dest):
    """What lies beside the directory of the clone and is not a VM."""
    return sorted(path.name for path in pathlib.Path(dest).parents[1].iterdir() if path.name.startswith("."))


LOSSES = [
    {"call": "VixVM_Clone", "lost": True, "where": "after"},
    {"call": "VixVM_Clone", "kill": True, "where": "after"},
]


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_clone_finished_after_lost_answer(openvix, run_module, web, dest, loss, linked):
    """VMware has made the clone, and the task did not get to know: a plain second run ends well."""
    openvix.fault(times=1, **loss)
    openvix.forgive_leaks("the process of the library crashed, or its daemon did")
    options = {"vm": web, "dest": dest, "linked": linked, "snapshot": "base/patched", "name": "A copy"}
    assert run_module("vm_clone", **options)["failed"]
    eventually(pathlib.Path(dest).exists)
    assert notes(dest) == [".copy.vmlab.vix-clone"]

    predicted, done, again = (run_module("vm_clone", check_mode=check_mode, **options) for check_mode in (True, False, False))

    assert predicted == done
    assert (done["changed"], done["name"], done["snapshot"], done["linked"]) == (True, "A copy", "base/patched", linked)
    assert done["diff"]["before"] == {"state": "unfinished"}
    assert (again["changed"], display_name(dest), notes(dest)) == (False, "A copy", [])


def test_clone_made_again_after_crash(openvix, run_module, web, dest):
    """VMware has not made the clone: the note of the first task does not disturb the second."""
    openvix.fault(call="VixVM_Clone", crash=True, where="job", times=1)
    openvix.forgive_leaks("the process of the library crashed")
    assert run_module("vm_clone", vm=web, dest=dest)["error"] == "LibraryCrashed"
    assert notes(dest) == [".copy.vmlab.vix-clone"]

    assert run_module("vm_clone", vm=web, dest=dest)["diff"]["before"] == {"state": "absent"}
    assert notes(dest) == []


def test_clone_finished_after_signal(openvix, run_module, web, dest):
    openvix.fault(call="VixVM_Clone", delay=3, times=1)
    openvix.forgive_leaks("a process that is ended by a signal releases nothing")

    def interrupt(process):
        eventually(lambda: openvix.calls("VixVM_Clone"))
        os.kill(process, signal.SIGTERM)

    assert run_module("vm_clone", vm=web, dest=dest, meanwhile=interrupt)["error"] == "Interrupted"
    eventually(pathlib.Path(dest).exists)

    assert run_module("vm_clone", vm=web, dest=dest)["changed"]
    assert not run_module("vm_clone", vm=web, dest=dest)["changed"]


@pytest.mark.parametrize("error", [8, None])
def test_no_note_left(openvix, run_module, web, dest, error):
    if error:
        openvix.fault(call="VixVM_Clone", times=1, error=error)

    result = run_module("vm_clone", vm=web, dest=dest)

    assert (result.get("vix_code"), notes(dest)) == (error, [])


def lose(openvix, run_module, web, dest, **options):
    """Make a clone whose task was ended before it marked it."""
    openvix.fault(call="VixVM_Clone", lost=True, where="after", times=1)
    openvix.forgive_leaks("its daemon broke the connection")
    assert run_module("vm_clone", vm=web, dest=dest, **options)["vix_code"] == 36


def test_unfinished_clone_without_disk_refused(openvix, run_module, web, dest):
    lose(openvix, run_module, web, dest)
    disk = next(path for path in sorted(pathlib.Path(dest).parent.glob("*.vmdk")))
    disk.unlink()

    sentence = run_module("vm_clone", vm=web, dest=dest)["msg"]

    begin = "an earlier task was ended while it made this clone, which has no disk"
    assert sentence.startswith(f"cloning to {dest} from {web}: {begin} {disk}; VMware may still be at work")


def test_unfinished_clone_in_use_refused(openvix, run_module, web, dest):
    lose(openvix, run_module, web, dest)
    run_module("vm_power", vm=dest, state="powered_on")

    assert "can be finished only while it is not in use; it is powered_on" in run_module("vm_clone", vm=web, dest=dest)["msg"]


@pytest.mark.parametrize(
    "note",
    ["", "{}", "[]", '{"clone": 1}', '{"clone": "DEST", "source": "/other.vmx", "uuid": "", "linked": false, "snapshot": ""}', "\0", "DEST"],
)
def test_other_note_is_none(openvix, run_module, web, dest, note):
    """A VM that nobody noted as this clone is not taken for it."""
    lose(openvix, run_module, web, dest)
    (pathlib.Path(dest).parents[1] / ".copy.vmlab.vix-clone").write_text(note.replace("DEST", dest))

    assert "a VM already exists at this path and is not marked as a clone" in run_module("vm_clone", vm=web, dest=dest)["msg"]


def test_other_kind_of_unfinished_clone_refused(openvix, run_module, web, dest):
    lose(openvix, run_module, web, dest, linked=True, snapshot="base")

    assert "the existing clone is a linked clone" in run_module("vm_clone", vm=web, dest=dest)["msg"]
