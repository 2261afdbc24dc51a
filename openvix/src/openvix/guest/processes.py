# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process of a guest, as VIX lists it."""

from __future__ import annotations

from typing import NamedTuple

# Bytes that Linux keeps of a process's name.
SHORT = 15
# How long a process may take to become another program, and a killed one to vanish, on a machine that is busy.
START_SECONDS, VANISH_SECONDS = 5, 10


class Process(NamedTuple):
    """A process of a guest: its name, its process id there, its owner's name, its command line, and when it started in seconds since 1970."""

    name: str
    pid: int
    owner: str
    command: str
    start_time: int
