# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection of guest tools to the machine in which they run."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple


class Link(NamedTuple):
    """The functions that a machine backend passes to guest tools. Except for dial and runs, they must not be called with a lock of the tools held."""

    # Return a new connection to the tools, one for each start of the guest. Raises OSError if the machine has ended.
    dial: Callable[[], socket.socket]
    # Return whether the machine runs.
    runs: Callable[[], bool]
    # Wait until the shared folders are mounted in the guest.
    settle: Callable[[], None]
    # Wake up calls that wait for the tools.
    changed: Callable[[], None]
