# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VM with a Windows guest: its kind, snapshots and clones, and what a refused program says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from protocol_client import Client

from openvix.cli import main
from openvix.config import worldfile
from openvix.config.errors import ConfigError
from openvix.vix import constants
from openvix.vm import creation
from openvix.vm.machine import remove_own

FILES = {"C:\\Lab\\a.txt": "a"}
EXISTS = constants.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def vm(openvix, client):
    vm = openvix.add_vm("win", power="powered_on", guest_os="windows11-64", files=FILES)
    client.log_in(vm, "LAB")
    return vm


def exists(client, vm, path):
    return client.one("VixVM_FileExistsInGuest", vm, path) == 1


def test_snapshot_and_revert_keep_drive_c(client, vm):
    snapshot = client.take(vm)
    client.items("VixVM_DeleteFileInGuest", vm, "c:\\lab\\A.TXT")
    assert not exists(client, vm, "C:\\Lab\\a.txt")
    client.revert(vm, snapshot)
    client.items("VixVM_PowerOn", vm, 0, [])
    client.log_in(vm)
    assert exists(client, vm, "C:\\LAB\\a.txt")


def test_clone_has_its_own_drive_c(openvix, client, tmp_path):
    vm = openvix.add_vm("win", guest_os="windows11-64", files=FILES)
    made = client.one("VixVM_Clone", vm, None, constants.VIX_CLONETYPE_FULL, str(tmp_path / "copy" / "copy.vmx"), 0, [])
    for each in (vm, made):
        client.items("VixVM_PowerOn", each, 0, [])
        client.log_in(each)
    client.items("VixVM_DeleteFileInGuest", made, "C:\\Lab\\a.txt")
    assert (exists(client, vm, "C:\\Lab\\a.txt"), exists(client, made, "C:\\Lab\\a.txt")) == (True, False)


def test_refused_program_has_its_reason_in_calls(openvix, client, vm, capsys):
    run = ("VixVM_RunProgramInGuest", vm, "C:\\Windows\\System32\\cmd.exe", "", 0, [])
    assert client.code(*run) == constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST
    [call] = openvix.calls("VixVM_RunProgramInGuest")
    assert 'set programs = "wine"' in call["reason"]
    assert "reason" not in openvix.calls("VixVM_LoginInGuest")[0]
    assert main.main(["calls", str(openvix.directory)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith(call["reason"])]


def test_guest_os_of_vmx_decides(openvix, client):
    vm = Path(openvix.add_vm("win", guest_os="winServer2019"))
    settings = {**json.loads((vm.parent / "openvix" / "machine.json").read_bytes()), "guest_os": "debian12-64"}
    remove_own(vm.parent / "openvix")
    creation.complete(vm.parent, "win", settings)
    assert (openvix.disk(str(vm)) / "windows" / "drive_c" / "Users").is_dir()


def test_windows_guest_of_older_version_keeps_its_disk(openvix, client):
    vm = openvix.add_vm("win", files={"/srv/file": "x"})
    own = Path(vm).parent / "openvix" / "machine.json"
    own.write_text(json.dumps({**json.loads(own.read_bytes()), "guest_os": "windows11-64"}))
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as client:
        client.items("VixVM_PowerOn", vm, 0, [])
        client.log_in(vm)
        assert exists(client, vm, "/srv/file")


@pytest.mark.parametrize("path", ["C:\\Lab\\", "C:\\..\\x", "C:x", "C:\\a\\..\\b", "x\\y"])
def test_invalid_file_of_world_file_is_named(path):
    with pytest.raises(ConfigError, match="must be the absolute path of a file"):
        worldfile.vm("win", {"guest_os": "windows11-64", "files": {path: "x"}}, worldfile.check({})["defaults"])
