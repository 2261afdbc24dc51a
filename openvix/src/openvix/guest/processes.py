# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest, and how VMware Tools name them (docs/vix-semantics.md, section 19)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from openvix.guest.tools_options import ToolsOptions
from openvix.vix import constants
from openvix.vix.errors import VixError

# Time limit for a process to execute another program; generous for a busy VM host.
START_SECONDS = 5
# The first pause of a wait for a process, and the longest one.
FIRST_PAUSE, LAST_PAUSE = 0.005, 0.25


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


def end_process(pid: int, send: Callable[[int], None], is_there: Callable[[], bool], options: ToolsOptions) -> None:
    """Kill a process as VMware Tools do: with SIGTERM, and if it is still there after some seconds, with SIGKILL.

    send: sends it a signal; raises ProcessLookupError if it is missing. is_there: whether it is listed. Raises VixError 1 if it still is in the end.
    """
    for number, seconds in ((signal.SIGTERM, options.term_seconds), (signal.SIGKILL, options.kill_seconds)):
        try:
            send(int(number))
        except ProcessLookupError:
            return
        for _ in pauses(seconds):
            if not is_there():
                return
    raise VixError(constants.VIX_E_FAIL, f"process {pid} is still there after SIGKILL")


def pauses(seconds: float | None = None) -> Iterator[None]:
    """Yield at once, then after growing pauses, until the seconds are over."""
    until, pause = None if seconds is None else time.monotonic() + seconds, FIRST_PAUSE
    yield
    while until is None or time.monotonic() < until:
        time.sleep(pause)
        pause = min(1.5 * pause, LAST_PAUSE)
        yield
