# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The family of a guest's operating system, Linux or Windows."""

from __future__ import annotations

import re

from . import linux, windows

FAMILIES = {"linux": linux, "windows": windows}
# As guestOS has it in a .vmx: windows11-64, arm-windows11-64 (Fusion on Apple silicon), winServer2019, longhorn (Server 2008); but not darwin.
WINDOWS = re.compile(r"(?:arm-)?(?:win|longhorn|whistler)", re.IGNORECASE)


def of(guest, wanted="auto"):
    """Return the module linux or windows. With "auto" it is chosen by the guest OS in the VM's configuration."""
    if wanted != "auto":
        return FAMILIES[wanted]
    return windows if WINDOWS.match(guest.system) else linux
