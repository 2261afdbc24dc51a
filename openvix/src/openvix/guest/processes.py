# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of a process in a guest."""

from __future__ import annotations

from typing import NamedTuple

# The length at which Linux truncates the name of a process, in bytes.
SHORT = 15
# Time limit for a process to execute another program, and for the exit of a killed one; generous for a busy VM host.
START_SECONDS, VANISH_SECONDS = 5, 10


class Process(NamedTuple):
    """A process in a guest: name, process id in the guest, name of its owner, command line, and start time in seconds since 1970."""

    name: str
    pid: int
    owner: str
    command: str
    start_time: int
