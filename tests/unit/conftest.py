# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for the tests of modules. A module is run as Ansible runs it, in a separate process, with the Python of a VM host."""

from __future__ import annotations

import contextlib
import functools
import json
import mmap
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time

import ansible.module_utils
import forkserver
import pytest
from real_tools import real_guest  # noqa: F401 (a fixture)  # pylint: disable=unused-import

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def importable(tmp_path_factory):
    """A directory from which the Python of a VM host imports the collection and ansible.module_utils, and nothing of the controller."""
    folder = tmp_path_factory.mktemp("importable")
    (folder / "ansible").mkdir()
    (folder / "ansible" / "__init__.py").touch()
    (folder / "ansible" / "module_utils").symlink_to(next(iter(ansible.module_utils.__path__)), target_is_directory=True)
    (folder / "ansible_collections" / "vmlab").mkdir(parents=True)
    (folder / "ansible_collections" / "vmlab" / "vix").symlink_to(ROOT, target_is_directory=True)
    return folder


@pytest.fixture(scope="session")
def start_module(importable, tmp_path_factory, pytestconfig):
    """Start a module in a session that it leads: a forkserver.Fork, or what stands for one with --no-forkserver."""
    python = pytestconfig.getoption("target_python")
    environment = {**os.environ, "PYTHONPATH": str(importable), "PYTHONNOUSERSITE": "1"}
    if pytestconfig.getoption("no_forkserver"):
        yield functools.partial(Fresh, python, environment)
        return
    directory = tmp_path_factory.mktemp("forkserver")
    with forkserver.running(directory, python=python, env=environment):
        parent = os.open(directory, os.O_RDONLY)

        @contextlib.contextmanager
        def start(module, streams, directory, clock, seconds):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(seconds)
                connection.connect(f"/proc/self/fd/{parent}/socket")  # its own path may be too long for a socket's
                yield forkserver.Fork(connection, module, streams, directory, {**environment, **os.environ}, clock)

        yield start
        os.close(parent)


class Fresh:
    """A module in a newly started Python: as forkserver.Fork, without the server."""

    def __init__(self, python, environment, module, streams, directory, clock, seconds):
        command = [python, forkserver.__file__, "once", module, *([clock] if clock else [])]
        own = {"cwd": directory, "env": {**environment, **os.environ, "PYTHONPATH": environment["PYTHONPATH"]}, "start_new_session": True}
        self._process = subprocess.Popen(command, stdin=streams[0], stdout=streams[1], stderr=streams[2], **own)
        self._seconds, self.pid, self.connection = seconds, self._process.pid, os.pidfd_open(self._process.pid)

    def wait(self):
        if not select.select([self.connection], [], [], self._seconds)[0]:
            raise TimeoutError
        return self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *dummy):
        os.close(self.connection)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def run_module(start_module, tmp_path_factory):
    """Run a module and return its result, with the exit code as _rc and what it wrote to standard error as _stderr.

    module: its name in plugins/modules; options: the task's; check_mode, diff: as a task has them; secrets: texts that must not occur in
    anything the module prints; seconds: how long it may take; passed: returns how many seconds have passed by the module's clock, and is asked
    again and again, for a deadline that passes when something has come about and no sooner, however slow this machine is (without it: the real ones);
    meanwhile: called with the process id of the module while it runs. The module must leave no directory for its files behind.
    """

    def run(module, /, *, check_mode=False, diff=True, secrets=(), seconds=60, passed=None, meanwhile=None, **options):
        workdir = tmp_path_factory.mktemp("task")
        arguments = {
            **options,
            "_ansible_check_mode": check_mode,
            "_ansible_diff": diff,
            "_ansible_module_name": f"vmlab.vix.{module}",
            "_ansible_remote_tmp": str(workdir),
            "_ansible_tmpdir": str(workdir),
        }
        with tempfile.TemporaryDirectory() as place:  # not among what a test looks through for secrets: it is not ours
            streams = [pathlib.Path(place, name) for name in ("stdin", "stdout", "stderr")]
            for stream, text in zip(streams, (json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), "", ""), strict=True):
                stream.write_text(text)
            clock = pathlib.Path(place, "clock") if passed else None
            if clock:
                clock.write_bytes(struct.pack("<d", 0))
            name, status = f"ansible_collections.vmlab.vix.plugins.modules.{module}", None
            with contextlib.ExitStack() as stack:
                opened = [stack.enter_context(stream.open(mode)).fileno() for stream, mode in zip(streams, ("rb", "wb", "wb"), strict=True)]
                process = stack.enter_context(start_module(name, opened, str(workdir), clock and str(clock), seconds))
                with contextlib.suppress(TimeoutError):
                    if meanwhile:
                        meanwhile(process.pid)
                    if clock:
                        move(clock, passed, process.connection, seconds)
                    status = process.wait()
            left = end_session(process.pid)
            stdout, stderr = (stream.read_text() for stream in streams[1:])
        if status is None:
            pytest.fail(f"{module} was not done after {seconds} s\n{stdout}\n{stderr}")
        assert not left, f"{module} left a process behind"
        assert not list(workdir.glob("tmp*")), f"{module} left its directory behind"
        for secret in secrets:
            assert secret not in stdout, f"{module} printed a secret"
            assert secret not in stderr, f"{module} printed a secret to standard error"
        try:
            result = json.loads(stdout)
        except ValueError:
            pytest.fail(f"{module} printed no result, and ended with {status}\n{stdout}\n{stderr}")
        return {**result, "_rc": status, "_stderr": stderr}

    return run


def move(clock, passed, connection, seconds):
    """Set a module's clock to the passed seconds, until the connection has data."""
    end = time.monotonic() + seconds
    with clock.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        while not select.select([connection], [], [], 0.02)[0]:
            memory[:8] = struct.pack("<d", passed())
            if time.monotonic() > end:
                raise TimeoutError


def end_session(leader):
    """Kill what is left of the session that a process led; return whether there was anything."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
