# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbered VMs: many equal VMs, named vm00001, vm00002, ..."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from openvix.system import atomic_files
from openvix.vm.machine import OFF, ON

NAME = re.compile(r"vm(\d{5})")


class NumberedVMs:
    """The number of VMs, and how many of them are initially powered on. Until a VM is loaded, its power state is stored nowhere else."""

    def __init__(self, directory: Path):
        self._path = directory / "numbered.json"
        saved = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        self._count, self._running = saved.get("count", 0), saved.get("running", 0)

    def grow(self, count: int, running: int) -> None:
        """Raise the number of VMs to count; running: how many are initially powered on, used the first time only."""
        if count > self._count:
            running = running if not self._count else self._running
            # Written first: if the disk is full, nothing has changed.
            atomic_files.replace(self._path, json.dumps({"count": count, "running": running}).encode())
            self._count, self._running = count, running

    def names(self, count: int) -> Iterator[str]:
        return (f"vm{number:05}" for number in range(1, count + 1))

    def power(self, name: str) -> str | None:
        """Return the initial power state of the VM of this name, None if it is not a numbered VM."""
        found = NAME.fullmatch(name)
        if not found or not 1 <= int(found[1]) <= self._count:
            return None
        return ON if int(found[1]) <= self._running else OFF
