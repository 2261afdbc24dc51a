# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest OS of a .vmx: whether it is Windows."""

from __future__ import annotations

import re

# As guestOS has it: windows11-64, arm-windows11-64, winServer2019, longhorn (Server 2008); but not darwin.
_WINDOWS = re.compile(r"(arm-)?(win|longhorn|whistler)", re.IGNORECASE)


def is_windows(guest_os: str) -> bool:
    """Return whether a guest OS identifier belongs to Windows."""
    return _WINDOWS.match(guest_os) is not None
