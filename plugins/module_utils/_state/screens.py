# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Screenshots of a guest, in files of the VM host."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from contextlib import suppress
from functools import partial

from .._vix.errors import Refused, VixError
from .plan import Plan

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">8s4x4sII")  # signature, length of the first chunk, its type, width and height
BITS = 0o777


def checked(path, mode, machine="the VM host"):
    """Return the absolute path of the file and its mode as a number. Raises Refused if the file cannot be written.

    machine: name of this machine in messages.
    """
    path = os.path.abspath(path)
    folder, doing = os.path.dirname(path), f"saving the screenshot as {path}"
    if os.path.exists(path) and not os.path.isfile(path):
        raise Refused("it is a directory or a device: use the path of a file", doing=doing)
    if not os.path.isdir(folder):
        raise Refused(f"{folder} is not a directory of {machine}", doing=doing)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(f"this user has no permission to write to {folder}", doing=doing)
    return path, _permissions(mode, doing)


def _permissions(mode, doing):
    try:
        number = int(mode, 8) if isinstance(mode, str) else mode
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= BITS:
        raise Refused(f"{mode} is not a file mode: use an octal number such as '0600'", doing=doing)
    return number


def plan(session, path, mode):
    """Return the plan that saves a screenshot as a PNG file and replaces an existing file. path, mode: as checked() returns them."""
    after = {"path": path, "state": "file", "mode": f"{mode:04o}"}
    return Plan(look(path), after, [partial(_save, session.guest, path, mode)], partial(_read_back, path))


def look(path):
    """The state of the path, in the words of a diff."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return {"path": path, "state": "absent"}
    except OSError as error:
        raise VixError(error.strerror, doing=f"saving the screenshot as {path}") from error
    return {"path": path, "state": "file", "mode": f"{found.st_mode & BITS:04o}", "size": found.st_size}


def _save(guest, path, mode):
    picture = guest.screenshot()
    dimensions(picture, f"saving the screenshot as {path}")
    write(path, mode, picture)


def _read_back(path):
    with open(path, "rb") as file:
        picture = file.read()
    width, height = dimensions(picture, f"reading the screenshot {path}")
    return {**look(path), "checksum": hashlib.sha256(picture).hexdigest(), "width": width, "height": height}


def dimensions(picture, doing):
    """Width and height in pixels, from the header of a PNG."""
    if len(picture) < HEADER.size:
        raise VixError(f"VIX returned {len(picture)} bytes, which are not a PNG image", doing=doing)
    signature, chunk, width, height = HEADER.unpack_from(picture)
    if (signature, chunk) != (SIGNATURE, b"IHDR"):
        raise VixError("VIX returned an image that is not a PNG", doing=doing)
    return width, height


def write(path, mode, data):
    """Write a file atomically: a reader sees the old or the new content, and the mode is never wider than wanted."""
    try:
        _replace(path, mode, data)
    except OSError as error:
        raise VixError(error.strerror, doing=f"saving the screenshot as {path}") from error


def _replace(path, mode, data):
    descriptor, part = tempfile.mkstemp(prefix=f".{os.path.basename(path)[:200]}.", suffix=".part", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            os.unlink(part)
        raise
