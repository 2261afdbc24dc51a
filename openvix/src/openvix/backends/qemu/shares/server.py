# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shared folders of a running guest: its kernel's questions come through a port, in frames as guest_shares/shares.c tells.

The guest may be another moment of itself at any time, after a snapshot was restored or it was reset: whatever arrives that is no frame is skipped, until
the guest has answered a nonce that nobody but this session knows.
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
# Seconds: for the rest of a frame, between two SYNC, for a guest that is to hold, and for a file system of the host that does not answer.
FRAME_SECONDS = 5
SOONEST, LATEST = 0.25, 5
HOLD_SECONDS = 1
ANSWER_SECONDS = 5


class State(Enum):
    """What the guest is known to do: nothing, until it answers SYNC; to ask; to come to a hold; to hold, or whatever it likes; nothing for ever."""

    UNKNOWN = auto()
    SERVED = auto()
    HOLDING = auto()
    QUIET = auto()
    ENDED = auto()


class Shares:
    """What one guest sees of the host's directories, served by a thread until the connection ends. Until it is shown something it waits, as for a host."""

    def __init__(self, connection: socket.socket):
        self._connection, self._requests = connection, Requests()
        self._woken, self._waker = socket.socketpair()
        # Held by whoever changes what follows, but never while a file is asked for: only the thread asks the host's file systems, which may not answer.
        self._change = threading.Condition()
        self._is_asking = False
        self._state: State
        # A guest that has been at work for an earlier daemon would be told that its files are gone.
        self._shown: dict[bytes, Share] | None = None
        self._is_shown = True
        self._arrived, self._frame_end = bytearray(), 0.0
        self._unsaid: bytes | None = None
        self._hold, self._quiets = b"", 0
        self._begin()
        self._thread = threading.Thread(target=self._serve, name="shares", daemon=True)
        self._thread.start()

    def show(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Let the guest see these directories of the host and no others: for each name the path, and whether it can be written.

        Where a file system of the host does not answer for some seconds, this is so for all that the guest asks after that.
        """
        named = {os.fsencode(name): Share(path, writable) for name, (path, writable) in shares.items()}
        with self._change:
            self._shown = {name: share for name, share in named.items() if is_name(name) and "\0" not in share.path}
            self._is_shown = False
            self._wake()
            self._change.wait_for(lambda: self._is_shown or self._state is State.ENDED, ANSWER_SECONDS)

    def await_guest(self, seconds: float) -> bool:
        """Wait until the guest has its shared folders, and return whether it has; one that shows nothing to its users has none to wait for."""
        with self._change:
            return self._change.wait_for(lambda: self._state in (State.SERVED, State.ENDED) or not self._shown, seconds)

    def restart(self):
        """Know that the guest begins anew."""
        with self._change:
            if self._state is State.SERVED:
                self._begin()
                self._wake()

    @contextlib.contextmanager
    def quiet(self, seconds: float = HOLD_SECONDS) -> Iterator[None]:
        """Within the block nothing is on its way between guest and host, and nothing is done to a file.

        A guest that does not say within some seconds that it asks nothing more, as one that is paused, asks again after the block what has no answer. So does
        one for which a file system of the host does not answer within some seconds; what was asked of that may still be done to a file within the block, and
        then twice. Within another such block it is quiet already.
        """
        with self._change:
            self._quiets += 1
            if self._state is State.SERVED:
                self._state, self._hold = State.HOLDING, secrets.token_bytes(NONCE)
                self._unsaid = HEAD.pack(NONCE, HOLD) + self._hold
                self._wake()
            if self._state is State.HOLDING:
                self._change.wait_for(lambda: self._state is not State.HOLDING, seconds)
            if self._state is not State.ENDED:
                self._state, self._unsaid = State.QUIET, None
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
        """End the connection and serve no more. The thread that asks a file system of the host is left to itself if that takes more than some seconds."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_SECONDS)

    def _begin(self):
        """Know nothing of the guest."""
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
        """Serve until the other side ends the connection. Raises OSError."""
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
        """Say what is to be said by itself, and return after how many milliseconds there is more, None for never."""
        now = time.monotonic()
        with self._change:
            said, self._unsaid = self._unsaid, None
            if self._state in (State.SERVED, State.HOLDING) and self._arrived and now >= self._frame_end:
                self._lose()
            is_sought = self._state is State.UNKNOWN and self._shown is not None
            if is_sought and now >= self._due:
                said = HEAD.pack(NONCE, SYNC) + self._nonce
                self._asked, self._due, self._pause = now, now + self._pause, min(2 * self._pause, LATEST)
            due = self._due if is_sought else self._frame_end if self._arrived and self._state is not State.UNKNOWN else None
        if said:
            # A guest that does not listen has enough of them to read when it does.
            with contextlib.suppress(BlockingIOError):
                self._connection.send(said, socket.MSG_DONTWAIT)
        return None if due is None else max(0, int((due - now) * 1000) + 1)

    def _lose(self):
        """Know that what arrives makes no sense: ask the guest to begin anew, unless it is asked to in any case."""
        self._arrived.clear()
        if self._state is State.SERVED:
            self._begin()
        else:
            self._state = State.QUIET
            self._change.notify_all()

    def _show(self):
        """Carry out what was to be shown, if that has not been done."""
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
        """At the end of the block know that no file is asked for any more."""
        try:
            yield
        finally:
            with self._change:
                self._is_asking = False
                self._change.notify_all()

    def _hear(self) -> bytes | None:
        """Take what has arrived up to the next request and return the answer, None when more has to arrive first."""
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
                    # It became quiet or began anew meanwhile: what has no answer is asked again.
                    continue
                if is_lost:
                    self._lose()
                elif answer:
                    return HEAD.pack(sum(map(len, answer)), FUSE) + b"".join(answer)

    def _answer(self, kind: bytes, body: bytes, nonce: bytes) -> list[bytes] | None:
        """Return the answer to a frame in pieces, None where it expects none. Raises Malformed."""
        if kind == FUSE:
            # Without the nonce it is half of a frame, and the beginning of others.
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
        """Skip what comes before the answer to SYNC, and it; False when it is not there yet."""
        wanted = HEAD.pack(NONCE, SYNC) + self._nonce
        before, found, rest = self._arrived.partition(wanted)
        if not found:
            # A guest that says anything may just have begun to listen.
            self._due = min(self._due, self._asked + SOONEST)
            del self._arrived[: max(0, len(before) - len(wanted) + 1)]
            return False
        self._arrived, self._state = rest, State.SERVED
        self._change.notify_all()
        self._frame_end = time.monotonic() + FRAME_SECONDS
        return True

    def _frame(self) -> tuple[bytes, bytes] | None:
        """Take the next frame, None when it is not whole."""
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
