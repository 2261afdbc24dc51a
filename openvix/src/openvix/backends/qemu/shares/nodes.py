# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of shared folders: numbers by which a guest refers to files, and their paths.

A number is never used for another file. Numbers that the guest forgets are kept, as a guest that reverts to a snapshot uses them again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from openvix.backends.qemu.shares.fuse import ROOT, WORD
from openvix.guest.errors import error

MOST = 1 << 16
DEEPEST = 256
LONGEST = 255
PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
# The file is no longer at this path; the guest's kernel looks it up again.
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class Share(NamedTuple):
    """A directory of the host that is shared."""

    path: str
    writable: bool

    def must_be_writable(self):
        if not self.writable:
            raise error(errno.EROFS, self.path)


@dataclass
class Node:
    """A file: its name, the number of its directory, and the identity of the inode."""

    parent: int
    name: bytes
    inode: int


class Place(NamedTuple):
    """A file that was found, opened with O_PATH, and its share."""

    file: int
    share: Share
    info: os.stat_result

    @property
    def path(self) -> str:
        """A path to this very file, also if its name changes."""
        return f"/proc/self/fd/{self.file}"


def first_number() -> int:
    """Return a random first number, so that numbers of an earlier daemon are not used again: a guest may still know them."""
    return secrets.randbits(62) | 1 << 32


def inode(device: int, number: int) -> int:
    """Return a number for a file that is unique across the devices of the host."""
    return (device << 48 ^ number) & WORD


def inode_of(info: os.stat_result) -> int:
    return inode(info.st_dev, info.st_ino)


def is_name(name: bytes) -> bool:
    """Return whether this is a plain name of a directory entry."""
    return 0 < len(name) <= LONGEST and name not in (b".", b"..") and b"/" not in name and b"\0" not in name


class Nodes:
    """The nodes of one guest, below a root that contains the shares."""

    def __init__(self):
        self.shares: dict[bytes, Share] = {}
        # Ordered by last use; the oldest are removed when there are too many.
        self._nodes: OrderedDict[int, Node] = OrderedDict()
        self._numbers: dict[tuple[int, bytes], int] = {}
        self._next = first_number()

    def number(self, parent: int, name: bytes, info: os.stat_result) -> int:
        """Return the number of the file with this name; a new one unless it has one."""
        there = self._numbers.get((parent, name))
        if there is not None and self._nodes[there].inode == inode_of(info):
            self._nodes.move_to_end(there)
            return there
        # The guest may claim to know a number that was never assigned.
        while self._next in self._nodes:
            self._next += 1
        number, self._next = self._next, self._next + 1
        self._add(number, Node(parent, name, inode_of(info)))
        return number

    def recall(self, number: int, node: Node) -> None:
        """Restore a node that a guest knows from an earlier daemon. It can only lead to a file with this name in this directory."""
        if number not in self._nodes and number != ROOT and is_name(node.name):
            self._add(number, node)

    def _add(self, number: int, node: Node) -> None:
        if len(self._nodes) >= MOST:
            old, gone = self._nodes.popitem(last=False)
            if self._numbers.get((gone.parent, gone.name)) == old:
                del self._numbers[gone.parent, gone.name]
        self._nodes[number] = node
        self._numbers[node.parent, node.name] = number

    def moved(self, parent: int, name: bytes, new_parent: int, new_name: bytes) -> None:
        """Record the new name of a file."""
        number = self._numbers.pop((parent, name), None)
        self._numbers.pop((new_parent, new_name), None)
        if number is not None:
            node = self._nodes[number]
            node.parent, node.name = new_parent, new_name
            self._numbers[new_parent, new_name] = number

    def share_of(self, number: int) -> bytes:
        """Return the name of the share of a node. Raises ESTALE if the share was removed, EACCES for the root."""
        return self._names(number)[-1]

    @contextlib.contextmanager
    def at(self, number: int) -> Iterator[Place]:
        """Find a node without following links. Raises ESTALE if it is no longer there."""
        *names, share_name = self._names(number)
        share = self.shares[share_name]
        file = _walk(share.path, names)
        try:
            info = os.fstat(file)
            if inode_of(info) != self._nodes[number].inode:
                raise error(errno.ESTALE, share.path)
            yield Place(file, share, info)
        finally:
            os.close(file)

    def _names(self, number: int) -> list[bytes]:
        """Return the names on the path of a node in reverse order, ending with its share."""
        names: list[bytes] = []
        if number == ROOT:
            raise error(errno.EACCES, "/")
        while number != ROOT:
            node = self._nodes.get(number)
            if node is None or len(names) == DEEPEST:
                raise error(errno.ESTALE, str(number))
            self._nodes.move_to_end(number)
            names.append(node.name)
            number = node.parent
        if names[-1] not in self.shares:
            raise error(errno.ESTALE, os.fsdecode(names[-1]))
        return names


def _walk(path: str, names: list[bytes]) -> int:
    """Open the file at these names, in reverse order, below a directory of the host."""
    try:
        file = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in reversed(names):
            try:
                inner = os.open(name, PLACE, dir_fd=file)
            finally:
                os.close(file)
            file = inner
    except OSError as lost:
        if lost.errno in GONE:
            raise error(errno.ESTALE, path) from lost
        raise
    return file
