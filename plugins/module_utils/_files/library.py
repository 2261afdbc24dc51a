# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists of VMs that VMware's products keep for their own windows; VIX has no part in them."""

from __future__ import annotations

import os
import re

from . import vmx
from .places import Places

# A file below the user's home, what its entries are called before their number, and where they have the path and the name of a VM.
LISTS = (
    (".vmware/inventory.vmls", "vmlist", "config", "displayname"),  # Workstation
    ("Library/Application Support/VMware Fusion/vmInventory", "vmlist", "config", "displayname"),
    (".vmware/preferences", "pref.mruvm", "filename", "displayname"),  # Player, which has no library and notes the VMs used last
)
WORLD_LIST = "inventory.vmls"  # in the directory of a world of OpenVIX

# Files below the user's home with the settings of a product, and the default directory of its new VMs.
PREFERENCES = (".vmware/preferences", "Library/Preferences/VMware Fusion/preferences")
DEFAULT_FOLDER = "prefvmx.defaultvmpath"
FOLDERS = ("vmware", "Virtual Machines.localized", "Documents/Virtual Machines.localized")


def known_vms(home):
    """Return path and display name (None where the list has none) of each VM in VMware's lists, in their order, each VM once.

    home: the home of the user whose lists they are. A VM stays in a list when its files are gone. Raises vmx.BrokenFile.
    """
    found, broken = listed_vms(home)
    if broken:
        raise broken[0]
    return [(path, name) for path, dummy, name in found]


def listed_vms(home):
    """Return path, where it really lies, and display name (or None) of the same, and the BrokenFile of each list that cannot be read."""
    found, broken, places = {}, [], Places()
    for path, entry, path_key, name_key in _lists(home):
        try:
            entries = _entries(path, entry, path_key, name_key)
        except vmx.BrokenFile as error:
            broken.append(error)
            continue
        for path, display_name in entries:
            path = _expanded(path, home)
            place = places.real(path)  # directories are entries as well, and removed ones are empty entries
            if place:
                found.setdefault(place, (path, place, display_name or None))
    return list(found.values()), broken


def lists(home):
    """Return the paths of the lists that exist."""
    return [path for path, *dummy in _lists(home) if os.path.exists(path)]


def _lists(home):
    """The lists as in LISTS, with their paths. A world of OpenVIX has one as well, since OpenVIX never writes to the user's."""
    world = os.environ.get("OPENVIX_WORLD")
    own = [(os.path.join(os.path.abspath(world), WORLD_LIST), *LISTS[0][1:])] if world else []
    return own + [(os.path.join(home, name), *keys) for name, *keys in LISTS]


def folders(home):
    """Return the existing directories in which the products store the VMs of the user with this home directory."""
    found = []
    for name in PREFERENCES:
        try:
            found.append(_expanded(vmx.read(os.path.join(home, name)).get(DEFAULT_FOLDER, ""), home))
        except (FileNotFoundError, vmx.BrokenFile):  # the default directories remain
            continue
    found += [os.path.join(home, name) for name in FOLDERS]
    return [folder for folder in dict.fromkeys(found) if os.path.isabs(folder) and os.path.isdir(folder)]


def _expanded(path, home):
    """The path with the home directory in place of a tilde at its start, which VMware's own function for such settings replaces as well."""
    return os.path.join(home, path[2:]) if path.startswith("~/") else home if path == "~" else path


def _entries(path, entry, path_key, name_key):
    try:
        values = vmx.read(path)
    except FileNotFoundError:
        return []
    pattern = re.compile(re.escape(entry) + "([0-9]{1,9})" + re.escape(f".{path_key}"))
    numbers = sorted({int(hit.group(1)) for hit in map(pattern.fullmatch, values) if hit})
    return [(values.get(f"{entry}{number}.{path_key}", ""), values.get(f"{entry}{number}.{name_key}")) for number in numbers]
