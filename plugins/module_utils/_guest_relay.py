# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The far end of a connection to a guest as a separate program: on another VM host, behind a pipe, or on this one, behind a socket.

It passes requests to a Conversation. Through a pipe the content of files travels as well, in blocks; through a socket
the paths are enough. The program is started by _remote_line.py and _kept_line.py, and needs nothing but Python's standard library.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import tempfile
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from . import _frames, _guest_server, _worker
from ._conversation import AskerGone, Conversation, Exchange

if TYPE_CHECKING:
    from typing import Any, Callable

    from ._frames import Frame, Message

BLOCK = 1 << 20  # bytes
POLL = 0.05  # seconds between two checks of requests that are under way
SESSION_LOST = ("NotRunning", "NoToolsInGuest", "VMNotFound")  # failures after which a session that is kept is not worth keeping


class Caller:
    """Whoever sends requests, over two descriptors."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self._writing, self._data, self.is_waited_for = reading, writing, bytearray(), True

    def heard(self) -> Frame | None:
        """Read once, and return a frame if one is complete. is_waited_for: whether one may come."""
        block = b""
        with suppress(ConnectionResetError):
            block = os.read(self.reading, BLOCK)
        self._data += block
        self.is_waited_for = bool(block)
        return _frames.take(self._data)

    def receive(self) -> Frame | None:
        """Return the next frame, or None if there will be none."""
        while True:
            frame = _frames.take(self._data)
            if frame is not None:
                return frame
            block = os.read(self.reading, BLOCK)
            if not block:
                return None
            self._data += block

    def send(self, message: Message, content: bytes = b"") -> None:
        """Send a frame; do nothing if nobody reads it."""
        unsent = memoryview(_frames.pack(message, content))
        with suppress(BrokenPipeError, ConnectionResetError):
            while unsent:
                unsent = unsent[os.write(self._writing, unsent) :]


def outcome_of(work: Callable[[], Frame | None]) -> tuple[Message | None, bytes]:
    """Return the outcome of a request as a message, with its content: None if work() returns None."""
    try:
        answer = work()
    except _worker.Failure as failure:
        return {"failure": {"text": str(failure), "kind": failure.kind, "code": failure.code}}, b""
    except _worker.Bug as bug:
        return {"bug": str(bug)}, b""
    return (None, b"") if answer is None else ({"result": answer[0]}, answer[1])


def serve_pipe() -> None:
    """Serve one caller by standard input and output. Its first frame has the options."""
    caller = Caller(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    first = caller.receive()
    if first is None:
        return
    with tempfile.TemporaryDirectory(prefix="vmlab.vix-") as directory:
        serve_files(caller, first[0], os.path.join(directory, "file"))


def serve_files(caller: Caller, options: Message, path: str) -> None:
    """Serve a caller that cannot read the files of this machine. path: where a file is that is on its way."""
    conversation = _guest_server.converse(options)
    try:
        while True:
            frame = caller.receive()
            if frame is None:
                return
            message, content = frame
            if message["do"] == "block":
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                    file.write(content)
                continue
            if message["do"] == "put":
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))  # an empty file has no blocks
                message = {**message, "source": path}
            if message["do"] == "fetch":
                message = {**message, "target": path}
            if not conversation.is_open:
                conversation = _guest_server.converse(options)
            outcome, data = outcome_of(partial(conversation.ask, message, content, message["seconds"], caller.reading))
            if message["do"] == "fetch" and outcome and "result" in outcome:
                _send_file(caller, path)
            if outcome is not None:
                caller.send(outcome, data)
            with suppress(FileNotFoundError):
                os.unlink(path)
    except AskerGone:
        return
    finally:
        conversation.end()


def _send_file(caller: Caller, path: str) -> None:
    """Send a file in blocks."""
    with open(path, "rb") as file:
        for block in iter(partial(file.read, BLOCK), b""):
            caller.send({"block": True}, block)


def serve_socket(path: str, idle: float) -> None:
    """Serve one caller after another at a socket, until it was idle for that many seconds. Standard input has the options, standard output gets the outcome.

    Only processes of this user are served. The caller holds the lock that keeps another process from making the same socket.
    """
    os.umask(0o077)
    starter = Caller(0, 1)
    first = starter.receive()
    if first is None:
        return
    with socket.socket(socket.AF_UNIX) as listener:
        with suppress(FileNotFoundError):
            os.unlink(path)
        with _frames.socket_name(path) as name:
            listener.bind(name)
        listener.listen(64)
        own = os.stat(path)
        starter.send({"result": {}})
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        keeper = Keeper(first[0], listener)
        try:
            while keeper.is_worth_keeping and _is_same(path, own) and keeper.serve(idle):
                pass
        finally:
            if _is_same(path, own):
                os.unlink(path)
            keeper.end()


class Keeper:
    """Keeps sessions of one guest and user, as many as requests are under way at once, and serves all callers at a socket."""

    def __init__(self, options: Message, listener: socket.socket) -> None:
        self._options, self._listener = options, listener
        self._free: list[Conversation] = []
        self._callers: dict[Caller, socket.socket] = {}
        self._requests: dict[Caller, tuple[Conversation, Exchange]] = {}
        self.is_worth_keeping = True

    def serve(self, idle: float) -> bool:
        """Wait until something is to be done, and do it. Returns False if nothing was for so many seconds, and nobody is connected."""
        reading: list[Any] = [self._listener, *self._callers.values()]
        writing: list[Any] = []
        for _conversation, exchange in self._requests.values():
            for watched, more in zip((reading, writing), exchange.watched()):
                watched.extend(more)
        readable = select.select(reading, writing, [], POLL if self._requests else idle)[0]
        if not (readable or self._requests or self._callers):
            return False
        if self._listener in readable:
            connection, _address = self._listener.accept()
            if _frames.peer_user(connection) in (None, os.getuid()):
                self._callers[Caller(connection.fileno(), connection.fileno())] = connection
            else:
                connection.close()
        for caller in [caller for caller in self._requests if self._callers[caller] not in readable]:
            self._go_on(caller)
        for caller in [caller for caller, connection in self._callers.items() if connection in readable]:
            self._hear(caller)
        return True

    def end(self) -> None:
        """End all sessions."""
        for caller in [*self._callers]:
            self._leave(caller)
        for conversation in self._free:
            conversation.end()
        self._listener.close()

    def _hear(self, caller: Caller) -> None:
        """Take a request, or notice that the caller has gone."""
        frame = caller.heard()
        if frame is None or caller in self._requests:
            if not caller.is_waited_for:
                self._leave(caller)
        elif frame[0]["do"] == "greet":
            caller.send({"result": {}})
        elif frame[0]["do"] == "reset":
            self.is_worth_keeping = False
        else:
            conversation = self._free.pop() if self._free else _guest_server.converse(self._options)
            self._requests[caller] = conversation, conversation.start(*frame, frame[0]["seconds"])

    def _go_on(self, caller: Caller) -> None:
        """Go on with a request, and send its outcome if there is one."""
        conversation, exchange = self._requests[caller]
        outcome, content = outcome_of(exchange.step)
        if outcome is not None:
            del self._requests[caller]
            if conversation.is_open:
                self._free.append(conversation)
            caller.send(outcome, content)
            self.is_worth_keeping &= outcome.get("failure", {}).get("kind") not in SESSION_LOST

    def _leave(self, caller: Caller) -> None:
        """Forget a caller, and break off what it asked for."""
        if caller in self._requests:
            self._requests.pop(caller)[0].abandon()
        self._callers.pop(caller).close()


def _is_same(path: str, own: os.stat_result) -> bool:
    """Whether the socket at a path is still the own one."""
    try:
        return os.path.samestat(os.stat(path), own)
    except FileNotFoundError:
        return False


def main(arguments: list[str]) -> None:
    """Serve a pipe, or the socket that is named, with its idle seconds."""
    if arguments:
        path, idle = arguments
        serve_socket(path, float(idle))
    else:
        serve_pipe()


if __name__ == "__main__":
    main(sys.argv[1:])
