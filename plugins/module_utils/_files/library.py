# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists of VMs that VMware's products keep for their own windows; VIX has no part in them."""

from __future__ import annotations

import os
import re

from . import vmx

# A file below the user's home, what its entries are called before their number, and where they have the path and the name of a VM.
LISTS = (
    (".vmware/inventory.vmls", "vmlist", "config", "displayname"),  # Workstation
    ("Library/Application Support/VMware Fusion/vmInventory", "vmlist", "config", "displayname"),
    (".vmware/preferences", "pref.mruvm", "filename", "displayname"),  # Player, which has no library and notes the VMs used last
)


def known_vms(home):
    """Return path and display name (None where the list has none) of each VM in VMware's lists, in their order, each VM once.

    home: the home of the user whose lists they are. A VM stays in a list when its files are gone. Raises vmx.BrokenFile.
    """
    found, places = [], set()
    for name, entry, path_key, name_key in LISTS:
        for path, display_name in _entries(os.path.join(home, name), entry, path_key, name_key):
            place = _place(path)
            if place and place not in places:
                places.add(place)
                found.append((path, display_name or None))
    return found


def _entries(path, entry, path_key, name_key):
    try:
        values = vmx.read(path)
    except FileNotFoundError:
        return []
    pattern = re.compile(re.escape(entry) + "([0-9]{1,9})" + re.escape(f".{path_key}"))
    numbers = sorted({int(hit.group(1)) for hit in map(pattern.fullmatch, values) if hit})
    return [(values.get(f"{entry}{number}.{path_key}", ""), values.get(f"{entry}{number}.{name_key}")) for number in numbers]


def _place(path):
    """Where a VM really lies; None for what is no path: a folder of the list is an entry as well, and one that was removed an empty one."""
    try:
        return os.path.realpath(path) if os.path.isabs(path) and b"\0" not in os.fsencode(path) else None
    except UnicodeEncodeError:  # the locale has no such characters, and so no such path
        return None
