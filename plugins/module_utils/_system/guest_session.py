# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login in a guest, with the operating system that runs there and a directory of this machine for what goes to and fro."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from functools import cached_property

from .._vix.errors import VixError
from . import family, linux

LARGEST = 1 << 27  # bytes of a file that is read into memory; the outputs of the collection's scripts are far smaller


class GuestSession:
    """What every function needs that talks to a guest's operating system.

    Args:
        guest: The Guest that a user is logged in to.
        guest_family: auto, linux or windows.
        workdir: Directory of this machine for files of this task.
    """

    def __init__(self, guest, guest_family="auto", workdir=None):
        self.guest, self.workdir, self._guest_family = guest, workdir, guest_family

    @cached_property
    def family(self):
        """The file linux.py or windows.py, whichever speaks the guest's language. With "auto" the first use costs a VIX call."""
        return family.of(self.guest, self._guest_family)

    @property
    def is_linux(self):
        """Whether the guest has a shell as Linux has. If not, it runs Windows."""
        return self.family is linux

    def doing(self, what):
        """What is being done, for an error message: "copying a.txt to /srv/a.txt in", or the like, and the guest and its user."""
        return f"{what} {self.guest.label} as {self.guest.user}"

    def run(self, script):
        """Run a short script in the shell of the guest, wait for its end, and return its exit code. Every user of the guest can read it: no secrets."""
        return self.family.run(self.guest, script)

    def send(self, content, target):
        """Copy bytes to a new file of the guest."""
        with self.scratch_file() as path:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            self.guest.copy_in(path, target)

    @contextmanager
    def fetched(self, source):
        """The path of a copy of a guest's file on this machine, for as long as the "with" lasts."""
        with self.scratch_file() as path:
            self.guest.copy_out(source, path)
            yield path

    def content(self, source, doing):
        """The content of a guest's file, as bytes; raise VixError if it has more than LARGEST of them. doing: for an error message."""
        with self.fetched(source) as copy:
            size = os.path.getsize(copy)
            if size > LARGEST:
                raise VixError(f"the guest wrote {size} bytes as an answer, which is more than {LARGEST}", doing=doing)
            with open(copy, "rb") as file:
                return file.read()

    @contextmanager
    def scratch_file(self):
        """The path of a file of this machine that does not exist yet and is removed at the end of the "with"."""
        path = os.path.join(self.workdir, secrets.token_hex(8))
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
