# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest, and how VMware Tools name them (docs/vix-semantics.md, section 19)."""

from __future__ import annotations

from typing import NamedTuple

# Time limit for a process to execute another program, and for the exit of a killed one; generous for a busy VM host.
START_SECONDS, VANISH_SECONDS = 5, 10


class Process(NamedTuple):
    """A process in a guest: name, process id in the guest, name of its owner, command line, and start time in seconds since 1970."""

    name: str
    pid: int
    owner: str
    command: str
    start_time: int


def named(kernel_name: str, arguments: bytes) -> tuple[str, str]:
    """Return the name and the command line of a process.

    arguments: each ended by NUL, as in /proc/PID/cmdline. A thread of the kernel, and a process that has ended and was not reaped, have none: both texts
    are then the name that the kernel has for it. A process that has overwritten its arguments with nothing has neither.
    """
    if not arguments:
        return kernel_name, kernel_name
    first, *others = (each.decode("utf-8", "replace") for each in arguments.rstrip(b"\0").split(b"\0"))
    # The directory is removed only from an absolute path.
    return first.rpartition("/")[2] if first.startswith("/") else first, " ".join([first, *others])
