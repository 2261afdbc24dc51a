# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Thread pool for background work. Idle threads are reused, since starting a thread takes longer than most calls."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

# Idle threads exit after this time.
IDLE_SECONDS = 2.0

_idle: list[queue.SimpleQueue] = []  # the queues of idle threads, the most recently used last
_lock = threading.Lock()


def start(work: Callable[..., object], *arguments: object) -> None:
    """Call work(*arguments) on another thread."""
    with _lock:
        tasks = _idle.pop() if _idle else None
    if tasks is None:
        tasks = queue.SimpleQueue()
        threading.Thread(target=_run, args=(tasks,), daemon=True).start()
    tasks.put((work, arguments))


def _run(tasks: queue.SimpleQueue) -> None:
    """Execute tasks until the thread has been idle for too long. An exception is logged and ends the thread."""
    while True:
        try:
            work, arguments = tasks.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            if _retire(tasks):
                return
            continue
        work(*arguments)
        work = arguments = None  # an idle thread must not keep objects alive
        with _lock:
            _idle.append(tasks)


def _retire(tasks: queue.SimpleQueue) -> bool:
    """Return whether the thread may exit, which is not the case if it has just been given a task."""
    with _lock:
        if tasks in _idle:
            _idle.remove(tasks)
            return True
        return False
