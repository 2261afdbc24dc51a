# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client

from openvix.vix import constants
from openvix.vmware import vmx

SECRET, KEY = 'Päßword|"1', constants.VIX_PROPERTY_VM_ENCRYPTION_PASSWORD
MISSING, WRONG = constants.VIX_E_NEED_KEY, constants.VIX_E_CRYPTO_BAD_PASSWORD


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def vm(openvix):
    return openvix.add_vm("web", password=SECRET)


@pytest.mark.parametrize(
    ("properties", "code"), [([KEY, SECRET], 0), ([], MISSING), ([KEY, ""], MISSING), ([KEY, "x"], WRONG), ([KEY, 1], constants.VIX_E_INVALID_ARG)]
)
def test_encrypted_vm_opens_with_its_password(client, vm, properties, code):
    assert client.code("VixHost_OpenVM", client.host, vm, 0, properties) == code


def test_older_function_cannot_open_encrypted_vm(client, vm):
    assert client.code("VixVM_Open", client.host, vm) == MISSING


def test_encrypted_vm_has_no_window(openvix, client, vm):
    assert client.code("VixVM_PowerOn", vm, constants.VIX_VMPOWEROP_LAUNCH_GUI, []) == constants.VIX_E_NOT_SUPPORTED
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0


def test_password_is_stored_nowhere(openvix, client, vm):
    client.items("VixHost_OpenVM", client.host, vm, 0, [KEY, SECRET])
    client.code("VixHost_OpenVM", client.host, vm, 0, [KEY, SECRET + "x"])
    openvix.kill_daemon()
    result = repr((openvix.status(), openvix.calls(), openvix.handles()))
    files = [path for path in openvix.directory.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert SECRET not in result
    marks = [SECRET.encode(), b"\\u00df", b"word|"]
    assert [path for path in files for mark in marks if mark in path.read_bytes()] == []
    config = vmx.read(Path(vm).read_bytes())
    assert config.get("encryption.keySafe").startswith("vmware:key/list/(pair/(phrase/")
    with Client(openvix.directory) as again:
        assert again.code("VixHost_OpenVM", again.host, vm, 0, [KEY, SECRET]) == 0


def test_clone_has_the_same_password(openvix, client, vm, tmp_path):
    made = client.one("VixVM_Clone", vm, None, constants.VIX_CLONETYPE_FULL, str(tmp_path / "copy.vmx"), 0, [])
    assert [client.code("VixHost_OpenVM", client.host, made, 0, properties) for properties in ([], [KEY, SECRET])] == [MISSING, 0]


def test_foreign_key_safe_is_not_opened(openvix, client, vm):
    config = vmx.read(Path(vm).read_bytes())
    config.set("encryption.keySafe", "vmware:key/list/(pair/(fqid/<VMWARE-NULL>/x,HMAC-SHA-256,abc))")
    Path(vm).write_bytes(config.write())
    assert client.code("VixHost_OpenVM", client.host, vm, 0, [KEY, SECRET]) == WRONG
