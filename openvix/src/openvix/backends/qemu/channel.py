# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The channel to the agent in a guest of QEMU (openvix/docs/protocol.md, "The agent in a guest").

What comes from there may be anything: whoever is root in the guest can send it. So every answer has the form that was asked for, a size that is bounded, and
a time in which it must be whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator

from openvix.protocol import frames

# As in guest_tools/values.h: the largest frame, either way.
LARGEST = (4 << 20) + (64 << 10)
SECONDS = 60
# An agent that was in the middle of a frame finds that no more of it comes within a second, and only then hears what follows.
AGAIN_SECONDS = 1.5
# What Linux calls an error.
ERRORS = range(1, 4096)
KINDS = {"i": int, "b": bytes}


class Broken(Exception):
    """The agent does not answer, or not as the protocol says."""


class Channel:
    """A connection to the agent of one guest, for any number of threads: one request at a time."""

    def __init__(self, connection: socket.socket):
        self._connection, self._lock = connection, threading.Lock()
        self._in_step = self._closed = False

    def close(self):
        """Close the connection; a thread that waits for an answer gets none."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended; otherwise a channel that broke is put right by its next request."""
        return self._closed

    def sync(self, seconds: float = SECONDS) -> None:
        """Find the agent, whatever it was about to say. Raises Broken."""
        with self._lock:
            self._sync(time.monotonic() + seconds)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Within the block nothing is asked of the agent, so that a snapshot finds it between two requests."""
        with self._lock:
            yield

    def call(self, operation: str, *values: object, answer: str = "", each: str = "", seconds: float = SECONDS) -> list:
        """Have the agent carry out an operation and return what it answers: values of these kinds, and then of these as often as there are any.

        Raises OSError with the errno that the agent says, or E2BIG for what it would not take; Broken.
        """
        frame = frames.encode(operation, *values)
        if len(frame) - frames.LENGTH.size > LARGEST:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), operation)
        with self._lock:
            until = time.monotonic() + seconds
            if not self._in_step or self._is_told_more():
                self._sync(until)
            # Whatever interrupts this leaves the answer on its way.
            self._in_step = False
            self._send(frame, until)
            said = _checked(self._receive(until), answer, each)
            self._in_step = True
        if isinstance(said, int):
            raise OSError(said, os.strerror(said), operation)
        return said

    def _is_told_more(self) -> bool:
        """Whether there is what nobody asked for, or the end."""
        with self._told():
            self._connection.settimeout(0)
            try:
                self._connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return False
            return True

    def _sync(self, until: float) -> None:
        waiting = b""
        while True:
            # Of several that are answered late, only the last is followed by nothing more.
            nonce = os.urandom(16)
            wanted = frames.encode("ok", nonce)
            self._send(frames.encode("sync", nonce), until)
            try:
                again = min(time.monotonic() + AGAIN_SECONDS, until)
                while wanted not in waiting:
                    waiting = waiting[1 - len(wanted) :] + self._some(again)
                self._in_step = True
                return
            except TimeoutError:
                if time.monotonic() >= until:
                    raise Broken("the guest tools do not answer") from None

    def _send(self, frame: bytes, until: float) -> None:
        with self._told():
            self._connection.settimeout(_left(until))
            self._connection.sendall(frame)

    def _receive(self, until: float) -> list:
        """Return the values of the next frame."""
        (size,) = frames.LENGTH.unpack(self._whole(frames.LENGTH.size, until))
        if size > LARGEST:
            raise Broken(f"the guest tools sent a frame of {size} bytes, which exceeds the limit")
        return _values(bytes(self._whole(size, until)))

    def _whole(self, size: int, until: float) -> bytearray:
        whole = bytearray(size)
        rest = memoryview(whole)
        with self._told():
            while rest:
                self._connection.settimeout(_left(until))
                got = self._connection.recv_into(rest)
                if not got:
                    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
                rest = rest[got:]
        return whole

    def _some(self, until: float) -> bytes:
        """Return what there is, or raise TimeoutError."""
        with self._told(late=True):
            self._connection.settimeout(_left(until))
            found = self._connection.recv(65536)
            if not found:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            return found

    @contextlib.contextmanager
    def _told(self, *, late: bool = False) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            if late:
                raise
            raise Broken("the guest tools did not answer in time") from None
        except OSError as gone:
            self._closed = True
            raise Broken(f"the connection to the guest tools was closed: {gone.strerror}") from None


def _left(until: float) -> float:
    """Return the seconds that are left, which may be all but none: the socket is then asked once."""
    return max(until - time.monotonic(), 0.000001)


def _values(body: bytes) -> list:
    """Return the values of an answer, none of which is nothing or a list: of those a frame could hold so many that they take long."""
    values, at = [], 0
    try:
        while at < len(body):
            value, at = frames.take(body, at, 0)
            if value is None:
                raise frames.ProtocolError("the answer is empty")
            values.append(value)
    except (frames.ProtocolError, struct.error, IndexError, UnicodeDecodeError) as breach:
        raise Broken(f"the guest tools sent an invalid answer: {breach}") from None
    return values


def _checked(values: list, answer: str, each: str) -> list | int:
    """Return the values of an answer that has this form, or the errno in it."""
    kinds = "".join(next((letter for letter, kind in KINDS.items() if type(value) is kind), "?") for value in values[1:])
    if values[:1] == ["ok"] and re.fullmatch(f"{answer}({each})*" if each else answer, kinds):
        return values[1:]
    if values[:1] == ["error"] and kinds == "ib" and values[1] in ERRORS:
        return values[1]
    raise Broken("the guest tools sent an answer of the wrong type")
