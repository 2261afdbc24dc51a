# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes of this machine about what a process left in a guest, by which a later process finds what a killed one could not remove.

A note is a file that its process locks for as long as it lives: one that nobody locks is of a process that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from contextlib import suppress

FORGOTTEN = 30 * 24 * 3600  # seconds after which a note is deleted: its VM may not exist any more


class Note:
    """A note that this process holds. The holder deletes it. content: what JSON can hold."""

    def __init__(self, path, descriptor, content):
        self._path, self._descriptor, self.content = path, descriptor, content

    def delete(self):
        """Delete the note. A second call does nothing."""
        if self._descriptor is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            os.close(self._descriptor)
            self._descriptor = None

    def release(self):
        """Leave the note to a later process."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write(directory, content):
    """Write a note and return it. directory: of the user alone; it is created."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path = os.path.join(directory, secrets.token_hex(8))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, json.dumps(content).encode("ascii"))
    return Note(path, descriptor, content)


def left_behind(directory):
    """Return the notes of processes that do not live any more, held by this one. What is not a note, or too old, is deleted."""
    found = []
    with suppress(FileNotFoundError):
        for name in sorted(os.listdir(directory)):
            note = _held(os.path.join(directory, name))
            if note is not None and note.content is None:
                note.delete()
            elif note is not None:
                found.append(note)
    return found


def _held(path):
    """The note at a path, locked by this process; None if another process holds or deletes it. Without content if it is to be deleted."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    info = os.fstat(descriptor)
    if not info.st_nlink:
        os.close(descriptor)
        return None
    content = None
    if time.time() - info.st_mtime < FORGOTTEN:
        with suppress(ValueError):
            content = json.loads(os.read(descriptor, 1 << 16).decode("ascii"))
    return Note(path, descriptor, content)
