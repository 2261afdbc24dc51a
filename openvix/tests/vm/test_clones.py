# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
from killing import Call, killed_after, served
from protocol_client import Client

from openvix.config import worldfile
from openvix.vix import constants
from openvix.vm import clones
from openvix.vmware import vmsd, vmx

FULL, LINKED = constants.VIX_CLONETYPE_FULL, constants.VIX_CLONETYPE_LINKED
OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
IS_ON, EXISTS, INVALID = constants.VIX_E_VM_IS_RUNNING, constants.VIX_E_FILE_ALREADY_EXISTS, constants.VIX_E_INVALID_ARG


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


def cloning(vm, target, kind=FULL, snapshot=None):
    return "VixVM_Clone", vm, snapshot, kind, str(target), 0, []


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [(OFF, FULL, 0), (SUSPENDED, FULL, 0), (ON, FULL, IS_ON), (PAUSED, FULL, IS_ON), (OFF, LINKED, 0), (SUSPENDED, LINKED, IS_ON), (ON, LINKED, IS_ON)],
)
def test_cloning_depends_on_the_power_state(openvix, client, tmp_path, state, kind, code):
    vm = openvix.add_vm("web", power=state)
    assert client.code(*cloning(vm, tmp_path / "copy" / "copy.vmx", kind)) == code
    assert (tmp_path / "copy").exists() == (code == 0)
    assert openvix.vms[vm] == state


def test_clone_is_open_and_has_the_files(openvix, client, tmp_path):
    vm = openvix.add_vm("web", files={"/etc/motd": "mine"}, memory=512)
    made = client.one(*cloning(vm, tmp_path / "some" / "where" / "copy.vmx"))
    assert made == str(tmp_path / "some" / "where" / "copy.vmx")
    client.items("VixVM_PowerOn", made, 0, [])
    client.log_in(made)
    assert client.items("VixVM_FileExistsInGuest", made, "/etc/motd") == [[constants.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS, 1]]
    client.items("VixVM_DeleteFileInGuest", made, "/etc/motd")
    assert (openvix.disk(vm) / "etc/motd").read_text() == "mine"
    assert client.get(made, constants.VIX_PROPERTY_VM_NAME) == "Clone of web"
    assert client.get(made, constants.VIX_PROPERTY_VM_MEMORY_SIZE) == 512
    assert openvix.vms == {vm: OFF, made: ON}


def test_clone_elsewhere_survives_daemon(openvix, client, tmp_path):
    made = client.one(*cloning(openvix.add_vm("web"), tmp_path / "copy" / "copy.vmx"))
    client.items("VixVM_PowerOn", made, 0, [])
    client.log_in(made)
    client.items("VixVM_RunProgramInGuest", made, "/bin/sleep", "60", constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY, [])
    openvix.kill_daemon()
    assert openvix.vms[made] == ON


def test_full_clone_has_no_snapshots_or_unique_ids(openvix, client, tmp_path):
    vm = openvix.add_vm("web", snapshots=[{"name": "base"}])
    settings = vmx.read(Path(vm).read_bytes())
    settings.set("uuid.bios", "56 4d")
    settings.set("ethernet0.generatedAddress", "00:0c:29:00:00:01")
    Path(vm).write_bytes(settings.write())
    made = client.one(*cloning(vm, tmp_path / "copy.vmx"))
    config = vmx.read(Path(made).read_bytes())
    assert [config.get(key) for key in ("uuid.bios", "ethernet0.generatedAddress", "scsi0:0.fileName")] == [None, None, "copy.vmdk"]
    assert vmsd.read(Path(made).with_suffix(".vmsd").read_bytes()) == vmsd.Tree()
    assert len(vmsd.read(Path(vm).with_suffix(".vmsd").read_bytes()).snapshots) == 1


def test_clone_of_snapshot_has_its_files(openvix, client, tmp_path):
    vm = openvix.add_vm("web", files={"/etc/motd": "then"})
    snapshot = client.take(vm)
    (openvix.disk(vm) / "etc/motd").write_text("now")
    for kind in (FULL, LINKED):
        made = client.one(*cloning(vm, tmp_path / str(kind) / "copy.vmx", kind, snapshot))
        assert (openvix.disk(made) / "etc/motd").read_text() == "then"


def test_only_snapshot_taken_while_off_can_be_cloned(openvix, client, tmp_path):
    vm = openvix.add_vm("web", snapshots=[{"name": "off"}], power=ON)
    off = client.one("VixVM_GetNamedSnapshot", vm, "off")
    assert client.code(*cloning(vm, tmp_path / "a.vmx", LINKED, client.take(vm, memory=True))) == IS_ON
    assert client.code(*cloning(vm, tmp_path / "a.vmx", LINKED, off)) == 0


def test_linked_clone_takes_a_snapshot_named_clone(openvix, client, tmp_path):
    vm = openvix.add_vm("web")
    made = [client.one(*cloning(vm, tmp_path / name / f"{name}.vmx", LINKED)) for name in "ab"]
    assert client.code("VixVM_GetNamedSnapshot", vm, "Clone") == constants.VIX_E_SNAPSHOT_NONUNIQUE_NAME
    tree = vmsd.read(Path(vm).with_suffix(".vmsd").read_bytes())
    assert [(each.name, each.clones) for each in tree.snapshots] == [("Clone", (made[0],)), ("Clone", (made[1],))]
    result = vmx.read(Path(made[0]).with_suffix(".vmsd").read_bytes())
    assert [result.get(key) for key in ("cloneOf0", "numCloneOf", "sentinel0", "numSentinels")] == [vm, "1", "a.vmdk", "1"]
    assert f'parentFileNameHint="{vm[:-4]}.vmdk"' in Path(made[0]).with_suffix(".vmdk").read_text()


def no_disks(client, vm, snapshot):
    client.items("VixVM_Delete", vm, constants.VIX_VMDELETE_DISK_FILES)


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (no_disks, constants.VIX_E_DISK_OPENPARENT),
        (lambda client, vm, snapshot: client.items("VixVM_RemoveSnapshot", vm, snapshot, 0), constants.VIX_E_DISK_OPENPARENT),
        (lambda client, vm, snapshot: client.items("VixVM_Delete", vm, 0), 0),
        (lambda client, vm, snapshot: client.items("VixVM_PowerOn", vm, 0, []), 0),
    ],
    ids=["deleted", "snapshot removed", "deleted without its disk", "running"],
)
def test_linked_clone_requires_its_base_disk(openvix, client, tmp_path, act, code):
    vm = openvix.add_vm("web")
    snapshot = client.take(vm)
    linked = client.one(*cloning(vm, tmp_path / "a" / "a.vmx", LINKED, snapshot))
    second = client.one(*cloning(linked, tmp_path / "b" / "b.vmx", LINKED))
    full = client.one(*cloning(vm, tmp_path / "c" / "c.vmx", FULL, snapshot))
    act(client, vm, snapshot)
    assert [client.code("VixVM_PowerOn", clone, 0, []) for clone in (linked, second, full)] == [code, code, 0]


def test_deleted_clone_is_removed_from_its_snapshot(openvix, client, tmp_path):
    vm = openvix.add_vm("web")
    made = [
        client.one(*cloning(vm, tmp_path / name / f"{name}.vmx", LINKED, client.one("VixVM_GetCurrentSnapshot", vm) if name == "b" else None)) for name in "ab"
    ]
    client.items("VixVM_Delete", made[0], 2)
    assert [each.clones for each in vmsd.read(Path(vm).with_suffix(".vmsd").read_bytes()).snapshots] == [(made[1],)]


@pytest.mark.parametrize("there", ["a.vmx", "a.vmdk", "openvix/"])
def test_existing_target_is_kept(openvix, client, tmp_path, there):
    vm = openvix.add_vm("web")
    (tmp_path / there).mkdir() if there.endswith("/") else (tmp_path / there).write_text("mine")
    assert client.code(*cloning(vm, tmp_path / "a.vmx", LINKED)) == EXISTS
    assert os.listdir(tmp_path) == [there.rstrip("/")]
    assert client.one("VixVM_GetNumRootSnapshots", vm) == 0


def test_vm_cannot_be_cloned_onto_itself(openvix, client):
    vm = openvix.add_vm("web")
    assert client.code(*cloning(vm, vm)) == EXISTS
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0


def test_invalid_target_or_type_is_rejected(openvix, client, tmp_path):
    vm, other = openvix.add_vm("web"), openvix.add_vm("db", snapshots=[{"name": "x"}])
    for target in ("copy.vmx", "", str(tmp_path / "copy"), str(tmp_path / ".vmx")):
        assert client.code(*cloning(vm, target)) == INVALID
    assert client.code(*cloning(vm, tmp_path / "copy.vmx", 2)) == INVALID
    assert client.code(*cloning(vm, tmp_path / "copy.vmx", FULL, client.one("VixVM_GetRootSnapshot", other, 0))) == INVALID
    assert client.code(*cloning(vm, tmp_path / "copy.vmx", FULL, "/none.vmx#1")) == constants.VIX_E_INVALID_HANDLE
    assert os.listdir(tmp_path) == []


def test_unwritable_target_leaves_nothing(openvix, client, tmp_path):
    (tmp_path / "file").touch()
    vm = openvix.add_vm("web")
    assert client.code(*cloning(vm, tmp_path / "file" / "copy.vmx")) == constants.VIX_E_FILE_ERROR
    assert openvix.vms == {vm: OFF}
    assert client.code(*cloning(vm, tmp_path / "copy" / "copy.vmx")) == 0


def cloned(world, target):
    clones.clone(world, next(vm for vm in world.machines.values() if vm.name == "web"), Call(world), None, True, str(target))


# More than a clone takes.
STEPS = 70


@pytest.mark.parametrize("steps", range(STEPS))
def test_clone_is_atomic_wherever_daemon_is_killed(tmp_path, monkeypatch, steps):
    home, target = tmp_path / "world", tmp_path / "new" / "copy" / "copy.vmx"
    settings = worldfile.vm("web", {"files": {"/etc/motd": "mine"}}, worldfile.check({})["defaults"])
    world = served(home)
    vm = world.add("web", settings).path
    finished = killed_after(monkeypatch, steps, lambda: cloned(world, target))

    after = served(home)
    made = after.machines.get(str(target))
    assert (made is not None) == target.exists()
    assert made is not None or not finished
    tree = after.machines.get(vm).tree
    if made is None:
        assert not (tmp_path / "new").exists()
        assert all(not each.clones for each in tree.snapshots)
        cloned(after, target)
    else:
        assert sorted(os.listdir(target.parent)) == ["copy.vmdk", "copy.vmsd", "copy.vmx", "openvix"]
        assert (made.own / "disks/1/etc/motd").read_text() == "mine"
        assert [each.clones for each in tree.snapshots] == [(str(target),)]


def test_kill_steps_cover_the_whole_clone(tmp_path, monkeypatch):
    world = served(tmp_path / "world")
    world.add("web", worldfile.vm("web", {}, worldfile.check({})["defaults"]))
    assert killed_after(monkeypatch, STEPS, lambda: cloned(world, tmp_path / "new" / "copy.vmx"))
