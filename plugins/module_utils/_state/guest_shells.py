# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A shell in a guest, for a connection: one command after another, and files to and fro."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress

from .._system import linux_shell
from .._system.exit_codes import DONE
from .._vix.errors import FileNotFound, Inaccessible, NotADirectory, NoToolsInGuest, NotRunning, NotSupported, VixError
from .._vix.guest import LONGEST_SCRIPT

# What a session that a reboot or a revert has made unusable ends in: 3018 is a login that the guest does not know.
STALE_CODES = (3018,)
STALE = (NotRunning, NoToolsInGuest)
SHELL = "/bin/sh"
SENTENCES = {
    linux_shell.TWICE: "VIX started the command a second time after an error, and it is not started again: check its effects in the guest",
    linux_shell.FULL: "its output could not be stored: the disk of the guest may be full",
    linux_shell.SILENT: "within 15 s, become neither asked for a password nor started the command: check become_method and become_flags",
}


class Stale(Exception):
    """The session cannot be used any more, and nothing was begun. error: the VixError that shows it."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error


class GuestShell:
    """The shell of a guest with /bin/sh.

    Args:
        session: The GuestSession of the login.
        directory: Path in the guest of the directory for its files, which begin() creates; new_directory() returns a name.
    """

    def __init__(self, session, directory):
        self._session, self._guest, self._folder, self._count = session, session.guest, directory, 0

    def begin(self):
        """Create its directory."""
        self._guest.create_directory(self._folder)

    def execute(self, command, stdin=None, become=None):
        """Run a command to its end and return its linux_shell.Answer.

        Args:
            command: The command line, for the shell.
            stdin: Its input as bytes, or None.
            become: Of a command that changes the user by a password: prompt, success and password, as linux_shell.Request has them.
        """
        self._count += 1
        about = self._session.doing("running a command in")
        become = become or {}
        sent = stdin if not become else become["password"].encode("utf-8", "surrogateescape") + b"\n" + (stdin or b"")
        request = linux_shell.Request(self._folder, self._count, command, sent is not None, become.get("prompt"), become.get("success", ""))
        with _unbegun():
            if sent is not None:
                self._session.send(sent, f"{self._folder}/{self._count}.in")
            code = self._run(request.script(), about)
        if code == linux_shell.GONE:
            raise Stale(VixError("the directory of the connection is not in the guest any more", doing=about))
        if code != DONE:
            raise VixError(SENTENCES.get(code, f"the shell that runs it was ended (exit code {code}), by somebody or by a shutdown of the guest"), doing=about)
        return self._read(request, about)

    def put(self, source, target):
        """Copy a file of this machine to a path of the guest."""
        with _unbegun():
            self._guest.copy_in(source, target)

    def fetch(self, source, target):
        """Copy a file of the guest to a path of this machine, which has the old or the new content at any time."""
        part = f"{target}.{secrets.token_hex(4)}.part"
        try:
            with _unbegun():
                self._guest.copy_out(source, part)
            os.replace(part, target)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part)

    def end(self):
        """Delete its directory."""
        self._guest.delete_directory(self._folder)

    def clean(self, directory=None):
        """End what it, or a killed process with that directory, still runs in the guest, and delete the directory."""
        self._guest.run_script(SHELL, linux_shell.clean_script(directory or self._folder))

    def _run(self, script, about):
        text = script.encode("utf-8", "surrogateescape")
        if len(SHELL) + len(text) <= LONGEST_SCRIPT and _is_text(text):
            with suppress(NotSupported):  # then the script is sent as a file
                return self._guest.run_script(SHELL, text.decode("utf-8"), about)
        path = f"{self._folder}/{self._count}.sh"
        self._session.send(text, path)
        return self._guest.run(SHELL, path)

    def _read(self, request, about):
        try:
            with self._session.fetched(f"{self._folder}/{self._count}.result") as path, open(path, "rb") as file:
                return request.read(file.read())
        except (FileNotFound, NotADirectory, Inaccessible) as error:
            raise VixError("its result is missing: the guest was reverted or restarted meanwhile", code=error.code, raw=error.raw, doing=about) from error
        except ValueError as error:
            raise VixError(f"{error}: the disk of the guest may be full", doing=about) from error


def new_directory():
    """Return a path for a directory in a guest that nobody can predict."""
    return f"/tmp/vmlab.vix-c-{secrets.token_hex(16)}"


@contextmanager
def _unbegun():
    """Turn what shows that the session is stale, and nothing was begun, into Stale."""
    try:
        yield
    except VixError as error:
        if error.code in STALE_CODES or isinstance(error, STALE):
            raise Stale(error) from error
        raise


def _is_text(content):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
