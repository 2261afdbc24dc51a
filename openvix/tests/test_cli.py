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
from pathlib import Path

import pytest
from wire_client import Client

from openvix import cli, control, place

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
    # -P: in the checkout the folder openvix would stand before the package of that name.
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
    told = json.loads(run("status", "--json", world).stdout)
    return {vm["name"]: vm["power"] for vm in told["vms"]}


def test_start_prints_what_a_shell_needs_and_nothing_else(lab, openvix_library):
    started = run("start", lab)
    assert (started.returncode, started.stderr) == (0, "")
    shell = subprocess.run(["sh", "-c", f'{started.stdout}printf "%s\\n" "$VIX_LIBRARY" "$OPENVIX_WORLD"'], capture_output=True, text=True, timeout=10, env={})
    world = lab.with_suffix(".world")
    assert shell.stdout.splitlines() == [openvix_library, str(world)]
    assert started.stdout == f"export VIX_LIBRARY={shlex.quote(openvix_library)} OPENVIX_WORLD={shlex.quote(str(world))}\n"
    assert states(world) == {"web": "powered_on", "db": "powered_off"}
    with Client(world) as client:
        assert client.code("VixVM_PowerOn", str(world / "vms/db/db.vmx"), 0, []) == 3008


def test_starting_again_is_no_error_and_changes_nothing(lab):
    first, pid = run("start", lab), json.loads(run("status", "--json", lab).stdout)["pid"]
    again = run("start", lab)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert json.loads(run("status", "--json", lab).stdout)["pid"] == pid


def test_stop_leaves_no_process_and_vms_are_as_they_were_after_the_next_start(lab):
    world = lab.with_suffix(".world")
    run("start", lab)
    with Client(world) as client:
        client.items("VixVM_Suspend", str(world / "vms/web/web.vmx"), 0)
        client.items("VixVM_PowerOn", str(world / "vms/web/web.vmx"), 0, [])
    guests = place.processes(world)
    assert len(guests) > 1
    stopped = run("stop", lab)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")
    assert place.processes(world) == {}
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
def test_stop_ends_the_guests_of_a_daemon_that_does_not_answer(lab, number, monkeypatch):
    monkeypatch.setattr(control, "STOP_SECONDS", 0.3)
    world = lab.with_suffix(".world")
    run("start", lab)
    os.kill(json.loads(run("status", "--json", lab).stdout)["pid"], number)
    assert place.processes(world) != {}
    control.end(world)
    assert place.processes(world) == {}


def test_status_shows_a_table_for_people(lab):
    run("start", lab)
    lines = run("status", lab).stdout.splitlines()
    assert "served by process" in lines[0]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["name", "power", "tools", "snapshots"],
        ["db", "powered_off", "unknown", "0"],
        ["web", "powered_on", "running", "0"],
    ]


def test_the_environment_names_the_world_where_none_is_given(lab, tmp_path):
    run("start", lab)
    assert run("status", OPENVIX_WORLD=str(lab.with_suffix(".world"))).stdout.count("powered_on") == 1
    assert run("stop", OPENVIX_WORLD=str(lab.with_suffix(".world"))).returncode == 0
    missing = run("status", OPENVIX_WORLD="", XDG_STATE_HOME=str(tmp_path / "state"))
    assert (missing.returncode, str(tmp_path / "state" / "openvix" / "default") in missing.stderr) == (1, True)


def test_an_empty_directory_becomes_a_world(tmp_path, lab):
    world = tmp_path / "empty"
    world.mkdir()
    assert run("start", world).returncode == 0
    assert states(world) == {}
    assert world.stat().st_mode & 0o777 == 0o700


def test_a_world_file_can_live_elsewhere(tmp_path, lab):
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
def test_a_mistake_in_the_world_file_is_one_sentence_and_starts_nothing(tmp_path, content, sentence):
    path = tmp_path / "lab.toml"
    path.write_text(content)
    told = run("start", path)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith(f"openvix: {path}: ")
    assert sentence in told.stderr
    assert told.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_mistake_on_the_command_line_is_one_sentence(tmp_path, lab):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    for arguments, sentence in (
        (("start", tmp_path / "none.toml"), "No such file or directory"),
        (("start", tmp_path / "full"), "other things in it"),
        (("start", tmp_path, "--directory", tmp_path), "--directory"),
        (("start", lab, "--directory", "/dev/null/x"), "Not a directory"),
        (("status", tmp_path / "none"), "is no world"),
        (("stop", tmp_path / "full"), "is no world"),
    ):
        told = run(*arguments)
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1), told.stderr
        assert sentence in told.stderr


def test_library_prints_the_path_of_the_library(openvix_library):
    assert run("library").stdout == f"{openvix_library}\n"
    assert Path(openvix_library).is_file()


@pytest.mark.parametrize("command", [[], ["library"], ["start"], ["status"], ["stop"]])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: openvix" in capsys.readouterr().out
