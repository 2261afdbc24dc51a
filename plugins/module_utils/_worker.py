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

from ._vix.errors import LibraryCrashed, TimedOut, VixError

GRACE = 3  # seconds beyond the deadline for the child to tell of it itself
POLL = 0.05  # seconds between two looks at a child that is silent
LENGTH = struct.Struct("<Q")
CRUMB_BYTES = 4096
WHOLE, END = -1, -2  # in place of a part's number: what all of it failed with; nothing more will come


class Bug(Exception):
    """The work raised what no user can cause; the text is its traceback."""


class Failure(Exception):
    """What the work failed with, as its process told it. kind: the name of its class; code: VIX's number or None."""

    def __init__(self, text, kind, code):
        super().__init__(text)
        self.kind, self.code = kind, code


class Crumbs:
    """The C call under way in each part of the work and what it is for, readable by the parent whatever becomes of the child."""

    def __init__(self, parts):
        self._memory = mmap.mmap(-1, CRUMB_BYTES * (parts + 1))
        self._thread = threading.local()
        self._common = parts  # where a thread leaves word that is at no part in particular

    @contextmanager
    def during(self, part):
        """Have this thread leave word for a part inside."""
        self._thread.part = part
        try:
            yield
        finally:
            self._thread.part = self._common

    def drop(self, call, doing):
        start = CRUMB_BYTES * getattr(self._thread, "part", self._common)
        text = f"{call}\0{doing}".encode("utf-8", "replace")[: CRUMB_BYTES - 2]
        self._memory[start : start + len(text) + 2] = text + b"\0\0"

    def read(self, part):
        """Return the last call of a part, or of the whole where the part had none yet, and what it was for; both empty without one."""
        return self._read(part) or self._read(self._common) or ("", "")

    def _read(self, part):
        text = self._memory[CRUMB_BYTES * part : CRUMB_BYTES * (part + 1)].split(b"\0\0")[0]
        return text and tuple(text.decode("utf-8", "replace").split("\0"))

    def close(self):
        self._memory.close()


def run(work, seconds):
    """Return work(crumb) from a child process; raise Failure for what a user, VIX or the library caused, Bug for a fault of ours.

    seconds: the deadline, which work keeps itself as far as the library lets it; GRACE seconds later the child is killed.
    """
    [outcome] = run_parts(lambda crumb, part: part(0, partial(work, crumb)), 1, seconds)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def run_parts(work, parts, seconds):
    """Return what became of each part of the work, in order: its result, or the Failure or Bug it ended in.

    work: called in a child process as work(crumb, part); it calls part(number, callable) for each of its parts, from any thread.
    What work itself raises, the parts that have not answered end in. seconds: as in run().
    """
    crumbs = Crumbs(parts)
    answers, answering = os.pipe()
    living, life = os.pipe()  # the child ends when the parent does: it reads from one end, the parent just holds the other
    child = os.fork()
    if child == 0:
        os.close(answers)
        os.close(life)
        _serve(work, crumbs, answering, living)
    os.close(answering)
    os.close(living)
    try:
        outcomes, status = _listen(child, answers, parts, seconds + GRACE)
        for part in range(parts):
            if part not in outcomes:
                outcomes[part] = outcomes.get(WHOLE) or _loss(status, *crumbs.read(part), seconds)
        return [outcomes[part] for part in range(parts)]
    finally:
        os.close(answers)
        os.close(life)
        crumbs.close()


def _serve(work, crumbs, answering, living):
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

            def answer(part, callable_):
                with crumbs.during(part):
                    _send(pipe, lock, part, _outcome(callable_))

            whole = _outcome(partial(work, crumbs.drop, answer))
            if "result" not in whole:
                _send(pipe, lock, WHOLE, whole)
            _send(pipe, lock, END, {})
        code = 0
    finally:
        os._exit(code)


def _outcome(callable_):
    try:
        return {"result": callable_()}
    except VixError as error:
        return {"failure": _told(error)}
    except BaseException:  # whatever it is, the parent shall see it: it is a bug of ours
        return {"bug": traceback.format_exc()}


def _send(pipe, lock, part, outcome):
    frame = json.dumps([part, outcome]).encode("utf-8")
    with lock:
        pipe.write(LENGTH.pack(len(frame)) + frame)
        pipe.flush()


def _end_with_parent(living):
    os.read(living, 1)
    os._exit(1)


def _told(error):
    return {"text": str(error), "kind": type(error).__name__, "code": error.code}


def _listen(child, answers, parts, seconds):
    """Return the outcome of each part that answered, and the child's wait status, None when it had to be killed."""
    end, data, status, outcomes = time.monotonic() + seconds, b"", None, {}
    try:
        while time.monotonic() < end and END not in outcomes:
            if select.select([answers], [], [], 0 if status is not None else POLL)[0]:
                block = os.read(answers, 1 << 16)
                data = _take_frames(data + block, outcomes)
                if block:
                    continue
            if status is not None:
                break
            ended, code = os.waitpid(child, os.WNOHANG)
            status = code if ended else None
        return outcomes, status
    finally:
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _take_frames(data, outcomes):
    """Put each whole frame of the data among the outcomes, and return the rest."""
    while len(data) >= LENGTH.size:
        end = LENGTH.size + LENGTH.unpack_from(data)[0]
        if len(data) < end:
            break
        part, outcome = json.loads(data[LENGTH.size : end].decode("utf-8"))
        outcomes[part] = _heard(outcome)
        data = data[end:]
    return data


def _heard(outcome):
    if "bug" in outcome:
        return Bug(outcome["bug"])
    return Failure(**outcome["failure"]) if "failure" in outcome else outcome.get("result")


def _loss(status, call, doing, seconds):
    """The failure of a child that gave no answer."""
    where = f" in {call}" if call else ""
    advice = "look at VMware's logs, and run the task again"
    if status is None:
        error = TimedOut(f"not done after {seconds:g} s: the VIX library hangs{where}; it was ended, and VMware may still finish", doing=doing)
    elif os.WIFSIGNALED(status):
        error = LibraryCrashed(f"the VIX library crashed{where} ({signal.Signals(os.WTERMSIG(status)).name}); {advice}", doing=doing)
    else:
        error = LibraryCrashed(f"the VIX library ended its process{where} (exit code {os.WEXITSTATUS(status)}); {advice}", doing=doing)
    return Failure(**_told(error))
