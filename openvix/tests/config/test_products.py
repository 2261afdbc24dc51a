# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client

from openvix.config import products
from openvix.vix import constants
from openvix.vix.signatures import SIGNATURES

ON = "powered_on"
NOT_SUPPORTED, NOT_FOUND, INVALID = constants.VIX_E_NOT_SUPPORTED, constants.VIX_E_NOT_FOUND, constants.VIX_E_INVALID_ARG
RUNNING, REGISTERED = constants.VIX_FIND_RUNNING_VMS, constants.VIX_FIND_REGISTERED_VMS
SHARED, MULTIPLE, TOOLS, HARDWARE = 1, 2, 4, 8
REMOTE = ("https://host:8333/sdk", "root", "")


def connected(openvix, product):
    expected = products.get(product, products.VERSIONS[product])
    return Client(openvix.directory, provider=expected.provider, at=REMOTE if expected.is_remote else (None, None, None))


@pytest.mark.parametrize(
    ("product", "version", "lacks", "has"),
    [
        ("workstation", "17.6.0", [], ["VixVM_Clone", "VixVM_Pause", "VixHost_RegisterVM"]),
        ("workstation", "6.0", ["VixVM_Clone", "VixVM_Pause", "VixHost_OpenVM", "VixVM_CaptureScreenImage"], ["VixVM_CreateSnapshot", "VixVM_AddSharedFolder"]),
        ("workstation", "6.5.1", ["VixHost_OpenVM"], ["VixVM_Clone", "VixVM_Pause"]),
        ("player", "17.6.0", ["VixVM_Clone", "VixVM_CreateSnapshot", "VixVM_UpgradeVirtualHardware", "VixVM_Pause"], ["VixHost_OpenVM", "VixHost_RegisterVM"]),
        ("player", "3.1", ["VixHost_OpenVM"], ["VixVM_AddSharedFolder"]),
        ("fusion", "13.6.0", ["VixVM_Clone", "VixHost_RegisterVM"], ["VixVM_Pause", "VixVM_CreateSnapshot"]),
        ("workstation_shared", "15", ["VixVM_Clone", "VixVM_AddSharedFolder", "VixVM_Pause"], ["VixHost_RegisterVM", "VixVM_CreateSnapshot"]),
        ("vi_server", "6.7", ["VixVM_Clone", "VixVM_AddSharedFolder", "VixVM_Pause"], ["VixHost_RegisterVM", "VixVM_UpgradeVirtualHardware"]),
        ("server", "2.0.2", ["VixHost_OpenVM", "VixVM_Clone"], ["VixVM_CreateSnapshot", "VixVM_ReadVariable"]),
        ("server", "1.0.10", ["VixVM_ReadVariable", "VixVM_CreateSnapshot", "VixVM_RunScriptInGuest"], ["VixVM_Open", "VixVM_RevertToSnapshot"]),
    ],
)
def test_product_lacks_follow_the_matrix(product, version, lacks, has):
    expected = products.get(product, version)
    assert set(lacks) <= expected.lacks
    assert not set(has) & expected.lacks


@pytest.mark.parametrize("product", products.TITLES)
def test_missing_function_is_not_supported(request, product):
    request.node.add_marker(pytest.mark.openvix(product=product))
    openvix = request.getfixturevalue("openvix")
    vm = openvix.add_vm("web")
    lacks = products.get(product, products.VERSIONS[product]).lacks
    forms = {
        "h": lambda client: client.host,
        "v": lambda _: vm,
        "p": lambda _: f"{vm}#1",
        "o": lambda _: None,
        "r": lambda _: vm,
        "s": lambda _: "x",
        "i": lambda _: 77,
        "l": lambda _: [],
    }
    with connected(openvix, product) as client:
        for name, signature in SIGNATURES.items():
            # One of these has connected, the other would wait.
            if name not in ("VixHost_Connect", "VixVM_WaitForToolsInGuest"):
                code = client.code(name, *(forms[letter](client) for letter in signature))
                assert (code == NOT_SUPPORTED) == (name in lacks), name


@pytest.mark.parametrize(
    ("product", "bits"),
    [
        ("workstation", SHARED | MULTIPLE | TOOLS | HARDWARE),
        ("player", SHARED | TOOLS),
        ("vi_server", MULTIPLE | TOOLS | HARDWARE),
        ("server", TOOLS | HARDWARE),
    ],
)
def test_vm_reports_features_of_its_product(request, product, bits):
    request.node.add_marker(pytest.mark.openvix(product=product))
    openvix = request.getfixturevalue("openvix")
    vm = openvix.add_vm("web")
    with connected(openvix, product) as client:
        assert client.get(vm, constants.VIX_PROPERTY_VM_SUPPORTED_FEATURES) == bits


# Products without an inventory


@pytest.mark.parametrize("product", ["workstation", "player"])
def test_registering_succeeds_without_effect(request, product, tmp_path):
    request.node.add_marker(pytest.mark.openvix(product=product))
    openvix = request.getfixturevalue("openvix")
    vm, other = openvix.add_vm("web", power=ON), tmp_path / "other.vmx"
    other.touch()
    with connected(openvix, product) as client:
        assert client.code("VixHost_RegisterVM", client.host, vm) == 0
        assert client.code("VixHost_RegisterVM", client.host, str(other)) == 0
        assert client.code("VixHost_RegisterVM", client.host, str(tmp_path / "none.vmx")) == NOT_FOUND
        assert client.code("VixHost_RegisterVM", client.host, "") == INVALID
        assert client.code("VixHost_UnregisterVM", client.host, vm) == 0
        assert client.code("VixHost_UnregisterVM", client.host, str(tmp_path / "none.vmx")) == 0
        assert client.code("VixVM_Open", client.host, vm) == 0
        assert client.code("VixHost_FindItems", client.host, REGISTERED, [], -1) == NOT_SUPPORTED


# Products with an inventory


@pytest.mark.openvix(product="vi_server")
def test_server_lists_registered_vms_in_its_notation(openvix):
    vm, _ = openvix.add_vm("web", power=ON), openvix.add_vm("db")
    with connected(openvix, "vi_server") as client:

        def found(kind):
            return [item[1] for item in client.items("VixHost_FindItems", client.host, kind, [], -1)]

        assert sorted(found(REGISTERED)) == ["[standard] db/db.vmx", "[standard] web/web.vmx"]
        assert found(RUNNING) == ["[standard] web/web.vmx"]
        assert client.one("VixVM_Open", client.host, "[standard] web/web.vmx") == vm
        assert client.get(vm, constants.VIX_PROPERTY_VM_VMX_PATHNAME) == "[standard] web/web.vmx"
        assert client.code("VixVM_Open", client.host, vm) == INVALID
        assert client.code("VixVM_Open", client.host, "[standard] none/none.vmx") == constants.VIX_E_VM_NOT_FOUND


@pytest.mark.openvix(product="workstation_shared")
def test_unregistered_vm_cannot_be_opened(openvix):
    openvix.add_vm("web", power=ON)
    path = "[standard] web/web.vmx"
    with connected(openvix, "workstation_shared") as client:
        vm = client.one("VixVM_Open", client.host, path)
        assert client.code("VixHost_UnregisterVM", client.host, path) == constants.VIX_E_VM_IS_RUNNING
        client.items("VixVM_PowerOff", vm, 0)
        assert [client.code("VixHost_UnregisterVM", client.host, path) for _ in range(2)] == [0, 0]
        assert client.items("VixHost_FindItems", client.host, REGISTERED, [], -1) == []
        assert client.code("VixVM_Open", client.host, path) == constants.VIX_E_VM_NOT_FOUND
        openvix.kill_daemon()
    openvix.status()
    with connected(openvix, "workstation_shared") as client:
        assert client.code("VixVM_Open", client.host, path) == constants.VIX_E_VM_NOT_FOUND
        assert [client.code("VixHost_RegisterVM", client.host, path) for _ in range(2)] == [0, 0]
        assert client.code("VixVM_Open", client.host, path) == 0
        assert client.code("VixHost_RegisterVM", client.host, "[standard] none/none.vmx") == NOT_FOUND


@pytest.mark.openvix(product="vi_server")
def test_remote_product_requires_host_and_user(openvix):
    with connected(openvix, "vi_server") as client:

        def connecting(host, user, password, provider=10):
            return client.code("VixHost_Connect", -1, provider, host, 0, user, password, 0, [])

        assert [connecting(host, "root", "x") for host in ("esx", "esx:443", "https://esx/sdk", "https://[::1]:443/sdk")] == [0] * 4
        bad = constants.VIX_E_INVALID_HOSTNAME_SPECIFICATION
        assert [connecting(host, "root", "x") for host in (None, "", "http://esx/sdk", "esx/other", "e s x", "esx:port")] == [bad] * 6
        assert [connecting("esx", *said) for said in ((None, None), ("root", None), ("", "x"))] == [constants.VIX_E_AUTHENTICATION_FAIL] * 3
        assert connecting(None, None, None, provider=3) == constants.VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED


# What servers do in their own way


@pytest.mark.openvix(product="server")
def test_server_2_has_one_snapshot_and_deletes_disks(openvix):
    vm = openvix.add_vm("web")
    with connected(openvix, "server") as client:
        for name in ("a", "b"):
            client.take(vm, name)
        assert client.one("VixVM_GetNumRootSnapshots", vm) == 1
        assert client.code("VixVM_GetNamedSnapshot", vm, "a") == constants.VIX_E_SNAPSHOT_NOTFOUND
        assert client.revert(vm, client.one("VixVM_GetNamedSnapshot", vm, "b")) == 0
        assert len(list(Path(vm).parent.glob("openvix/disks/*"))) == 2
        assert client.code("VixVM_Delete", vm, 0) == INVALID
        assert client.code("VixVM_Delete", vm, 2) == 0


@pytest.mark.openvix(product="vi_server")
def test_esx_rejects_writes_to_running_config(openvix):
    vm = openvix.add_vm("web", power=ON)
    with connected(openvix, "vi_server") as client:
        assert client.code("VixVM_WriteVariable", vm, constants.VIX_VM_CONFIG_RUNTIME_ONLY, "a", "b", 0) == NOT_SUPPORTED
        assert client.code("VixVM_WriteVariable", vm, constants.VIX_VM_GUEST_VARIABLE, "a", "b", 0) == 0


@pytest.mark.openvix(product="server", version="1.0.10")
def test_server_1_can_keep_a_disk(openvix):
    vm = openvix.add_vm("web")
    with Client(openvix.directory, provider=constants.VIX_SERVICEPROVIDER_VMWARE_SERVER) as client:
        assert client.code("VixVM_Delete", vm, 0) == 0
    assert Path(vm).with_suffix(".vmdk").exists()


@pytest.mark.openvix(product="fusion", version="26.0.1")
def test_fusion_26_requires_undocumented_option(openvix):
    with Client(openvix.directory, options=0x200) as client:
        assert client.code("VixHost_Connect", -1, constants.VIX_SERVICEPROVIDER_DEFAULT, None, 0, None, None, 0, []) == constants.VIX_E_LICENSE
    assert products.get("fusion", "13.6.0").required_option == 0
