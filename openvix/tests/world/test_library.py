# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of the VMs of a world, which is like the one of VMware's window."""

from __future__ import annotations

from protocol_client import Client

from openvix.vix import constants
from openvix.vmware import vmx
from openvix.world import library
from openvix.world.library import Library
from openvix.world.world import World


def listed(openvix):
    """The .vmx files in the list, as a program that looks for VMs reads them."""
    settings = vmx.read((openvix.directory / library.NAME).read_bytes())
    keys = settings.keys()
    numbers = [key.split(".")[0] for key in keys if key.endswith(".config")]
    assert all(settings.get(f"{number}.State") == "normal" for number in numbers)
    return {settings.get(f"{number}.config"): settings.get(f"{number}.DisplayName") for number in numbers}


def test_every_vm_is_listed_whatever_its_state(openvix, tmp_path):
    web, db = openvix.add_vm("web", power="powered_on"), openvix.add_vm('d"b|', power="powered_off")
    openvix.add_vms(3)
    assert listed(openvix) == {web: "web", db: 'd"b|', **{str(openvix.directory / f"vms/vm0000{each}/vm0000{each}.vmx"): f"vm0000{each}" for each in (1, 2, 3)}}
    copy = str(tmp_path / "elsewhere/copy/copy.vmx")
    with Client(openvix.directory) as client:
        client.items("VixVM_PowerOff", web, 0)
        client.items("VixVM_Clone", web, None, constants.VIX_CLONETYPE_FULL, copy, 0, [])
        assert copy in listed(openvix)
        client.items("VixVM_Delete", copy, 2)
    assert copy not in listed(openvix)
    assert web in listed(openvix)


def test_vms_of_remote_hosts_are_not_listed(openvix):
    openvix.add_host("server.example.com", {"lab": "secret"})
    openvix.add_vm("far", host="server.example.com")
    web = openvix.add_vm("web")
    assert listed(openvix) == {web: "web"}


def test_list_is_written_at_start(openvix):
    web = openvix.add_vm("web")
    openvix.kill_daemon()
    (openvix.directory / library.NAME).unlink()
    World(openvix.directory)
    assert listed(openvix) == {web: "web"}


def test_many_vms_are_written_once(openvix, monkeypatch):
    written = []
    monkeypatch.setattr(Library, "write", lambda self, paths: written.append(len(list(paths()))))
    openvix.kill_daemon()
    world = World(openvix.directory)
    world.add_numbered(50, 0)
    assert written == [0, 50]


def test_full_disk_leaves_the_old_list(tmp_path, monkeypatch):
    Library(tmp_path).write(lambda: ["/vms/web/web.vmx"])
    before = (tmp_path / library.NAME).read_bytes()
    monkeypatch.setattr(library.Path, "write_bytes", lambda self, content: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    Library(tmp_path).write(list)
    assert [each.name for each in tmp_path.iterdir()] == [library.NAME]
    assert (tmp_path / library.NAME).read_bytes() == before
