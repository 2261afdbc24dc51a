# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this process has open: a test that leaves nothing open has opened nothing more, whatever a thread of an earlier test closes meanwhile."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def opened() -> set[tuple[str, str]]:
    """Return the descriptors of this process, each with what it leads to."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        # The one that lists them is closed already.
        with contextlib.suppress(FileNotFoundError):
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def opened_below(folder: Path) -> list[str]:
    """Return what this process has open below a folder, as often as it is open."""
    return [path for _, path in opened() if path.startswith(f"{folder}/")]
