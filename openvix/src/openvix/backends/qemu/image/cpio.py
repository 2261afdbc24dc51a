# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives for the kernel's initramfs: cpio format newc."""

from __future__ import annotations

import stat
from typing import NamedTuple

MAGIC = b"070701"
END = "TRAILER!!!"


class Member(NamedTuple):
    """A file of an archive: path without leading /, mode with file type, and content (the target of a link)."""

    path: str
    mode: int
    content: bytes = b""


def directory(path: str, permissions: int = 0o755) -> Member:
    return Member(path, stat.S_IFDIR | permissions)


def file(path: str, content: bytes, permissions: int = 0o644) -> Member:
    return Member(path, stat.S_IFREG | permissions, content)


def link(path: str, target: str) -> Member:
    return Member(path, stat.S_IFLNK | 0o777, target.encode())


def archive(members: list[Member]) -> bytes:
    """Return an archive of files owned by root. Its length is a multiple of 4, so that archives can be concatenated."""
    return b"".join(_entry(number, *member) for number, member in enumerate([*members, Member(END, 0)], start=1))


def _entry(inode: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, the four parts of devices, length of the name, checksum
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name), 0)
    return _padded(MAGIC + b"".join(b"%08X" % field for field in fields) + name) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
