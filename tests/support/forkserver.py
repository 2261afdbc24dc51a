# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pythons that begin in milliseconds: forks of one that has in memory already what each of them would import.

"forkserver.py DIRECTORY PURPOSE" makes DIRECTORY/python, a command like Python, and serves it at DIRECTORY/socket until its own standard input ends. For
"modules", to start Python, and to compile and import Ansible's own code out of what Ansible sends, is three quarters of what a short task takes; for
"commands", what they import before Ansible reads its settings is a third of their start. None of that is our code. "forkserver.py once MODULE [CLOCK]" runs
a module with nothing in memory. This runs on every Python that a VM host may have.
"""

from __future__ import annotations

import array
import atexit
import builtins
import contextlib
import gc
import importlib.util
import inspect
import marshal
import mmap
import os
import pathlib
import runpy
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

WORD = 4  # bytes of a number between the two ends
COMMAND = """#!/bin/sh
case "${{1-}}" in
    -*) exec {python} "$@" ;;
esac
exec {python} -IS {client} {socket} "$@"
"""


# -- Who asks


def ask():
    """Have the server run a script, and end as that ends. The source of this function is the program that DIRECTORY/python starts."""
    # Each import is a good part of what this takes, so there are few.
    import marshal
    import os
    import sys
    from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket

    umask = os.umask(0)  # which cannot be asked for otherwise, and is the server's to set
    arguments = sys.argv[2:]
    request = marshal.dumps({"arguments": arguments, "directory": os.getcwd(), "umask": umask, "environment": dict(os.environ)}, 2)
    connection = socket(AF_UNIX)
    connection.connect(sys.argv[1])
    descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection.sendmsg([len(request).to_bytes(4, "big")], [(SOL_SOCKET, SCM_RIGHTS, descriptors)])
    connection.sendall(request)
    connection.recv(4)  # its process id
    status = int.from_bytes(connection.recv(4), "big", signed=True)
    if status < 0:
        os.kill(os.getpid(), -status)
    sys.exit(status)


class Fork:
    """A module that the server has been asked for. pid: its process, which leads a session; connection: readable once it has ended."""

    def __init__(self, connection, module, streams, directory, environment, clock=None):
        """Ask for a module by its full name.

        Args:
            connection: To the socket of the server; what is waited for here is waited for as long as its timeout says.
            module: Full name of a module that the server's Python can import.
            streams: Descriptors of its standard input, output and error.
            directory: Where it begins.
            environment: All of its environment.
            clock: Path of a file with the seconds that time.monotonic() returns there, or None for the real ones.
        """
        request = {"module": module, "arguments": [], "directory": directory, "umask": None, "environment": environment, "clock": clock}
        data = marshal.dumps(request, 2)  # a form that every Python reads
        connection.sendmsg([len(data).to_bytes(WORD, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))])
        connection.sendall(data)
        self.connection = connection
        self.pid = self._number()

    def wait(self):
        """Return its exit code, negative for a signal, or raise TimeoutError."""
        return self._number()

    def _number(self):
        return int.from_bytes(self.connection.recv(WORD), "big", signed=True)


# -- The server


def serve(directory):
    """Make the command and serve it."""
    command, client = pathlib.Path(directory, "python"), pathlib.Path(directory, "ask.py")
    client.write_text(f"{inspect.getsource(ask)}\n\nask()\n")
    quoted = {"python": sys.executable, "client": client, "socket": f"{directory}/socket"}
    command.write_text(COMMAND.format(**{name: shlex.quote(str(text)) for name, text in quoted.items()}))
    command.chmod(0o755)
    os.chdir(directory)  # whose path may be too long for a socket's
    gc.freeze()  # a collection in a fork leaves the pages that it shares with this process alone
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
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
    """Start what is asked for, end it when whoever asked ends, and report how it ended."""
    request, descriptors = receive(connection)
    ended, ending = os.pipe()
    os.set_blocking(ending, False)
    signal.signal(signal.SIGCHLD, lambda *dummy: None)
    signal.set_wakeup_fd(ending)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (ended, ending):
            os.close(descriptor)
        connection.close()
        os._exit(become(descriptors, request))
    for descriptor in (0, 1, *descriptors):
        os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(child.to_bytes(WORD, "big"))
        if connection in select.select([connection, ended], [], [])[0]:
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        connection.sendall(code.to_bytes(WORD, "big", signed=True))
    return 0


def receive(connection):
    """Return what is asked for, and the descriptors of its standard input, output and error."""
    descriptors = array.array("i")
    size, [(_level, _kind, data)], *_rest = connection.recvmsg(WORD, socket.CMSG_SPACE(3 * descriptors.itemsize))
    descriptors.frombytes(data)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(int.from_bytes(size, "big") - len(request))
    return marshal.loads(request), [*descriptors]


def become(descriptors, request):
    """Be what is asked for, to its end; return its exit code."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if request["umask"] is not None:
        os.umask(request["umask"])
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    try:
        return end_of(lambda: run_module(request["module"], request["clock"]) if "module" in request else run_script(request["arguments"]))
    finally:
        # What Python does at its end, but for taking itself apart, which costs more than many a test.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def run_module(name, clock):
    """Run a module by its full name, as the leader of a new session."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    if clock:
        time.monotonic = clock_of(clock)
    sys.argv = [name.rpartition(".")[2]]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def run_script(arguments):
    """Run a script from its file, or without one from standard input, as Ansible sends a module to a VM host with pipelining."""
    sys.argv = arguments or [""]
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])) if arguments else "")
    if arguments:
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        exec(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), {"__name__": "__main__", "__builtins__": builtins})


def end_of(script):
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


def clock_of(path):
    """Return a clock that reads its number from a file, in this process and in those that it forks."""
    with open(path, "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return lambda: struct.unpack("<d", memory[:8])[0]


# -- What is in memory


def import_for_modules(directory):
    """Import what modules have of Ansible, and have nothing at hand that only a controller has."""
    package = pathlib.Path(directory, "importable", "ansible")
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    [found] = importlib.util.find_spec("ansible").submodule_search_locations
    for name in ("module_utils", "modules"):
        (package / name).symlink_to(os.path.join(found, name), target_is_directory=True)
    sys.path.insert(0, str(package.parent))
    # The last two are what our own code has of Python's library and Ansible's has not.
    for name in ("ansible.module_utils.basic", "concurrent.futures.thread", "resource"):
        importlib.import_module(name)


def import_for_commands():
    """Import what Ansible's commands do. Settings are read, and the rest of Ansible is made by them, when it is imported: so nothing of that."""
    for name in ("jinja2.nativetypes", "yaml", "cryptography.hazmat.primitives.ciphers", "packaging.version", "concurrent.futures", "multiprocessing.queues"):
        importlib.import_module(name)
    importlib.import_module("ansible.module_utils.basic")
    settled = [name for name in sys.modules if name.startswith("ansible.") and name.split(".")[1] not in ("_vendor", "module_utils", "release")]
    assert not settled, settled


@contextlib.contextmanager
def running(directory, purpose="modules", python=sys.executable, **options):
    """Yield the path of a command like this Python, which is served as long as this lasts; options are those of Popen."""
    command = [python, __file__, str(directory), purpose]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True, **options) as server:
        path = server.stdout.readline().rstrip("\n")
        assert path, "it did not begin: its error is above"
        yield path


def main(first, second, clock=None):
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # a script has its own directory there
    if first == "once":
        run_module(second, clock)
        return
    if second == "modules":
        import_for_modules(first)
    else:
        import_for_commands()
    serve(first)


if __name__ == "__main__":
    main(*sys.argv[1:])
