# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The near end of a connection to a guest: it knows the options and Ansible's errors, and passes requests to a Conversation."""

from __future__ import annotations

import os

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible_collections.vmlab.vix.plugins.module_utils import _guest_server, _session, _worker

REFUSED = 3015, 3014, 35  # VIX's numbers of a login that the guest refuses
# What the user has to change. Everything else may be otherwise at the next try: then the host is unreachable.
LASTING = ("Refused", "NotSupported", "LibraryNotFound", "LibraryUnusable", "LicenseRefused", "PasswordNeeded", "VMNotFound")
NOT_THERE = ("FileNotFound", "NotADirectory")


class Line:
    """Requests of one connection. The caller ends it."""

    def __init__(self, plugin):
        self._plugin = plugin
        self.vm = plugin.get_option("vm")
        self._conversation = None

    def ask(self, do, message=None, content=b""):
        """Return the answer to a request of GuestServer, a message and its content; raise the AnsibleError that Ansible has for its failure."""
        begin, limit = self._plugin.get_option("connection_timeout"), self._plugin.get_option("command_timeout")
        seconds = begin if do == "connect" else limit and limit + begin
        if self._conversation is None or not self._conversation.is_open:
            self._conversation = _guest_server.converse(self._options())
        try:
            return self._conversation.ask({"do": do, "tools_timeout": begin, **(message or {})}, content, seconds)
        except _worker.Failure as failure:
            raise _error(failure, do) from None
        except _worker.Bug as bug:
            raise AnsibleError(f"this is a bug in vmlab.vix: please report it with the traceback\n{bug}") from None

    def end(self):
        """End the session."""
        if self._conversation is not None:
            self._conversation.end()

    def _options(self):
        option = self._plugin.get_option
        user, password = option("remote_user"), option("password")
        if not user or password is None:
            missing = "ansible_user" if not user else "ansible_password"
            raise AnsibleError(f"connecting to the guest of {self.vm}: {missing} is not set; it is needed for the login to the guest")
        host = {name: option(name) for name in ("library", *_session.CONNECTION) if name != "password"}
        return {
            **host,
            "password": option("host_password"),
            "vm": os.path.expanduser(self.vm),
            "vm_password": option("vm_password"),
            "vm_directories": option("vm_directories"),
            "guest_username": user,
            "guest_password": password,
            "guest_interactive": option("interactive"),
            "home": None if option("hostname") else os.path.expanduser("~"),
        }


def _error(failure, do):
    """The exception of Ansible for a failure."""
    if failure.code in REFUSED and do == "connect":
        return AnsibleAuthenticationFailure(str(failure))
    if failure.kind in LASTING:
        return AnsibleError(str(failure))
    if do == "fetch" and failure.kind in NOT_THERE:
        return AnsibleFileNotFound(str(failure))
    if do in ("put", "fetch") and failure.kind in ("Inaccessible", "NotAFile", "AlreadyExists", *NOT_THERE):
        return AnsibleError(str(failure))
    return AnsibleConnectionFailure(str(failure))
