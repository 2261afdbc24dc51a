# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of a world: real time, or time that tests advance."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from openvix.system import atomic_files


class RealClock:
    """Real time; it also passes while the daemon does not run."""

    now = staticmethod(time.monotonic)

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait on a condition that is held, at most until this time (None: no limit); may return early."""
        condition.wait(None if until is None else max(until - self.now(), 0.001))

    def sleep_until(self, until: float) -> None:
        time.sleep(max(until - self.now(), 0))


class SteppedClock:
    """Time that stands still until advance() is called; stored in a file for the next daemon."""

    def __init__(self, path: Path):
        self._path, self._lock = path, threading.Lock()
        self._waiting: dict[threading.Condition, int] = {}
        # Start from the real time: a world may change from one clock to the other and has timestamps of the real one.
        self._now = json.loads(path.read_bytes()) if path.exists() else time.monotonic()

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the time and wake up all waiting threads."""
        with self._lock:
            now = self._now + seconds
            atomic_files.replace(self._path, json.dumps(now).encode())
            self._now = now
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        with self._lock:
            self._waiting[condition] = self._waiting.get(condition, 0) + 1
        # Checked after the registration above, so that a concurrent advance() is not missed.
        if until is None or until > self._now:
            condition.wait()
        with self._lock:
            self._waiting[condition] -= 1
            if not self._waiting[condition]:
                del self._waiting[condition]

    def sleep_until(self, until: float) -> None:
        condition = threading.Condition()
        with condition:
            while until > self._now:
                self.wait(condition, until)
