# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs work in a child process: libvix may hang, crash or exit, and the task still ends with an error message.

The child is forked before libvix is loaded, and only the child loads it. It sends frames over a pipe, one for each part of
the work, so that the loss of one part does not affect the others. The end of a frame does not depend on end-of-file, as
processes that libvix starts may keep the pipe open. The child notes each C call in memory shared with the parent, and exits
by os._exit only, as sys.exit would remove Ansible's payload while the parent runs.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import select
import signal
import struct
import threading
import time
import traceback
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ._vix.errors import LibraryCrashed, TimedOut, VixError

if TYPE_CHECKING:
    from typing import Any, BinaryIO, Callable, Iterator, NoReturn, Sequence

    Crumb = Callable[[str, str], None]
    Part = Callable[[int, Callable[[], Any]], None]
    Work = Callable[[Crumb, Part], Any]
    Outcome = Any  # the result of a part, or the Failure or Bug that it ended in

GRACE = 3  # seconds after the deadline for the child to report the timeout itself
POLL = 0.05  # seconds between two checks of a silent child
LENGTH = struct.Struct("<Q")
CRUMB_BYTES = 4096
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the signals that ask a process to end and that it can handle
WHOLE, END = -1, -2  # in place of a part's number: the failure of the whole work; the end of the answers


class Bug(Exception):
    """The work raised an exception that is a bug. The text is its traceback."""


class Failure(Exception):
    """The error that the work failed with. kind: the name of its class; code: VIX's number or None."""

    def __init__(self, text: str, kind: str, code: int | None) -> None:
        super().__init__(text)
        self.kind, self.code = kind, code


class Interrupted(BaseException):
    """A signal asked this process to end. signal: its name; doing: what was being done, empty if nothing was."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal, self.doing = signal.Signals(number).name, ""


class Interrupts:
    """Raises Interrupted for a signal that asks this process to end, but only inside raised(). Elsewhere such a signal waits until then.

    A process that is created by a fork does not inherit this: there, such a signal ends the process at once.
    """

    def __init__(self) -> None:
        self._process, self._raises, self._number = os.getpid(), False, 0
        for number in ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup and the like
                signal.signal(number, self._take)

    @contextmanager
    def raised(self) -> Iterator[None]:
        self._raises = True
        try:
            self._raise_if_due()
            yield
        finally:
            self._raises = False

    def _take(self, number: int, frame: Any) -> None:
        if os.getpid() != self._process:
            os._exit(1)
        self._number = number
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._raises and self._number:
            self._raises = False  # a second signal does not disturb what the first one lets this process clean up
            raise Interrupted(self._number)


class Crumbs:
    """The current C call of each part of the work and its purpose, in memory that the parent can read even if the child crashes."""

    def __init__(self, parts: int) -> None:
        self._memory = mmap.mmap(-1, CRUMB_BYTES * (parts + 1))
        self._thread = threading.local()
        self._common = parts  # for a thread that works on no particular part

    @contextmanager
    def during(self, part: int) -> Iterator[None]:
        """Note the calls of this thread for a part inside."""
        self._thread.part = part
        try:
            yield
        finally:
            self._thread.part = self._common

    def drop(self, call: str, doing: str) -> None:
        start = CRUMB_BYTES * getattr(self._thread, "part", self._common)
        text = f"{call}\0{doing}".encode("utf-8", "replace")[: CRUMB_BYTES - 2]
        self._memory[start : start + len(text) + 2] = text + b"\0\0"

    def read(self, part: int) -> tuple[str, str]:
        """Return the last call of a part and its purpose; if it had none, those of the whole work; both empty if there was none."""
        return self._read(part) or self._read(self._common) or ("", "")

    def _read(self, part: int) -> tuple[str, str] | None:
        text = self._memory[CRUMB_BYTES * part : CRUMB_BYTES * (part + 1)].split(b"\0\0")[0]
        if not text:
            return None
        call, doing = text.decode("utf-8", "replace").split("\0")
        return call, doing

    def close(self) -> None:
        self._memory.close()


def run(work: Callable[[Crumb], Any], seconds: float) -> Any:
    """Return work(crumb) from a child process; raise Failure for a VixError, and Bug for any other exception.

    seconds: the deadline, which work observes itself unless the library hangs. GRACE seconds later the child is killed.
    """
    [outcome] = run_parts(lambda crumb, part: part(0, partial(work, crumb)), 1, seconds)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def run_parts(work: Work, parts: int, seconds: float) -> list[Outcome]:
    """Return the result of each part of the work, in order, or the Failure or Bug that it ended in.

    work: called in a child process as work(crumb, part); it calls part(number, callable) for each of its parts, from any thread.
    If work itself raises, this is the outcome of all parts without a result. seconds: as in run().
    """
    [outcomes] = run_all([(work, parts, seconds)])
    return outcomes


def run_all(works: Sequence[tuple[Work, int, float]]) -> list[list[Outcome]]:
    """Return the result of run_parts() for each (work, parts, seconds), in order. All run at the same time, each in a separate child process."""
    children: list[_Child] = []
    try:
        for work, parts, seconds in works:
            children.append(_start(work, parts, seconds, children))
        talking = children
        while talking:
            readable = select.select([child.answers for child in talking], [], [], POLL)[0]
            talking = [child for child in talking if child.hear(child.answers in readable)]
        return [child.part_outcomes() for child in children]
    except Interrupted as interrupted:
        interrupted.doing = next((doing for doing in (child.doing() for child in children) if doing), "")
        raise
    finally:
        for child in children:
            child.end()


def _start(work: Work, parts: int, seconds: float, older: Sequence[_Child]) -> _Child:
    """Return the _Child that does this work. older: children that were started before, whose descriptors it closes."""
    crumbs = Crumbs(parts)
    answers, answering = os.pipe()
    living, life = os.pipe()  # the child exits with the parent: it reads from one end, and the parent holds the other
    process = os.fork()
    if process == 0:
        for descriptor in (answers, life, *(descriptor for child in older for descriptor in (child.answers, child.life))):
            os.close(descriptor)
        _serve(work, crumbs, answering, living)
    os.close(answering)
    os.close(living)
    return _Child(process, crumbs, answers, life, parts, seconds)


class _Child:
    """A child process from the view of its parent: its answers, and its deadline."""

    def __init__(self, process: int, crumbs: Crumbs, answers: int, life: int, parts: int, seconds: float) -> None:
        self.answers, self.life = answers, life
        self._process, self._crumbs, self._parts, self._seconds = process, crumbs, parts, seconds
        self._end = time.monotonic() + seconds + GRACE
        self._data = bytearray()
        self._outcomes: dict[int, Outcome] = {}
        self._status: int | None = None

    def hear(self, is_readable: bool) -> bool:
        """Read its answers; return whether more may come."""
        if is_readable:
            block = os.read(self.answers, 1 << 16)
            self._data += block
            _take_frames(self._data, self._outcomes)
            if all(part in self._outcomes for part in range(self._parts)):
                self._end = min(self._end, time.monotonic() + GRACE)  # only its exit is missing, and libvix may hang there
            if block:
                return END not in self._outcomes and time.monotonic() < self._end
        if self._status is not None:
            return False
        ended, code = os.waitpid(self._process, os.WNOHANG)
        self._status = code if ended else None
        return time.monotonic() < self._end

    def part_outcomes(self) -> list[Outcome]:
        """The outcome of each part, in order."""
        whole = self._outcomes.get(WHOLE)
        return [
            self._outcomes[part] if part in self._outcomes else whole or loss(self._status, *self._crumbs.read(part), self._seconds)
            for part in range(self._parts)
        ]

    def doing(self) -> str:
        """What it is doing, or was doing last."""
        return next((doing for doing in (self._crumbs.read(part)[1] for part in range(self._parts)) if doing), "")

    def end(self) -> None:
        """Kill it unless it has exited, and free everything."""
        if self._status is None:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self.answers)
        os.close(self.life)
        self._crumbs.close()


def _serve(work: Work, crumbs: Crumbs, answering: int, living: int) -> NoReturn:
    """Run the child."""
    code = 1
    try:
        set_up_child()
        threading.Thread(target=_end_with_parent, args=(living,), daemon=True).start()
        with os.fdopen(answering, "wb") as pipe:
            lock = threading.Lock()

            def answer(part: int, callable_: Callable[[], Any]) -> None:
                with crumbs.during(part):
                    _send(pipe, lock, part, outcome(callable_))

            whole = outcome(partial(work, crumbs.drop, answer))
            if "result" not in whole:
                _send(pipe, lock, WHOLE, whole)
            _send(pipe, lock, END, {})
        code = 0
    finally:
        os._exit(code)


def set_up_child() -> None:
    """Set up this process, a child that is about to load libvix."""
    for number in ENDING:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted as well, and kills the child
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold passwords
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def outcome(callable_: Callable[[], Any]) -> dict[str, Any]:
    """Return what JSON can hold of the result of a callable, or of the exception that it raises; received() returns it."""
    try:
        return {"result": callable_()}
    except VixError as error:
        return {"failure": _described(error)}
    except BaseException:  # any exception: it is a bug, which the parent reports
        return {"bug": traceback.format_exc()}


def _send(pipe: BinaryIO, lock: threading.Lock, part: int, outcome: dict[str, Any]) -> None:
    frame = json.dumps([part, outcome]).encode("utf-8")
    with lock:
        pipe.write(LENGTH.pack(len(frame)) + frame)
        pipe.flush()


def _end_with_parent(living: int) -> None:
    os.read(living, 1)
    os._exit(1)


def _described(error: VixError) -> dict[str, Any]:
    return {"text": str(error), "kind": type(error).__name__, "code": error.code}


def _take_frames(data: bytearray, outcomes: dict[int, Outcome]) -> None:
    """Move each complete frame of a bytearray to the outcomes, and keep the rest."""
    while len(data) >= LENGTH.size:
        end = LENGTH.size + LENGTH.unpack_from(data)[0]
        if len(data) < end:
            break
        part, outcome = json.loads(data[LENGTH.size : end].decode("utf-8"))
        outcomes[part] = received(outcome)
        del data[:end]


def received(outcome: dict[str, Any]) -> Outcome:
    """The result of a callable, or the Failure or Bug, from what outcome() returned."""
    if "bug" in outcome:
        return Bug(outcome["bug"])
    return Failure(**outcome["failure"]) if "failure" in outcome else outcome.get("result")


def loss(status: int | None, call: str, doing: str, seconds: float) -> Failure:
    """The failure of a child that sent no answer."""
    where = f" in {call}" if call else ""
    advice = "check VMware's logs and run the task again"
    if status is None and doing and not call:
        error: VixError = TimedOut(f"timed out after {seconds:g} s; its process was killed", doing=doing)
    elif status is None:
        error = TimedOut(f"timed out after {seconds:g} s: the VIX library hangs{where}; its process was killed, and VMware may still finish", doing=doing)
    elif os.WIFSIGNALED(status):
        error = LibraryCrashed(f"the VIX library crashed{where} ({signal.Signals(os.WTERMSIG(status)).name}); {advice}", doing=doing)
    else:
        error = LibraryCrashed(f"the VIX library exited{where} (exit code {os.WEXITSTATUS(status)}); {advice}", doing=doing)
    return Failure(**_described(error))
