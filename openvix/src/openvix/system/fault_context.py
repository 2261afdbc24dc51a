# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What befalls the call that a thread carries out: how it sees its VM, what it may write and how fast, and at which step the daemon dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator

# What changes files or starts processes, as Python's audit hooks name it; and "open" for writing.
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
    dying: Callable[[], None] | None = None


_thread = _Thread()
_watching = threading.Lock()
_watched = False


@contextlib.contextmanager
def by(sees: dict | None = None, room: int | None = None, cut: int | None = None, step: int = 0, dying: Callable[[], None] | None = None) -> Iterator[None]:
    """Within the block this thread sees each VM with these settings, has room for so many bytes, has so many arrive, and calls dying before this step."""
    _thread.sees, _thread.room, _thread.cut = sees, room, cut
    if step:
        _watch()
    _thread.steps, _thread.dying = step, dying
    try:
        yield
    finally:
        _thread.sees = _thread.room = _thread.cut = None
        _thread.steps = 0


@contextlib.contextmanager
def paced(pace: Callable[[int], None] | None) -> Iterator[None]:
    """Within the block, call pace with the number of bytes before they are written."""
    _thread.pace = pace
    try:
        yield
    finally:
        _thread.pace = None


def seen() -> dict | None:
    """Return the settings that this thread sees instead of a VM's own."""
    return _thread.sees


def arriving(content):
    """Return what arrives of what is to be written to a disk; raise OSError when there is no room for it."""
    if _thread.pace:
        _thread.pace(len(content))
    if _thread.cut is not None:
        content = content[: _thread.cut]
        _thread.cut -= len(content)
    need(len(content))
    return content


def need(size: int) -> None:
    """Take so many bytes of the room that there is, or raise OSError."""
    if _thread.room is not None:
        if size > _thread.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _thread.room -= size


def _watch():
    global _watched
    with _watching:
        # A hook stays for good, and costs every call of the daemon a little: only who asks for it has it.
        if not _watched:
            sys.addaudithook(_step)
            _watched = True


def _step(event: str, arguments: tuple) -> None:
    if _thread.steps and (event in STEPS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES)):
        _thread.steps -= 1
        if not _thread.steps and _thread.dying:
            _thread.dying()
