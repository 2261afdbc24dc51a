# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that a world goes by: the real one, or one that only a test moves on."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from openvix.system import atomic_files


class RealClock:
    """It goes on when the daemon does not."""

    now = staticmethod(time.monotonic)

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait on a condition that is held, at most until this time (None: for ever); it may return early."""
        condition.wait(None if until is None else max(until - self.now(), 0.001))

    def sleep_until(self, until: float) -> None:
        time.sleep(max(until - self.now(), 0))


class SteppedClock:
    """It stands still until it is moved on, and is found again by the next daemon in its file."""

    def __init__(self, path: Path):
        self._path, self._lock = path, threading.Lock()
        self._waiting: dict[threading.Condition, int] = {}
        # Never long before what a real clock has noted: a world may change from one to the other.
        self._now = json.loads(path.read_bytes()) if path.exists() else time.monotonic()

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on, and wake all who wait for that."""
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
        # Looked at once it is among those who are woken: a step just before is not missed.
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
