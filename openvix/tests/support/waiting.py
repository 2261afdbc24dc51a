# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits with time limits that are exceeded only after a fault."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator


def eventually(holds, seconds=60):
    """Call a function with growing pauses until its result is true; return the result."""
    end, pause = time.monotonic() + seconds, 0.002
    while not (answer := holds()):
        assert time.monotonic() < end, "it never held"
        threading.Event().wait(pause)  # a test may have taken time.sleep for its own
        pause = min(2 * pause, 0.05)
    return answer


@contextlib.contextmanager
def bounded(process: subprocess.Popen, seconds=200) -> Iterator[subprocess.Popen]:
    """Yield a process from which a test reads; it is killed after a time limit, which ends its output."""
    end = threading.Timer(seconds, process.kill)
    end.start()
    try:
        with process:
            yield process
    finally:
        end.cancel()
