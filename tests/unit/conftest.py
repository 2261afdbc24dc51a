# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for the tests of modules. A module is run as Ansible runs it, in a separate process, with the Python of a VM host."""

from __future__ import annotations

import contextlib
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
import pytest

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
    """Start a module; return the lines with its process ID and, when it has ended, its wait status."""
    path = tmp_path_factory.mktemp("starter") / "socket"
    command = [pytestconfig.getoption("target_python"), str(ROOT / "tests" / "unit" / "starter.py"), path.name]
    environment = {**os.environ, "PYTHONPATH": str(importable), "PYTHONNOUSERSITE": "1"}
    with subprocess.Popen(command, cwd=path.parent, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout.readline() == "ready\n"
        parent = os.open(path.parent, os.O_RDONLY)

        @contextlib.contextmanager
        def start(module, folder, streams, clock, seconds):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(seconds)
                connection.connect(f"/proc/self/fd/{parent}/socket")  # its own path may be too long for a socket's
                with connection.makefile("rw") as lines:
                    request = {
                        "module": module,
                        "folder": str(folder),
                        "environment": {**environment, **os.environ},
                        "streams": [*map(str, streams)],
                        "clock": clock and str(clock),
                    }
                    print(json.dumps(request), file=lines, flush=True)
                    yield connection, lines

        yield start
        os.close(parent)


@pytest.fixture
def run_module(start_module, tmp_path_factory):
    """Run a module and return its result, with the exit code as _rc and what it wrote to standard error as _stderr.

    module: its name in plugins/modules; options: the task's; check_mode, diff: as a task has them; secrets: texts that must not occur in
    anything the module prints; seconds: how long it may take; passed: returns how many seconds have passed by the module's clock, and is asked
    again and again, for a deadline that passes when something has come about and no sooner, however slow this machine is (without it: the real ones).
    """

    def run(module, /, *, check_mode=False, diff=True, secrets=(), seconds=60, passed=None, **options):
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
            with start_module(module, workdir, streams, clock, seconds) as (connection, lines):
                process, status = int(lines.readline()), None
                with contextlib.suppress(TimeoutError):
                    if clock:
                        move(clock, passed, connection, seconds)
                    status = os.waitstatus_to_exitcode(int(lines.readline()))
            left = end_session(process)
            stdout, stderr = (stream.read_text() for stream in streams[1:])
        if status is None:
            pytest.fail(f"{module} was not done after {seconds} s\n{stdout}\n{stderr}")
        assert not left, f"{module} left a process behind"
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
