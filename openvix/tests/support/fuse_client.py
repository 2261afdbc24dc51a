# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A FUSE client in place of a guest's kernel, and the guest's end of the port."""

from __future__ import annotations

import os
import socket
import stat
import struct
from typing import NamedTuple

from openvix.backends.qemu.shares import fuse
from openvix.backends.qemu.shares.fuse import ROOT, Operation

HEAD = struct.Struct("<I4s")


class Entry(NamedTuple):
    """The attributes of a file that was looked up."""

    node: int
    mode: int
    size: int
    owner: tuple[int, int]


class Kernel:
    """Sends requests with ask(message), which returns the answer. Each method raises OSError like a system call."""

    def __init__(self, ask):
        self._ask, self._unique = ask, 2

    def call(self, operation: int, node: int = ROOT, body: bytes = b"") -> bytes:
        self._unique += 2
        answer = self._ask(fuse.REQUEST.pack(fuse.REQUEST.size + len(body), operation, self._unique, node, 1000, 1000, 7, 0, 0) + body)
        length, error, unique = fuse.ANSWER.unpack_from(answer)
        assert (length, unique) == (len(answer), self._unique)
        if error:
            assert -512 < error < 0
            assert len(answer) == fuse.ANSWER.size
            raise OSError(-error, os.strerror(-error))
        return answer[fuse.ANSWER.size :]

    def look(self, name: bytes, node: int = ROOT) -> Entry:
        return self.entry(self.call(Operation.LOOKUP, node, name + b"\0"))

    def path(self, *names: bytes) -> Entry:
        found = Entry(ROOT, 0, 0, (0, 0))
        for name in names:
            found = self.look(name, found.node)
        return found

    def entry(self, answer: bytes) -> Entry:
        number, *_ = fuse.ENTRY_OUT.unpack_from(answer)
        return Entry(number, *self._attributes(answer[fuse.ENTRY_OUT.size :]))

    def attributes(self, node: int, handle: int | None = None) -> tuple:
        answer = self.call(Operation.GETATTR, node, fuse.GETATTR_IN.pack(handle is not None, 0, handle or 0))
        return self._attributes(answer[fuse.ATTRIBUTES_OUT.size :])

    def _attributes(self, answer: bytes) -> tuple:
        _, size, _, _, _, _, _, _, _, mode, _, user, group, *_ = fuse.ATTRIBUTES.unpack_from(answer)
        return mode, size, (user, group)

    def change(self, node: int, valid: int, *, size=0, mode=0, changed=(0, 0), handle=0):
        body = fuse.SETATTR_IN.pack(valid, 0, handle, size, 0, 0, changed[0], 0, 0, changed[1], 0, mode, 0, 0, 0, 0)
        return self.call(Operation.SETATTR, node, body)

    def make_directory(self, name: bytes, node: int) -> Entry:
        return self.entry(self.call(Operation.MKDIR, node, fuse.MKDIR_IN.pack(0o777, 0o022) + name + b"\0"))

    def rename(self, node: int, old: bytes, target: int, new: bytes):
        self.call(Operation.RENAME, node, fuse.RENAME_IN.pack(target) + old + b"\0" + new + b"\0")

    def open(self, node: int, flags: int = os.O_RDONLY) -> int:
        return fuse.OPEN_OUT.unpack(self.call(Operation.OPEN, node, fuse.OPEN_IN.pack(flags, 0)))[0]

    def create(self, name: bytes, node: int, flags: int = os.O_RDWR, mode: int = 0o100644) -> tuple[Entry, int]:
        answer = self.call(Operation.CREATE, node, fuse.CREATE_IN.pack(flags | os.O_CREAT, mode, 0o022, 0) + name + b"\0")
        return self.entry(answer), fuse.OPEN_OUT.unpack_from(answer, fuse.ENTRY_OUT.size + fuse.ATTRIBUTES.size)[0]

    def read(self, node: int, handle: int, size: int = 65536, offset: int = 0, flags: int = os.O_RDONLY) -> bytes:
        return self.call(Operation.READ, node, fuse.TRANSFER_IN.pack(handle, offset, size, 0, 0, flags, 0))

    def write(self, node: int, handle: int, content: bytes, offset: int = 0, flags: int = os.O_RDWR) -> int:
        body = fuse.TRANSFER_IN.pack(handle, offset, len(content), 0, 0, flags, 0) + content
        return fuse.WRITE_OUT.unpack(self.call(Operation.WRITE, node, body))[0]

    def release(self, node: int, handle: int):
        self.call(Operation.RELEASE, node, fuse.RELEASE_IN.pack(handle, 0, 0, 0))

    def list(self, node: int = ROOT, size: int = 4096) -> dict[bytes, int]:
        """Return the names in a directory and their types, read in parts of this size."""
        handle = fuse.OPEN_OUT.unpack(self.call(Operation.OPENDIR, node, fuse.OPEN_IN.pack(0, 0)))[0]
        found, offset = {}, 0
        while piece := self.call(Operation.READDIR, node, fuse.TRANSFER_IN.pack(handle, offset, size, 0, 0, 0, 0)):
            at = 0
            while at < len(piece):
                _, offset, length, kind = fuse.DIRECTORY_ENTRY.unpack_from(piece, at)
                at += fuse.DIRECTORY_ENTRY.size
                found[piece[at : at + length]] = stat.S_IFMT(kind << 12)
                at += length + -length % 8
        self.call(Operation.RELEASEDIR, node, fuse.RELEASE_IN.pack(handle, 0, 0, 0))
        return found


class Port:
    """The guest's end of a port, in place of openvix-shares."""

    def __init__(self, connection: socket.socket):
        self.connection, self._arrived = connection, b""
        connection.settimeout(30)

    def send(self, kind: bytes, body: bytes):
        self.connection.sendall(HEAD.pack(len(body), kind) + body)

    def receive(self) -> tuple[bytes, bytes]:
        size, kind = HEAD.unpack(self._take(HEAD.size))
        return kind, self._take(size)

    def synchronise(self):
        """Answer SYNC of the host. Earlier requests are not repeated."""
        kind, nonce = self.receive()
        assert kind == b"SYNC"
        self.send(b"SYNC", nonce)
        self.nonce = nonce

    def ask(self, message: bytes) -> bytes:
        self.send(b"FUSE", message + self.nonce)
        while (answer := self.receive())[0] == b"SYNC":
            self.send(*answer)
        kind, body = answer
        assert (kind, body[-len(self.nonce) :]) == (b"FUSE", self.nonce)
        return body[: -len(self.nonce)]

    def _take(self, size: int) -> bytes:
        while len(self._arrived) < size:
            piece = self.connection.recv(1 << 18)
            assert piece, "the host has ended the connection"
            self._arrived += piece
        taken, self._arrived = self._arrived[:size], self._arrived[size:]
        return taken
