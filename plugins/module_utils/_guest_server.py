# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The far end of a connection to a guest: it serves requests to run commands and to transfer files, in a session that is begun when it is needed.

It runs in the child of a Conversation, where the VIX library is.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from . import _session
from ._conversation import Conversation
from ._files import notes
from ._state import guest_shells
from ._vix.errors import AlreadyExists, FileNotFound, Inaccessible, NotADirectory, NotAFile, VixError

if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping

    from ._frames import Frame, Message

    Crumb = _session.Crumb

ABOUT_FILES = (AlreadyExists, FileNotFound, Inaccessible, NotADirectory, NotAFile)  # they do not affect the session
NOTES = "~/.ansible/vmlab.vix/guest"
FAREWELL = 8  # seconds for ending the session, a little less than the process has


def converse(options: Mapping[str, Any]) -> Conversation:
    """Return the Conversation that serves requests to a guest. The caller ends it.

    options: those of _options.HOST without timeout, and vm, vm_password, guest_username, guest_password and guest_interactive.
    """
    return Conversation(partial(GuestServer, options))


class GuestServer:
    """Serves the requests: "connect"; "execute" with command, become and has_stdin, whose content is the input; "put" and "fetch" with source and target.

    Each has tools_timeout, the seconds for beginning the session, if there is none that can be used.
    """

    def __init__(self, options: Mapping[str, Any], crumb: Crumb) -> None:
        from ._vix.deadline import Deadline  # the parent does not need the binding

        home = os.path.expanduser("~")
        self._options = {**options, "vm": os.path.expanduser(options["vm"]), "home": None if options["hostname"] else home}
        self._crumb, self._deadline = crumb, Deadline(math.inf)
        self._stack = ExitStack()
        self._shell: Any = None
        self._workdir = tempfile.mkdtemp(prefix="vmlab.vix-")

    def answer(self, message: Message, content: bytes) -> Frame:
        """Serve a request; raise VixError if it fails."""
        self._deadline.restart(message["seconds"] or math.inf)
        work = {"connect": self._connect, "execute": self._execute, "put": self._put, "fetch": self._fetch}[message["do"]]
        try:
            for last in (False, True):
                try:
                    return work(self._ready(message["tools_timeout"]), message, content)
                except guest_shells.Stale as stale:  # nothing was begun, so it can be done in a new session
                    self._close()
                    if last:
                        raise stale.error from None
        except ABOUT_FILES:
            raise
        except VixError:
            self._close()  # whatever it was, the next request begins a new session
            raise
        raise AssertionError

    def end(self) -> None:
        """End the session."""
        self._deadline.restart(FAREWELL)
        with suppress(VixError):
            self._close()
        shutil.rmtree(self._workdir, ignore_errors=True)

    def abandon(self) -> None:
        """End what runs in the guest. It is called while another thread serves a request."""
        shell = self._shell
        if shell is not None:
            self._deadline.restart(FAREWELL)
            with suppress(VixError):
                shell.clean()
                self._note.delete()
        shutil.rmtree(self._workdir, ignore_errors=True)

    def _connect(self, shell: Any, message: Message, content: bytes) -> Frame:
        return {}, b""

    def _execute(self, shell: Any, message: Message, content: bytes) -> Frame:
        answer = shell.execute(message["command"], content if message["has_stdin"] else None, message.get("become"))
        return {"rc": answer.rc, "stdout": len(answer.stdout)}, answer.stdout + answer.stderr

    def _put(self, shell: Any, message: Message, content: bytes) -> Frame:
        shell.put(message["source"], message["target"])
        return {}, b""

    def _fetch(self, shell: Any, message: Message, content: bytes) -> Frame:
        shell.fetch(message["source"], message["target"])
        return {}, b""

    def _ready(self, seconds: float) -> Any:
        """Return the GuestShell of the session, which is begun if there is none."""
        if self._shell is None:
            with self._closed_if_it_fails():
                wanted = SimpleNamespace(**self._options, tools_timeout=seconds, workdir=self._workdir)
                host = self._stack.enter_context(_session.connect(self._options, self._crumb, self._deadline))
                session = self._stack.enter_context(_session.logged_in(host, wanted))
                directory = guest_shells.new_directory()
                shell = guest_shells.GuestShell(session, directory)
                about = {"vm": session.guest.label, "user": session.guest.user}
                self._tidy(shell, about)
                self._note = notes.write(os.path.expanduser(NOTES), {**about, "directory": directory})
                self._stack.callback(self._note.release)
                shell.begin()
                self._shell = shell
        return self._shell

    def _tidy(self, shell: Any, about: Mapping[str, str]) -> None:
        """Remove from the guest what killed processes of this machine left there for this user."""
        for note in notes.left_behind(os.path.expanduser(NOTES)):
            if {name: note.content.get(name) for name in about} == about:
                with suppress(VixError):
                    shell.clean(note.content["directory"])
                    note.delete()
            note.release()

    def _close(self) -> None:
        """End the session, so that the next request begins a new one."""
        shell, self._shell = self._shell, None
        stack, self._stack = self._stack, ExitStack()
        with stack, suppress(VixError):
            if shell is not None:
                shell.end()
                self._note.delete()

    @contextmanager
    def _closed_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._close()
            raise
