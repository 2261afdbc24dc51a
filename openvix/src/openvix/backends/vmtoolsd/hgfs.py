# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a guest by HGFS, whose server is in vmtoolsd: requests of version 3, little endian and packed, as the host makes them to copy."""

from __future__ import annotations

import errno
import itertools
import stat
import struct
from typing import NamedTuple

from openvix.backends.vmtoolsd.commands import Commands, Login, raw
from openvix.backends.vmtoolsd.guestrpc import NoAnswer
from openvix.guest.errors import error

# Requests.
OPEN, READ, WRITE, CLOSE, SEARCH_OPEN, SEARCH_READ, SEARCH_CLOSE, ATTRIBUTES = 24, 25, 26, 27, 28, 29, 30, 31
CREATE_DIRECTORY, REMOVE, CREATE_LINK = 33, 34, 38
# How a file is opened: as it is, or cut to nothing and made where it is missing.
AS_IT_IS, EMPTY = 0, 4
READING, WRITING = range(2)
# What of a request to open counts: how, the name, the rights of owner, group and others. And of one to make a directory.
OPEN_FIELDS = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x800
DIRECTORY_FIELDS = 0x2 | 0x4 | 0x8 | 0x10
# How much passes at once: what the server takes in one request, with what is beside it.
PIECE = 48 << 10
KINDS = {0: stat.S_IFREG, 1: stat.S_IFDIR, 2: stat.S_IFLNK}
REPLY = struct.Struct("<II")
NAME = struct.Struct("<IIII")
# Of the attributes of a file: which are valid, kind, size, four times, the rights of four.
FILE = struct.Struct("<QIQQQQQBBBB")
# The length of all attributes.
ATTRIBUTES_SIZE = FILE.size + 48

# Statuses of the server; the others are errors of the file system.
STATUSES = {
    1: errno.ENOENT,
    3: errno.EPERM,
    4: errno.EEXIST,
    5: errno.ENOTDIR,
    6: errno.ENOTEMPTY,
    8: errno.EACCES,
    11: errno.EBUSY,
    12: errno.ENOSPC,
    14: errno.ENAMETOOLONG,
    15: errno.EINVAL,
}


class Attributes(NamedTuple):
    """A file: its mode with the kind, its size, and where it leads to if it is a link."""

    mode: int
    size: int
    target: str = ""


class Hgfs:
    """The files of a guest, with the rights of one login. Raises OSError for what the server refuses, VixError for the login, NoAnswer."""

    def __init__(self, commands: Commands, login: Login):
        self._commands, self._login, self._numbers = commands, login, itertools.count(1)

    def _request(self, operation: int, arguments: bytes, path: str = "") -> bytes:
        number = next(self._numbers)
        answer = self._commands.hgfs(self._login, struct.pack("<II", number, operation) + arguments)
        if len(answer) < REPLY.size or REPLY.unpack_from(answer)[0] != number:
            raise NoAnswer("the HGFS server answers another request")
        _, status = REPLY.unpack_from(answer)
        if status:
            raise error(STATUSES.get(status, errno.EIO), path)
        return answer[REPLY.size :]

    def open(self, path: str, *, mode: int | None = None) -> int:
        """Return the handle of a file: to read it, or with a mode to write it anew."""
        access, action = (WRITING, EMPTY) if mode is not None else (READING, AS_IT_IS)
        rights = _rights(mode or 0)
        body = struct.pack("<QIIBBBBQQIIIQQ", OPEN_FIELDS, access, action, *rights, 0, 0, 0, 0, 0, 0, 0)
        (handle,) = struct.unpack_from("<I", self._request(OPEN, body + _name(path), path))
        return handle

    def read(self, handle: int, offset: int) -> bytes:
        """Return the next piece of a file, b"" at its end."""
        answer = self._request(READ, struct.pack("<IQIQ", handle, offset, PIECE, 0))
        (size,) = struct.unpack_from("<I", answer)
        return answer[12 : 12 + size]

    def write(self, handle: int, offset: int, content: bytes) -> None:
        """Write a piece, of PIECE bytes at most."""
        self._request(WRITE, struct.pack("<IBQIQ", handle, 0, offset, len(content), 0) + content)

    def close(self, handle: int) -> None:
        self._request(CLOSE, struct.pack("<IQ", handle, 0))

    def attributes(self, path: str) -> Attributes:
        """Return what is at a path, and not what it leads to."""
        answer = self._request(ATTRIBUTES, struct.pack("<QQ", 0, 0) + _name(path), path)
        mode, size = _attributes(answer)
        target = _name_at(answer, ATTRIBUTES_SIZE + 8)
        # Parts of a name are divided by zeros there.
        return Attributes(mode, size, target.replace(b"\0", b"/").decode("utf-8", "surrogateescape") if stat.S_ISLNK(mode) else "")

    def names(self, path: str) -> list[str]:
        """Return the names in a directory, without . and .., sorted."""
        (search,) = struct.unpack_from("<I", self._request(SEARCH_OPEN, struct.pack("<Q", 0) + _name(path), path))
        found: list[str] = []
        try:
            while name := self._entry(search, len(found), path):
                found.append(name.decode("utf-8", "surrogateescape"))
        finally:
            self._request(SEARCH_CLOSE, struct.pack("<IQ", search, 0))
        return sorted(set(found) - {".", ".."})

    def _entry(self, search: int, number: int, path: str) -> bytes:
        """Return the name of an entry of a search, b"" behind the last one."""
        answer = self._request(SEARCH_READ, struct.pack("<IIIQ", search, number, 0, 0), path)
        (count,) = struct.unpack_from("<Q", answer)
        # An entry begins with where the next one does.
        return _name_at(answer, 16 + 4 + ATTRIBUTES_SIZE) if count else b""

    def create_directory(self, path: str, mode: int) -> None:
        self._request(CREATE_DIRECTORY, struct.pack("<QBBBBQ", DIRECTORY_FIELDS, *_rights(mode), 0) + _name(path), path)

    def remove(self, path: str) -> None:
        """Remove a file or a link."""
        self._request(REMOVE, struct.pack("<QQ", 0, 0) + _name(path), path)

    def create_link(self, path: str, target: str) -> None:
        """Create a symbolic link that leads to this text."""
        self._request(CREATE_LINK, struct.pack("<Q", 0) + _name(path) + _named(raw(target).replace(b"/", b"\0")), path)


def _rights(mode: int) -> tuple[int, int, int, int]:
    return mode >> 9 & 7, mode >> 6 & 7, mode >> 3 & 7, mode & 7


def _name(path: str) -> bytes:
    """Return a path of the guest as the server takes it: in the share of its whole root, its parts divided by zeros."""
    return _named(b"root\0" + b"\0".join(part for part in raw(path).split(b"/") if part))


def _named(name: bytes) -> bytes:
    return NAME.pack(len(name), 0, 0, 0) + name + b"\0"


def _name_at(answer: bytes, at: int) -> bytes:
    """Return the name at a place of an answer."""
    length = NAME.unpack_from(answer, at)[0]
    return answer[at + NAME.size :][:length]


def _attributes(answer: bytes) -> tuple[int, int]:
    """Return the mode and the size that an answer begins with."""
    _, kind, size, _, _, _, _, special, owner, group, others = FILE.unpack_from(answer)
    if kind not in KINDS:
        raise error(errno.EIO, "a file of an unknown kind")
    return KINDS[kind] | special << 9 | owner << 6 | group << 3 | others, size
