# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs by their files, with no VIX at all. What this shares with the other inventory plugin is in tests/unit/plugins/plugin_utils/test_inventory.py."""

from __future__ import annotations

import json
import os

import pytest


@pytest.fixture(autouse=True)
def _no_library(monkeypatch):
    for name in ("VIX_LIBRARY", "OPENVIX_WORLD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIX_LIBRARY", "/nowhere.so")


def test_vmware_list_and_directories_read(inventory, place_vm, in_library):
    listed, scanned = place_vm("vms/web/web.vmx", memsize=2048), place_vm("home/vmware/db/db.vmx")
    in_library((listed, "web"), ("/nowhere/gone.vmx", "gone"))

    found = inventory(plugin="vmx_files")

    assert {name: (variables["vix_path"], variables["vix_sources"]) for name, variables in found.hosts.items()} == {
        "web": (listed, ["library"]),
        "gone": ("/nowhere/gone.vmx", ["library"]),
        "db": (scanned, ["scan"]),
    }
    assert {name: variables["vix_stale"] for name, variables in found.hosts.items()} == {"web": False, "gone": True, "db": False}
    assert "WARNING" not in found.output


def test_each_vm_has_each_variable(inventory, place_vm, in_library):
    web = place_vm("vms/web/web.vmx", memsize=2048, numvcpus=2, annotation="by hand", **{"guestinfo.role": "front"})
    in_library((web, "web"), ("/nowhere/gone.vmx", "gone"))

    hosts = inventory(plugin="vmx_files").hosts

    assert hosts["web"] == {
        "vix_path": web,
        "vix_name": "web",
        "vix_host": "localhost",
        "vix_sources": ["library"],
        "vix_power": "powered_off",
        "vix_power_details": [],
        "vix_power_unknown_bits": 0,
        "vix_tools": "unknown",
        "vix_guest_os": "debian12-64",
        "vix_cpus": 2,
        "vix_memory": 2048,
        "vix_encrypted": False,
        "vix_locked": False,
        "vix_question_pending": False,
        "vix_annotation": "by hand",
        "vix_guestinfo": {"role": "front"},
        "vix_addresses": [],
        "vix_address": None,
        "vix_stale": False,
        "vix_error": None,
        "ansible_vix_vm": web,
    }
    assert set(hosts["gone"]) == set(hosts["web"])


def test_ansible_commands_use_inventory(place_vm, in_library, run_ansible, write_inventory):
    in_library((place_vm("vms/web/web.vmx"), "web"), (place_vm("vms/db/db.vmx", guestOS="windows11-64"), "db"))
    path = write_inventory("keyed_groups: [{key: vix_guest_os, prefix: os}]\n", "vmx_files")

    listed = json.loads(run_ansible("ansible-inventory", "-i", path, "--list").stdout)
    graph = run_ansible("ansible-inventory", "-i", path, "--graph").stdout
    host = json.loads(run_ansible("ansible-inventory", "-i", path, "--host", "web").stdout)
    hosts = run_ansible("ansible", "-i", path, "os_windows11_64", "-m", "ansible.builtin.ping", "--list-hosts").stdout
    at_length = run_ansible("ansible-inventory", "-i", path, "--graph", "-vvv")

    assert set(listed["_meta"]["hostvars"]) == {"web", "db"}
    assert listed["os_debian12_64"]["hosts"] == ["web"]
    assert "|--@os_windows11_64:\n  |  |--db" in graph
    assert host["vix_name"] == "web"
    assert hosts.split() == ["hosts", "(1):", "db"]
    assert "web.vmx: included as web; listed by library on localhost" in " ".join((at_length.stdout + at_length.stderr).split())


def test_broken_file_one_warning_hides_none(inventory, place_vm, home):
    (home / "vmware").mkdir()
    broken = {"truncated": b'displayName = "we', "binary": b"a = 1\n\0", "huge": b'a = "1"\n' + b"#" * (4 << 20), "empty": b"", "zeros": bytes(99)}
    for name, raw in broken.items():
        (home / "vmware" / f"{name}.vmx").write_bytes(raw)
    place_vm("home/vmware/round.vmx")
    circle = 'snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.parent = "1"\nsnapshot0.displayName = "a"\n'
    (home / "vmware" / "round.vmsd").write_text(circle)

    found = inventory("gather: [addresses, snapshots]\n", plugin="vmx_files")

    assert {name for name, variables in found.hosts.items() if variables["vix_stale"]} == set(broken)
    assert found.hosts["round"]["vix_snapshots"] == ["a"]
    assert found.output.count("[WARNING]") == 6
    for name in broken:
        assert found.output.count(f"[WARNING]: {home}/vmware/{name}.vmx: ") == 1
    assert f"[WARNING]: {home}/vmware/round.vmsd: snapshot 1 is below itself" in found.output
    assert "Traceback" not in found.output


def test_foreign_files_left_out(inventory, place_vm, in_library, home):
    """26 of 308 files named .vmx are of other programs (wild/06-appledouble, wild/07-not-vmware)."""
    foreign = {
        "hammer": b'versioninfo\r\n{\r\n\t"editorversion" "400"\r\n\t"mapversion" "1"\r\n}\r\n',
        "machine-code": b"\0\x02C\0\0\0\0\0\0\0\0h\0\0\0\0",
        "._alpha": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        \x00\x02",
    }
    alpha = place_vm("home/vmware/alpha.vmx")
    for name, raw in foreign.items():
        (home / "vmware" / f"{name}.vmx").write_bytes(raw)

    quiet, verbose = inventory(plugin="vmx_files"), inventory(plugin="vmx_files", verbosity=3)
    in_library((str(home / "vmware/hammer.vmx"), "listed"))
    listed = inventory(plugin="vmx_files")

    assert {name: variables["vix_path"] for name, variables in quiet.hosts.items()} == {"alpha": alpha}
    assert "WARNING" not in quiet.output
    assert f"{home}/vmware/hammer.vmx: not included: no line in it is KEY = VALUE" in verbose.output
    assert f"{home}/vmware/machine-code.vmx: not included: no line in it is KEY = VALUE" in verbose.output
    assert f"{home}/vmware/._alpha.vmx: not included: it is a hidden file" in verbose.output
    assert listed.hosts["listed"]["vix_stale"]  # VMware itself has it in its list


def test_code_pages_of_windows_read(inventory, home):
    """wild/02-korean-host and wild/04-japanese-host, with snapshots."""
    texts = {
        "windows-949-2000": ("cp949", "웹 서버 똠"),
        "Shift_JIS": ("cp932", "①1号機 髙橋 Web㈱"),
        "Big5": ("cp950", "裏側 恒"),
        "ibm-874": ("cp874", "เว็บ"),
    }
    for encoding, (codec, name) in texts.items():
        directory = home / "vmware" / encoding
        directory.mkdir(parents=True)
        (directory / "web.vmx").write_bytes(f'.encoding = "{encoding}"\r\ndisplayName = "{name}"\r\nguestOS = "RHEL5"\r\n'.encode(codec))
        snapshot = f'.encoding = "{encoding}"\nsnapshot.current = "1"\nsnapshot0.uid = "1"\nsnapshot0.displayName = "{name}"\nsnapshot.numSnapshots = "1"\n'
        (directory / "web.vmsd").write_bytes(snapshot.encode(codec))

    found = inventory("gather: [snapshots]\nkeyed_groups: [{key: vix_guest_os, prefix: os}]\n", plugin="vmx_files")

    assert {variables["vix_name"] for variables in found.hosts.values()} == {name for dummy, name in texts.values()}
    assert all(variables["vix_snapshots"] == [variables["vix_name"]] for variables in found.hosts.values())
    assert set(found.groups) == {"os_rhel5"}
    assert "WARNING" not in found.output


def test_one_broken_line_makes_one_vm_stale(inventory, place_vm, home):
    """The files of wild/09 and wild/10, which VMware refuses as well."""
    place_vm("home/vmware/alpha/alpha.vmx", text='sharedFolder0.guestName = "shared?\r\n')
    place_vm("home/vmware/bad/bad.vmx")
    (home / "vmware/bad/bad.vmsd").write_bytes(b'snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.displayName = "\xb0\xa1"\n')
    place_vm("home/vmware/good/good.vmx")

    found = inventory("gather: [snapshots]\n", plugin="vmx_files")

    assert {name: variables["vix_error"] for name, variables in found.hosts.items()} == {
        "alpha": f'{home}/vmware/alpha/alpha.vmx: line 3 is not KEY = "VALUE"',
        "bad": None,
        "good": None,
    }


def test_undecodable_file_name_accepted(inventory, home, run_ansible, write_inventory):
    folder = os.fsencode(home / "vmware")
    os.mkdir(folder)
    with open(os.path.join(folder, b"we\xffb.vmx"), "wb") as file:
        file.write(b'guestOS = "debian12-64"\n')

    found = inventory(plugin="vmx_files")
    done = run_ansible("ansible-inventory", "-i", write_inventory(plugin="vmx_files"), "--list")

    assert list(found.hosts) == ["we-b"]
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_file_timeout_one_message(inventory, home):
    os.mkdir(home / "vmware")
    os.mkfifo(home / "vmware" / "web.vmx")  # not a regular file, and not waited for

    found = inventory("timeout: 20\n", plugin="vmx_files")

    assert found.hosts["web"]["vix_error"].endswith("web.vmx: it is not a file")


@pytest.mark.parametrize("folder", ["vms", "./home/../vms", "~/../vms", "$HOME/../vms"])
def test_relative_and_home_directories_accepted(inventory, place_vm, monkeypatch, folder):
    web = place_vm("vms/web/web.vmx")
    monkeypatch.chdir("/")

    assert inventory(f"sources: [scan]\nscan_folders: ['{folder}']\n", plugin="vmx_files").hosts["web"]["vix_path"] == web


def test_no_vms_empty_inventory(inventory, home):
    found = inventory(plugin="vmx_files", verbosity=3)

    assert found.hosts == {}
    assert "Failed to parse" not in found.output
    assert f"nothing is searched: none of VMware's default directories is in {home}, and scan_folders is empty" in found.output
