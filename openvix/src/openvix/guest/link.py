# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Tools that answer over a socket know the machine that they run in."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple


class Link(NamedTuple):
    """What a machine backend gives to Tools that answer over a socket. None of it may be called with a lock of theirs held, except dial and runs."""

    # Connects to them, one connection for each start of the guest. Raises OSError when the machine has ended.
    dial: Callable[[], socket.socket]
    # Whether the machine runs.
    runs: Callable[[], bool]
    # Returns once the guest has what its users expect as soon as Tools run: its shared folders.
    settle: Callable[[], None]
    # Wakes those who wait for Tools.
    changed: Callable[[], None]
