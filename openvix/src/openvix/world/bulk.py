# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many VMs that are alike, with names that can be foretold: vm00001, vm00002, ..."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from openvix.system import atomic_files
from openvix.vm.machine import OFF, ON

NAME = re.compile(r"vm(\d{5})")


class Herd:
    """How many there are, and how many of them began running: until one is looked at, this is all that tells its power state."""

    def __init__(self, directory: Path):
        self._path = directory / "herd.json"
        said = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        self._count, self._running = said.get("count", 0), said.get("running", 0)

    def grow(self, count: int, running: int) -> None:
        """Have at least so many; those that are there already began as they did."""
        if count > self._count:
            self._running = running if not self._count else self._running
            self._count = count
            atomic_files.replace(self._path, json.dumps({"count": self._count, "running": self._running}).encode())

    def names(self, count: int) -> Iterator[str]:
        return (f"vm{number:05}" for number in range(1, count + 1))

    def power(self, name: str) -> str | None:
        """Return the power state in which the VM of this name begins, None when it is none of these."""
        found = NAME.fullmatch(name)
        if not found or not 1 <= int(found[1]) <= self._count:
            return None
        return ON if int(found[1]) <= self._running else OFF
