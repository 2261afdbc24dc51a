# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client

from openvix.vix import constants
from openvix.vmware import vmx

GUEST, CONFIG, ENVIRONMENT = constants.VIX_VM_GUEST_VARIABLE, constants.VIX_VM_CONFIG_RUNTIME_ONLY, constants.VIX_GUEST_ENVIRONMENT_VARIABLE
OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
INVALID, IS_OFF = constants.VIX_E_INVALID_ARG, constants.VIX_E_VM_NOT_RUNNING


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


def read(client, vm, kind, name):
    [[key, value]] = client.items("VixVM_ReadVariable", vm, kind, name, 0)
    assert key == constants.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING
    return value


def write(client, vm, kind, name, value):
    return client.code("VixVM_WriteVariable", vm, kind, name, value, 0)


def test_guest_variable_lasts_until_power_off(openvix, client):
    vm = openvix.add_vm("web", power=ON, tools="not_installed")
    assert read(client, vm, GUEST, "role") == ""
    assert write(client, vm, GUEST, "role", "däta=1") == 0
    assert read(client, vm, GUEST, "Role") == "däta=1"
    client.items("VixVM_Reset", vm, 0)
    client.items("VixVM_Suspend", vm, 0)
    client.items("VixVM_PowerOn", vm, 0, [])
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as again:
        assert read(again, vm, GUEST, "role") == "däta=1"
        again.items("VixVM_PowerOff", vm, 0)
        again.items("VixVM_PowerOn", vm, 0, [])
        assert read(again, vm, GUEST, "role") == ""


def test_running_config_is_written_stored_is_read(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    before = Path(vm).read_bytes()
    assert read(client, vm, CONFIG, "guestos") == "debian12-64"
    assert write(client, vm, CONFIG, "guestOS", "other") == 0
    assert (read(client, vm, CONFIG, "guestOS"), read(client, vm, CONFIG, "none")) == ("debian12-64", "")
    assert Path(vm).read_bytes() == before


def test_guest_variables_are_in_the_config(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    config = vmx.read(Path(vm).read_bytes())
    config.set("guestinfo.stored", "from the file")
    Path(vm).write_bytes(config.write())
    write(client, vm, CONFIG, "guestinfo.running", "now")
    assert [read(client, vm, GUEST, name) for name in ("stored", "running")] == ["from the file", "now"]


@pytest.mark.parametrize("state", [OFF, SUSPENDED])
def test_stopped_vm_has_no_variables(openvix, client, state):
    vm = openvix.add_vm("web", power=state)
    for kind in (GUEST, CONFIG, ENVIRONMENT):
        assert client.code("VixVM_ReadVariable", vm, kind, "a", 0) == IS_OFF
        assert write(client, vm, kind, "a", "b") == IS_OFF


@pytest.mark.parametrize(
    ("kind", "name", "reading", "writing"),
    [
        (GUEST, "a/b", INVALID, INVALID),
        (GUEST, "a=b", 0, INVALID),
        (GUEST, "", INVALID, INVALID),
        (CONFIG, "a=b", 0, INVALID),
        (CONFIG, "a/b", 0, 0),
        (ENVIRONMENT, "a=b", 0, INVALID),
        (0, "a", INVALID, INVALID),
        (4, "a", INVALID, INVALID),
    ],
)
def test_valid_names_of_variables(openvix, client, kind, name, reading, writing):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    assert (client.code("VixVM_ReadVariable", vm, kind, name, 0), write(client, vm, kind, name, "x")) == (reading, writing)


def test_guest_address_is_that_of_the_world(openvix, client):
    vm = openvix.add_vm("web", power=ON, ip="192.0.2.7")
    assert read(client, vm, GUEST, "ip") == "192.0.2.7"
    openvix.change_vm(vm, ip="192.0.2.8")
    assert read(client, vm, GUEST, "ip") == "192.0.2.8"
    assert read(client, openvix.add_vm("booting", power=ON, ip="192.0.2.9", boot_seconds=60), GUEST, "ip") == ""
    assert read(client, openvix.add_vm("nameless", power=ON), GUEST, "ip") == ""


def test_environment_of_login_reaches_programs(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    assert client.code("VixVM_ReadVariable", vm, ENVIRONMENT, "HOME", 0) == constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED
    client.log_in(vm)
    assert (read(client, vm, ENVIRONMENT, "HOME"), read(client, vm, ENVIRONMENT, "COLOUR")) == ("/home/lab", "")
    assert write(client, vm, ENVIRONMENT, "COLOUR", "deep blue") == 0
    assert read(client, vm, ENVIRONMENT, "COLOUR") == "deep blue"
    [ran] = client.items("VixVM_RunProgramInGuest", vm, "/bin/sh", """-c '[ "$COLOUR" = "deep blue" ]'""", 0, [])
    assert ran[5] == 0
    client.items("VixVM_Reset", vm, 0)
    assert read(client, vm, ENVIRONMENT, "COLOUR") == ""


def test_only_administrator_writes_environment(openvix, client):
    vm = openvix.add_vm("web", power=ON, accounts=[{"name": "user", "password": "x"}])
    client.log_in(vm, "user", "x")
    assert write(client, vm, ENVIRONMENT, "A", "b") == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert read(client, vm, ENVIRONMENT, "A") == ""
