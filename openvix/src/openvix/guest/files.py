# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of a file in a guest, and what guest tools make of a path that leads to none."""

from __future__ import annotations

import contextlib
import errno
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from openvix.guest.errors import error

# The errors of a path that leads to nothing that the account can know of.
UNREACHABLE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENAMETOOLONG})
# What is reported of a file that the account cannot read, and of one whose status it cannot read.
UNKNOWN_SIZE = UNKNOWN_TIME = -1


class FileInfo(NamedTuple):
    """The properties of a file.

    name: without directory; size: in bytes, UNKNOWN_SIZE for a file that the account cannot read; flags: VIX_FILE_ATTRIBUTES_;
    modified: the time of the last change in seconds since 1970, UNKNOWN_TIME without a status.
    """

    name: str
    size: int
    flags: int
    modified: int


@contextlib.contextmanager
def creating_directory(path: str, version: str) -> Iterator[None]:
    """Raise FileNotFoundError if the account may not create a directory, as Tools 12.5 do: 12.2 have the error of a missing right."""
    try:
        yield
    except PermissionError as refused:
        if version == "12.5":
            raise error(errno.ENOENT, path) from refused
        raise


@contextlib.contextmanager
def unreachable_as(number: int, path: str) -> Iterator[None]:
    """Replace an error of a path that leads to nothing by the OSError with this errno."""
    try:
        yield
    except OSError as refused:
        if refused.errno not in UNREACHABLE:
            raise
        raise error(number, path) from refused


def order_of(name: bytes) -> tuple[int, bytes]:
    """Return the key by which a listing is sorted: as that of VMware Tools it is the same each time, and not by name."""
    return zlib.crc32(name), name
