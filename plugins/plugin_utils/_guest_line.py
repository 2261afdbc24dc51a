# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a guest for Ansible: it knows the options and Ansible's errors, and passes requests to where the VIX library is."""

from __future__ import annotations

import os
import shlex

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible_collections.vmlab.vix.plugins.module_utils import _guest_server, _kept_line, _remote_line, _session, _worker

REFUSED = 3015, 3014, 35  # VIX's numbers of a login that the guest refuses
# What the user has to change. Everything else may be otherwise at the next try: then the host is unreachable.
LASTING = ("Refused", "NotSupported", "LibraryNotFound", "LibraryUnusable", "LicenseRefused", "PasswordNeeded", "VMNotFound")
CONTROL_PATHS = "~/.ansible/cp"
NOT_THERE = ("FileNotFound", "NotADirectory")


class Line:
    """Requests of one connection. The caller ends it."""

    def __init__(self, plugin):
        self._plugin = plugin
        self.vm = plugin.get_option("vm")
        self._line = None

    def ask(self, do, message=None, content=b""):
        """Return the answer to a request of GuestServer, a message and its content; raise the AnsibleError that Ansible has for its failure."""
        begin, limit = self._plugin.get_option("connection_timeout"), self._plugin.get_option("command_timeout")
        seconds = begin if do == "connect" else limit and limit + begin
        try:
            if self._line is None or not self._line.is_open:
                self._line = self._begun(begin)
            return self._line.ask({"do": do, "tools_timeout": begin, **(message or {})}, content, seconds)
        except _worker.Failure as failure:
            raise _error(failure, do) from None
        except _worker.Bug as bug:
            raise AnsibleError(f"this is a bug in vmlab.vix: please report it with the traceback\n{bug}") from None

    def end(self):
        """End the session, unless it is kept for later tasks."""
        if self._line is not None:
            self._line.end()

    def reset(self):
        """End the session, also if it is kept."""
        self.end()
        if self._keeps():
            try:
                _kept_line.reset(self._options())
            except _worker.Failure as failure:
                raise _error(failure, "reset") from None

    def _keeps(self):
        return self._plugin.get_option("persist") > 0 and not self._plugin.get_option("vm_host")

    def _begun(self, seconds):
        """What a session is behind: another machine, another process, or a child of this one."""
        option, options = self._plugin.get_option, self._options()
        if option("vm_host"):
            os.makedirs(os.path.expanduser(CONTROL_PATHS), mode=0o700, exist_ok=True)  # ssh creates none
            command = [word.replace("{host}", option("vm_host")) for word in shlex.split(option("vm_host_command"))]
            return _remote_line.Remote(options, command, seconds)
        if self._keeps():
            return _kept_line.Kept(options, option("persist"), seconds)
        return _guest_server.converse(options)

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
            "vm": self.vm,
            "vm_password": option("vm_password"),
            "vm_directories": option("vm_directories"),
            "guest_username": user,
            "guest_password": password,
            "guest_interactive": option("interactive"),
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
