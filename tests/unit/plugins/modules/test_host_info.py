# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib

import pytest

from openvix.cli import install
from openvix.system import c_build

ROOT = pathlib.Path(__file__).resolve().parents[4]


def test_connected_host_described(openvix, run_module):
    openvix.add_vm("web", power="powered_on")

    found = run_module("host_info")

    library = openvix.environment["VIX_LIBRARY"]
    assert not found["changed"]
    assert (found["library"], found["searched"]) == (library, [{"path": library, "reason": "chosen", "found": True}])
    assert (found["connected"], found["error"], found["provider"], found["running_vms"]) == (True, None, "workstation", 1)
    assert found["software_version"]
    assert (found["wrapper"]["is_wrapper"], found["wrapper"]["lines"], found["wrapper"]["problems"]) == (False, [], [])
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
        assert not found["wrapper"]["is_wrapper"]  # it is an implementation


@pytest.fixture
def behind_wrapper(openvix, run_module, monkeypatch, tmp_path):
    """Gather the information through a library that does what VMware's wrapper does, with OpenVIX as the installed product."""
    library = str(c_build.compile_wrapper(ROOT / "openvix" / "tests" / "native" / "c" / "wrapper.c"))
    home, libdir, logs = tmp_path / "home", tmp_path / "libdir", tmp_path / "logs"
    (home / ".vmware").mkdir(parents=True)
    logs.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(logs))
    monkeypatch.setenv("VIX_LIBRARY", library)

    def configure(**settings):
        lines = {"vix.libdir": libdir, **{key.replace("_", "."): value for key, value in settings.items()}}
        (home / ".vmware" / "config").write_text("".join(f'{key} = "{value}"\n' for key, value in lines.items() if value), encoding="utf-8")

    configure(product_version="17.6.3")
    install.install(c_build.build(), libdir)

    def gather(**options):
        return run_module("host_info", **options)

    gather.configure, gather.libdir, gather.logs = configure, libdir, logs
    return gather


def test_wrapper_in_front_of_product(behind_wrapper):
    found = behind_wrapper()

    assert (found["connected"], found["wrapper"]["problems"]) == (True, [])
    assert found["wrapper"]["implementation"] == f"{behind_wrapper.libdir}/{install.DIRECTORY}/64bit/libvix.so"
    assert found["wrapper"]["settings"]["product.version"] == "17.6.3"
    assert {line["provider"] for line in found["wrapper"]["lines"]} == {"ws", "ws-shared", "player", "viserver", "esx"}
    assert os.listdir(found["wrapper"]["log_directory"])


@pytest.mark.parametrize(
    ("settings", "provider", "code"),
    [
        ({"vix_libdir": ""}, "default", 22005),
        ({"vix_libdir": "/nowhere", "product_version": "17.6.3"}, "workstation", 22003),
        ({}, "workstation", 22001),
        ({}, "player", 22004),
        ({"product_version": "17.6.4"}, "default", 22002),
    ],
)
def test_problem_is_what_wrapper_answers(behind_wrapper, settings, provider, code):
    behind_wrapper.configure(**settings)

    found = behind_wrapper(provider=provider)

    assert (found["connected"], found["wrapper"]["implementation"]) == (False, None)
    assert f", {code}); " in found["error"]
    assert f"({code})" in found["wrapper"]["problems"][-1]


def test_unloadable_product_named_with_log(behind_wrapper):
    """The wrapper then says success, and gives a handle that is not a job."""
    (behind_wrapper.libdir / install.DIRECTORY / "64bit" / "libvix.so").write_bytes(b"no library")

    found = behind_wrapper()

    assert not found["connected"]
    logs = found["wrapper"]["log_directory"]
    assert found["error"].endswith(f"could not load it; the reason is in the newest vmware-vixWrapper-*.log in {logs}")
    assert any("failed to load library" in path.read_text() for path in pathlib.Path(logs).iterdir())


def test_unwritable_log_named(behind_wrapper):
    """The wrapper answers 1, with a text that names something else."""
    (behind_wrapper.logs / os.path.basename(behind_wrapper()["wrapper"]["log_directory"])).rename(behind_wrapper.logs / "moved")
    directory = pathlib.Path(behind_wrapper()["wrapper"]["log_directory"])
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    directory.write_text("a file")

    found = behind_wrapper()

    assert f"cannot write its log: allow this user to write to {behind_wrapper.logs}, or set TMPDIR" in found["error"]
