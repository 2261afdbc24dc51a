# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a world: the local one, and those that clients connect to by name. No network is involved."""

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
    """One host. Its VMs are in "vms" of its directory; users maps names to passwords, None accepts every login."""

    name: str
    port: int
    directory: Path
    product: Product
    settings: dict
    users: dict[str, str] | None = None

    def accepts(self, user: str, password: str) -> bool:
        """Return whether a user may connect with this password."""
        # Timing attacks do not matter: whoever can measure this can also read the world file.
        return self.users is None or self.users.get(user) == password


def local(directory: Path, settings: dict) -> Host:
    """Return the local host of a world."""
    return Host("", 0, directory, products.get(settings["product"], settings["version"]), settings)


def remote(world: Path, settings: dict) -> Host:
    """Return a remote host of a world; settings as worldfile.host() returns them."""
    users = {user["name"]: user["password"] for user in settings["users"]}
    product = products.get(settings["product"], settings["version"])
    return Host(settings["name"].lower(), settings["port"], _directory(world, settings), product, settings, users)


def _directory(world: Path, settings: dict) -> Path:
    return world / "hosts" / (settings["name"].lower() + ("" if settings["port"] == PORT else f":{settings['port']}"))


def address(text: str) -> tuple[str, int] | None:
    """Return name and port of a host name as VixHost_Connect takes it, None if it is malformed."""
    found = URL.fullmatch(text)
    return (found[1].strip("[]").lower(), int(found[2] or PORT)) if found else None
