# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection plugin on VMware's own Tools, in a guest that has real users: "nox -s open_vm_tools"."""

from __future__ import annotations

import os

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from real_tools import NEEDED

pytestmark = NEEDED


@pytest.fixture
def connect(real_guest, home):
    """Make a connection of a user of the guest; it is closed after the test."""
    made = []

    def make(user="ann", password="s3cret"):
        made.append(connection_loader.get("vmlab.vix.guest", PlayContext(), os.devnull))
        direct = {"vm": real_guest.vmx, "remote_user": user, "password": password, "connection_timeout": 30}
        made[-1].set_options(var_options={}, direct=direct)
        return made[-1]

    yield make
    for connection in made:
        connection.close()


def test_command_and_files_of_user(connect, real_guest, tmp_path):
    connection = connect()
    (tmp_path / "f").write_bytes(b"\0text")

    assert connection.exec_command("id -un; umask; pwd; cat; exit 3", in_data=b"in") == (3, b"ann\n0022\n/home/ann\nin", b"")
    connection.put_file(str(tmp_path / "f"), "/home/ann/f")
    connection.fetch_file("/home/ann/f", str(tmp_path / "g"))

    assert (tmp_path / "g").read_bytes() == b"\0text"
    assert real_guest.run("stat -c '%U %a' /home/ann/f /tmp/vmlab.vix-c-*").split("\n")[1] == "ann 700"
    connection.close()
    assert real_guest.run("ls -d /tmp/vmlab.vix-*", check=False) == ""


def test_killed_command_and_shell(connect):
    """VMware Tools report 0 for a script that was killed: it is not a success."""
    connection = connect()

    assert connection.exec_command("sh -c 'kill -9 $$'")[0] == 137
    with pytest.raises(AnsibleConnectionFailure, match="the shell that runs it was ended"):
        connection.exec_command("kill -9 $$")


def test_refused_logins(connect):
    with pytest.raises(AnsibleAuthenticationFailure, match="logging ann in"):
        connect(password="wrong").exec_command("true")


@pytest.mark.parametrize("data", [None, b"module"])
def test_other_user_by_password(connect, data):
    connection, become = connect(), become_loader.get("ansible.builtin.su")
    become.set_options(direct={"become_pass": "s3cret", "become_user": "root"})
    connection.set_become_plugin(become)
    command = become.build_become_command("id -un; cat", connection._shell)

    rc, stdout, stderr = connection.exec_command(command, in_data=data)

    assert (rc, stdout, stderr) == (0, f"{become.success}\nroot\n".encode() + (data or b""), b"")


def test_wrong_password_of_other_user(connect):
    connection, become = connect(), become_loader.get("ansible.builtin.su")
    become.set_options(direct={"become_pass": "wrong-s3cret", "become_user": "root"})
    connection.set_become_plugin(become)

    with pytest.raises(AnsibleError, match="Incorrect su password"):
        connection.exec_command(become.build_become_command("id", connection._shell))


def test_tools_that_end_are_unreachable_once(connect, real_guest):
    connection = connect()
    connection.exec_command("true")
    real_guest.kill_tools()

    assert connection.exec_command("echo again")[1] == b"again\n"
