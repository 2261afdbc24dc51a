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
from openvix.vm import deletion

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
# More than a deletion takes.
STEPS = 60
IS_ON, GONE = constants.VIX_E_VM_IS_RUNNING, constants.VIX_E_VM_NOT_FOUND


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.mark.parametrize(("state", "code"), [(OFF, 0), (SUSPENDED, 0), (ON, IS_ON), (PAUSED, IS_ON)])
def test_only_stopped_or_suspended_vm_is_deleted(openvix, client, state, code):
    vm = openvix.add_vm("web", power=state, snapshots=[{"name": "base"}])
    assert client.code("VixVM_Delete", vm, 2) == code
    assert Path(vm).parent.exists() == bool(code)
    assert openvix.vms == ({vm: state} if code else {})


def test_disk_is_kept_unless_requested(openvix, client):
    vm = Path(openvix.add_vm("web", files={"/etc/motd": "mine"}, snapshots=[{"name": "base"}]))
    client.items("VixVM_Delete", str(vm), 0)
    assert sorted(os.listdir(vm.parent)) == ["openvix", "web.vmdk"]
    assert [path.read_text() for path in sorted(vm.parent.glob("openvix/disks/*/etc/motd"))] == ["mine", "mine"]


def test_foreign_files_are_kept(openvix, client):
    vm = Path(openvix.add_vm("web", power=SUSPENDED, snapshots=[{"name": "base"}]))
    for name in ("notes.txt", "webmail.vmdk", "vmware.log", "web-s001.vmdk", "web.nvram", "web-old.vmsn"):
        (vm.parent / name).touch()
    client.items("VixVM_Delete", str(vm), 2)
    assert sorted(os.listdir(vm.parent)) == ["notes.txt", "web-old.vmsn", "webmail.vmdk"]


def test_handles_of_deleted_vm_find_no_vm(openvix, client):
    vm = openvix.add_vm("web")
    client.items("VixVM_Delete", vm, 2)
    for call in (("VixVM_PowerOn", vm, 0, []), ("VixVM_Delete", vm, 2), ("VixVM_Open", client.host, vm)):
        assert client.code(*call) == GONE
    assert client.code("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, [constants.VIX_PROPERTY_VM_NAME]) == GONE
    assert openvix.add_vm("web") == vm
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0


def test_unknown_delete_option_is_invalid(openvix, client):
    assert client.code("VixVM_Delete", openvix.add_vm("web"), 1) == constants.VIX_E_INVALID_ARG


@pytest.mark.parametrize("steps", range(STEPS + 1))
def test_deletion_is_atomic_wherever_daemon_is_killed(tmp_path, monkeypatch, steps):
    settings = worldfile.vm("web", {}, worldfile.check({})["defaults"])
    world = served(tmp_path / "world")
    vm = world.add("web", settings)
    (vm.folder / "notes.txt").touch()
    finished = killed_after(monkeypatch, steps, lambda: deletion.delete(world, vm, Call(world), with_disks=True))

    after = served(tmp_path / "world")
    assert (vm.path in after.machines) == Path(vm.path).exists()
    assert finished or steps < STEPS
    if vm.path in after.machines:
        assert not finished
        deletion.delete(after, after.machines.get(vm.path), Call(after), with_disks=True)
    assert os.listdir(vm.folder) == ["notes.txt"]
