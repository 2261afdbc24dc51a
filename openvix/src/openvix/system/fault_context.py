# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault of the call that the current thread executes: settings of the VM, limits of disk space and speed, and the step at which the daemon is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator

# Audit events of Python for changes of files and starts of processes; "open" for writing counts too.
STEPS = {
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("subprocess.Popen", "os.posix_spawn", "signal.pthread_kill"),
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Thread(threading.local):
    sees: dict | None = None
    room: int | None = None
    cut: int | None = None
    pace: Callable[[int], None] | None = None
    steps: int = 0
    kill: Callable[[], None] | None = None


_thread = _Thread()
_watching = threading.Lock()
_watched = False


@contextlib.contextmanager
def injected(
    sees: dict | None = None, room: int | None = None, cut: int | None = None, step: int = 0, kill: Callable[[], None] | None = None
) -> Iterator[None]:
    """Apply a fault to this thread within the block.

    sees: settings that replace those of each VM; room: bytes that fit on the disk; cut: bytes of a copied file that are written;
    step, kill: call kill() before the step of this number.
    """
    _thread.sees, _thread.room, _thread.cut = sees, room, cut
    if step:
        _watch()
    _thread.steps, _thread.kill = step, kill
    try:
        yield
    finally:
        _thread.sees = _thread.room = _thread.cut = None
        _thread.steps = 0


@contextlib.contextmanager
def paced(pace: Callable[[int], None] | None) -> Iterator[None]:
    """Within the block, call pace(bytes) before each write."""
    _thread.pace = pace
    try:
        yield
    finally:
        _thread.pace = None


def overrides() -> dict | None:
    """Return the settings that replace those of a VM in this thread."""
    return _thread.sees


def written_part(content):
    """Return the part of the content that the fault lets through to a disk. Raises OSError if the disk is full."""
    if _thread.pace:
        _thread.pace(len(content))
    if _thread.cut is not None:
        content = content[: _thread.cut]
        _thread.cut -= len(content)
    use_space(len(content))
    return content


def use_space(size: int) -> None:
    """Subtract so many bytes from the free space. Raises OSError if the disk is full."""
    if _thread.room is not None:
        if size > _thread.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _thread.room -= size


def _watch():
    global _watched
    with _watching:
        # An audit hook cannot be removed and slows down every call, so it is installed only when it is first needed.
        if not _watched:
            sys.addaudithook(_step)
            _watched = True


def _step(event: str, arguments: tuple) -> None:
    if _thread.steps and (event in STEPS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES)):
        _thread.steps -= 1
        if not _thread.steps and _thread.kill:
            _thread.kill()
