# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
from waiting import eventually

from openvix.daemon import control
from openvix.daemon.forkserver import ForkServer
from openvix.world import layout


@pytest.fixture
def world(tmp_path):
    layout.prepare(tmp_path / "world")
    yield tmp_path / "world"
    control.end(tmp_path / "world")


def test_daemon_outlives_forkserver_and_is_found(world):
    with ForkServer() as forkserver:
        connection, pid = control.start(world, forkserver.serve)
    with connection:
        assert connection.ask("OpenVIX_Status")["pid"] == pid
    assert pid in layout.processes(world)
    assert os.getsid(pid) == pid

    control.end(world)

    assert layout.processes(world) == {}


def test_daemon_has_environment_of_its_client(world, monkeypatch):
    with ForkServer() as forkserver:
        monkeypatch.setenv("OPENVIX_SANDBOX", "none")
        connection, _ = control.start(world, forkserver.serve)
    with connection:
        vm = connection.ask("OpenVIX_AddVM", {"name": "web", "power": "powered_on", "processes": [{"name": "apache2"}]})
    assert Path(vm).exists()
    assert [pid for pid in layout.processes(world) if pid != layout.holder(world)] == []


def test_second_daemon_yields_to_the_first(world):
    with ForkServer() as forkserver:
        first, pid = control.start(world, forkserver.serve)
        second, none = control.start(world, forkserver.serve)
        with first, second:
            assert second.ask("OpenVIX_Status")["pid"] == pid
        eventually(lambda: none is None or control.exit_code(none) == 0)


def test_daemon_is_started_after_a_dying_one(world):
    started = []

    def serve(directory):
        started.append(directory)
        return control.serve(directory) if len(started) == 2 else os.posix_spawn("/bin/true", ["true"], {})

    connection, pid = control.start(world, serve)

    with connection:
        assert connection.ask("OpenVIX_Status")["pid"] == pid
    assert len(started) == 2
