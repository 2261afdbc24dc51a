# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from protocol_client import Client
from waiting import bounded

from openvix.cli import main as cli
from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout, ledger

LAB = """
[world]
version = "17.5.1"

[vm.web]
power = "powered_on"
processes = [ { name = "apache2", owner = "www-data" } ]

[vm.db]

[[fault]]
call = "VixVM_PowerOn"
vm = "db"
error = 3008
"""


def run(*arguments, **environment):
    # -P: without it, the directory openvix of the checkout would hide the package.
    command = [sys.executable, "-P", "-m", "openvix.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | environment)


@pytest.fixture
def lab(tmp_path):
    path = tmp_path / "my lab.toml"
    path.write_text(LAB, encoding="utf-8")
    yield path
    for world in tmp_path.glob("**/run/serve"):
        control.end(world.parents[1])


def states(world):
    result = json.loads(run("status", "--json", world).stdout)
    return {vm["name"]: vm["power"] for vm in result["vms"]}


def test_start_prints_shell_variables_only(lab, openvix_library):
    started = run("start", lab)
    assert (started.returncode, started.stderr) == (0, "")
    shell = subprocess.run(["sh", "-c", f'{started.stdout}printf "%s\\n" "$VIX_LIBRARY" "$OPENVIX_WORLD"'], capture_output=True, text=True, timeout=60, env={})
    world = lab.with_suffix(".world")
    assert shell.stdout.splitlines() == [openvix_library, str(world)]
    assert started.stdout == f"export VIX_LIBRARY={shlex.quote(openvix_library)} OPENVIX_WORLD={shlex.quote(str(world))}\n"
    assert states(world) == {"web": "powered_on", "db": "powered_off"}
    with Client(world) as client:
        assert client.code("VixVM_PowerOn", str(world / "vms/db/db.vmx"), 0, []) == 3008


def test_second_start_changes_nothing(lab):
    first, pid = run("start", lab), json.loads(run("status", "--json", lab).stdout)["pid"]
    again = run("start", lab)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert json.loads(run("status", "--json", lab).stdout)["pid"] == pid


def test_stop_ends_processes_and_keeps_states(lab):
    world = lab.with_suffix(".world")
    run("start", lab)
    with Client(world) as client:
        client.items("VixVM_Suspend", str(world / "vms/web/web.vmx"), 0)
        client.items("VixVM_PowerOn", str(world / "vms/web/web.vmx"), 0, [])
    guests = layout.processes(world)
    assert len(guests) > 1
    stopped = run("stop", lab)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")
    assert layout.processes(world) == {}
    assert "is stopped" in run("status", lab).stdout
    assert json.loads(run("status", "--json", lab).stdout)["pid"] is None
    assert run("stop", lab).returncode == 0

    assert run("start", world).returncode == 0
    assert states(world) == {"web": "powered_on", "db": "powered_off"}
    with Client(world) as client:
        vm = str(world / "vms/web/web.vmx")
        client.log_in(vm)
        assert any("apache2" in item for item in client.items("VixVM_ListProcessesInGuest", vm, 0))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_stop_ends_guests_of_unresponsive_daemon(lab, number, monkeypatch):
    monkeypatch.setattr(control, "STOP_SECONDS", 0.3)
    world = lab.with_suffix(".world")
    run("start", lab)
    os.kill(json.loads(run("status", "--json", lab).stdout)["pid"], number)
    assert layout.processes(world) != {}
    control.end(world)
    assert layout.processes(world) == {}


def test_status_prints_a_table(lab):
    run("start", lab)
    lines = run("status", lab).stdout.splitlines()
    assert "served by process" in lines[0]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["name", "power", "tools", "snapshots"],
        ["db", "powered_off", "unknown", "0"],
        ["web", "powered_on", "running", "0"],
    ]


def test_environment_selects_the_world(lab, tmp_path):
    run("start", lab)
    assert run("status", OPENVIX_WORLD=str(lab.with_suffix(".world"))).stdout.count("powered_on") == 1
    assert run("stop", OPENVIX_WORLD=str(lab.with_suffix(".world"))).returncode == 0
    missing = run("status", OPENVIX_WORLD="", XDG_STATE_HOME=str(tmp_path / "state"))
    assert (missing.returncode, str(tmp_path / "state" / "openvix" / "default") in missing.stderr) == (1, True)


def test_empty_directory_becomes_a_world(tmp_path, lab):
    world = tmp_path / "empty"
    world.mkdir()
    assert run("start", world).returncode == 0
    assert states(world) == {}
    assert world.stat().st_mode & 0o777 == 0o700


def test_directory_option_moves_the_world(tmp_path, lab):
    assert run("start", lab, "--directory", tmp_path / "a" / "b").returncode == 0
    assert states(tmp_path / "a" / "b") == {"web": "powered_on", "db": "powered_off"}
    assert not lab.with_suffix(".world").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[vm.web\n", "line 1"),
        ("[vm.web]\ncolor = 1\n", "'color'"),
        ("[vm.web]\n[vm.web]\n", "line 2"),
        ("[vm.web]\npower = 'on'\n", "powered_off, powered_on, suspended, paused"),
    ],
)
def test_world_file_error_is_one_line(tmp_path, content, sentence):
    path = tmp_path / "lab.toml"
    path.write_text(content)
    result = run("start", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"openvix: {path}: ")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_command_line_error_is_one_line(tmp_path, lab):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    for arguments, sentence in (
        (("start", tmp_path / "none.toml"), "No such file or directory"),
        (("start", tmp_path / "full"), "contains no .vmx file"),
        (("start", tmp_path / "web.vmx"), "pass the directory that contains it"),
        (("start", tmp_path, "--directory", tmp_path), "--directory"),
        (("start", lab, "--directory", "/dev/null/x"), "Not a directory"),
        (("start", "--running", "1", tmp_path / "none"), "--vms must be from 0 to 99999 and --running from 0 to --vms"),
        (("start", "--vms", "-1", tmp_path / "none"), "--vms must be from 0"),
        (("start", "--vms", "100000", tmp_path / "none"), "--vms must be from 0"),
        (("status", tmp_path / "none"), "is not a world"),
        (("stop", tmp_path / "full"), "is not a world"),
    ):
        result = run(*arguments)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1), result.stderr
        assert sentence in result.stderr
    assert not (tmp_path / "none").exists()


def test_failed_vm_is_reported_and_can_be_fixed(lab):
    lab.write_text('[vm.web]\nfiles = { "/etc/hostname/x" = "" }\n')
    result = run("start", lab)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("openvix: creating VM 'web' failed: ")
    assert "/etc/hostname/x" in result.stderr
    assert list((lab.with_suffix(".world") / "vms").iterdir()) == []
    lab.write_text('[vm.web]\nfiles = { "/etc/x" = "" }\n')
    assert run("start", lab).returncode == 0
    assert states(lab) == {"web": "powered_off"}


def test_change_of_world_file_warns_until_restart(lab):
    run("start", lab)
    lab.write_text(LAB + "[vm.new]\n", encoding="utf-8")
    assert run("start", lab).stderr == ""
    assert list(states(lab)) == ["db", "new", "web"]
    lab.write_text(LAB.replace("3008", "5"), encoding="utf-8")
    again = run("start", lab)
    assert (again.returncode, again.stderr.count("\n"), "take effect after 'openvix stop' and 'openvix start'" in again.stderr) == (0, 1, True)
    assert "error=VIX_E_CANNOT_CONNECT_TO_VM " in run("fault", "list", "--world", lab).stdout
    run("stop", lab)
    assert run("start", lab).stderr == ""
    assert "error=VIX_E_OBJECT_IS_BUSY " in run("fault", "list", "--world", lab).stdout


def test_library_prints_its_path(openvix_library):
    assert run("library").stdout == f"{openvix_library}\n"
    assert Path(openvix_library).is_file()


@pytest.mark.parametrize("command", ["", "library", "install", "start", "status", "calls", "handles", "change", "advance", "fault", "fault add", "stop"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert "usage: openvix" in capsys.readouterr().out


def vmware(folder, name, config="", metadata=None):
    """A VM as VMware leaves it."""
    place = folder / name
    place.mkdir(parents=True)
    path = place / f"{name}.vmx"
    path.write_text(
        f'.encoding = "UTF-8"\nconfig.version = "8"\nvirtualHW.version = "19"\ndisplayName = "{name} of mine"\nguestOS = "ubuntu-64"\nmemsize = "4096"\n'
        f'numvcpus = "2"\nscsi0:0.fileName = "Virtual Disk.vmdk"\ntools.syncTime = "FALSE"\n{config}',
        encoding="utf-8",
    )
    (place / "Virtual Disk.vmdk").write_text("# Disk DescriptorFile\n")
    (place / "Virtual Disk-s001.vmdk").write_bytes(bytes(300_000))
    if metadata is not None:
        (place / f"{name}.vmsd").write_text(metadata, encoding="utf-8")
    return path


SNAPSHOTS = """.encoding = "UTF-8"
snapshot.lastUID = "4"
snapshot.current = "4"
snapshot0.uid = "1"
snapshot0.filename = "web-Snapshot1.vmsn"
snapshot0.displayName = "base"
snapshot0.description = "as installed"
snapshot0.createTimeHigh = "387853"
snapshot0.createTimeLow = "-1201725728"
snapshot0.numDisks = "1"
snapshot0.disk0.fileName = "Virtual Disk.vmdk"
snapshot0.disk0.node = "scsi0:0"
snapshot1.uid = "4"
snapshot1.filename = "web-Snapshot4.vmsn"
snapshot1.parent = "1"
snapshot1.displayName = "running"
snapshot1.type = "1"
snapshot1.createTimeHigh = "387853"
snapshot1.createTimeLow = "1201725728"
snapshot1.numDisks = "1"
snapshot.numSnapshots = "2"
"""


def tree_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "vmware"
    vmware(place, "web", metadata=SNAPSHOTS)
    vmware(place / "old", "db", config='checkpoint.vmState = "db-1234.vmss"\n', metadata="")
    vmware(place, "plain")
    yield place
    for world in tmp_path.glob("**/run/serve"):
        control.end(world.parents[1])


def test_vmware_vms_are_imported_and_only_read(folder, tmp_path):
    before = tree_of(folder)
    started = run("start", folder)
    assert (started.returncode, started.stderr) == (0, "")
    world = tmp_path / "vmware.world"
    result = json.loads(run("status", "--json", folder).stdout)["vms"]
    assert [(vm["name"], vm["power"], vm["snapshots"]) for vm in result] == [("db", "suspended", 0), ("plain", "powered_off", 0), ("web", "powered_off", 2)]
    web = str(world / "vms/web/web.vmx")
    assert Path(web).read_bytes() == (folder / "web/web.vmx").read_bytes()
    with Client(world) as client:
        assert client.get(web, constants.VIX_PROPERTY_VM_NAME) == "web of mine"
        assert client.get(web, constants.VIX_PROPERTY_VM_MEMORY_SIZE) == 4096
        running = client.one("VixVM_GetNamedSnapshot", web, "base/running")
        assert client.one("VixVM_GetCurrentSnapshot", web) == running
        # The second was taken with its memory: the VM runs again.
        assert client.revert(web, running) == 0
        assert client.power(web) & constants.VIX_POWERSTATE_POWERED_ON
        taken = client.take(web, "mine")
        assert taken.endswith("#5")
        db = str(world / "vms/db/db.vmx")
        client.items("VixVM_PowerOn", db, 0, [])
        client.log_in(db)
    assert run("stop", folder).returncode == 0
    vmware(folder, "new")
    assert run("start", folder).returncode == 0
    assert states(world) == {"db": "powered_on", "new": "powered_off", "plain": "powered_off", "web": "powered_on"}
    after = tree_of(folder)
    assert {name: after.get(name) for name in before} == before


def test_one_bad_file_never_stops_a_folder(folder, tmp_path):
    """The files of wild/02, wild/07, wild/09 and wild/10."""
    korean = '.encoding = "windows-949-2000"\r\ndisplayName = "웹 서버"\r\nguestOS = "centos7-64"\r\n'
    (folder / "korean").mkdir()
    (folder / "korean" / "korean.vmx").write_bytes(korean.encode("cp949"))
    vmware(folder, "alpha", config='sharedFolder0.guestName = "shared?\n')
    bad = vmware(folder, "bad").with_suffix(".vmsd")
    bad.write_bytes(b'.encoding = "UTF-8"\nsnapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.displayName = "\xb0\xa1"\n')
    (folder / "maps").mkdir()
    (folder / "maps" / "hammer.vmx").write_text('versioninfo\n{\n\t"editorversion" "400"\n}\n')
    started = run("start", folder)
    assert started.returncode == 0
    assert started.stderr.splitlines() == [
        f'openvix: a VM is skipped: {folder}/alpha/alpha.vmx: line 10 is not KEY = "VALUE"',
        f"openvix: a VM is skipped: {bad}: line 4: the value of snapshot0.displayname is not UTF-8",
        f"openvix: a VM is skipped: {folder}/maps/hammer.vmx: it is not a file of VMware's",
    ]
    world = tmp_path / "vmware.world"
    assert list(states(world)) == ["db", "korean", "plain", "web"]
    with Client(world) as client:
        assert client.get(str(world / "vms/korean/korean.vmx"), constants.VIX_PROPERTY_VM_NAME) == "웹 서버"


def test_folder_of_bad_files_is_an_error(tmp_path):
    vmware(tmp_path / "only", "alpha", config='sharedFolder0.guestName = "shared?\n')
    result = run("start", tmp_path / "only")
    assert (result.returncode, result.stderr.count("\n")) == (1, 2)
    assert f"none of the VMs in {tmp_path}/only can be read" in result.stderr


def test_import_conflict_is_reported(folder, tmp_path):
    vmware(folder / "more", "web")
    result = run("start", folder, "--directory", tmp_path / "w")
    assert (result.returncode, "same name" in result.stderr, result.stderr.count("\n")) == (1, True, 1)


def test_vms_option_creates_numbered_vms(tmp_path, lab):
    world = tmp_path / "many"
    assert run("start", "--vms", "200", "--running", "2", world).returncode == 0
    result = states(world)
    assert list(result) == [f"vm{number:05}" for number in range(1, 201)]
    assert [name for name, power in result.items() if power == "powered_on"] == ["vm00001", "vm00002"]
    assert world.stat().st_mode & 0o777 == 0o700


def test_faults_are_added_listed_and_cleared(lab):
    run("start", lab)
    world = lab.with_suffix(".world")
    added = run("fault", "add", "--world", lab, "call=VixVM_PowerOff", "vm=web", "error=VIX_E_CANNOT_CONNECT_TO_VM", "junk=0xAB", "times=1")
    assert (added.returncode, added.stdout, added.stderr) == (0, "", "")
    assert run("fault", "add", "from=99", "question=Moved or copied?", "--world", lab).returncode == 0
    with Client(world) as client:
        assert client.code("VixVM_PowerOff", str(world / "vms/web/web.vmx"), 0) == 3008 | 0xAB << 16
    listed = run("fault", "list", OPENVIX_WORLD=str(world)).stdout.splitlines()
    assert [line.split("  ")[1:] for line in listed[1:]] == [
        ["call=VixVM_PowerOff vm=web times=1 error=VIX_E_CANNOT_CONNECT_TO_VM junk=0xab", "(matched 1, applied 1, last to VixVM_PowerOff)"],
        ["call=* from=99 question='Moved or copied?'", "(matched 2, applied 0)"],
    ]
    assert run("fault", "--world", lab, "clear", "1").returncode == 0
    assert len(run("fault", "list", "--world", lab).stdout.splitlines()) == 2
    assert run("fault", "clear", "--world", lab).returncode == 0
    assert run("fault", "list", "--world", lab).stdout == ""
    for arguments, sentence in (
        (("add",), "KEY=VALUE"),
        (("add", "error"), "KEY=VALUE"),
        (("add", "error=many"), "name or the number of an error of vix.h, not 'many'"),
        (("add", "error=VIX_E_NONE"), "not 'VIX_E_NONE'"),
        (("add", "error=65536"), "integer"),
        (("add", "error=5", "call=VixVM_PowerOnn"), "not 'VixVM_PowerOnn'; did you mean VixVM_PowerOn?"),
        (("add", "error=5", "call=VixJob_Wait"), "that the daemon answers"),
        (("add", "colour=red"), "unknown key 'colour'"),
        (("clear", "9"), "no fault has the number 9"),
        (("clear", "x"), "number"),
    ):
        result = run("fault", *arguments, "--world", lab)
        assert (result.returncode, result.stderr.count("\n"), sentence in result.stderr) == (1, 1, True), result.stderr
    later = run("fault", "add", "vm=later", "error=5", "--world", lab)
    assert (later.returncode, later.stderr) == (0, "openvix: the fault was added, but there is no VM named 'later' yet\n")


def test_calls_and_handles_are_shown(lab):
    run("start", lab)
    world = lab.with_suffix(".world")
    with Client(world) as client:
        client.code("VixVM_PowerOn", str(world / "vms/web/web.vmx"), 0, [])
    lines = run("calls", lab).stdout.splitlines()
    assert [line.split()[1:3] for line in lines] == [["VixHost_Connect", "VIX_OK"], ["VixVM_PowerOn", "VIX_E_VM_IS_RUNNING"]]
    assert lines[1].endswith("vms/web/web.vmx")
    assert [json.loads(line)["error"] for line in run("calls", "--json", lab).stdout.splitlines()] == [0, constants.VIX_E_VM_IS_RUNNING]
    assert run("handles", lab).stdout == "no client has open handles or buffers\n"
    (world / "run/clients/1-x.ledger").write_bytes(ledger.HEAD.pack(ledger.MAGIC, 2, 1, 1, 3) + ledger.SLOT.pack(4711, 3, 2, 0))
    with control.Connection(layout.dial(world), "1-x.ledger"):
        pass
    end = time.monotonic() + 30
    while "4711" not in (result := run("handles", lab).stdout) and time.monotonic() < end:
        pass
    assert result.splitlines() == [
        "process 1 (ended): 2 buffers, 1 handles, 3 releases of handles that it did not own",
        "  handle 4711 (vm), 2 references",
    ]
    assert json.loads(run("handles", "--json", lab).stdout)[0]["buffers"] == 2


def test_follow_ends_with_the_world(lab):
    run("start", lab)
    world = lab.with_suffix(".world")
    command = [sys.executable, "-P", "-m", "openvix.cli", "calls", "--follow", str(lab)]
    with bounded(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as follower, Client(world) as client:
        openvix_fault = run("fault", "add", "call=VixVM_PowerOff", "hang=true", "where=job", "--world", lab)
        assert openvix_fault.returncode == 0
        client.connection.begin("VixVM_PowerOff", str(world / "vms/web/web.vmx"), 0)
        shown = [follower.stdout.readline().split()[1:3] for _ in range(2)]
        client.code("VixVM_Suspend", str(world / "vms/web/web.vmx"), 0)
        shown += [follower.stdout.readline().split()[1:3]]
        # It may have been seen under way as well.
        if shown[-1] == ["VixVM_Suspend", "runs"]:
            shown[-1] = follower.stdout.readline().split()[1:3]
        run("stop", lab)
        assert follower.wait(timeout=60) == 0
    assert shown == [["VixHost_Connect", "VIX_OK"], ["VixVM_PowerOff", "runs"], ["VixVM_Suspend", "VIX_OK"]]


def test_change_and_advance_take_effect(lab):
    lab.write_text(LAB.replace("[world]", '[world]\nclock = "stepped"'), encoding="utf-8")
    run("start", lab)
    world = lab.with_suffix(".world")
    assert run("change", "db", "boot_seconds=10", "extra_power_bits=0x1000", "--world", lab).returncode == 0
    with Client(world) as client:
        db = str(world / "vms/db/db.vmx")
        run("fault", "clear", "--world", lab)
        client.items("VixVM_PowerOn", db, 0, [])
        assert client.power(db) == constants.VIX_POWERSTATE_POWERED_ON | 0x1000
        assert run("advance", "10", "--world", lab).returncode == 0
        assert client.power(db) == constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_TOOLS_RUNNING | 0x1000
    assert run("change", "db", "--world", lab).stdout.startswith("tools=installed tools_image=true ip='' question='' extra_power_bits=0x1000 ")
    assert "no VM of this world has the name or path 'x'" in run("change", "x", "ip=1", "--world", lab).stderr
    assert "unknown key 'memory'" in run("change", "db", "memory=4", "--world", lab).stderr


def test_calls_and_faults_survive_a_killed_daemon(lab):
    run("start", lab)
    world = lab.with_suffix(".world")
    run("fault", "add", "--world", lab, "call=VixVM_Suspend", "kill=true", "times=1")
    with Client(world) as client, pytest.raises((control.Unserved, ConnectionError)):
        client.code("VixVM_Suspend", str(world / "vms/web/web.vmx"), 0)
    assert "is not running" in run("status", lab).stdout
    assert [line.split()[1:3] for line in run("calls", lab).stdout.splitlines()] == [
        ["VixHost_Connect", "VIX_OK"],
        ["VixVM_Suspend", "VIX_E_HOST_CONNECTION_LOST"],
    ]
    assert "kill=true  (matched 1, applied 1, last to VixVM_Suspend)" in run("fault", "list", "--world", lab).stdout


def test_stopped_world_is_reported(lab):
    run("start", lab)
    run("stop", lab)
    for command in (("calls", lab), ("handles", lab), ("fault", "list", "--world", lab)):
        result = run(*command)
        assert (result.returncode, "is stopped" in result.stderr) == (1, True)


def test_start_with_open_vm_tools_needs_root(monkeypatch, tmp_path, capsys):
    (tmp_path / "lab.toml").write_text('[vm.web]\ntools = "open-vm-tools"\n', encoding="utf-8")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["start", str(tmp_path / "lab.toml")]) == 1
    assert capsys.readouterr().err == "openvix: a guest with VMware's own Tools needs root: start the world as root, or choose other tools for the VM\n"
    assert not (tmp_path / "lab.world").exists()
