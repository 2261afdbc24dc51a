# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of a file in a guest."""

from __future__ import annotations

from typing import NamedTuple


class FileInfo(NamedTuple):
    """The properties of a file: name without directory, size in bytes, VIX_FILE_ATTRIBUTES_ flags, time of the last change in seconds since 1970."""

    name: str
    size: int
    flags: int
    modified: int
