# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest, read from its procfs."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import NamedTuple

from openvix.backends.simulated import sandbox
from openvix.guest.errors import error
from openvix.guest.processes import START_SECONDS, Process, named

# The length of the kernel's name of a process, in bytes.
KERNEL_NAME = 15


class _State(NamedTuple):
    """The fields of /proc/PID/stat.

    has_ended: whether it is exiting, or has ended and was not reaped. code: the address of the program's code, 0 before it is loaded, 1 without permission
    to read it.
    """

    name: str
    parent: int
    start: int
    has_ended: bool
    code: int


class _Program(NamedTuple):
    """What a process runs. arguments: each ended by NUL; empty for a process that has ended."""

    state: _State
    arguments: bytes
    environment: list[bytes]


class _Seen(NamedTuple):
    process: Process
    parent: int
    owner: str | None


def listed(init: sandbox.Init) -> list[Process]:
    """Return the processes of a sandbox in the order of their process ids.

    The owner is taken from the environment of a process, where the login sets it, else from its parent. Raises OSError if the sandbox has
    ended.
    """
    proc, end = _open(init), time.monotonic() + START_SECONDS
    try:
        if not sandbox.is_alive(init):
            raise error(errno.ESRCH, str(init))
        seen = {}
        for name in os.listdir(proc):
            # A process may exit meanwhile.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if name.isdigit() and (found := _look(proc, int(name), init, end)):
                    seen[found.process.pid] = found
    finally:
        os.close(proc)
    return [_with_owner(seen, pid) for pid in sorted(seen)]


def is_there(init: sandbox.Init, pid: int) -> bool:
    """Return whether a sandbox has a process with this id, even if it has ended and was not reaped."""
    try:
        proc = _open(init)
        try:
            _state(proc, pid)
        finally:
            os.close(proc)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def arguments_of(init: sandbox.Init, pid: int) -> list[str] | None:
    """Return the command line of a process of a sandbox, None without one."""
    try:
        proc = _open(init)
        try:
            program = _program(proc, pid, time.monotonic() + START_SECONDS)
        finally:
            os.close(proc)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if program.state.has_ended else [_text(each) for each in program.arguments.rstrip(b"\0").split(b"\0")]


def _open(init: sandbox.Init) -> int:
    return os.open(f"/proc/{init.pid}/root/proc", os.O_RDONLY | os.O_DIRECTORY)


def _look(proc: int, pid: int, init: sandbox.Init, end: float) -> _Seen | None:
    program = _program(proc, pid, end)
    if _is_helper(program, init):
        return None
    owner = next((_text(each[5:]) for each in program.environment if each.startswith(b"USER=")), None)
    start_time = _boot_time() + program.state.start // os.sysconf("SC_CLK_TCK")
    name, command = named(program.state.name, program.arguments)
    return _Seen(Process(name, pid, "root", command, start_time), program.state.parent, "root" if pid == 1 else owner)


def _is_helper(program: _Program, init: sandbox.Init) -> bool:
    """Return whether a process is not one of the guest: one that has yet to execute its program, or one that has started it."""
    if program.state.has_ended:
        return program.state.name == sandbox.helper().name[:KERNEL_NAME]
    arguments = program.arguments.split(b"\0")
    return program.environment == [b""] and arguments[:1] == [b"sandbox"] and arguments[2:3] == [str(init).encode()]


def _program(proc: int, pid: int, end: float) -> _Program:
    """Return the program of a process.

    While a process executes another program, the kernel may return data of both, or none. This is retried until end.
    """
    while True:
        state, line = _state(proc, pid), _read(proc, pid, "cmdline")
        if state.has_ended:
            return _Program(state, b"", [])
        try:
            environment = _read(proc, pid, "environ")
        except PermissionError:
            # Without read permission on the program, the kernel hides its memory from an ordinary user of the host.
            environment = b""
        same = _read(proc, pid, "cmdline") == line and _state(proc, pid) == state
        if (line and state.code and same) or time.monotonic() > end:
            return _Program(state, line, environment.split(b"\0"))
        time.sleep(0.001)


def _state(proc: int, pid: int) -> _State:
    head, _, tail = _read(proc, pid, "stat").rpartition(b")")
    fields = tail.split()
    if fields[0] == b"X":
        raise error(errno.ESRCH, str(pid))
    # A process that has released its memory is exiting, though its state may not show it yet.
    return _State(_text(head.partition(b"(")[2]), int(fields[1]), int(fields[19]), fields[0] == b"Z" or fields[20] == b"0", int(fields[23]))


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
