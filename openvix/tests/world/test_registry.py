# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many VMs: they are loaded on demand, which clients cannot notice."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from protocol_client import Client

from openvix.vix import constants
from openvix.vm import machine
from openvix.world.library import Library
from openvix.world.registry import Machines, UnloadedVM
from openvix.world.world import World

OFF, ON, SUSPENDED = "powered_off", "powered_on", "suspended"


def running(client):
    return [item[1] for item in client.items("VixHost_FindItems", client.host, constants.VIX_FIND_RUNNING_VMS, [], -1)]


def test_numbered_vms_have_names_and_power(openvix):
    openvix.add_vms(50, running=3)
    paths = [str(openvix.directory / f"vms/vm{number:05}/vm{number:05}.vmx") for number in range(1, 51)]
    assert openvix.vms == {path: ON if number < 3 else OFF for number, path in enumerate(paths)}
    with Client(openvix.directory) as client:
        assert running(client) == paths[:3]
        assert client.power(paths[0]) == constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_TOOLS_RUNNING
        client.log_in(paths[0])
        client.items("VixVM_PowerOn", paths[9], 0, [])
        client.take(paths[10])
        client.items("VixVM_PowerOff", paths[1], 0)
        client.items("VixVM_Delete", paths[49], 2)
        assert running(client) == [paths[0], paths[2], paths[9]]
    openvix.add_vms(49, running=40)
    openvix.kill_daemon()
    assert [path for path, power in openvix.vms.items() if power == ON] == [paths[0], paths[2], paths[9]]
    assert len(openvix.vms) == 49
    assert [vm["snapshots"] for vm in openvix.status()["vms"][9:12]] == [0, 1, 0]


@pytest.mark.parametrize("power", [OFF, ON, SUSPENDED])
def test_unloaded_vm_keeps_its_state(openvix, power):
    vm = openvix.add_vm("web", power=power, files={"/etc/motd": "mine"}, snapshots=[{"name": "base"}])
    result = openvix.status()["vms"]
    openvix.kill_daemon()
    assert openvix.status()["vms"] == result
    with Client(openvix.directory) as client:
        assert client.one("VixVM_GetNumRootSnapshots", vm) == 1
        assert client.code("VixVM_PowerOn", vm, 0, []) == (constants.VIX_E_VM_IS_RUNNING if power == ON else 0)
    assert (openvix.disk(vm) / "etc/motd").read_text() == "mine"


def test_numbered_vms_can_be_added_later(openvix):
    openvix.add_vms(2)
    openvix.add_vms(4)
    assert len(openvix.vms) == 4


def test_vm_loaded_during_start_settles_once(openvix, tmp_path, monkeypatch):
    vm = openvix.add_vm("web")
    with Client(openvix.directory) as client:
        client.items("VixVM_Clone", vm, None, constants.VIX_CLONETYPE_LINKED, str(tmp_path / "copy/copy.vmx"), 0, [])
    openvix.kill_daemon()
    settled = []
    settle = machine.Machine.settle
    monkeypatch.setattr(machine.Machine, "settle", lambda self: (settled.append(self.name), settle(self)))
    world = World(openvix.directory)
    for each in world.machines.loaded():
        each.settled()
    assert sorted(settled) == ["copy", "web"]


def test_unreadable_vm_stays_and_is_tried_again(tmp_path):
    """Its files may have become unreadable since its world began, and may be repaired."""
    host = SimpleNamespace(name="")
    unloaded, loaded = UnloadedVM("/vms/web/web.vmx", "web", host, OFF, 0), SimpleNamespace(host=host)
    answers = [None, loaded]
    machines = Machines(lambda unloaded: answers.pop(0), Library(tmp_path))
    machines.add_unloaded(unloaded)
    assert machines.get(unloaded.path) is None
    assert unloaded.path in machines
    assert (machines.values(), machines.loaded()) == ([unloaded], [])
    assert machines.get(unloaded.path) is loaded
    assert (machines.values(), machines.loaded()) == ([loaded], [loaded])
