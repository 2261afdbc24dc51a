# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storing files of a guest on this machine, under names that are not trusted.

The content of a path is a dictionary: {"": [checksum, size]} for a file; {"": None} and each path below it, with slashes, for a directory. None stands
for a directory. Checksums are SHA-256 in hexadecimal.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import unicodedata
from contextlib import contextmanager, suppress
from functools import partial

from .._vix.errors import Refused, VixError

BLOCK = 1 << 20  # bytes
DAMAGED = "the received content differs from the file in the guest: the file was changed meanwhile, or the transfer damaged it; run the task again"
PERMISSIONS = 0o666  # of a new file, reduced by the user's umask
NO_LETTERS = ("Cc", "Cs")  # Unicode categories: control characters, and surrogates for bytes that are not text
NO_TEXT = "\ufffd"  # replaces such bytes in a name from VIX or from a program


@contextmanager
def as_vix_errors(path):
    """Turn an OSError into a VixError. path: named in the message if the OSError names none."""
    try:
        yield
    except OSError as error:
        raise VixError(f"{error.filename or path}: {error.strerror}", doing=f"fetching to {path}") from error


def is_fit(name):
    """Whether a local file may have a name from a guest: text without control characters that does not lead to another directory."""
    return name not in ("", ".", "..") and "/" not in name and NO_TEXT not in name and all(unicodedata.category(each) not in NO_LETTERS for each in name)


def content_of(path):
    """The content of a path. Symbolic links in a directory count as absent: fetched files replace them."""
    if os.path.isdir(path):
        content = {"": None}
        for folder, folders, files in os.walk(path, onerror=_raise):
            for full in (os.path.join(folder, name) for name in sorted([*folders, *files])):
                if not os.path.islink(full) and (os.path.isfile(full) or os.path.isdir(full)):
                    content[os.path.relpath(full, path)] = sum_of(full) if os.path.isfile(full) else None
        return content
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused("it is a device, a socket or a pipe: use the path of a file", doing=f"fetching to {path}")
    return {"": sum_of(path)} if os.path.exists(path) else {}


def sum_of(path):
    """Checksum and size of a file."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        for block in iter(partial(file.read, BLOCK), b""):
            digest.update(block)
            size += len(block)
    return [digest.hexdigest(), size]


def make_folder(root, name):
    """Create a directory below a path, and its parents."""
    os.makedirs(_within(root, name), exist_ok=True)


def put(copy, root, name):
    """Move a file to its destination atomically: a reader sees the old or the new one."""
    path = _within(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    umask = os.umask(0o077)
    os.umask(umask)
    os.chmod(copy, PERMISSIONS & ~umask)
    try:
        os.replace(copy, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with part_beside(root, name) as part:
            shutil.copyfile(copy, part)
            os.chmod(part, PERMISSIONS & ~umask)
            os.replace(part, path)
        os.unlink(copy)


@contextmanager
def part_beside(root, name):
    """An empty file beside a destination that no other user can read. It is removed at the end unless it was renamed."""
    path = _within(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor, part = tempfile.mkstemp(prefix=f".{os.path.basename(path)[:50]}.", suffix=".part", dir=os.path.dirname(path))
    os.close(descriptor)
    try:
        yield part
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part)


def put_some(stream, root, name, checksum, size):
    """Store the next bytes of a stream as put() does; raise VixError if their checksum differs."""
    with part_beside(root, name) as part:
        with open(part, "wb") as file:
            for start in range(0, size, BLOCK):
                file.write(stream.read(min(BLOCK, size - start)))
        if sum_of(part) != [checksum, size]:
            raise VixError(DAMAGED, doing=f"fetching to {os.path.join(root, name) if name else root}")
        put(part, root, name)


def _within(root, name):
    """The path of a name below a directory. Raises Refused if the name, or a link in its path, leads out of it."""
    parts, path = name.split("/") if name else [], root
    for number, part in enumerate(parts):
        if not is_fit(part):
            raise Refused(f"{name!r} is not a valid local file name", doing=f"fetching to {root}")
        path = os.path.join(path, part)
        if number < len(parts) - 1 and os.path.islink(path):
            raise Refused(f"{path} is a symbolic link, which is not followed: remove it", doing=f"fetching to {root}")
    return path


def _raise(error):
    raise error
