# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The channel to the guest tools in a guest of QEMU (openvix/docs/protocol.md, "The agent in a guest").

Its data is not trusted, since root in the guest can send anything. So the types, the size and the time of each answer are checked.
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

# The largest frame in either direction, as in guest_tools/values.h.
LARGEST = (4 << 20) + (64 << 10)
SECONDS = 60
# Guest tools in the middle of a frame give up after a second without data; only then they read the next frame.
AGAIN_SECONDS = 1.5
# The range of errno in Linux.
ERRORS = range(1, 4096)
KINDS = {"i": int, "b": bytes}


class Broken(Exception):
    """The guest tools do not answer, or violate the protocol."""


class Channel:
    """A connection to the tools of one guest. Thread-safe, with one request at a time."""

    def __init__(self, connection: socket.socket):
        self._connection, self._lock = connection, threading.Lock()
        self._in_step = self._closed = False

    def close(self):
        """Close the connection; pending requests fail."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    @property
    def is_closed(self) -> bool:
        """Return whether the connection was closed. Other failures are repaired by the next request."""
        return self._closed

    def sync(self, seconds: float = SECONDS) -> None:
        """Synchronize with the guest tools, discarding old data. Raises Broken."""
        with self._lock:
            self._sync(time.monotonic() + seconds)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Send no request within the block, so that a snapshot contains no half-sent request."""
        with self._lock:
            yield

    def call(self, operation: str, *values: object, answer: str = "", each: str = "", seconds: float = SECONDS) -> list:
        """Execute an operation in the guest and return the values of its answer: of the types in answer, then of those in repeated any number of times.

        Raises OSError with the errno from the guest, or E2BIG for a request that is too large; Broken.
        """
        frame = frames.encode(operation, *values)
        if len(frame) - frames.LENGTH.size > LARGEST:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), operation)
        with self._lock:
            until = time.monotonic() + seconds
            if not self._in_step or self._has_unexpected_data():
                self._sync(until)
            # If this is interrupted, the answer is still to be read.
            self._in_step = False
            self._send(frame, until)
            received = _checked(self._receive(until), answer, each)
            self._in_step = True
        if isinstance(received, int):
            raise OSError(received, os.strerror(received), operation)
        return received

    def _has_unexpected_data(self) -> bool:
        """Return whether there is unexpected data or the end of the connection."""
        with self._as_broken():
            self._connection.settimeout(0)
            try:
                self._connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return False
            return True

    def _sync(self, until: float) -> None:
        waiting = b""
        while True:
            # Several late answers may be waiting; the last one is followed by no more data.
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
        with self._as_broken():
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
        with self._as_broken():
            while rest:
                self._connection.settimeout(_left(until))
                got = self._connection.recv_into(rest)
                if not got:
                    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
                rest = rest[got:]
        return whole

    def _some(self, until: float) -> bytes:
        """Return the available data. Raises TimeoutError."""
        with self._as_broken(late=True):
            self._connection.settimeout(_left(until))
            found = self._connection.recv(65536)
            if not found:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            return found

    @contextlib.contextmanager
    def _as_broken(self, *, late: bool = False) -> Iterator[None]:
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
    """Return the remaining seconds, at least a minimum so that the socket is read once."""
    return max(until - time.monotonic(), 0.000001)


def _values(body: bytes) -> list:
    """Return the values of an answer. None and lists are invalid: a frame could contain so many of them that decoding takes long."""
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
    """Return the values of an answer of these types, or raise the errno in it."""
    kinds = "".join(next((letter for letter, kind in KINDS.items() if type(value) is kind), "?") for value in values[1:])
    if values[:1] == ["ok"] and re.fullmatch(f"{answer}({each})*" if each else answer, kinds):
        return values[1:]
    if values[:1] == ["error"] and kinds == "ib" and values[1] in ERRORS:
        return values[1]
    raise Broken("the guest tools sent an answer of the wrong type")
