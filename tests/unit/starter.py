# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts modules, each in a separate process and session, from one that has ansible.module_utils in memory already: starter.py SOCKET.

Importing that takes a VM host's Python most of the time of a short task, and is none of our code. Runs on every Python that a VM host may have.
"""

from __future__ import annotations

import gc
import importlib
import json
import mmap
import os
import runpy
import select
import signal
import socket
import struct
import sys
import time

for name in ("ansible.module_utils.basic", "concurrent.futures.thread", "resource"):
    importlib.import_module(name)  # what takes the time
gc.freeze()  # a collection in a module leaves the pages that it shares with this process alone


def serve(path):
    """Start a module for each connection: a line of JSON in, its process id and then its exit code out, a line each."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        # Standard input ends with the tests that this serves.
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection = listener.accept()[0]
            if os.fork() == 0:
                listener.close()
                os._exit(watch(connection))
            connection.close()


def watch(connection):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rw") as lines:
        request = json.loads(lines.readline())
        child = os.fork()
        if child == 0:
            os._exit(become(request, connection))
        print(child, file=lines, flush=True)
        print(os.waitpid(child, 0)[1], file=lines, flush=True)
    return 0


def become(request, connection):
    """Be the module that is asked for, to its end."""
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for descriptor, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        opened = os.open(request["streams"][descriptor], flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    connection.close()
    if request["clock"]:
        time.monotonic = clock(request["clock"])
    try:
        sys.argv = [request["module"]]
        runpy.run_module(f"ansible_collections.vmlab.vix.plugins.modules.{request['module']}", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        run_exit_functions()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def clock(path):
    """A clock that returns the number in a file, in this process and in those that it forks."""
    with open(path, "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return lambda: struct.unpack("<d", memory[:8])[0]


def run_exit_functions():
    """What a module has registered with atexit, as its removal of temporary files."""
    import atexit

    atexit._run_exitfuncs()


if __name__ == "__main__":
    serve(sys.argv[1])
