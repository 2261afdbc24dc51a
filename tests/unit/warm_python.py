# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Python with the imports of its scripts already in memory: warm_python.py DIRECTORY PURPOSE creates DIRECTORY/python, and serves it.

A script is run from its file, or from standard input where none is named, by a fork of this process. For "modules", to start Python, and to compile and
import Ansible's own code out of what Ansible sends, is three quarters of what a short task takes; for "commands", what they import before Ansible reads its
settings is a third of their start. None of that is our code. It serves until its standard input ends.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import importlib.util
import marshal
import os
import pathlib
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading

WORD = 4  # bytes of a number, as in hand_over.py
HAND_OVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hand_over.py")
COMMAND = """#!/bin/sh
case "${{1-}}" in
    -*) exec {python} "$@" ;;
esac
exec {python} -IS {hand_over} {socket} "$@"
"""


def serve(folder):
    command = pathlib.Path(folder, "python")
    quoted = {"python": sys.executable, "hand_over": HAND_OVER, "socket": f"{folder}/socket"}
    command.write_text(COMMAND.format(**{name: shlex.quote(text) for name, text in quoted.items()}))
    command.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen(64)
        print(command, flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection = listener.accept()[0]
            if os.fork() == 0:
                listener.close()
                os._exit(watch(connection))
            connection.close()
            # What has ended is waited for, so that its processor time counts as that of the tests.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def watch(connection):
    """Start the requested script, end it when the requester ends, and return its exit status."""
    size, descriptors = socket.recv_fds(connection, WORD, 3)[:2]
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(int.from_bytes(size, "big") - len(request))
    child = os.fork()
    if child == 0:
        connection.close()
        os._exit(become(descriptors, *marshal.loads(request)))
    for descriptor in (0, 1, *descriptors):
        os.close(descriptor)
    ended = os.pidfd_open(child)
    if connection in select.select([connection, ended], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(status.to_bytes(WORD, "big", signed=True))
    return 0


def become(descriptors, arguments, folder, umask, environment):
    """Be the script that is asked for, to its end; return its exit code."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.umask(umask)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments or [""]
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])) if arguments else "")
    try:
        return ended(lambda: runpy.run_path(arguments[0], run_name="__main__") if arguments else run_input())
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def run_input():
    """Run what comes from standard input, as Ansible sends a module to a VM host with pipelining."""
    exec(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), {"__name__": "__main__", "__builtins__": builtins})


def ended(script):
    """Run a script, and return the exit code that Python would end with."""
    try:
        script()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def import_for_modules(folder):
    """Import what modules have of Ansible, and have nothing at hand that only a controller has."""
    package = pathlib.Path(folder, "importable", "ansible")
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    [found] = importlib.util.find_spec("ansible").submodule_search_locations
    for name in ("module_utils", "modules"):
        (package / name).symlink_to(os.path.join(found, name), target_is_directory=True)
    sys.path.insert(0, str(package.parent))
    importlib.import_module("ansible.module_utils.basic")


def import_for_commands():
    """Import what Ansible's commands do. Settings are read, and the rest of Ansible is made by them, when it is imported: so nothing of that."""
    for name in ("jinja2.nativetypes", "yaml", "cryptography.hazmat.primitives.ciphers", "packaging.version", "concurrent.futures", "multiprocessing.queues"):
        importlib.import_module(name)
    importlib.import_module("ansible.module_utils.basic")
    settled = [name for name in sys.modules if name.startswith("ansible.") and name.split(".")[1] not in ("_vendor", "module_utils", "release")]
    assert not settled, settled


@contextlib.contextmanager
def running(folder, purpose="modules"):
    """Yield the path of a warm Python, which is served as long as this lasts."""
    with subprocess.Popen([sys.executable, __file__, str(folder), purpose], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        path = server.stdout.readline().rstrip("\n")
        assert path, "it did not begin: its error is above"
        yield path


if __name__ == "__main__":
    if sys.argv[2] == "modules":
        import_for_modules(sys.argv[1])
    else:
        import_for_commands()
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # a script has its own directory there
    serve(sys.argv[1])
