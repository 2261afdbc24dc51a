# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A script, or a module, does on a fork what it does on Python."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import time

import forkserver
import pytest

ALL = """
import os, sys
print(sys.argv[1:], sys.path[0] == os.path.dirname(__file__), __name__, os.getcwd(), os.environ["WORD"], sys.stdin.read())
print("aside", file=sys.stderr)
with open("made", "w") as file:
    os.fchmod(file.fileno(), 0o666 & ~os.umask(0))
"""
LATE = """
import atexit, threading, time
atexit.register(print, "last")
threading.Thread(target=lambda: (time.sleep(0.1), print("late"))).start()
print("first")
"""
WAITING = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(300)\n"


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    with forkserver.running(tmp_path_factory.mktemp("a place")) as path:
        yield path


@pytest.fixture
def run(tmp_path):
    """Run a script by a Python; return what became of it."""

    def run(python, text, *arguments, **options):
        script = tmp_path / "script.py"
        script.write_text(text)
        return subprocess.run([python, str(script), *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, **options)

    return run


def outcome(done):
    return done.returncode, done.stdout, done.stderr.splitlines()[-1:]


@pytest.mark.parametrize(
    "text",
    [
        "print('done')",
        "raise SystemExit(7)",
        "raise SystemExit(300)",
        "import sys; sys.exit('it went wrong')",
        "1 / 0",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os; os._exit(5)",
        LATE,
    ],
)
def test_script_exit_status_kept(warm, run, text):
    assert outcome(run(warm, text)) == outcome(run(sys.executable, text))


@pytest.mark.parametrize("text", ["import sys; print(__name__, sys.argv, sys.path[0], sys.stdin.read())", "1 / 0", "raise SystemExit(7)"])
def test_script_read_from_stdin(warm, text):
    done = [subprocess.run([python], input=text, capture_output=True, text=True, timeout=60, check=False) for python in (warm, sys.executable)]
    assert outcome(done[0]) == outcome(done[1])


def test_script_environment_complete(warm, run, tmp_path):
    results = [
        (outcome(run(python, ALL, "a word", "", env={"WORD": "as it is"}, input="said", umask=0o027)), (tmp_path / "made").stat().st_mode)
        for python in (warm, sys.executable)
    ]

    assert results[0] == results[1]
    assert (results[0][0][0], results[0][1] & 0o777) == (0, 0o640)


def test_other_arguments_run_by_python(warm):
    done = subprocess.run([warm, "-c", "import sys; print('ansible.module_utils.basic' in sys.modules)"], capture_output=True, text=True, check=True)
    asked = subprocess.run([warm], input="print('by input')", capture_output=True, text=True, check=True)

    assert (done.stdout, asked.stdout) == ("False\n", "by input\n")


def test_script_imports_modules_not_controller(warm, run):
    known = run(warm, "import sys; print('ansible.module_utils.basic' in sys.modules); import ansible.modules.file")
    lacking = run(warm, "import ansible.constants")

    assert (known.stdout, known.returncode) == ("True\n", 0)
    assert "ModuleNotFoundError: No module named 'ansible.constants'" in lacking.stderr


def test_command_imports_before_settings(run, tmp_path):
    script = "import sys; print([name in sys.modules for name in ('jinja2.nativetypes', 'ansible.module_utils.basic', 'ansible.constants')])\n"
    reading = f"{script}from ansible import constants; print(constants.DEFAULT_FORKS)"
    with forkserver.running(tmp_path, "commands") as path:
        done = run(path, reading, env={**os.environ, "ANSIBLE_FORKS": "23"})

    assert done.stdout == "[True, True, False]\n23\n"


def test_script_ends_with_requester(warm, tmp_path):
    (tmp_path / "script.py").write_text(WAITING)
    with subprocess.Popen([warm, str(tmp_path / "script.py")], stdout=subprocess.PIPE, text=True) as asking:
        script = int(asking.stdout.readline())
        ended = os.pidfd_open(script)
        asking.kill()
        assert select.select([ended], [], [], 60)[0]  # it has ended
    os.close(ended)


def test_server_leaves_nothing(run, tmp_path):
    with forkserver.running(tmp_path) as path:
        parent = int(run(path, "import os; print(os.getppid())").stdout)
        assert run(path, "").returncode == 0

    assert run(path, "").returncode != 0
    end = time.monotonic() + 60
    while lives(parent):  # it may be at its last instruction
        assert time.monotonic() < end
        time.sleep(0.01)


def lives(process):
    with contextlib.suppress(OSError), open(f"/proc/{process}/stat", encoding="utf-8") as file:
        return file.read().rpartition(") ")[2][0] != "Z"
    return False


MODULE = """
import atexit, os, sys, time
atexit.register(print, "last")
print(__name__, sys.argv, os.getcwd(), os.environ["WORD"], sys.stdin.read(), time.monotonic(), os.getsid(0) == os.getpid())
raise SystemExit(7)
"""


def test_module_as_without_server(tmp_path):
    """Both ways in which run_module starts a module: --no-forkserver is the second."""
    (tmp_path / "shown.py").write_text(MODULE)
    (tmp_path / "input").write_text("said")
    (tmp_path / "clock").write_bytes(struct.pack("<d", 4711))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "WORD": "as it is"}
    command = [sys.executable, forkserver.__file__, "once", "shown", str(tmp_path / "clock")]
    with (tmp_path / "input").open() as given:
        fresh = subprocess.run(command, cwd=tmp_path, env=environment, stdin=given, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    (tmp_path / "server").mkdir()
    with (
        forkserver.running(tmp_path / "server", env=environment),
        socket.socket(socket.AF_UNIX) as connection,
        (tmp_path / "input").open() as given,
        (tmp_path / "output").open("w") as output,
    ):
        connection.settimeout(60)
        connection.connect(str(tmp_path / "server" / "socket"))
        streams = [given.fileno(), output.fileno(), output.fileno()]
        status = forkserver.Fork(connection, "shown", streams, str(tmp_path), environment, str(tmp_path / "clock")).wait()

    assert fresh.stdout == f"__main__ ['{tmp_path}/shown.py'] {tmp_path} as it is said 4711.0 True\nlast\n"
    assert (status, (tmp_path / "output").read_text()) == (fresh.returncode, fresh.stdout) == (7, fresh.stdout)
