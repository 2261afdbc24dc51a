# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of shared folders that a guest knows by number, and the way to each.

A number means one file for ever. What the guest forgets is kept all the same, as a guest that goes back to a snapshot remembers it again.
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
# What is not where it was: the guest's kernel looks for it anew.
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
    """A file: its name in another node, and what tells it from another file of that name."""

    parent: int
    name: bytes
    inode: int


class Place(NamedTuple):
    """A file that has been found, opened only as a place, and the share that it is in."""

    file: int
    share: Share
    info: os.stat_result

    @property
    def path(self) -> str:
        """A path of this very file, whatever becomes of its name."""
        return f"/proc/self/fd/{self.file}"


def first_number() -> int:
    """Return a number from which to count such that no other count meets this one: another daemon's guest may still know its numbers."""
    return secrets.randbits(62) | 1 << 32


def inode(device: int, number: int) -> int:
    """Return a number that tells files of two devices of the host apart, which are one in the guest."""
    return (device << 48 ^ number) & WORD


def inode_of(info: os.stat_result) -> int:
    return inode(info.st_dev, info.st_ino)


def is_name(name: bytes) -> bool:
    """Whether it names something in a directory, and nothing else."""
    return 0 < len(name) <= LONGEST and name not in (b".", b"..") and b"/" not in name and b"\0" not in name


class Nodes:
    """The nodes of one guest, below a root that holds the shares."""

    def __init__(self):
        self.shares: dict[bytes, Share] = {}
        # Those that were used last come last: the others go when there are too many.
        self._nodes: OrderedDict[int, Node] = OrderedDict()
        self._numbers: dict[tuple[int, bytes], int] = {}
        self._next = first_number()

    def number(self, parent: int, name: bytes, info: os.stat_result) -> int:
        """Return the number of the file of this name, a new one unless it has had one."""
        there = self._numbers.get((parent, name))
        if there is not None and self._nodes[there].inode == inode_of(info):
            self._nodes.move_to_end(there)
            return there
        # A guest may say that it knows a number which none has had.
        while self._next in self._nodes:
            self._next += 1
        number, self._next = self._next, self._next + 1
        self._add(number, Node(parent, name, inode_of(info)))
        return number

    def recall(self, number: int, node: Node) -> None:
        """Know what a guest knows of a host before this one. It leads to no other file than one of this name in this place."""
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
        """Know that a file has another name now."""
        number = self._numbers.pop((parent, name), None)
        self._numbers.pop((new_parent, new_name), None)
        if number is not None:
            node = self._nodes[number]
            node.parent, node.name = new_parent, new_name
            self._numbers[new_parent, new_name] = number

    def share_of(self, number: int) -> bytes:
        """Return the name of the share that a node is in; raise ESTALE when there is no such share, EACCES for the root."""
        return self._way(number)[-1]

    @contextlib.contextmanager
    def at(self, number: int) -> Iterator[Place]:
        """Find a node, following no link; raises ESTALE when it is not where it was."""
        *names, share_name = self._way(number)
        share = self.shares[share_name]
        file = _walk(share.path, names)
        try:
            info = os.fstat(file)
            if inode_of(info) != self._nodes[number].inode:
                raise error(errno.ESTALE, share.path)
            yield Place(file, share, info)
        finally:
            os.close(file)

    def _way(self, number: int) -> list[bytes]:
        """Return the names that lead to a node, its own first and that of its share last."""
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
    """Open what these names, the last one first, lead to from a directory of the host."""
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
