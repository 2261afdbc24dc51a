# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks that a process holds until it exits. They identify a process reliably; a process id may be reused."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

END_SECONDS = 10


def take(lock: int, seconds: float = 0) -> bool:
    """Try for so many seconds to lock an open file; return whether it succeeded. Closing all its descriptors releases the lock."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
        time.sleep(0.005)


@contextlib.contextmanager
def alone(lock: Path, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock file within the block, however long another process has it. waits: called once if one has it now. Raises OSError."""
    with open(lock, "w", encoding="ascii") as file:
        if not take(file.fileno()):
            waits()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(lock: Path) -> bool:
    """Return whether a process holds this lock."""
    try:
        file = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that concurrent checks do not report each other.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def holders(lock: Path) -> list[int]:
    """Return the ids of the other processes that have this lock file open."""
    try:
        wanted = lock.stat()
    except FileNotFoundError:
        return []
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
        # A process may exit, or belong to another user.
        with contextlib.suppress(OSError):
            if any(os.path.samestat(os.stat(f"/proc/{pid}/fd/{each}"), wanted) for each in os.listdir(f"/proc/{pid}/fd")):
                found.append(pid)
    return found


def await_end(lock: Path, seconds: float) -> None:
    """Wait until this lock is released, at most so many seconds. An exiting process still holds it when /proc no longer shows its files."""
    until = time.monotonic() + seconds
    while is_held(lock) and time.monotonic() < until:
        time.sleep(0.005)


def end_holders(lock: Path) -> None:
    """Kill the processes that have this lock file open, and wait until they have exited."""
    if is_held(lock):
        end(lambda: holders(lock), END_SECONDS)


def end(find: Callable[[], Collection[int]], seconds: float) -> None:
    """Kill the processes whose ids find() returns, and wait until they have exited, at most so many seconds for each."""
    handles = []
    for pid in find():
        with contextlib.suppress(ProcessLookupError):
            handles.append((pid, os.pidfd_open(pid)))
    if not handles:
        return  # saves another scan of /proc
    # A second call with the handles open ensures that the ids have not been reused by other processes.
    still = find()
    for pid, handle in handles:
        if pid in still:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], seconds)
        os.close(handle)
