# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client runs the program that a world names and sends passwords to whoever serves it, so it uses no world that another user controls, as root neither."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import programs
import pytest

from openvix.config.errors import ConfigError
from openvix.daemon import control
from openvix.protocol import frames
from openvix.vix import constants
from openvix.world import layout

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can create a world of another user")
TEXT = "The host-side account lacks the necessary right: "


@pytest.fixture
def world(tmp_path):
    """A world of this user that nobody serves, whose program leaves a file."""
    directory = tmp_path / "world"
    layout.prepare(directory)
    program = ["/bin/sh", "-c", f"id -u > {tmp_path}/ran"]
    (directory / "run" / "serve").write_bytes(b"".join(each.encode() + b"\0" for each in program))
    return directory


def connect(world: Path) -> list[str]:
    """Return the lines of a C client that connects and prints the text of its error."""
    client = programs.command("drive", "connect", "text")
    ended = subprocess.run(client, env={**os.environ, "OPENVIX_WORLD": str(world)}, capture_output=True, text=True, timeout=100, check=True)
    return ended.stdout.splitlines()


def openvix_command(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-P", "-m", "openvix.cli", *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False)


def assert_refused(world: Path, reason: str) -> None:
    """Assert that libvix and each command refuse a world for this reason and run nothing of it."""
    assert connect(world) == [f"connect {constants.VIX_E_HOST_USER_PERMISSIONS}", TEXT + reason.replace("command", "client")]
    before = sorted(world.rglob("*"))
    for command in ("start", "status", "calls", "stop"):
        ended = openvix_command(command, world)
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"openvix: {reason}\n")
    for client in (control.connect, control.serve, control.end):
        with pytest.raises(ConfigError, match=r"belongs to|other users"):
            client(world)
    assert sorted(world.rglob("*")) == before
    assert not (world.parent / "ran").exists()


@as_root
@pytest.mark.parametrize("rest", ["", "/run"])
def test_world_of_another_user_refused(world, rest):
    os.chown(f"{world}{rest}", NOBODY, NOBODY)

    assert_refused(world, f"{world}{rest} belongs to user {NOBODY}, not to user 0 who runs this command")


@as_root
def test_program_of_another_user_refused(world):
    serve = world / "run" / "serve"
    os.chown(serve, NOBODY, NOBODY)
    reason = f"{serve} belongs to user {NOBODY}, not to user 0 who runs this "

    assert connect(world) == [f"connect {constants.VIX_E_HOST_USER_PERMISSIONS}", f"{TEXT}{reason}client"]
    with pytest.raises(ConfigError, match="belongs to"):
        control.serve(world)
    assert not (world.parent / "ran").exists()


@pytest.mark.parametrize("rest", ["", "/run"])
def test_world_that_others_may_write_to_refused(world, rest):
    Path(f"{world}{rest}").chmod(0o777)

    assert_refused(world, f"other users may write to {world}{rest}; permit it to its owner only (chmod go-w)")


def test_link_in_place_of_run_not_followed(world):
    (world / "run").rename(world / "other")
    (world / "run").symlink_to("other")

    assert connect(world)[0] == f"connect {constants.VIX_E_HOST_NOT_CONNECTED}"
    assert not (world.parent / "ran").exists()


@as_root
def test_daemon_of_another_user_gets_no_frame(world):
    # Credentials are those of the moment of listening.
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(world / "run" / "socket"))
        os.seteuid(NOBODY)
        try:
            listener.listen(8)
        finally:
            os.seteuid(0)
        reason = f"the process that serves {world} belongs to user {NOBODY}, not to user 0 who runs this "

        assert connect(world) == [f"connect {constants.VIX_E_HOST_USER_PERMISSIONS}", f"{TEXT}{reason}client"]
        with pytest.raises(ConfigError, match="the process that serves"):
            control.connect(world)

        listener.settimeout(10)
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                assert list(frames.frames(connection)) == []
    assert not (world.parent / "ran").exists()


@as_root
def test_daemon_does_not_serve_world_of_another_user(world):
    os.chown(world, NOBODY, NOBODY)

    ended = subprocess.run(layout.server(world), capture_output=True, text=True, timeout=100, check=False)

    assert (ended.returncode, ended.stderr) == (1, f"openvix: {world} belongs to user {NOBODY}, not to user 0 who runs this command\n")
    assert not (world / "run" / "log").exists()


TWICE = """
import ctypes, os

vix = ctypes.CDLL(os.environ["VIX_LIBRARY"])
vix.VixJob_Wait.restype = ctypes.c_uint64
vix.Vix_GetErrorText.restype = ctypes.c_char_p
vix.Vix_GetErrorText.argtypes = [ctypes.c_uint64, ctypes.c_char_p]
host = ctypes.c_int()
for mode in (0o777, 0o700):
    os.chmod(os.environ["OPENVIX_WORLD"], mode)
    job = vix.VixHost_Connect(-1, 3, None, 0, None, None, 0, 0, None, None)
    print(vix.VixJob_Wait(job, 3010, ctypes.byref(host), 0))
    vix.Vix_ReleaseHandle(job)
    print(vix.Vix_GetErrorText(3014, None).decode(), "|", vix.Vix_GetErrorText(3013, None).decode())
vix.VixHost_Disconnect(host)
"""


def test_next_connection_forgets_the_reason(openvix):
    """The text of an error says what the last attempt to connect found, and no longer than until the next one."""
    ended = subprocess.run([sys.executable, "-c", TWICE], env=os.environ | openvix.environment, capture_output=True, text=True, timeout=100, check=True)

    refused, first, connected, second = ended.stdout.splitlines()
    assert (refused, connected) == ("3014", "0")
    other = first.partition(" | ")[2]
    assert first == f"{TEXT}other users may write to {openvix.directory}; permit it to its owner only (chmod go-w) | {other}"
    assert second == f"{TEXT.removesuffix(': ')} | {other}"
