# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks that a process holds as long as it lives: by them it is found again, and ended, and by no number that another process may have later."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path

END_SECONDS = 10


def take(lock: int, seconds: float = 0) -> bool:
    """Take the lock of an open file, and return whether it could be had in so many seconds. Closing every descriptor of it gives it back."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
        time.sleep(0.005)


def is_held(lock: Path) -> bool:
    """Return whether a process holds this lock."""
    try:
        file = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look do not take each other for one who holds it.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def holders(lock: Path) -> list[int]:
    """Return the ids of the processes that have this lock open, other than this one."""
    try:
        wanted = lock.stat()
    except FileNotFoundError:
        return []
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
        # A process may end, or belong to somebody else.
        with contextlib.suppress(OSError):
            if any(os.path.samestat(os.stat(f"/proc/{pid}/fd/{each}"), wanted) for each in os.listdir(f"/proc/{pid}/fd")):
                found.append(pid)
    return found


def await_end(lock: Path, seconds: float) -> None:
    """Return once nobody holds this lock, or after so many seconds: a process that ends still holds it when its files are no longer seen in /proc."""
    until = time.monotonic() + seconds
    while is_held(lock) and time.monotonic() < until:
        time.sleep(0.005)


def end_holders(lock: Path) -> None:
    """Kill the processes that have this lock open, and return once they are gone."""
    if is_held(lock):
        end(lambda: holders(lock), END_SECONDS)


def end(find: Callable[[], Collection[int]], seconds: float) -> None:
    """Kill the processes whose ids find() returns, and return once they are gone, or after so many seconds for each."""
    handles = []
    for pid in find():
        with contextlib.suppress(ProcessLookupError):
            handles.append((pid, os.pidfd_open(pid)))
    if not handles:
        return  # a look through all of /proc is saved
    # Asked again with the handles open: they are of these processes and of no later ones with the same numbers.
    still = find()
    for pid, handle in handles:
        if pid in still:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], seconds)
        os.close(handle)
