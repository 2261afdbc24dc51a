# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that has imported the daemon's code and forks daemons. It makes tests faster: imports take most of a daemon's start."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from openvix.world import layout


class ForkServer:
    """Starts daemons of worlds. They keep running when it is closed."""

    def __init__(self):
        command = layout.python("from openvix.daemon.forkserver import main; main()")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_):
        self._process.communicate()

    def serve(self, world: Path) -> int:
        """Start the daemon of a prepared world and return its process id, like control.serve(). The daemon is not a child of this process."""
        print(json.dumps([os.path.abspath(world), dict(os.environ)]), file=self._process.stdin, flush=True)
        assert self._process.stdout is not None, "it is a pipe"
        return int(self._process.stdout.readline())


def main():
    """For each line of JSON on standard input, [world, environment], fork a daemon and print its process id."""
    # Modules and checks that nearly every daemon needs, although it loads them only on demand: here they are loaded once for all.
    import concurrent.futures.thread  # noqa: F401

    from openvix.backends.simulated import sandbox
    from openvix.daemon import server

    sandbox.is_allowed()
    gc.freeze()  # garbage collection in a daemon must not write to the pages that it shares with this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the daemons
    for line in sys.stdin:
        directory, environment = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = ["", directory]
            sys.exit(server.main())
        print(pid, flush=True)
