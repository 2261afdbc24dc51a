# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A child process that serves one request after another: libvix may hang, crash or exit, and the request still ends with an error message.

As in _worker, the child is forked before libvix is loaded, and only the child loads it. It outlives a request, and with it
the connection, the login and whatever else the requests share. If its parent disappears, it undoes what it left elsewhere
before it exits, within FAREWELL seconds.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from . import _frames, _worker

if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Protocol

    from ._frames import Frame, Message

    class Server(Protocol):
        def answer(self, message: Message, content: bytes) -> Frame: ...

        def end(self) -> None: ...

        def abandon(self) -> None: ...

    Begin = Callable[[_worker.Crumb], Server]

POLL = 0.05  # seconds between two checks of a silent child
FAREWELL = 10  # seconds that a child has for the work at its end
BLOCK = 1 << 20  # bytes


class AskerGone(Exception):
    """Whoever waits for the answer has gone."""


class Conversation:
    """A child process that answers requests. The caller ends it.

    begin: called in the child as begin(crumb), it returns the object that serves the requests: answer(message, content) returns a message and content, or
    raises a VixError; end() is called at the end, abandon() if the parent has disappeared, on a separate thread.
    """

    def __init__(self, begin: Begin) -> None:
        self._crumbs = _worker.Crumbs(1)
        self.socket, its = socket.socketpair()
        living, self._life = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            _serve(begin, self._crumbs, its, living)
        its.close()
        os.close(living)
        self._status: int | None = None
        self._is_open = True

    @property
    def is_open(self) -> bool:
        """Whether it can be asked. It cannot after a request that was interrupted or lost its child."""
        return self._is_open

    def ask(self, message: Message, content: bytes = b"", seconds: float = 0, asker: int | None = None) -> Frame:
        """Return the answer to a request, a message and its content; raise _worker.Failure for a VixError, and _worker.Bug for any other exception.

        Args:
            message: The request.
            content: Bytes that belong to it.
            seconds: The deadline, which the child observes itself unless the library hangs; some seconds later it is killed. 0: none.
            asker: A descriptor that becomes readable if whoever waits for the answer has gone: then AskerGone is raised, and the request broken off.
        """
        exchange = self.start(message, content, seconds)
        try:
            while True:
                reading, writing = exchange.watched()
                readable = select.select(reading if asker is None else [*reading, asker], writing, [], POLL)[0]
                if asker in readable:
                    raise AskerGone
                frame = exchange.step()
                if frame is not None:
                    return frame
        except (_worker.Failure, _worker.Bug):
            raise
        except BaseException:  # also an alarm of the caller: what comes next would be the answer to this request
            self.abandon()
            raise

    def start(self, message: Message, content: bytes = b"", seconds: float = 0) -> Exchange:
        """Start a request as ask() does, and return the Exchange that its answer comes by."""
        return Exchange(self, _frames.pack({**message, "seconds": seconds}, content), seconds)

    def end(self) -> None:
        """Let the child do its work at the end, wait until it has exited, and free everything."""
        if self._is_open:
            self.socket.setblocking(True)
            self.socket.shutdown(socket.SHUT_WR)
            self._wait()
        self.kill()

    def abandon(self) -> None:
        """As end(), while the child serves a request, which it breaks off."""
        if self._is_open:
            os.close(self._life)
            self._life = -1
            self._wait()
        self.kill()

    def kill(self) -> None:
        """Kill the child unless it has exited, and free everything."""
        if not self._is_open:
            return
        self._is_open = False
        self.socket.close()
        if not self.has_exited():
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        if self._life >= 0:
            os.close(self._life)
        self._crumbs.close()

    def has_exited(self) -> bool:
        """Whether the child has exited."""
        if self._status is None:
            ended, code = os.waitpid(self._process, os.WNOHANG)
            self._status = code if ended else None
        return self._status is not None

    def loss(self, seconds: float) -> _worker.Failure:
        """The failure of a request to which no answer came. seconds: its deadline."""
        return _worker.loss(self._status, *self._crumbs.read(0), seconds)

    def _wait(self) -> None:
        """Wait until the child has exited, or should have."""
        end = time.monotonic() + FAREWELL
        while time.monotonic() < end and not self.has_exited():
            with suppress(BlockingIOError, ConnectionResetError):
                if select.select([self.socket], [], [], POLL)[0] and not self.socket.recv(BLOCK):
                    time.sleep(POLL / 10)  # it has closed its end, and is about to exit


class Exchange:
    """A request to a Conversation that waits for its answer. The caller calls step() whenever a descriptor of watched() is ready, or POLL seconds passed."""

    def __init__(self, conversation: Conversation, request: bytes, seconds: float) -> None:
        self._conversation, self._unsent, self._seconds = conversation, memoryview(request), seconds
        self._end = time.monotonic() + seconds + _worker.GRACE if seconds else None
        self._data = bytearray()

    def watched(self) -> tuple[list[Any], list[Any]]:
        """What to wait for: lists of what can be read, and of what can be written."""
        own: list[Any] = [self._conversation.socket]
        return own, own if self._unsent else []

    def step(self) -> Frame | None:
        """Send and receive what can be; return the answer if it is complete. Raises as Conversation.ask does."""
        frame = self._transferred()
        if frame is None:
            return None
        outcome = _worker.received(frame[0])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, frame[1]

    def _transferred(self) -> Frame | None:
        own = self._conversation.socket
        own.setblocking(False)
        if self._unsent:
            with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                self._unsent = self._unsent[own.send(self._unsent[:BLOCK]) :]
        block = b""
        with suppress(BlockingIOError, ConnectionResetError):
            block = own.recv(BLOCK)
        self._data += block
        frame = _frames.take(self._data)
        if frame is None and ((not block and self._conversation.has_exited()) or (self._end is not None and time.monotonic() > self._end)):
            loss = self._conversation.loss(self._seconds)
            self._conversation.kill()
            raise loss
        return frame


def _serve(begin: Begin, crumbs: _worker.Crumbs, own: socket.socket, living: int) -> NoReturn:
    """Run the child."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ansible ends its whole group by this; the end of the parent is what counts
        _worker.set_up_child()
        _close_others(own.fileno(), living)
        server, is_busy = begin(crumbs.drop), threading.Event()
        threading.Thread(target=_abandon_with_parent, args=(living, server, is_busy), daemon=True).start()
        data = bytearray()
        while True:
            frame = _frames.take(data)
            if frame is None:
                block = own.recv(BLOCK)
                if not block:
                    break
                data += block
                continue
            is_busy.set()
            answer, content = _answered(server, *frame)
            is_busy.clear()
            own.sendall(_frames.pack(answer, content))
        signal.alarm(FAREWELL)
        server.end()
        code = 0
    finally:
        os._exit(code)


def _close_others(*own: int) -> None:
    """Close what the parent had open: sockets that others connect to, and pipes that others wait for the end of."""
    for descriptor in map(int, os.listdir("/dev/fd")):
        if descriptor > 2 and descriptor not in own:
            with suppress(OSError):  # the one that listed them is closed already
                os.close(descriptor)


def _answered(server: Server, message: Message, content: bytes) -> Frame:
    data = b""

    def answer() -> Message:
        nonlocal data
        result, data = server.answer(message, content)
        return result

    return _worker.outcome(answer), data


def _abandon_with_parent(living: int, server: Server, is_busy: threading.Event) -> None:
    os.read(living, 1)
    signal.alarm(FAREWELL)  # kills this process, whatever the library does
    if is_busy.is_set():  # otherwise it notices by itself that no request will come
        try:
            server.abandon()
        finally:
            os._exit(1)
