# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Worlds side by side: of one user, of two, and of two versions of OpenVIX."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from protocol_client import Client

import openvix as package
from openvix.daemon import control
from openvix.world import layout

OFF, ON = "powered_off", "powered_on"
NOBODY = 65534


@pytest.fixture
def second(tmp_path):
    directory = tmp_path / "second"
    layout.prepare(directory)
    connection, pid = control.start(directory)
    yield connection, directory
    connection.close()
    control.end(directory)
    os.waitpid(pid, 0)


def test_two_worlds_are_independent(openvix, second):
    connection, directory = second
    here, there = openvix.add_vm("web"), connection.ask("OpenVIX_AddVM", {"name": "web"})
    openvix.fault(call="VixVM_PowerOn", error=5)
    with Client(openvix.directory) as first, Client(directory) as other:
        assert first.code("VixVM_PowerOn", here, 0, []) == 5
        assert other.code("VixVM_PowerOn", there, 0, []) == 0
    assert openvix.vms == {here: OFF}
    assert [vm["power"] for vm in connection.ask("OpenVIX_Status")["vms"]] == [ON]
    assert len(openvix.calls("VixVM_PowerOn")) == 1
    openvix.kill_daemon()
    assert connection.ask("OpenVIX_Status")["pid"]


def test_directories_of_world_are_private(openvix):
    openvix.add_host("esx", {"root": "x"})
    vms = [openvix.add_vm("web", power=ON), openvix.add_vm("web", host="esx")]
    folders = [openvix.directory, *(openvix.directory / name for name in ("run", "run/clients", "run/tmp", "run/socket", "vms", "hosts"))]
    folders += [folder for vm in vms for folder in (Path(vm).parent, Path(vm).parent / "openvix", Path(vm).parent / "openvix/disks")]
    assert {str(folder): oct(folder.stat().st_mode & 0o777) for folder in folders} == dict.fromkeys(map(str, folders), "0o700")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_client_of_another_user_is_rejected(openvix):
    run = openvix.directory / "run"
    run.chmod(0o755)
    (run / "socket").chmod(0o777)
    child = os.fork()
    if child == 0:
        code = 9
        try:
            os.chdir(run)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(60)
            peer.connect("socket")
            code = 0 if peer.recv(1) == b"" else 8
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert f"refusing the connection of user {NOBODY}: " in (run / "log").read_text()
    assert openvix.status()["pid"]


def test_version_that_made_world_restarts_it(openvix, tmp_path):
    other, world = tmp_path / "other", tmp_path / "world"
    shutil.copytree(Path(package.__file__).parent, other / "openvix", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        f"import sys; sys.path.insert(0, {str(other)!r}); from pathlib import Path; "
        f"from openvix.cli import main; main.serve(Path({str(world)!r}), None, [], None)"
    )
    try:
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, timeout=60)
        with control.connect(world) as connection:
            pid = connection.ask("OpenVIX_Status")["pid"]
        assert str(other) in Path(f"/proc/{pid}/cmdline").read_text()
        os.kill(pid, 9)
        lock = layout.lock_within(world, 60)
        os.close(lock)
        # What starts it again is what the world itself says.
        connection, pid = control.start(world)
        with connection:
            assert str(other) in Path(f"/proc/{connection.ask('OpenVIX_Status')['pid']}/cmdline").read_text()
        assert str(other) not in Path(f"/proc/{openvix.status()['pid']}/cmdline").read_text()
    finally:
        control.end(world)
    os.waitpid(pid, 0)
