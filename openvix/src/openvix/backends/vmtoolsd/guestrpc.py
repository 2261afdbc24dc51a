# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's end of GuestRPC: commands to vmtoolsd (TCLO) and its own requests (RPCI), each on a separate connection.

native/vmtoolsd_transport connects. Each connection begins with the four letters of its protocol; then messages pass, each with its length before it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import NamedTuple

# No message of either side is as long.
LONGEST = 16 << 20
# The longest that vmtoolsd works on one command: a process that does not end takes it 20 seconds (docs/vix-semantics.md, section 19), a large tree longer.
ANSWER_SECONDS = 600
# How often one that waits for the guest looks whether the guest has gone.
LOOK_SECONDS = 1
# With these a vmtoolsd begins that has just connected. It answers the first with the name that it goes by.
GREETING = (b"reset", b"Capabilities_Register")
DONE = b"Run_Program_Done "
# The answer to a request. A vmtoolsd takes a refusal for a host that is too old, and leaves out what it could do.
ACCEPTED = b"1 "


class NoAnswer(Exception):
    """vmtoolsd does not answer, or not as it may."""


class Ended(NamedTuple):
    """What vmtoolsd reports of a program that has ended: an error of VIX, and the exit code."""

    error: int
    code: int


class GuestRpc:
    """Serves one vmtoolsd at a listening socket, which it closes in the end. When vmtoolsd is started again, it connects again.

    Args:
        listener: The socket.
        connected: Called each time that a vmtoolsd has connected, before others can ask it for anything.
        ready: Called each time that a vmtoolsd begins to take commands.
        requested: Answers a request of the guest's own.
    """

    def __init__(
        self,
        listener: socket.socket,
        connected: Callable[[], None] = lambda: None,
        ready: Callable[[], None] = lambda: None,
        requested: Callable[[bytes], bytes] = lambda request: ACCEPTED,
    ):
        self._listener, self._connected, self._ready, self._requested = listener, connected, ready, requested
        self._commands: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        # One command at a time; what is known of programs is under the other lock.
        self._command_lock, self._known = threading.Lock(), threading.Condition()
        self._ended: dict[str, Ended] = {}
        self._is_ready = self._is_closed = False
        threading.Thread(target=self._accept, name="guestrpc", daemon=True).start()

    def close(self) -> None:
        """Close every connection; who waits gets NoAnswer."""
        with self._known:
            self._is_closed, self._is_ready = True, False
            connections = [self._listener, *self._connections]
            self._known.notify_all()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def is_ready(self) -> bool:
        """Return whether vmtoolsd takes commands."""
        self._look()
        return self._is_ready

    def _look(self) -> None:
        """Notice a vmtoolsd that has gone while nobody asked it anything. While somebody does, that one notices it."""
        if not self._command_lock.acquire(blocking=False):
            return
        try:
            connection, waiting = self._commands, select.poll()
            if connection is None:
                return
            waiting.register(connection, select.POLLIN)
            # It says nothing unless it is asked: what can be read is the end.
            if waiting.poll(0):
                self._lose(connection)
        finally:
            self._command_lock.release()

    def call(self, command: bytes) -> bytes:
        """Return vmtoolsd's answer to a command. Raises NoAnswer."""
        with self._command_lock:
            return self._call(command)

    def _call(self, command: bytes) -> bytes:
        connection = self._commands
        if connection is None:
            raise NoAnswer("vmtoolsd is not connected")
        try:
            _put(connection, command)
            return _get(connection)
        except OSError as lost:
            # What it may still say to this is not to be taken for the answer to the next command.
            self._lose(connection)
            raise NoAnswer(f"vmtoolsd has left a command without an answer: {lost}") from lost

    def await_end(self, request: str) -> Ended:
        """Return how the program of this request ended. Raises NoAnswer when vmtoolsd goes meanwhile."""
        with self._known:
            while request not in self._ended:
                if not self.is_ready():
                    raise NoAnswer("vmtoolsd went before the program ended")
                self._known.wait(LOOK_SECONDS)
            return self._ended.pop(request)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._known:
                if self._is_closed:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="guestrpc", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            protocol = _exactly(connection, 4)
            if protocol == b"TCLO":
                self._greet(connection)
                return
            while True:
                request = _get(connection)
                if request.startswith(DONE):
                    self._note_end(request)
                _put(connection, self._requested(request))
        except (OSError, NoAnswer):
            self._lose(connection)

    def _greet(self, connection: socket.socket) -> None:
        """Take a connection for commands in the place of an earlier one, whose vmtoolsd has ended."""
        with self._command_lock:
            former, self._commands = self._commands, connection
            if former is not None:
                self._lose(former)
            connection.settimeout(ANSWER_SECONDS)
            for command in GREETING:
                if not self._call(command).startswith(b"OK "):
                    raise NoAnswer(f"vmtoolsd refuses {command.decode()}")
        self._connected()
        with self._known:
            self._is_ready = not self._is_closed
            self._known.notify_all()
        self._ready()

    def _note_end(self, request: bytes) -> None:
        # Run_Program_Done REQUEST ERROR ERRNO EXIT-CODE PID
        name, error, _, code, _ = request.rstrip(b"\0").split()[1:6]
        with self._known:
            self._ended[name.decode()] = Ended(int(error), int(code))
            self._known.notify_all()

    def _lose(self, connection: socket.socket) -> None:
        with self._known:
            self._connections.discard(connection)
            if connection is self._commands:
                self._commands, self._is_ready = None, False
                self._known.notify_all()
        connection.close()


def _put(connection: socket.socket, message: bytes) -> None:
    connection.sendall(struct.pack("<I", len(message)) + message)


def _get(connection: socket.socket) -> bytes:
    (length,) = struct.unpack("<I", _exactly(connection, 4))
    if length > LONGEST:
        raise ConnectionError(f"a message of {length} bytes")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError("the connection was closed")
        found += part
    return bytes(found)
