# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox in which a guest's programs run: Linux namespaces, made and entered by the program of sandbox.c."""

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

# Where the helper lies in every sandbox; under another name in this directory it idles as a declared process.
HIDDEN = "/dev/openvix"
DEATH_SECONDS = 10


class Init(NamedTuple):
    """The first process of a sandbox: its process id on the host, and its start time, by which no other process is taken for it."""

    pid: int
    start: int

    def __str__(self) -> str:
        return f"{self.pid}:{self.start}"


@functools.cache
def helper() -> Path:
    """Return the path of the helper, the program that makes and enters sandboxes, compiled when it is first needed; raise CannotBuild."""
    from openvix.system import c_build  # which a world without a running guest does not need

    return c_build.compile_program([c_build.source_folder("sandbox") / "sandbox.c"], "openvix-sandbox")


def is_allowed() -> bool:
    """Return whether this machine lets us make sandboxes; with OPENVIX_SANDBOX=none in the environment it does not."""
    return os.environ.get("OPENVIX_SANDBOX") != "none" and _trial()


@functools.cache
def _trial() -> bool:
    from openvix.system.c_build import CannotBuild  # the same

    # Only a trial tells: it depends on the kernel, its settings, and what this process itself is confined to.
    try:
        with _start_helper("try") as process:
            begun, answer = _answer(process), _answer(process, end="done")
    except (OSError, CannotBuild):
        return False
    if begun[0] == "init":
        _reap(int(begun[1]))
    return begun[0] == "init" and answer[0] == "done"


def start(disk: Path, hostname: str, names: list[str], remember: Callable[[Init], None]) -> Init:
    """Make a sandbox with this disk as its root, where programs of these names can idle; it comes to life once remember has returned. Raises OSError."""
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
    """A program that runs in the sandbox of init; pid is its process id as the guest sees it."""

    def __init__(self, init: Init, pid: int, process: subprocess.Popen):
        self.init, self.pid, self._process = init, pid, process

    def exit_code(self) -> int | None:
        """Wait until the program has ended and return its exit code (128 and the signal that ended it), None when nobody knows."""
        with self._process:
            answer = _answer(self._process)
        return int(answer[1]) if answer[0] == "exit" else None


def run(init: Init, environment: dict[str, str], program: str, arguments: list[str]) -> Run:
    """Start a program of which the end is awaited; arguments begin with the name that it goes by. Raises OSError."""
    return Run(init, *_enter(init, "wait", environment, program, arguments))


def launch(init: Init, environment: dict[str, str], program: str, arguments: list[str]) -> int:
    """Start a program as a child of the guest's init and return its process id as the guest sees it. Raises OSError."""
    pid, process = _enter(init, "start", environment, program, arguments)
    with process:
        return pid


def kill(init: Init, pid: int, number: int) -> None:
    """Send a signal to a process of the sandbox, by its process id there; -1 means all but init. Raises OSError."""
    with _start_helper("kill", str(init), str(pid), str(number)) as process:
        answer = _answer(process, end="done")
    if answer[0] != "done":
        raise _refusal(answer)


def is_alive(init: Init) -> bool:
    """Return whether the sandbox is still there."""
    state = _state(init.pid)
    if state is None or state[1] != init.start:
        return False
    if state[0] in "ZX":
        _reap(init.pid, os.WNOHANG)
        return False
    return True


def stop(init: Init) -> None:
    """End the sandbox and all that runs in it, and return once it is gone."""
    try:
        handle = os.pidfd_open(init.pid)
    except ProcessLookupError:
        return
    try:
        # Asked after it was opened: if it is the one now, the handle is of the one.
        if is_alive(init):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            if not select.select([handle], [], [], DEATH_SECONDS)[0]:
                raise OSError(errno.ETIMEDOUT, f"the sandbox with init process {init.pid} did not exit")
            _reap(init.pid)
    finally:
        os.close(handle)


def _start_helper(*arguments: str, cwd: Path | str = "/", stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
    # No environment and another name: for a moment the guest can see this process.
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


def _enter(init: Init, manner: str, environment: dict[str, str], program: str, arguments: list[str]) -> tuple[int, subprocess.Popen]:
    variables = [f"{name}={value}" for name, value in environment.items()]
    process = _start_helper("enter", str(init), manner, *variables, "--", program, *arguments)
    answer = _answer(process)
    if answer[0] == "pid":
        return int(answer[1]), process
    with process:
        raise _refusal(answer)


def _answer(process: subprocess.Popen, end: str = "error") -> list[str]:
    """Return the words of the next line that the helper says; what its end stands for when it says no more."""
    assert process.stdout is not None, "it is a pipe"
    return process.stdout.readline().decode(errors="replace").split() or [end]


def _refusal(answer: list[str]) -> OSError:
    number = int(answer[1]) if len(answer) > 1 else errno.EIO
    return OSError(number, f"{os.strerror(number)} ({' '.join(answer[2:]) or 'the sandbox helper exited'})")


def _reap(pid: int, options: int = 0) -> None:
    # The sandbox is a child of the process that started it; later it is somebody else's.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, options)


def _state(pid: int) -> tuple[str, int] | None:
    """Return the state letter and the start time of a process, None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0].decode(), int(fields[19])
