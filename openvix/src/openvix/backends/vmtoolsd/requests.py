# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest with VMware's Tools asks its host by itself (RPCI): here the host answers for the VM."""

from __future__ import annotations

import re
import threading

from openvix.backends.vmtoolsd.guestrpc import ACCEPTED
from openvix.guest.owner import Owner
from openvix.vix.errors import VixError

# The init of a guest sends this when it has restarted.
RESTARTED = b"openvix.restarted"
GET = re.compile(rb"info-get guestinfo\.(\S+)")
SET = re.compile(rb"info-set guestinfo\.(\S+) ?(.*)", re.DOTALL)
MISSING, REFUSED = b"0 No value found", b"0 The variable cannot be set"
# The longest value of a variable in bytes.
LONGEST = 1 << 16


class Requests:
    """Answers the requests of one VM's guest."""

    def __init__(self, owner: Owner):
        self._owner = owner

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request: 1 or 0 for whether it was carried out, and a text."""
        text = request.rstrip(b"\0")
        if text == RESTARTED:
            # It waits for operations on the VM, which may wait for the guest.
            threading.Thread(target=self._owner.restarted, name="restarted", daemon=True).start()
        elif found := GET.fullmatch(text):
            return self._get(found[1].decode("utf-8", "replace"))
        elif found := SET.fullmatch(text):
            return self._set(found[1].decode("utf-8", "replace"), found[2].decode("utf-8", "replace"))
        elif text.startswith(b"info-get "):
            return MISSING
        return ACCEPTED

    def _get(self, name: str) -> bytes:
        try:
            value = self._owner.guest_variable(name)
        except VixError:
            return MISSING
        return MISSING if value is None else ACCEPTED + value.encode()

    def _set(self, name: str, value: str) -> bytes:
        if len(value.encode()) > LONGEST:
            return REFUSED
        try:
            self._owner.set_guest_variable(name, value)
        except (VixError, OSError):
            return REFUSED
        return ACCEPTED
