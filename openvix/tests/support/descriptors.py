# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The open files of this process, to check that a test leaves none open."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def opened() -> set[tuple[str, str]]:
    """Return the descriptors of this process and their targets."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        # The descriptor of the listing itself is already closed.
        with contextlib.suppress(FileNotFoundError):
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def opened_below(folder: Path) -> list[str]:
    """Return the targets of all open files below a directory."""
    return [path for _, path in opened() if path.startswith(f"{folder}/")]
