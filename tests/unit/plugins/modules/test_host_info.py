# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from openvix.cli import install
from openvix.system import c_build


def test_connected_host_described(openvix, run_module):
    openvix.add_vm("web", power="powered_on")

    found = run_module("host_info")

    library = openvix.environment["VIX_LIBRARY"]
    assert not found["changed"]
    assert (found["library"], found["searched"]) == (library, [{"path": library, "reason": "chosen", "found": True}])
    assert (found["connected"], found["error"], found["provider"], found["running_vms"]) == (True, None, "workstation", 1)
    assert found["software_version"]
    assert found["wrapper"] == {"lines": [], "problems": []}
    assert "VixVM_CreateSnapshot" not in found["unsupported_functions"]
    assert found["unsupported_features"] == ["inventory of VMs"]


@pytest.mark.openvix(product="player")
def test_unsupported_features_true(openvix, run_module):
    """The lesson of Orange-Cyberdefense/GOAD issue 108: the product is asked what it is, and its limits are known."""
    web = openvix.add_vm("web", power="powered_on")

    found = run_module("host_info")

    assert found["provider"] == "player"
    assert {"VixVM_CreateSnapshot", "VixVM_Clone", "VixVM_Pause"} <= set(found["unsupported_functions"])
    assert found["unsupported_features"] == ["snapshots", "clones", "paused VMs", "upgrades of virtual hardware", "inventory of VMs"]
    assert run_module("vm_power", vm=web, state="paused")["vix_code"] == 6


def test_missing_library_lists_paths_not_failed(openvix, run_module, monkeypatch, tmp_path):
    """The lesson of GNS3/gns3-gui issue 2866: the library was not found for years, and the message did not list the searched paths."""
    monkeypatch.delenv("VIX_LIBRARY")
    monkeypatch.setenv("HOME", str(tmp_path))

    found = run_module("host_info")

    assert found["_rc"] == 0
    if found["library"] is None:  # on a machine with VMware there is one
        assert len(found["searched"]) > 5
        assert not found["connected"]
        assert all(place["path"] in found["error"] for place in found["searched"])


@pytest.mark.parametrize("code", [22001, 22002, 22005, 32])
def test_refused_connection_has_advice(openvix, run_module, code):
    openvix.fault(call="VixHost_Connect", error=code)

    found = run_module("host_info")

    assert (found["_rc"], found["connected"]) == (0, False)
    assert f", {code}); " in found["error"]


def test_installed_product_explained(openvix, run_module, monkeypatch, tmp_path):
    """As VMware's own, OpenVIX is named by vix.libdir, with lines for the wrapper beside it."""
    openvix.add_vm("web", power="powered_on")
    install.install(c_build.build(), tmp_path / "libdir")
    (tmp_path / ".vmware").mkdir()
    (tmp_path / ".vmware" / "config").write_text(f'vix.libdir = "{tmp_path}/libdir"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VIX_LIBRARY")

    found = run_module("host_info")

    assert {"path": f"{tmp_path}/libdir/libvixAllProducts.so", "reason": "vix.libdir of ~/.vmware/config", "found": True} in found["searched"]
    if found["library"] == f"{tmp_path}/libdir/libvixAllProducts.so":  # on a machine with VMware its own comes first
        assert (found["connected"], found["running_vms"]) == (True, 1)
        assert [(line["provider"], line["directory"], line["problem"]) for line in found["wrapper"]["lines"]] == [
            (product, install.DIRECTORY, None) for product in ("ws", "player", "viserver", "esx")
        ]
        assert found["wrapper"]["problems"] == []
