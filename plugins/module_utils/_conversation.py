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
    from typing import Callable, NoReturn, Protocol

    from ._frames import Frame, Message

    class Server(Protocol):
        def answer(self, message: Message, content: bytes) -> Frame: ...

        def end(self) -> None: ...

        def abandon(self) -> None: ...

    Begin = Callable[[_worker.Crumb], Server]

POLL = 0.05  # seconds between two checks of a silent child
FAREWELL = 10  # seconds that a child has for the work at its end
BLOCK = 1 << 20  # bytes


class Conversation:
    """A child process that answers requests. The caller ends it.

    begin: called in the child as begin(crumb), it returns the object that serves the requests: answer(message, content) returns a message and content, or
    raises a VixError; end() is called at the end, abandon() if the parent has disappeared, on a separate thread.
    """

    def __init__(self, begin: Begin) -> None:
        self._crumbs = _worker.Crumbs(1)
        self._socket, its = socket.socketpair()
        living, self._life = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            self._socket.close()
            os.close(self._life)
            _serve(begin, self._crumbs, its, living)
        its.close()
        os.close(living)
        self._status: int | None = None
        self._is_open = True
        self._data = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether it can be asked. It cannot after a request that was interrupted or lost its child."""
        return self._is_open

    def ask(self, message: Message, content: bytes = b"", seconds: float = 0) -> Frame:
        """Return the answer to a request, a message and its content; raise _worker.Failure for a VixError, and _worker.Bug for any other exception.

        seconds: the deadline, which the child observes itself unless the library hangs; some seconds later it is killed. 0: none.
        """
        end = time.monotonic() + seconds + _worker.GRACE if seconds else None
        try:
            answer, data = self._exchange(_frames.pack({**message, "seconds": seconds}, content), end, seconds)
        except _worker.Failure:
            self.kill()
            raise
        except BaseException:  # an alarm of the caller, say: what comes next would be the answer to this request
            self.abandon()
            raise
        outcome = _worker.received(answer)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, data

    def end(self) -> None:
        """Let the child do its work at the end, wait until it has exited, and free everything."""
        if self._is_open:
            self._socket.setblocking(True)
            self._socket.shutdown(socket.SHUT_WR)
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
        self._socket.close()
        if not self._has_exited():
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        if self._life >= 0:
            os.close(self._life)
        self._crumbs.close()

    def _wait(self) -> None:
        """Wait until the child has exited, or should have."""
        end = time.monotonic() + FAREWELL
        while time.monotonic() < end and not self._has_exited():
            with suppress(ConnectionResetError):
                if select.select([self._socket], [], [], POLL)[0] and not self._socket.recv(BLOCK):
                    time.sleep(POLL / 10)  # it has closed its end, and is about to exit

    def _exchange(self, request: bytes, end: float | None, seconds: float) -> Frame:
        unsent = memoryview(request)
        self._socket.setblocking(False)
        while True:
            readable, writable, _errors = select.select([self._socket], [self._socket] if unsent else [], [], POLL)
            try:
                if writable:
                    unsent = unsent[self._socket.send(unsent[:BLOCK]) :]
                block = self._socket.recv(BLOCK) if readable else b""
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                block = b""
            self._data += block
            frame = _frames.take(self._data)
            if frame is not None:
                return frame
            if (not block and self._has_exited()) or (end is not None and time.monotonic() > end):
                raise _worker.loss(self._status, *self._crumbs.read(0), seconds)

    def _has_exited(self) -> bool:
        if self._status is None:
            ended, code = os.waitpid(self._process, os.WNOHANG)
            self._status = code if ended else None
        return self._status is not None


def _serve(begin: Begin, crumbs: _worker.Crumbs, own: socket.socket, living: int) -> NoReturn:
    """Run the child."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ansible ends its whole group by this; the end of the parent is what counts
        _worker.set_up_child()
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
