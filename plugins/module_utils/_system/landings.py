# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places of this machine where files of a guest land: what is there, and how a file takes its place, by names that nobody trusts.

The content of a place is a dictionary: of a file {"": [checksum, size]}, of a folder {"": None} and each path in it, with slashes, where None
stands for a folder. Checksums are SHA-256 in hexadecimal.
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
DAMAGED = "what arrived is not what is in the guest: it was changed meanwhile, or damaged on the way"
PERMISSIONS = 0o666  # of a new file, less what the user's umask takes
NO_LETTERS = ("Cc", "Cs")  # categories of Unicode: control characters, and what stands for bytes that are no text
NO_TEXT = "\ufffd"  # stands for the same where VIX or a program has told of a name


@contextmanager
def told(path):
    """Have what cannot be read or written here be told in a sentence."""
    try:
        yield
    except OSError as error:
        raise VixError(f"{error.filename or path}: {error.strerror}", doing=f"fetching to {path}") from error


def is_fit(name):
    """Whether a file here may have a name that a guest tells: a text without control characters that leads nowhere else."""
    return name not in ("", ".", "..") and "/" not in name and NO_TEXT not in name and all(unicodedata.category(each) not in NO_LETTERS for each in name)


def content_of(path):
    """The content of a place. A link in a folder is nothing: what is fetched takes its place."""
    if os.path.isdir(path):
        content = {"": None}
        for folder, folders, files in os.walk(path, onerror=_raise):
            for full in (os.path.join(folder, name) for name in sorted([*folders, *files])):
                if not os.path.islink(full) and (os.path.isfile(full) or os.path.isdir(full)):
                    content[os.path.relpath(full, path)] = sum_of(full) if os.path.isfile(full) else None
        return content
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused("it is a device, a socket or a pipe", doing=f"fetching to {path}")
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
    """Make a folder in a place, and the place itself with those above it."""
    os.makedirs(_within(root, name), exist_ok=True)


def put(copy, root, name):
    """Have a file take its place, whole, so that a reader sees the old one or the new one. The copy is then gone."""
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
    """An empty file beside the place of a file, that nobody else can read; it is gone at the end, unless it was put in that place."""
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
    """Have the next bytes of a stream, of that checksum, take their place as put() does; raise VixError if they are others."""
    with part_beside(root, name) as part:
        with open(part, "wb") as file:
            for start in range(0, size, BLOCK):
                file.write(stream.read(min(BLOCK, size - start)))
        if sum_of(part) != [checksum, size]:
            raise VixError(DAMAGED, doing=f"fetching to {os.path.join(root, name) if name else root}")
        put(part, root, name)


def _within(root, name):
    """The path of a name in a place; raise Refused where it, or a link on the way, would lead out of it."""
    parts, path = name.split("/") if name else [], root
    for number, part in enumerate(parts):
        if not is_fit(part):
            raise Refused(f"{name!r} is no name for a file here", doing=f"fetching to {root}")
        path = os.path.join(path, part)
        if number < len(parts) - 1 and os.path.islink(path):
            raise Refused(f"{path} is a link, which is not followed: remove it", doing=f"fetching to {root}")
    return path


def _raise(error):
    raise error
