# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of action plugins share: tasks are run by ansible-playbook, on a VM host that is the controller or not."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import forkserver
import pytest

# A VM host that Ansible takes for another machine, though files get there by a copy: it writes the size of each that is sent.
ELSEWHERE = '''
import os

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: elsewhere
short_description: Another machine
description: Another machine.
author: vmlab
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(Local):
    transport = "elsewhere"

    def put_file(self, in_path, out_path):
        with open({log!r}, "a") as log:
            log.write(f"{{os.path.getsize(in_path)}}\\n")
        return super().put_file(in_path, out_path)
'''

# It runs on the controller, where a module would take a second, and writes what a callback plugin does not get from a task with no_log.
WRITE_RESULTS = """
import json

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        with open({path!r}, "w") as file:
            json.dump(self._task.args["results"], file)
        return {{"changed": False}}
"""


class Play:
    """Runs tasks in a temporary directory. sent: the sizes of the files that were sent to the VM host, when it is another machine."""

    def __init__(self, folder, connection, controller, python):
        self.folder, self._connection, self._log, self._controller, self._python = folder, connection, folder / "sent", controller, python
        (folder / "connection").mkdir(parents=True)
        (folder / "connection" / "elsewhere.py").write_text(ELSEWHERE.format(log=str(self._log)))
        (folder / "actions").mkdir()
        (folder / "actions" / "write_results.py").write_text(WRITE_RESULTS.format(path=str(folder / "results")))
        (folder / "vault").write_text("s3cret-vault")

    @property
    def sent(self):
        return [int(size) for size in self._log.read_text().split()] if self._log.exists() else []

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def vault(self, path):
        """Encrypt a file."""
        self.run(["ansible-vault", "encrypt", "--vault-password-file", "vault", str(path)])

    def __call__(self, *tasks, arguments=(), secrets=(), **environment):
        """Run tasks, each a dictionary of a module's name and its options, and what else a task has; return the result of each."""
        listed = [{"register": f"result{number}", "ignore_errors": True, **task} for number, task in enumerate(tasks)]
        results = "{{ " + str([f"result{number}" for number in range(len(tasks))]).replace("'", "") + " }}"
        # Of a host that Ansible made up itself the connection could not be chosen.
        play = {
            "hosts": "machine",
            "vars": {"ansible_python_interpreter": self._python},
            "connection": self._connection,
            "gather_facts": False,
            "tasks": [*listed, {"write_results": {"results": results}, "no_log": True}],
        }
        self.write("play.yml", json.dumps([play]))
        done = self.run(["ansible-playbook", "-i", "machine,", "--vault-password-file", "vault", *arguments, "play.yml"], **environment)
        for secret in secrets:
            assert secret not in done
        return json.loads((self.folder / "results").read_text())

    def run(self, command, **environment):
        places = {"ANSIBLE_ACTION_PLUGINS": "actions", "ANSIBLE_CONNECTION_PLUGINS": "connection", "ANSIBLE_LOCAL_TEMP": "local"}
        variables = {**os.environ, **places, "ANSIBLE_REMOTE_TMP": str(self.folder / "remote"), "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0", **environment}
        program = str(pathlib.Path(sys.executable).with_name(command[0]))
        done = subprocess.run(
            [self._controller, program, *command[1:]], cwd=self.folder, env=variables, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="session")
def python(tmp_path_factory, pytestconfig):
    """The Python of the VM host: a fork of one that has imported what modules have of Ansible."""
    if pytestconfig.getoption("no_forkserver"):
        yield sys.executable
        return
    with forkserver.running(tmp_path_factory.mktemp("python")) as path:
        yield path


@pytest.fixture(params=["local", "elsewhere"])
def play(request, tmp_path, warm_controller, python):
    return Play(tmp_path / "play", request.param, warm_controller, python)


@pytest.fixture
def local(tmp_path, warm_controller, python):
    return Play(tmp_path / "play", "local", warm_controller, python)


@pytest.fixture
def elsewhere(tmp_path, warm_controller, python):
    return Play(tmp_path / "play", "elsewhere", warm_controller, python)


@pytest.fixture
def web(openvix):
    accounts = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
    return openvix.add_vm("web", power="powered_on", accounts=accounts, files={"/etc/motd": "Welcome\n"})


@pytest.fixture
def task(web):
    """A task of one of our modules in the guest."""
    login = {"vm": web, "guest_username": "lab", "guest_password": "s3cret-lab"}

    def make(module, check_mode=False, diff=True, no_log=False, **options):
        return {f"vmlab.vix.{module}": {**login, **options}, "check_mode": check_mode, "diff": diff, "no_log": no_log}

    return make
