# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated guest without a VM: its system and its guest tools."""

from __future__ import annotations

from pathlib import Path

from openvix.backends.simulated.system import System
from openvix.backends.simulated.tools import SimulatedTools


class Guest(SimulatedTools):
    """The guest tools of a system, with the methods of the system to boot and halt it."""

    def __init__(self, runtime: Path, *, hostname: str = "web", accounts: list[dict], processes: list[dict]):
        self.system = System(runtime, hostname=hostname, declared=processes)
        super().__init__(self.system, accounts, lambda: "")
        self.boot, self.attach, self.halt = self.system.boot, self.system.attach, self.system.halt
        self.freeze, self.thaw, self.share = self.system.freeze, self.system.thaw, self.system.share

    @property
    def disk(self) -> Path | None:
        return self.system.disk
