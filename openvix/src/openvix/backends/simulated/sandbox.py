# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox in which programs of a guest run: Linux namespaces, created and entered by the program sandbox.c."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# The path of the helper in every sandbox. Under other names in this directory it runs as a declared process that does nothing.
HIDDEN = "/dev/openvix"
DEATH_SECONDS = 10


class Init(NamedTuple):
    """The first process of a sandbox: its process id on the host and its start time, which together identify it."""

    pid: int
    start: int

    def __str__(self) -> str:
        return f"{self.pid}:{self.start}"


@functools.cache
def helper() -> Path:
    """Return the path of the helper, the program that creates and enters sandboxes, compiled at first use. Raises CannotBuild."""
    from openvix.system import c_build  # imported here, as only running guests need it

    return c_build.compile_program([c_build.source_directory("sandbox") / "sandbox.c"], "openvix-sandbox")


def is_allowed() -> bool:
    """Return whether this user can create sandboxes on this host; OPENVIX_SANDBOX=none in the environment disables them."""
    return os.environ.get("OPENVIX_SANDBOX") != "none" and _trial()


@functools.cache
def _trial() -> bool:
    from openvix.system.c_build import CannotBuild  # imported here, as only running guests need it

    # Only a trial can answer this: it depends on the kernel, its settings and the restrictions of this process.
    try:
        with _start_helper("try") as process:
            begun, answer = _answer(process), _answer(process, end="done")
    except (OSError, CannotBuild):
        return False
    if begun[0] == "init":
        _reap(int(begun[1]))
    return begun[0] == "init" and answer[0] == "done"


def start(disk: Path, hostname: str, names: list[str], remember: Callable[[Init], None]) -> Init:
    """Create a sandbox with this disk as its root. It starts after remember(init). Raises OSError.

    names: programs that can run as idle processes; a name /PATH=DIRECTORY shows this directory of the host, read-only, at a directory of the guest.
    """
    process = _start_helper("boot", disk.name, hostname, *names, cwd=disk.parent, stdin=subprocess.PIPE)
    with process:
        assert process.stdin is not None, "it is a pipe"
        answer = _answer(process)
        if answer[0] != "init":
            raise _refusal(answer)
        pid = int(answer[1])
        state = _state(pid)
        init = Init(pid, state[1] if state else 0)
        try:
            remember(init)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(b"\n")
        except BaseException:
            process.stdin.close()
            _reap(pid)
            raise
        answer = _answer(process, end="done")
    if answer[0] != "done":
        _reap(pid)
        raise _refusal(answer)
    return init


class Run:
    """A program that runs in the sandbox of init. pid: its process id in the guest."""

    def __init__(self, init: Init, pid: int, process: subprocess.Popen):
        self.init, self.pid, self._process = init, pid, process

    def exit_code(self) -> int | None:
        """Wait for the end of the program; return its exit code, or minus the signal that ended it, None if unknown."""
        with self._process:
            answer = _answer(self._process)
        return int(answer[1]) if answer[0] == "exit" else None


def run(init: Init, environment: dict[str, str], program: str, arguments: list[str]) -> Run:
    """Start a program whose end can be awaited. Raises OSError.

    environment: a variable /PATH lets the program see another file of the guest, its value, at this path; arguments: argv, including argv[0].
    """
    return Run(init, *_enter(init, "wait", environment, program, arguments))


def launch(init: Init, environment: dict[str, str], program: str, arguments: list[str], *, service: bool = False) -> int:
    """Start a program as a child of the guest's init; return its process id in the guest. service: it has a separate session. Raises OSError."""
    pid, process = _enter(init, "service" if service else "start", environment, program, arguments)
    with process:
        return pid


def kill(init: Init, pid: int, number: int) -> None:
    """Send a signal to a process by its process id in the guest; -1 means all but init. Raises OSError."""
    with _start_helper("kill", str(init), str(pid), str(number)) as process:
        answer = _answer(process, end="done")
    if answer[0] != "done":
        raise _refusal(answer)


def is_alive(init: Init) -> bool:
    """Return whether the sandbox still exists."""
    state = _state(init.pid)
    if state is None or state[1] != init.start:
        return False
    if state[0] in "ZX":
        _reap(init.pid, os.WNOHANG)
        return False
    return True


def stop(init: Init) -> None:
    """End the sandbox and all its processes, and wait until they have exited."""
    try:
        handle = os.pidfd_open(init.pid)
    except ProcessLookupError:
        return
    try:
        # Checked after pidfd_open(), which proves that the descriptor belongs to this process.
        if is_alive(init):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            if not select.select([handle], [], [], DEATH_SECONDS)[0]:
                raise OSError(errno.ETIMEDOUT, f"the sandbox with init process {init.pid} did not exit")
            _reap(init.pid)
    finally:
        os.close(handle)


def _start_helper(*arguments: str, cwd: Path | str = "/", stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
    # No environment, and a neutral argv[0]: the guest can see this process for a moment.
    return subprocess.Popen(
        ["sandbox", *arguments],
        executable=helper(),
        cwd=cwd,
        env={},
        bufsize=0,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _enter(init: Init, mode: str, environment: dict[str, str], program: str, arguments: list[str]) -> tuple[int, subprocess.Popen]:
    variables = [f"{name}={value}" for name, value in environment.items()]
    process = _start_helper("enter", str(init), mode, *variables, "--", program, *arguments)
    answer = _answer(process)
    if answer[0] == "pid":
        return int(answer[1]), process
    with process:
        raise _refusal(answer)


def _answer(process: subprocess.Popen, end: str = "error") -> list[str]:
    """Return the words of the next line that the helper prints; end: the line to assume at its end of output."""
    assert process.stdout is not None, "it is a pipe"
    return process.stdout.readline().decode(errors="replace").split() or [end]


def _refusal(answer: list[str]) -> OSError:
    number = int(answer[1]) if len(answer) > 1 else errno.EIO
    return OSError(number, f"{os.strerror(number)} ({' '.join(answer[2:]) or 'the sandbox helper exited'})")


def _reap(pid: int, options: int = 0) -> None:
    # The sandbox is a child of the daemon that started it; a later daemon is not its parent.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, options)


def _state(pid: int) -> tuple[str, int] | None:
    """Return the state letter and the start time of a process, None without one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0].decode(), int(fields[19])
