# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs work in a process that can be lost: libvix may hang, crash or exit, and the task still ends with a sentence.

The child is forked before libvix is loaded, and it alone loads it. It answers in frames over a pipe (end-of-file would
not do: what libvix starts may hold the pipe open), one for each part of the work, so that a part that is lost does not take
the others along. It leaves word of each C call in memory shared with the parent, and it leaves by os._exit only, since a
sys.exit there would remove Ansible's payload under the parent.
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

GRACE = 3  # seconds beyond the deadline for the child to tell of it itself
POLL = 0.05  # seconds between two looks at a child that is silent
LENGTH = struct.Struct("<Q")
CRUMB_BYTES = 4096
WHOLE, END = -1, -2  # in place of a part's number: what all of it failed with; nothing more will come


class Bug(Exception):
    """The work raised what no user can cause; the text is its traceback."""


class Failure(Exception):
    """What the work failed with, as its process told it. kind: the name of its class; code: VIX's number or None."""

    def __init__(self, text: str, kind: str, code: int | None) -> None:
        super().__init__(text)
        self.kind, self.code = kind, code


class Crumbs:
    """The C call under way in each part of the work and what it is for, readable by the parent whatever becomes of the child."""

    def __init__(self, parts: int) -> None:
        self._memory = mmap.mmap(-1, CRUMB_BYTES * (parts + 1))
        self._thread = threading.local()
        self._common = parts  # where a thread leaves word that is at no part in particular

    @contextmanager
    def during(self, part: int) -> Iterator[None]:
        """Have this thread leave word for a part inside."""
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
        """Return the last call of a part, or of the whole where the part had none yet, and what it was for; both empty without one."""
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
    """Return work(crumb) from a child process; raise Failure for what a user, VIX or the library caused, Bug for a fault of ours.

    seconds: the deadline, which work keeps itself as far as the library lets it; GRACE seconds later the child is killed.
    """
    [outcome] = run_parts(lambda crumb, part: part(0, partial(work, crumb)), 1, seconds)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def run_parts(work: Work, parts: int, seconds: float) -> list[Outcome]:
    """Return what became of each part of the work, in order: its result, or the Failure or Bug it ended in.

    work: called in a child process as work(crumb, part); it calls part(number, callable) for each of its parts, from any thread.
    What work itself raises, the parts that have not answered end in. seconds: as in run().
    """
    [outcomes] = run_all([(work, parts, seconds)])
    return outcomes


def run_all(works: Sequence[tuple[Work, int, float]]) -> list[list[Outcome]]:
    """Return what run_parts() would of each (work, parts, seconds), in order; all are done at the same time, each in a child process of its own."""
    children: list[_Child] = []
    try:
        for work, parts, seconds in works:
            children.append(_start(work, parts, seconds, children))
        talking = children
        while talking:
            readable = select.select([child.answers for child in talking], [], [], POLL)[0]
            talking = [child for child in talking if child.hear(child.answers in readable)]
        return [child.part_outcomes() for child in children]
    finally:
        for child in children:
            child.end()


def _start(work: Work, parts: int, seconds: float, older: Sequence[_Child]) -> _Child:
    """Return the _Child that does this work. older: those that were started before, of which it keeps nothing."""
    crumbs = Crumbs(parts)
    answers, answering = os.pipe()
    living, life = os.pipe()  # the child ends when the parent does: it reads from one end, the parent just holds the other
    process = os.fork()
    if process == 0:
        for descriptor in (answers, life, *(descriptor for child in older for descriptor in (child.answers, child.life))):
            os.close(descriptor)
        _serve(work, crumbs, answering, living)
    os.close(answering)
    os.close(living)
    return _Child(process, crumbs, answers, life, parts, seconds)


class _Child:
    """A child process at work, as its parent knows it: what it has answered, and until when it may."""

    def __init__(self, process: int, crumbs: Crumbs, answers: int, life: int, parts: int, seconds: float) -> None:
        self.answers, self.life = answers, life
        self._process, self._crumbs, self._parts, self._seconds = process, crumbs, parts, seconds
        self._end = time.monotonic() + seconds + GRACE
        self._data = bytearray()
        self._outcomes: dict[int, Outcome] = {}
        self._status: int | None = None

    def hear(self, is_readable: bool) -> bool:
        """Take what it has to say; return whether there may be more to come."""
        if is_readable:
            block = os.read(self.answers, 1 << 16)
            self._data += block
            _take_frames(self._data, self._outcomes)
            if all(part in self._outcomes for part in range(self._parts)):
                self._end = min(self._end, time.monotonic() + GRACE)  # nothing but its farewell is missing, and libvix may keep it from that
            if block:
                return END not in self._outcomes and time.monotonic() < self._end
        if self._status is not None:
            return False
        ended, code = os.waitpid(self._process, os.WNOHANG)
        self._status = code if ended else None
        return time.monotonic() < self._end

    def part_outcomes(self) -> list[Outcome]:
        """What became of each part, in order."""
        whole = self._outcomes.get(WHOLE)
        return [
            self._outcomes[part] if part in self._outcomes else whole or _loss(self._status, *self._crumbs.read(part), self._seconds)
            for part in range(self._parts)
        ]

    def end(self) -> None:
        """Have nothing left of it."""
        if self._status is None:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self.answers)
        os.close(self.life)
        self._crumbs.close()


def _serve(work: Work, crumbs: Crumbs, answering: int, living: int) -> NoReturn:
    """The child's whole life."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted as well, and ends us
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold passwords
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        threading.Thread(target=_end_with_parent, args=(living,), daemon=True).start()
        with os.fdopen(answering, "wb") as pipe:
            lock = threading.Lock()

            def answer(part: int, callable_: Callable[[], Any]) -> None:
                with crumbs.during(part):
                    _send(pipe, lock, part, _outcome(callable_))

            whole = _outcome(partial(work, crumbs.drop, answer))
            if "result" not in whole:
                _send(pipe, lock, WHOLE, whole)
            _send(pipe, lock, END, {})
        code = 0
    finally:
        os._exit(code)


def _outcome(callable_: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"result": callable_()}
    except VixError as error:
        return {"failure": _described(error)}
    except BaseException:  # whatever it is, the parent shall see it: it is a bug of ours
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
    """Put each whole frame of a bytearray among the outcomes, and leave the rest in it."""
    while len(data) >= LENGTH.size:
        end = LENGTH.size + LENGTH.unpack_from(data)[0]
        if len(data) < end:
            break
        part, outcome = json.loads(data[LENGTH.size : end].decode("utf-8"))
        outcomes[part] = _received(outcome)
        del data[:end]


def _received(outcome: dict[str, Any]) -> Outcome:
    if "bug" in outcome:
        return Bug(outcome["bug"])
    return Failure(**outcome["failure"]) if "failure" in outcome else outcome.get("result")


def _loss(status: int | None, call: str, doing: str, seconds: float) -> Failure:
    """The failure of a child that gave no answer."""
    where = f" in {call}" if call else ""
    advice = "look at VMware's logs, and run the task again"
    if status is None and doing and not call:
        error: VixError = TimedOut(f"not done after {seconds:g} s; it was ended", doing=doing)
    elif status is None:
        error = TimedOut(f"not done after {seconds:g} s: the VIX library hangs{where}; it was ended, and VMware may still finish", doing=doing)
    elif os.WIFSIGNALED(status):
        error = LibraryCrashed(f"the VIX library crashed{where} ({signal.Signals(os.WTERMSIG(status)).name}); {advice}", doing=doing)
    else:
        error = LibraryCrashed(f"the VIX library ended its process{where} (exit code {os.WEXITSTATUS(status)}); {advice}", doing=doing)
    return Failure(**_described(error))
