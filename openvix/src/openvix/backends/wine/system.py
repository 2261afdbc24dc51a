# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system of a Windows guest that runs no programs: its disk, and a list of its processes."""

from __future__ import annotations

import time

from openvix.backends.simulated import system
from openvix.backends.wine.accounts import SYSTEM

# Windows gives multiples of 4 as process ids; that of its kernel, which is listed as a process.
STEP = KERNEL = 4


class WindowsSystem(system.System):
    """The system of one Windows guest. Its processes are those that the world file declares; they are listed, and can be killed."""

    @property
    def hostname(self) -> str:
        return self._hostname

    def has_sandbox(self) -> bool:
        return False

    def made_up(self) -> list[dict]:
        start, kernel = int(time.time()), {"name": "System", "command": "System", "owner": SYSTEM}
        return [
            {"name": process["name"], "pid": pid, "owner": owner_of(process), "command": system.command_of(process), "start_time": start}
            for pid, process in enumerate_pids([kernel, *self.declared])
        ]


def enumerate_pids(processes: list[dict]) -> list[tuple[int, dict]]:
    """Return the processes with their process ids."""
    return [(KERNEL + STEP * number, process) for number, process in enumerate(processes)]


def owner_of(process: dict) -> str:
    """Return the owner of a declared process. The usual owner of the world file is root, which Windows has not."""
    owner = process.get("owner") or SYSTEM
    return SYSTEM if owner == "root" else owner
