# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client

from openvix.vix import constants
from openvix.vmware import vmx
from openvix.world import layout

ON = "powered_on"
WRITE, INVALID = constants.VIX_SHAREDFOLDER_WRITE_ACCESS, constants.VIX_E_INVALID_ARG
NO_TOOLS, NOT_FOUND, DENIED = constants.VIX_E_TOOLS_NOT_RUNNING, constants.VIX_E_NOT_FOUND, constants.VIX_E_FILE_ACCESS_ERROR
PLACE = constants.VIX_PROPERTY_GUEST_SHAREDFOLDERS_SHARES_PATH


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def vm(openvix):
    return openvix.add_vm("web", power=ON, accounts=[{"name": "lab", "password": "lab", "administrator": True}, {"name": "user", "password": "x"}])


@pytest.fixture
def host(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def listed(client, vm):
    [[_, count]] = client.items("VixVM_GetNumSharedFolders", vm)
    return [tuple(client.items("VixVM_GetSharedFolderState", vm, index)[0][1::2]) for index in range(count)]


def add(client, vm, name, path, flags=0):
    return client.code("VixVM_AddSharedFolder", vm, name, str(path), flags)


def test_shared_folders_added_changed_and_removed(client, vm, host):
    assert listed(client, vm) == []
    assert [add(client, vm, "one", host / "a"), add(client, vm, "two", host / "b", WRITE), add(client, vm, "three", host)] == [0, 0, 0]
    assert listed(client, vm) == [("one", str(host / "a"), 0), ("two", str(host / "b"), WRITE), ("three", str(host), 0)]
    assert client.code("VixVM_SetSharedFolderState", vm, "two", str(host / "a"), 0) == 0
    assert client.code("VixVM_RemoveSharedFolder", vm, "one", 0) == 0
    assert listed(client, vm) == [("two", str(host / "a"), 0), ("three", str(host), 0)]
    config = vmx.read(Path(vm).read_bytes())
    assert config.get("sharedFolder.maxNum") == "2"
    assert not any(key.startswith("sharedFolder2.") for key in list(config.keys()))
    kept = {key: config.get(f"sharedFolder0.{key}") for key in ("present", "enabled", "readAccess", "writeAccess", "hostPath", "guestName", "expiration")}
    assert list(kept.values()) == ["TRUE", "TRUE", "TRUE", "FALSE", str(host / "a"), "two", "never"]


def test_invalid_shared_folders_are_rejected(client, vm, host):
    add(client, vm, "one", host / "a")
    result = [
        (("VixVM_AddSharedFolder", vm, "one", str(host / "b"), 0), constants.VIX_E_ALREADY_EXISTS),
        (("VixVM_AddSharedFolder", vm, "two", str(host / "none"), 0), constants.VIX_E_FILE_NOT_FOUND),
        (("VixVM_AddSharedFolder", vm, "two", str(host / "a" / "file"), 0), constants.VIX_E_NOT_A_DIRECTORY),
        (("VixVM_AddSharedFolder", vm, "two", "a", 0), INVALID),
        (("VixVM_AddSharedFolder", vm, "a/b", str(host), 0), INVALID),
        (("VixVM_AddSharedFolder", vm, "", str(host), 0), INVALID),
        (("VixVM_AddSharedFolder", vm, "two", str(host), 1), INVALID),
        (("VixVM_SetSharedFolderState", vm, "two", str(host), 0), NOT_FOUND),
        (("VixVM_SetSharedFolderState", vm, "one", str(host / "none"), 0), constants.VIX_E_FILE_NOT_FOUND),
        (("VixVM_RemoveSharedFolder", vm, "two", 0), NOT_FOUND),
        (("VixVM_GetSharedFolderState", vm, 1), INVALID),
        (("VixVM_GetSharedFolderState", vm, -1), INVALID),
        (("VixVM_EnableSharedFolders", vm, 1, 1), INVALID),
    ]
    assert [client.code(*call) for call, _ in result] == [code for _, code in result]
    assert listed(client, vm) == [("one", str(host / "a"), 0)]


CALLS = {
    "VixVM_EnableSharedFolders": (1, 0),
    "VixVM_GetNumSharedFolders": (),
    "VixVM_GetSharedFolderState": (0,),
    "VixVM_SetSharedFolderState": ("a", "/tmp", 0),
    "VixVM_AddSharedFolder": ("a", "/tmp", 0),
    "VixVM_RemoveSharedFolder": ("a", 0),
}


@pytest.mark.parametrize("call", CALLS)
def test_shared_folders_require_tools_but_no_login(openvix, client, call):
    states = {
        "off": ({}, constants.VIX_E_VM_NOT_RUNNING),
        "paused": ({"power": "paused"}, NO_TOOLS),
        "booting": ({"power": ON, "boot_seconds": 60}, NO_TOOLS),
        "toolless": ({"power": ON, "tools": "not_installed"}, NO_TOOLS),
    }
    result = {name: client.code(call, openvix.add_vm(name, **settings), *CALLS[call]) for name, (settings, _) in states.items()}
    assert result == {name: code for name, (_, code) in states.items()}


def exists(client, vm, path):
    return client.one("VixVM_FileExistsInGuest", vm, path)


def test_guest_sees_shared_folders_once_enabled(openvix, client, vm, host):
    add(client, vm, "one", host / "a")
    add(client, vm, "two", host / "b", WRITE)
    client.log_in(vm)
    assert exists(client, vm, "/mnt/hgfs/one/file") == 0
    client.items("VixVM_EnableSharedFolders", vm, 1, 0)
    assert client.get(vm, PLACE) == "/mnt/hgfs"
    assert exists(client, vm, "/mnt/hgfs/one/file") == 1
    assert sorted(item[1] for item in client.items("VixVM_ListDirectoryInGuest", vm, "/mnt/hgfs", 0)) == ["one", "two"]
    assert [item[1] for item in client.items("VixVM_ListDirectoryInGuest", vm, "/mnt/hgfs/two", 0)] == ["file"]
    client.items("VixVM_RemoveSharedFolder", vm, "one", 0)
    assert [item[1] for item in client.items("VixVM_ListDirectoryInGuest", vm, "/mnt/hgfs", 0)] == ["two"]
    client.items("VixVM_EnableSharedFolders", vm, 0, 0)
    assert exists(client, vm, "/mnt/hgfs/two/file") == 0
    assert (host / "a" / "file").read_text() == "a"


@pytest.mark.parametrize("user", ["lab", "user"])
def test_read_only_shared_folder_is_not_written(client, vm, host, user):
    client.items("VixVM_EnableSharedFolders", vm, 1, 0)
    add(client, vm, "one", host / "a")
    add(client, vm, "two", host / "b", WRITE)
    client.log_in(vm, user, "x" if user == "user" else "lab")
    for name, code in (("one", DENIED), ("two", 0)):
        assert client.code("VixVM_CopyFileFromHostToGuest", vm, str(host / "a" / "file"), f"/mnt/hgfs/{name}/new", 0, []) == code
        assert client.code("VixVM_CreateDirectoryInGuest", vm, f"/mnt/hgfs/{name}/folder", []) == code
        assert client.code("VixVM_DeleteFileInGuest", vm, f"/mnt/hgfs/{name}/file") == code
    assert sorted(path.name for path in (host / "a").iterdir()) == ["file"]
    assert sorted(path.name for path in (host / "b").iterdir()) == ["folder", "new"]
    client.items("VixVM_CopyFileFromGuestToHost", vm, "/mnt/hgfs/two", str(host / "out"), 0, [])
    assert (host / "out" / "new").read_text() == "a"


def test_guest_cannot_remove_a_shared_folder(client, vm, host):
    client.items("VixVM_EnableSharedFolders", vm, 1, 0)
    add(client, vm, "two", host / "b", WRITE)
    client.log_in(vm)
    for path in ("/mnt/hgfs/two", "/mnt/hgfs"):
        assert client.code("VixVM_DeleteDirectoryInGuest", vm, path, 0) == constants.VIX_E_OBJECT_IS_BUSY
    assert (host / "b" / "file").exists()


def test_shared_folders_survive_stop_and_kill(openvix, client, vm, host):
    client.items("VixVM_EnableSharedFolders", vm, 1, 0)
    add(client, vm, "one", host / "a")
    client.items("VixVM_PowerOff", vm, 0)
    client.items("VixVM_PowerOn", vm, 0, [])
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as again:
        again.items("VixVM_WaitForToolsInGuest", vm, 10)
        again.log_in(vm)
        assert exists(again, vm, "/mnt/hgfs/one/file") == 1


def test_shares_path_requires_tools(openvix, client):
    booting = openvix.add_vm("booting", power=ON, boot_seconds=60)
    assert client.code("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, booting, [PLACE]) == constants.VIX_E_UNRECOGNIZED_PROPERTY


def test_invalid_shares_in_vmx_prevent_start(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    settings = vmx.read(Path(vm).read_bytes())
    settings.set("isolation.tools.hgfs.disable", "FALSE")
    settings.set("sharedFolder.maxNum", "many")
    Path(vm).write_bytes(settings.write())
    assert client.code("VixVM_GetNumSharedFolders", vm) == constants.VIX_E_CANNOT_READ_VM_CONFIG
    assert client.code("VixVM_PowerOff", vm, 0) == 0
    guests = layout.sandboxed(openvix.directory)
    assert client.code("VixVM_PowerOn", vm, 0, []) == constants.VIX_E_CANNOT_READ_VM_CONFIG
    assert openvix.vms == {vm: "powered_off"}
    assert layout.sandboxed(openvix.directory) == guests == set()
