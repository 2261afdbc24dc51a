# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The near end of a connection to a guest: of a pipe or a socket to a _guest_relay.

A line has ask() and end() as a Conversation has them. The files of a request are those of this machine.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

from . import _frames, _worker
from ._vix.errors import TimedOut, VixError

if TYPE_CHECKING:
    from ._frames import Frame, Message

BLOCK = 1 << 20  # bytes


class Line:
    """The near end of a pipe or a socket to a _guest_relay."""

    def __init__(self, reading: int, writing: int, doing: str) -> None:
        self._reading, self._writing, self._doing, self._data = reading, writing, doing, bytearray()
        self.is_open = True

    def ask(self, message: Message, content: bytes = b"", seconds: float = 0) -> Frame:
        """As Conversation.ask."""
        end = time.monotonic() + seconds + 2 * _worker.GRACE if seconds else None  # the other end has its own deadline, and answers sooner
        try:
            return self.asked({**message, "seconds": seconds}, content, end)
        except (_worker.Failure, _worker.Bug):
            raise
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Close the line. The other end notices."""
        self.is_open = False

    def asked(self, message: Message, content: bytes, end: float | None) -> Frame:
        self.send(message, content, end)
        return self.outcome(end)

    def outcome(self, end: float | None) -> Frame:
        return self.settled(*self.receive(end))

    @staticmethod
    def settled(answer: Message, data: bytes) -> Frame:
        """Return the answer of a frame that has an outcome, with its content; raise the exception that it has instead."""
        outcome = _worker.received(answer)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, data

    def send(self, message: Message, content: bytes = b"", end: float | None = None) -> None:
        self.send_bytes(_frames.pack(message, content), end)

    def send_bytes(self, data: bytes, end: float | None) -> None:
        unsent = memoryview(data)
        os.set_blocking(self._writing, False)
        while unsent:
            self.wait([], [self._writing], end)
            try:
                unsent = unsent[os.write(self._writing, unsent) :]
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                raise self.loss() from None

    def receive(self, end: float | None = None) -> Frame:
        while True:
            frame = _frames.take(self._data)
            if frame is not None:
                return frame
            self._data += self.read(end)

    def read(self, end: float | None) -> bytes:
        self.wait([self._reading], [], end)
        try:
            block = os.read(self._reading, BLOCK)
        except ConnectionResetError:
            block = b""
        if not block:
            raise self.loss()
        return block

    def wait(self, reading: list[int], writing: list[int], end: float | None) -> None:
        left = None if end is None else max(0, end - time.monotonic())
        if not any(select.select(reading, writing, [], left)):
            raise failure(TimedOut("timed out: the process that serves the connection does not answer", doing=self._doing))

    def loss(self) -> _worker.Failure:
        return failure(VixError("the process that serves the connection has ended", doing=self._doing))


def failure(error: VixError) -> _worker.Failure:
    """The Failure that a VixError would be if the other end had raised it."""
    return _worker.Failure(str(error), type(error).__name__, error.code)
