# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest with VMware's Tools asks its host by itself (RPCI): here the host answers for the VM."""

from __future__ import annotations

import threading

from openvix.backends.vmtoolsd.guestrpc import ACCEPTED
from openvix.guest.owner import Owner

# The init of a guest sends this when it has restarted.
RESTARTED = b"openvix.restarted"


class Requests:
    """Answers the requests of one VM's guest."""

    def __init__(self, owner: Owner):
        self._owner = owner

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request: 1 or 0 for whether it was carried out, and a text."""
        if request.rstrip(b"\0") == RESTARTED:
            # It waits for operations on the VM, which may wait for the guest.
            threading.Thread(target=self._owner.restarted, name="restarted", daemon=True).start()
        return ACCEPTED
