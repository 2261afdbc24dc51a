# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest."""

from __future__ import annotations

import re

from .._vix.errors import Refused


def matching(guest, pattern=None):
    """Return the guest's processes, by pid, whose name the regular expression is found in; all without one."""
    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise Refused(f"{pattern} is not a regular expression: {error}", doing="choosing processes") from error
    return sorted((process for process in guest.processes() if wanted.search(process["name"])), key=lambda process: process["pid"])
