# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of a guest, as VIX describes it."""

from __future__ import annotations

from typing import NamedTuple


class FileInfo(NamedTuple):
    """What VIX tells of a file: its name without the directory, size in bytes, VIX_FILE_ATTRIBUTES_ flags, seconds since 1970 of its last change."""

    name: str
    size: int
    flags: int
    modified: int
