# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time limits, which VIX does not have."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING

from .errors import TimedOut

if TYPE_CHECKING:
    from typing import Callable


class Deadline:
    """One budget of seconds for everything that a run waits for."""

    is_kept_outside = False  # whether another thread checks it, and leaves the waiting thread behind

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self.seconds, self._clock, self._sleep = seconds, clock, sleep
        self._end = clock() + seconds

    def restart(self, seconds: float) -> None:
        """Begin a new budget, for whatever has this deadline and serves a new request."""
        self.seconds, self._end = seconds, self._clock() + seconds

    def left(self) -> float:
        """Seconds until the deadline, 0 when it has passed."""
        return max(0.0, self._end - self._clock())

    def within(self, seconds: float) -> Deadline:
        """A separate budget for a part of the run, never longer than the whole."""
        return Deadline(min(seconds, self.left()), self._clock, self._sleep)

    def kept_outside(self) -> Deadline:
        """The same budget, for a thread that is left behind when it has passed."""
        other = copy.copy(self)
        other.is_kept_outside = True
        return other

    def pause(self, seconds: float, doing: str) -> None:
        """Wait for that many seconds; raise TimedOut if no time is left."""
        left = self.left()
        if not left:
            raise TimedOut(f"timed out after {self.seconds:g} s; VIX cannot cancel the operation, so it may still finish", doing=doing)
        self._sleep(min(seconds, left))
