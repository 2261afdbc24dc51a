# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client
from waiting import eventually

from openvix.protocol import frames
from openvix.vix import constants
from openvix.vmware import vmx

ON = "powered_on"
MOUNT, UPGRADE, AT_ONCE = (
    constants.VIX_INSTALLTOOLS_MOUNT_TOOLS_INSTALLER,
    constants.VIX_INSTALLTOOLS_AUTO_UPGRADE,
    constants.VIX_INSTALLTOOLS_RETURN_IMMEDIATELY,
)


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.mark.parametrize(
    ("settings", "options", "code"),
    [
        ({"power": ON}, MOUNT, 0),
        ({"power": ON}, UPGRADE, 0),
        ({"power": ON, "tools": "not_installed"}, MOUNT | AT_ONCE, 0),
        ({"power": ON, "tools": "outdated"}, UPGRADE, 0),
        ({}, MOUNT, constants.VIX_E_VM_NOT_RUNNING),
        ({"power": ON, "tools": "not_installed", "tools_image": False}, MOUNT, constants.VIX_E_TOOLS_INSTALL_NO_IMAGE),
        ({"power": ON, "tools": "not_installed"}, UPGRADE, constants.VIX_E_TOOLS_INSTALL_GUEST_NOT_READY),
        ({"power": ON, "tools": "outdated", "boot_seconds": 60}, UPGRADE, constants.VIX_E_TOOLS_INSTALL_GUEST_NOT_READY),
        ({"power": ON}, 4, constants.VIX_E_INVALID_ARG),
    ],
)
def test_tools_installation_depends_on_guest(openvix, client, settings, options, code):
    assert client.code("VixVM_InstallTools", openvix.add_vm("web", **settings), options, None) == code


def test_tools_upgrade_restarts_guest(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="outdated", processes=[{"name": "sshd"}])
    client.log_in(vm)
    client.items("VixVM_RunProgramInGuest", vm, "/bin/sleep", "60", constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY, [])
    client.items("VixVM_InstallTools", vm, UPGRADE, None)
    client.items("VixVM_WaitForToolsInGuest", vm, 10)
    names = [item[1] for item in client.items("VixVM_ListProcessesInGuest", vm, 0)]
    assert "sshd" in names
    assert "sleep" not in names
    openvix.change_vm(vm, tools_image=False)
    assert client.code("VixVM_InstallTools", vm, UPGRADE, None) == 0


def mounted(openvix, client, vm):
    """An installation that waits for somebody in the guest, once the daemon is at it."""
    job = client.connection.begin("VixVM_InstallTools", vm, MOUNT, None)
    client.connection.receive(job, frames.EVENT)
    return job


def test_mounted_installer_waits_for_user(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    job = mounted(openvix, client, vm)
    assert client.code("VixVM_InstallTools", vm, MOUNT, None) == constants.VIX_E_TOOLS_INSTALL_IN_PROGRESS
    openvix.change_vm(vm, tools="installed")
    assert client.connection.wait(job)[0] == 0
    client.items("VixVM_WaitForToolsInGuest", vm, 10)


def test_installation_ends_with_the_vm(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    job = mounted(openvix, client, vm)
    client.items("VixVM_PowerOff", vm, 0)
    assert client.connection.wait(job)[0] == constants.VIX_E_TOOLS_INSTALL_CANCELLED


def test_installation_ends_with_its_client(openvix):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    with Client(openvix.directory) as first:
        mounted(openvix, first, vm)
    with Client(openvix.directory) as second:
        eventually(lambda: second.code("VixVM_InstallTools", vm, MOUNT | AT_ONCE, None) == 0)


@pytest.mark.openvix(product="vi_server")
def test_esx_returns_once_image_is_mounted(openvix):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    with Client(openvix.directory, provider=10, at=("esx", "root", "x")) as client:
        assert client.code("VixVM_InstallTools", vm, MOUNT, None) == 0


# Virtual hardware


def hardware(vm):
    return vmx.read(Path(vm).read_bytes()).get("virtualHW.version")


@pytest.mark.parametrize(("had", "has"), [(10, "21"), (21, "21"), (0, "21")])
def test_hardware_is_upgraded_to_product(openvix, client, had, has):
    vm = openvix.add_vm("web", hardware=had)
    assert client.code("VixVM_UpgradeVirtualHardware", vm, 0) == 0
    assert hardware(vm) == has
    assert client.code("VixVM_UpgradeVirtualHardware", vm, 1) == constants.VIX_E_INVALID_ARG


@pytest.mark.parametrize("state", [ON, "suspended", "paused"])
def test_hardware_upgrade_requires_vm_off(openvix, client, state):
    vm = openvix.add_vm("web", hardware=10, power=state)
    assert client.code("VixVM_UpgradeVirtualHardware", vm, 0) == constants.VIX_E_VM_IS_RUNNING
    assert hardware(vm) == "10"


@pytest.mark.parametrize(("product", "version", "newest"), [("workstation", "10.0.7", "10"), ("fusion", "12.2", "19"), ("workstation", "25H2", "22")])
def test_versions_have_their_hardware(request, tmp_path_factory, product, version, newest):
    request.node.add_marker(pytest.mark.openvix(product=product, version=version))
    openvix = request.getfixturevalue("openvix")
    assert hardware(openvix.add_vm("web")) == newest
