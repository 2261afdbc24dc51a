# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import types
from functools import partial

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state import listed

REMOTE = {"provider": "workstation_shared", "hostname": "https://upstairs/sdk", "username": "lab", "password": "lab"}


@pytest.fixture
def on_host_listed(on_host):
    """What a host lists."""

    def ask(sources=("running",), is_local=True, gather=("addresses",), concurrency=4, vm_timeout=20, **options):
        look = types.SimpleNamespace(
            sources=sources, is_local=is_local, gather=gather, guestinfo_exclude=["ip"], concurrency=concurrency, vm_timeout=vm_timeout
        )
        return on_host(partial(listed.on_host, look), **options)

    return ask


@pytest.fixture
def in_files(tmp_path):
    """Facts from files: of the home directory tmp_path/home, and of directories."""
    (tmp_path / "home" / ".vmware").mkdir(parents=True)

    def read(sources=("library", "scan"), folders=(), visit=lambda doing: None, **other):
        look = {"scan_depth": 4, "scan_patterns": ["*.vmx"], "scan_exclude": [], "gather": ["addresses"], "guestinfo_exclude": []}
        look.update(other, sources=sources, scan_folders=list(map(str, folders)), home=str(tmp_path / "home"))
        return listed.in_files(types.SimpleNamespace(**look), visit)

    return read


@pytest.fixture
def place_vm(tmp_path):
    """Write a .vmx, or a list of VMware's with VMs."""

    def write(name, text='displayName = "{stem}"\nguestOS = "debian12-64"\n'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.replace("{stem}", path.stem).encode("utf-8"))
        return str(path)

    return write


@pytest.fixture
def in_library(tmp_path):
    def write(*vms):
        lines = [f'vmlist{number}.config = "{path}"\nvmlist{number}.DisplayName = "{name}"\n' for number, (path, name) in enumerate(vms, 1)]
        (tmp_path / "home" / ".vmware" / "inventory.vmls").write_bytes("".join(lines).encode("utf-8"))

    return write


# -- by VIX


def test_running_vm_by_vix_and_files(openvix, on_host_listed):
    web = openvix.add_vm("web", power="powered_on", memory=2048, cpus=2, ip="192.0.2.9")
    with open(web, "a") as file:
        file.write('annotation = "made by hand"\nguestinfo.role = "front"\nguestinfo.ip = "192.0.2.7"\n')

    found = on_host_listed()

    [vm] = found["vms"]
    assert vm == {
        "path": web,
        "real": os.path.realpath(web),
        "name": "web",
        "sources": ["running"],
        "power": "powered_on",
        "power_details": ["tools_running"],
        "power_unknown_bits": 0,
        "tools": "running",
        "guest_os": "debian12-64",
        "cpus": 2,
        "memory": 2048,
        "encrypted": False,
        "locked": True,
        "question_pending": False,
        "annotation": "made by hand",
        "guestinfo": {"role": "front"},
        "addresses": [{"address": "192.0.2.9", "source": "tools"}, {"address": "192.0.2.7", "source": "vmx"}],
        "stale": False,
        "error": None,
    }
    assert (found["left_out"], found["problems"], found["notes"]) == ([], [], [])


def test_unknown_power_bits_returned(openvix, on_host_listed):
    openvix.add_vm("web", power="powered_on", extra_power_bits=0x1000)

    assert on_host_listed()["vms"][0]["power_unknown_bits"] == 0x1000


def test_paused_and_question_flagged(openvix, on_host_listed):
    openvix.add_vm("paused", power="paused")
    openvix.add_vm("asking", power="powered_on", question="Moved or copied?")

    vms = {vm["name"]: vm for vm in on_host_listed()["vms"]}

    assert (vms["paused"]["power"], vms["paused"]["question_pending"]) == ("paused", False)
    assert (vms["asking"]["power"], vms["asking"]["question_pending"]) == ("powered_on", True)


def test_dead_vm_stale_with_file_facts(openvix, on_host_listed):
    """The lesson of xlang-ai/OSWorld issue 42: dead VMs stay in the list of the running ones."""
    openvix.add_vm("web", power="powered_on")
    dead = openvix.add_vm("dead", power="powered_on", memory=512)
    openvix.fault(call="VixHost_OpenVM", vm="dead", error=4000)

    found = on_host_listed()

    vms = {vm["name"]: vm for vm in found["vms"]}
    assert (vms["web"]["stale"], vms["dead"]["stale"]) == (False, True)
    assert (vms["dead"]["power"], vms["dead"]["memory"]) == ("unknown", 512)
    assert vms["dead"]["error"].startswith(f"opening {dead}: ")
    assert found["problems"] == [f"{dead} is listed as running, but cannot be opened: {vms['dead']['error']}"]


def test_unreadable_properties_stale(openvix, on_host_listed):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="Vix_GetProperties", vm="web", error=1)

    assert "reading the properties of" in on_host_listed()["vms"][0]["error"]


def test_openable_vm_not_stale(openvix, on_host_listed):
    web = openvix.add_vm("web", power="powered_on")
    with open(web, "a") as file:
        file.write('guestOS = "debian12-64"\n')  # for the second time

    found = on_host_listed()

    assert [(vm["name"], vm["power"], vm["stale"], vm["error"]) for vm in found["vms"]] == [("web", "powered_on", False, None)]
    [problem] = found["problems"]
    assert problem.startswith(f"{web}: line ")


def test_encrypted_vm_flagged_not_stale(openvix, on_host_listed):
    openvix.add_vm("secret", power="powered_on", password="s3cret-vm")

    [vm] = on_host_listed()["vms"]

    assert (vm["name"], vm["encrypted"], vm["stale"], vm["error"], vm["power"]) == ("secret", True, False, None, "powered_on")


@pytest.mark.openvix(product="workstation_shared")
def test_encrypted_remote_vm_flagged(openvix, on_host_listed):
    openvix.add_vm("secret", password="s3cret-vm")

    [vm] = on_host_listed(["registered"], is_local=False, **REMOTE)["vms"]

    assert (vm["path"], vm["name"], vm["encrypted"], vm["power"], vm["real"]) == ("[standard] secret/secret.vmx", "secret", True, "unknown", None)


@pytest.mark.openvix(product="workstation_shared")
def test_inventory_lists_stopped_vms_once(openvix, on_host_listed):
    openvix.add_vm("web", power="powered_on", memory=2048)
    openvix.add_vm("db", power="suspended")

    vms = {vm["name"]: vm for vm in on_host_listed(["running", "registered"], is_local=False, **REMOTE)["vms"]}

    assert {name: (vm["power"], vm["sources"]) for name, vm in vms.items()} == {
        "web": ("powered_on", ["running", "registered"]),
        "db": ("suspended", ["registered"]),
    }
    assert (vms["web"]["path"], vms["web"]["memory"], vms["web"]["locked"], vms["web"]["real"]) == ("[standard] web/web.vmx", 2048, None, None)


@pytest.mark.openvix(product="fusion")
def test_no_inventory_noted_rest_listed(openvix, on_host_listed):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_FindItems", from_=2, error=6)

    found = on_host_listed(["running", "registered"])

    assert [vm["name"] for vm in found["vms"]] == ["web"]
    [note] = found["notes"]
    assert note.startswith("no VM is listed as registered: listing the registered VMs: ")


@pytest.mark.openvix(product="workstation_shared")
def test_remote_snapshots_from_vix(openvix, on_host_listed):
    openvix.add_vm("web", snapshots=[{"name": "base", "children": [{"name": "clean"}]}])

    [vm] = on_host_listed(["registered"], is_local=False, gather=["snapshots"], **REMOTE)["vms"]

    assert (vm["snapshots"], vm["snapshot_names"], vm["snapshot_current"]) == (["base", "base/clean"], ["base", "clean"], "base/clean")
    assert "addresses" not in vm


@pytest.mark.openvix(product="workstation_shared")
def test_unsupported_snapshots_left_open(openvix, on_host_listed):
    openvix.add_vm("web")
    openvix.fault(call="VixVM_GetNumRootSnapshots", error=6)

    [vm] = on_host_listed(["registered"], is_local=False, gather=["snapshots"], **REMOTE)["vms"]

    assert (vm["snapshots"], vm["stale"]) == (None, False)


def test_local_snapshots_from_files(openvix, on_host_listed):
    openvix.add_vm("web", power="powered_on", snapshots=[{"name": "base"}])

    [vm] = on_host_listed(gather=["snapshots"])["vms"]

    assert (vm["snapshots"], vm["snapshot_current"]) == (["base"], "base")
    assert openvix.calls("VixVM_GetNumRootSnapshots") == []


def test_address_failure_keeps_vm(openvix, on_host_listed):
    openvix.add_vm("web", power="powered_on", ip="192.0.2.9")
    openvix.fault(call="VixVM_ReadVariable", error=1)

    [vm] = on_host_listed()["vms"]

    assert (vm["addresses"], vm["stale"]) == ([], False)


def test_vm_takes_three_calls(openvix, on_host_listed):
    for number in range(5):
        openvix.add_vm(f"vm{number}", power="powered_on")

    on_host_listed()

    calls = [call["call"] for call in openvix.calls()]
    assert len(calls) == 3 + 3 * 5  # connecting, listing and disconnecting beside opening, reading the properties and the address of each
    assert calls.count("Vix_GetProperties") == 5


def test_job_takes_one_wait_call(openvix, on_host_listed, monkeypatch):
    from ansible_collections.vmlab.vix.plugins.module_utils._vix import capi

    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", delay=0.3)
    openvix.fault(call="VixVM_ReadVariable", delay=0.3)
    looks, is_done = mmap.mmap(-1, 1), capi.is_done  # which the process shares that looks

    def counted(library, job):
        if job._function in ("VixHost_OpenVM", "VixVM_ReadVariable"):
            looks[0] += 1
        return is_done(library, job)

    monkeypatch.setattr(capi, "is_done", counted)
    [vm] = on_host_listed()["vms"]

    assert (vm["stale"], looks[0]) == (False, 0)


# Until as many are opened at once, time stands still.
WATCH = """
import pathlib, sys, time
from openvix.daemon import control

with control.connect(pathlib.Path(sys.argv[1])) as connection:
    while True:
        calls = connection.ask("OpenVIX_Calls")
        running = sum(call["call"] == "VixHost_OpenVM" and call["error"] is None for call in calls)
        print(running, flush=True)
        if running == int(sys.argv[2]):
            connection.ask("OpenVIX_Advance", 1)
        time.sleep(0.005)
"""


@pytest.mark.openvix(clock="stepped")
def test_concurrency_limit(openvix, on_host_listed):
    for number in range(6):
        openvix.add_vm(f"vm{number}", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", delay=1)
    # A separate process: a thread would be forked with its locks.
    with subprocess.Popen([sys.executable, "-c", WATCH, str(openvix.directory), "3"], stdout=subprocess.PIPE, text=True) as watching:
        try:
            found = on_host_listed(concurrency=3)
        finally:
            watching.kill()
        running = watching.stdout.read().split()

    assert [vm["stale"] for vm in found["vms"]] == [False] * 6
    assert max(running) == "3"


@pytest.mark.parametrize("fault", [{"hang": True}, {"hang": True, "where": "job"}])
def test_hanging_vm_costs_itself(openvix, on_host_listed, fault):
    for name in ("a", "b", "c", "d"):
        openvix.add_vm(name, power="powered_on")
    openvix.fault(call="VixHost_OpenVM", vm="b", **fault)
    openvix.fault(call="VixHost_OpenVM", vm="c", **fault)
    openvix.forgive_leaks("where the library hangs its process is ended")

    found = on_host_listed(concurrency=2, vm_timeout=6)

    assert {vm["name"]: vm["stale"] for vm in found["vms"]} == {"a": False, "b": True, "c": True, "d": False}
    assert [vm["error"] for vm in found["vms"] if vm["stale"]] == [
        f"asking for the properties of {path}: timed out after 6 s" for path in openvix.vms if path.endswith(("b.vmx", "c.vmx"))
    ]


def test_timeout_returns_known_facts(openvix, on_host_listed):
    for number in range(6):
        openvix.add_vm(f"vm{number}", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", delay=30)
    openvix.forgive_leaks("its jobs outlive the time")

    found = on_host_listed(concurrency=1, vm_timeout=30, timeout=5)

    assert [vm["stale"] for vm in found["vms"]] == [True] * 6


def test_bug_in_thread_raised(openvix, on_host_listed):
    from ansible_collections.vmlab.vix.plugins.module_utils import _worker

    openvix.add_vm("web", power="powered_on")
    openvix.forgive_leaks("a bug leaves what it was at")

    with pytest.raises(_worker.Bug, match="TypeError"):
        on_host_listed(gather=["addresses"], vm_timeout="soon")


# -- by files


def test_library_and_directories_merged(in_files, place_vm, in_library, tmp_path):
    web, db = place_vm("vms/web/web.vmx"), place_vm("vms/db/db.vmx")
    os.symlink(str(tmp_path / "vms"), str(tmp_path / "link"))
    in_library((f"{tmp_path}/link/web/web.vmx", "web of old"))

    vms = {vm["name"]: vm for vm in in_files(folders=[tmp_path / "vms"])["vms"]}

    assert {name: (vm["path"], vm["sources"], vm["real"]) for name, vm in vms.items()} == {
        "web": (f"{tmp_path}/link/web/web.vmx", ["library", "scan"], os.path.realpath(web)),
        "db": (db, ["scan"], os.path.realpath(db)),
    }


def test_vm_by_two_paths_is_one(in_files, place_vm, tmp_path):
    place_vm("vms/web/web.vmx")
    os.symlink("web", str(tmp_path / "vms" / "again"))
    os.symlink("web.vmx", str(tmp_path / "vms" / "web" / "zweb.vmx"))

    [vm] = in_files(folders=[tmp_path / "vms"])["vms"]

    assert (vm["path"], vm["sources"]) == (f"{tmp_path}/vms/again/web.vmx", ["scan"])


def test_missing_vm_stale_with_listed_name(in_files, in_library):
    in_library(("/nowhere/gone.vmx", "gone by"), ("/nowhere/nameless.vmx", ""))

    found = in_files(["library"])

    assert [(vm["name"], vm["stale"], vm["error"], vm["power"]) for vm in found["vms"]] == [
        ("gone by", True, "/nowhere/gone.vmx: the file does not exist", "unknown"),
        ("nameless", True, "/nowhere/nameless.vmx: the file does not exist", "unknown"),
    ]
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'displayName = "we', 'line 1 is not KEY = "VALUE"'),
        (b"a = 1\n\0", "it is not a text file"),
        (b'a = "1"\n' + b"#" * (4 << 20), "it is larger than 4 MiB"),
        (b"", "it is empty"),
        (b'.encoding = "klingon"', "its encoding is unknown: klingon"),
    ],
    ids=["truncated", "binary", "huge", "empty", "encoding"],
)
def test_broken_file_one_problem_hides_none(in_files, place_vm, tmp_path, text, reason):
    broken = place_vm("vms/broken/broken.vmx", text)
    place_vm("vms/web/web.vmx")

    found = in_files(["scan"], [tmp_path / "vms"])

    assert found["problems"] == [f"{broken}: {reason}"]
    assert [(vm["name"], vm["stale"]) for vm in found["vms"]] == [("broken", True), ("web", False)]


def test_excluded_vms_reported(in_files, place_vm, tmp_path):
    place_vm("vms/web/web.vmx")
    old = place_vm("vms/old/old.vmx")

    found = in_files(["scan"], [tmp_path / "vms"], scan_exclude=["old"])

    assert [vm["name"] for vm in found["vms"]] == ["web"]
    assert found["left_out"] == [(os.path.dirname(old), "old excludes it")]


def test_default_directories_searched(in_files, place_vm, tmp_path):
    place_vm("home/vmware/web/web.vmx")

    assert [vm["name"] for vm in in_files(["scan"])["vms"]] == ["web"]
    assert in_files(["scan"])["notes"] == []


def test_nothing_to_search_noted(in_files, tmp_path):
    found = in_files(["scan"])

    assert found["vms"] == []
    assert found["notes"] == [f"nothing is searched: none of VMware's default directories is in {tmp_path}/home, and scan_folders is empty"]


def test_broken_list_one_problem(in_files, place_vm, tmp_path):
    broken = place_vm("home/.vmware/inventory.vmls", "no list")
    place_vm("vms/web/web.vmx")

    found = in_files(folders=[tmp_path / "vms"])

    assert [vm["name"] for vm in found["vms"]] == ["web"]
    assert found["problems"] == [f'{broken}: line 1 is not KEY = "VALUE"']


def test_visit_called_with_paths(in_files, place_vm, in_library, tmp_path):
    web = place_vm("vms/web/web.vmx")
    doing = []
    in_files(folders=[tmp_path / "vms"], visit=doing.append)

    assert doing == [f"reading VMware's lists in {tmp_path}/home", f"searching {tmp_path}/vms", f"searching {tmp_path}/vms/web", web]
