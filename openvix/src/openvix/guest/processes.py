# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest, read from its own procfs."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import NamedTuple

from openvix.guest import sandbox
from openvix.guest.errors import error

# As long as the kernel keeps a process's name.
SHORT = 15


class Process(NamedTuple):
    """A process of a guest: its name, its process id there, its owner's name, its command line, and when it started in seconds since 1970."""

    name: str
    pid: int
    owner: str
    command: str
    start_time: int


class _Seen(NamedTuple):
    process: Process
    parent: int
    owner: str | None


def listed(init: sandbox.Init) -> list[Process]:
    """Return the processes of a sandbox in the order of their process ids.

    The owner is the user that a process has in its environment, which it got from the login that started it, or else its parent's. Raises OSError when
    the sandbox has ended.
    """
    proc = os.open(f"/proc/{init.pid}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not sandbox.is_alive(init):
            raise error(errno.ESRCH, str(init))
        seen = {}
        for name in os.listdir(proc):
            # A process may end while it is looked at.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if name.isdigit() and (found := _look(proc, int(name), init)):
                    seen[found.process.pid] = found
    finally:
        os.close(proc)
    return [_with_owner(seen, pid) for pid in sorted(seen)]


def arguments_of(init: sandbox.Init, pid: int) -> list[str] | None:
    """Return the command line of a process of a sandbox, None when there is none."""
    try:
        with open(f"/proc/{init.pid}/root/proc/{pid}/cmdline", "rb") as file:
            return [_text(each) for each in file.read().rstrip(b"\0").split(b"\0")]
    except (FileNotFoundError, ProcessLookupError):
        return None


def _look(proc: int, pid: int, init: sandbox.Init) -> _Seen | None:
    head, _, tail = _read(proc, pid, "stat").rpartition(b")")
    line = _read(proc, pid, "cmdline")
    fields, arguments = tail.split(), line.rstrip(b"\0").split(b"\0")
    try:
        environment = _read(proc, pid, "environ").split(b"\0")
    except PermissionError:
        # A program that only its owner may read does not show it to an ordinary user of the host.
        environment = [b""]
    if _read(proc, pid, "cmdline") != line:
        return _look(proc, pid, init)  # it became another program while it was looked at, and has something of both
    # Neither what has ended nor what has yet to become the program that it was entered for.
    if fields[0] in (b"Z", b"X") or (environment == [b""] and arguments[:1] == [b"agent"] and arguments[2:3] == [str(init).encode()]):
        return None
    name, command = _text(head.partition(b"(")[2]), _text(b" ".join(arguments))
    whole = os.path.basename(_text(arguments[0]))
    if len(name) == SHORT and whole.startswith(name):
        name = whole
    owner = next((_text(each[5:]) for each in environment if each.startswith(b"USER=")), None)
    start_time = _boot_time() + int(fields[19]) // os.sysconf("SC_CLK_TCK")
    return _Seen(Process(name, pid, "root", command or f"[{name}]", start_time), int(fields[1]), "root" if pid == 1 else owner)


def _with_owner(seen: dict[int, _Seen], pid: int) -> Process:
    each = seen[pid]
    while each.owner is None and each.parent in seen:
        each = seen[each.parent]
    process = seen[pid].process
    return Process(process.name, process.pid, each.owner or "root", process.command, process.start_time)


def _read(proc: int, pid: int, name: str) -> bytes:
    with open(os.open(f"{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc), "rb") as file:
        return file.read()


def _text(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _boot_time() -> int:
    with open("/proc/stat", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("btime "))
