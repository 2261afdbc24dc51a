# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a world: the one that clients run on, and those that they reach by name; no network is between them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from openvix.config import products
from openvix.config.products import Product

# Scheme and path may be left out (docs/vix-semantics.md, section 9).
URL = re.compile(r"(?:https://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?(?:/sdk)?")
PORT = 443


class Host(NamedTuple):
    """One host: the product that it plays, where its VMs lie ("vms" in its directory), and its users with their passwords (None: nobody is refused)."""

    name: str
    port: int
    directory: Path
    plays: Product
    settings: dict
    users: dict[str, str] | None = None

    def knows(self, user: str, password: str) -> bool:
        """Return whether a user may connect with this password."""
        # Whoever can measure how long this takes can read the world file.
        return self.users is None or self.users.get(user) == password


def local(directory: Path, settings: dict) -> Host:
    """Return the host that the world itself is."""
    return Host("", 0, directory, products.of(settings["product"], settings["version"]), settings)


def remote(world: Path, said: dict) -> Host:
    """Return a host as worldfile.host() describes it, in the directory of a world."""
    users = {user["name"]: user["password"] for user in said["users"]}
    return Host(said["name"].lower(), said["port"], folder(world, said), products.of(said["product"], said["version"]), said, users)


def folder(world: Path, said: dict) -> Path:
    return world / "hosts" / (said["name"].lower() + ("" if said["port"] == PORT else f":{said['port']}"))


def address(text: str) -> tuple[str, int] | None:
    """Return name and port of what VixHost_Connect is given, None when it is malformed."""
    found = URL.fullmatch(text)
    return (found[1].strip("[]").lower(), int(found[2] or PORT)) if found else None
