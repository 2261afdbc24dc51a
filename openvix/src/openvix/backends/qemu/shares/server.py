# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shared folders of a running guest. Requests of its kernel arrive through a port, in the frames of guest_shares/shares.c.

The guest may change to another state at any time, by a revert or a reset. So everything is skipped until the guest has answered a nonce of
this session.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from enum import Enum, auto

from openvix.backends.qemu.shares.nodes import Share, is_name
from openvix.backends.qemu.shares.requests import MOST_BYTES, Malformed, Requests

HEAD = struct.Struct("<I4s")
FUSE, SYNC, HOLD, LOST, NODE = b"FUSE", b"SYNC", b"HOLD", b"LOST", b"NODE"
NONCE = 16
MOST = MOST_BYTES + 4096 + NONCE
PIECE = 1 << 18
# Time limits in seconds: for the rest of a frame, between two SYNC, for the guest to hold, and for an unresponsive file system of the host.
FRAME_SECONDS = 5
SOONEST, LATEST = 0.25, 5
HOLD_SECONDS = 1
ANSWER_SECONDS = 5


class State(Enum):
    """The state of the conversation: nothing known until the guest answers SYNC; asking; going to hold; holding, or unknown; closed."""

    UNKNOWN = auto()
    SERVED = auto()
    HOLDING = auto()
    QUIET = auto()
    ENDED = auto()


class Shares:
    """The shared folders of one guest, served by a thread until the connection ends. Without shares, requests are not answered."""

    def __init__(self, connection: socket.socket):
        self._connection, self._requests = connection, Requests()
        self._woken, self._waker = socket.socketpair()
        # Protects the fields below. It is never held during file operations, which only the thread does, as file systems of the host may hang.
        self._change = threading.Condition()
        self._is_asking = False
        self._state: State
        # A guest that used files through an earlier daemon must keep them.
        self._shown: dict[bytes, Share] | None = None
        self._is_shown = True
        self._arrived, self._frame_end = bytearray(), 0.0
        self._unsent: bytes | None = None
        self._hold, self._quiets = b"", 0
        self._begin()
        self._thread = threading.Thread(target=self._serve, name="shares", daemon=True)
        self._thread.start()

    def show(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Share these directories of the host with the guest, and no others.

        If a file system of the host does not respond within some seconds, later requests to it fail.
        """
        named = {os.fsencode(name): Share(path, writable) for name, (path, writable) in shares.items()}
        with self._change:
            self._shown = {name: share for name, share in named.items() if is_name(name) and "\0" not in share.path}
            self._is_shown = False
            self._wake()
            self._change.wait_for(lambda: self._is_shown or self._state is State.ENDED, ANSWER_SECONDS)

    def await_guest(self, seconds: float) -> bool:
        """Wait until the shared folders are mounted in the guest; return whether they are. Without shares there is nothing to wait for."""
        with self._change:
            return self._change.wait_for(lambda: self._state in (State.SERVED, State.ENDED) or not self._shown, seconds)

    def restart(self):
        """Record that the guest restarts."""
        with self._change:
            if self._state is State.SERVED:
                self._begin()
                self._wake()

    @contextlib.contextmanager
    def quiet(self, seconds: float = HOLD_SECONDS) -> Iterator[None]:
        """Let no request be pending between guest and host within the block, and change no file.

        A guest that does not finish its requests within some seconds, for example because it is paused, repeats unanswered requests after the block. The same
        applies if a file system of the host does not respond within some seconds; a pending operation there may then be executed within the block, and
        twice. Nested blocks are permitted.
        """
        with self._change:
            self._quiets += 1
            if self._state is State.SERVED:
                self._state, self._hold = State.HOLDING, secrets.token_bytes(NONCE)
                self._unsent = HEAD.pack(NONCE, HOLD) + self._hold
                self._wake()
            if self._state is State.HOLDING:
                self._change.wait_for(lambda: self._state is not State.HOLDING, seconds)
            if self._state is not State.ENDED:
                self._state, self._unsent = State.QUIET, None
            self._change.wait_for(lambda: not self._is_asking, ANSWER_SECONDS)
        try:
            yield
        finally:
            with self._change:
                self._quiets -= 1
                if not self._quiets and self._state is not State.ENDED:
                    self._begin()
                    self._wake()

    def close(self):
        """Close the connection. A thread that hangs in a file system of the host is abandoned after some seconds."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_SECONDS)

    def _begin(self):
        """Forget the state of the guest."""
        self._state, self._nonce = State.UNKNOWN, secrets.token_bytes(NONCE)
        self._pause, self._asked, self._due = SOONEST, 0.0, 0.0

    def _wake(self):
        with contextlib.suppress(OSError):
            self._waker.send(b"\0", socket.MSG_DONTWAIT)

    def _serve(self):
        try:
            with contextlib.suppress(OSError):
                self._listen()
        finally:
            with self._change:
                self._state = State.ENDED
                self._change.notify_all()
                for each in (self._connection, self._woken, self._waker):
                    each.close()
            self._requests.close_files()

    def _listen(self):
        """Serve until the peer closes the connection. Raises OSError."""
        ready = select.poll()
        for each in (self._connection, self._woken):
            ready.register(each, select.POLLIN)
        while True:
            self._show()
            pause = self._speak()
            found = [number for number, _ in ready.poll(pause)]
            if self._woken.fileno() in found:
                self._woken.recv(PIECE)
            if self._connection.fileno() in found:
                piece = self._connection.recv(PIECE)
                if not piece:
                    return
                if not self._arrived:
                    self._frame_end = time.monotonic() + FRAME_SECONDS
                self._arrived += piece
                while answer := self._hear():
                    self._connection.sendall(answer)

    def _speak(self) -> int | None:
        """Send the messages that are due; return the milliseconds until the next one, None if there is none."""
        now = time.monotonic()
        with self._change:
            message, self._unsent = self._unsent, None
            if self._state in (State.SERVED, State.HOLDING) and self._arrived and now >= self._frame_end:
                self._lose()
            is_sought = self._state is State.UNKNOWN and self._shown is not None
            if is_sought and now >= self._due:
                message = HEAD.pack(NONCE, SYNC) + self._nonce
                self._asked, self._due, self._pause = now, now + self._pause, min(2 * self._pause, LATEST)
            due = self._due if is_sought else self._frame_end if self._arrived and self._state is not State.UNKNOWN else None
        if message:
            # A guest that does not read has enough messages waiting.
            with contextlib.suppress(BlockingIOError):
                self._connection.send(message, socket.MSG_DONTWAIT)
        return None if due is None else max(0, int((due - now) * 1000) + 1)

    def _lose(self):
        """Handle invalid data: ask the guest to synchronize, unless that is pending."""
        self._arrived.clear()
        if self._state is State.SERVED:
            self._begin()
        else:
            self._state = State.QUIET
            self._change.notify_all()

    def _show(self):
        """Apply pending changes of the shares."""
        with self._change:
            if self._is_shown:
                return
            shown, self._is_asking = self._shown, True
        with self._asking():
            self._requests.show(shown or {})
        with self._change:
            self._is_shown = self._shown is shown
            self._change.notify_all()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """At the end of the block, record that no file operation is in progress."""
        try:
            yield
        finally:
            with self._change:
                self._is_asking = False
                self._change.notify_all()

    def _hear(self) -> bytes | None:
        """Read the data up to the next request and return the answer, None if more data is needed."""
        while True:
            self._show()
            with self._change:
                if self._state is State.QUIET:
                    self._arrived.clear()
                    return None
                if self._state is State.UNKNOWN and not self._find_answer():
                    return None
                frame = self._frame()
                if frame is None:
                    return None
                nonce, self._is_asking = self._nonce, True
            is_lost, answer = False, None
            try:
                with self._asking():
                    answer = self._answer(*frame, nonce)
            except Malformed:
                is_lost = True
            with self._change:
                if nonce != self._nonce or self._state not in (State.SERVED, State.HOLDING):
                    # The guest went to hold or restarted meanwhile; it repeats unanswered requests.
                    continue
                if is_lost:
                    self._lose()
                elif answer:
                    return HEAD.pack(sum(map(len, answer)), FUSE) + b"".join(answer)

    def _answer(self, kind: bytes, body: bytes, nonce: bytes) -> list[bytes] | None:
        """Return the answer to a frame as a list of buffers, None if none is expected. Raises Malformed."""
        if kind == FUSE:
            # Without the nonce, the data may be the middle of a frame.
            if body[-NONCE:] != nonce:
                raise Malformed
            answer = self._requests.answer(memoryview(body)[:-NONCE])
            return [*answer, nonce] if answer else None
        if kind == HOLD:
            with self._change:
                if body == self._hold and self._state is State.HOLDING:
                    self._state = State.QUIET
                    self._change.notify_all()
        elif kind == LOST:
            if body == b"\1":
                self._requests.close_files()
            raise Malformed
        elif kind == NODE:
            self._requests.recall(body)
        elif kind != SYNC:
            raise Malformed
        return None

    def _find_answer(self) -> bool:
        """Skip data up to and including the answer to SYNC; return False if it has not arrived."""
        wanted = HEAD.pack(NONCE, SYNC) + self._nonce
        before, found, rest = self._arrived.partition(wanted)
        if not found:
            # Any data shows that the guest may have just begun to listen.
            self._due = min(self._due, self._asked + SOONEST)
            del self._arrived[: max(0, len(before) - len(wanted) + 1)]
            return False
        self._arrived, self._state = rest, State.SERVED
        self._change.notify_all()
        self._frame_end = time.monotonic() + FRAME_SECONDS
        return True

    def _frame(self) -> tuple[bytes, bytes] | None:
        """Return the next frame, None if it is incomplete."""
        if len(self._arrived) < HEAD.size:
            return None
        size, kind = HEAD.unpack_from(self._arrived)
        if size > MOST:
            self._lose()
            return None
        end = HEAD.size + size
        if len(self._arrived) < end:
            return None
        body = bytes(memoryview(self._arrived)[HEAD.size : end])
        del self._arrived[:end]
        self._frame_end = time.monotonic() + FRAME_SECONDS
        return kind, body
