# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads for what must not be waited for. One that is done takes more, since to start one costs more than most calls do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

# How long a thread stays that has nothing to do.
IDLE_SECONDS = 2.0

_free: list[queue.SimpleQueue] = []  # where each thread that has nothing to do waits; the last one has waited least
_lock = threading.Lock()


def give(work: Callable[..., object], *arguments: object) -> None:
    """Have work(*arguments) done on a thread of its own."""
    with _lock:
        place = _free.pop() if _free else None
    if place is None:
        place = queue.SimpleQueue()
        threading.Thread(target=_take, args=(place,), daemon=True).start()
    place.put((work, arguments))


def _take(place: queue.SimpleQueue) -> None:
    """Do what is put into a place, until nothing more is. What raises an exception ends the thread, which logs it."""
    while True:
        try:
            work, arguments = place.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            if _leave(place):
                return
            continue
        work(*arguments)
        work = arguments = None  # nothing is kept alive by a thread that waits
        with _lock:
            _free.append(place)


def _leave(place: queue.SimpleQueue) -> bool:
    """Return whether a thread may end: whoever has just been given work stays."""
    with _lock:
        if place in _free:
            _free.remove(place)
            return True
        return False
