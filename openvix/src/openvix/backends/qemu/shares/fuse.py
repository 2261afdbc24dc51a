# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers and structures of Linux's FUSE, as in linux/fuse.h, protocol 7.31."""

from __future__ import annotations

import os
import stat
from enum import IntEnum
from struct import Struct


class Operation(IntEnum):
    """The operations that are implemented; all others are answered with ENOSYS."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    ACCESS = 34
    CREATE = 35
    INTERRUPT = 36
    BATCH_FORGET = 42
    RENAME2 = 45


# length, operation, unique, node, user, group, process, extension, padding; and length, error, unique
REQUEST, ANSWER = Struct("<IIQQIIIHH"), Struct("<IiQ")

GETATTR_IN = Struct("<IIQ")  # flags, dummy, handle
# valid, padding, handle, size, lock owner, times of access, change, and status in seconds, their nanoseconds, mode, unused, user, group, unused
SETATTR_IN = Struct("<IIQQQQQQIIIIIIII")
MKDIR_IN = Struct("<II")  # mode, umask
RENAME_IN = Struct("<Q")  # new directory
RENAME2_IN = Struct("<QII")  # new directory, flags, padding
OPEN_IN = Struct("<II")  # flags, open flags
CREATE_IN = Struct("<IIII")  # flags, mode, umask, open flags
RELEASE_IN = Struct("<QIIQ")  # handle, flags, release flags, lock owner
TRANSFER_IN = Struct("<QQIIQII")  # reads and writes: handle, offset, size, flags of the request, lock owner, flags of the file, padding
FSYNC_IN = Struct("<QII")  # handle, flags, padding
ACCESS_IN = Struct("<II")  # mask, padding

# inode, size, blocks, times of access, change and status in seconds, their nanoseconds, mode, links, user, group, device, size of a block, flags
ATTRIBUTES = Struct("<6Q10I")
ENTRY_OUT = Struct("<4Q2I")  # node, generation, validity of the name and of the attributes in seconds, their nanoseconds; attributes follow
ATTRIBUTES_OUT = Struct("<QII")  # validity in seconds and nanoseconds, dummy; attributes follow
OPEN_OUT = Struct("<QII")  # handle, flags, padding
WRITE_OUT = Struct("<II")  # size, padding
# blocks, free, available, files, free, size of a block, longest name, size of a fragment, padding, spare
STATFS_OUT = Struct("<5Q4I24x")
DIRECTORY_ENTRY = Struct("<QQII")  # inode, offset of the next, length of the name, type; the name follows, and what makes the length a multiple of 8

# Not part of FUSE: added by guest_shares between the kernel and the host. Number, number of the directory, inode; the name follows.
NODE = Struct("<QQQ")

# The bits of SETATTR for the valid fields.
MODE, SIZE, ACCESSED, CHANGED, HANDLE, ACCESSED_NOW, CHANGED_NOW = 1 << 0, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8
# The bit of GETATTR for a valid handle.
WITH_HANDLE = 1
ROOT = 1
WORD = (1 << 64) - 1


def attributes(info: os.stat_result, inode: int) -> bytes:
    """Return the attributes of a file. It belongs to root in the guest, without set-id bits."""
    times = (info.st_atime_ns, info.st_mtime_ns, info.st_ctime_ns)
    return ATTRIBUTES.pack(
        inode,
        info.st_size,
        info.st_blocks,
        *(time // 10**9 & WORD for time in times),
        *(time % 10**9 for time in times),
        stat.S_IFMT(info.st_mode) | info.st_mode & 0o777,
        min(info.st_nlink, 0xFFFFFFFF),
        0,
        0,
        0,
        info.st_blksize,
        0,
    )


def directory_entry(inode: int, offset: int, name: bytes, kind: int) -> bytes:
    """Return one entry of a directory; kind: S_IFMT of its mode, 0 if unknown."""
    padding = -len(name) % 8
    return DIRECTORY_ENTRY.pack(inode, offset, len(name), kind >> 12) + name + bytes(padding)
