# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may touch what in a guest.

The simulated rights are those of a login, not of user ids: an ordinary user who runs a world owns a single user id, so every file and process of
the guest belongs to it. An administrator may do everything. Another account may see everything but what lies in other accounts' homes (root's is
/root) and in the files that only root reads, and may write below its own home, /tmp and /var/tmp. The rights hold for the guest operations of VIX;
a program that an account starts in the guest is not bound by them. A simulated guest gives nobody the right to write what it shows of the host.
"""

from __future__ import annotations

import errno
import posixpath
from typing import NamedTuple

from openvix.guest.errors import error

ROOT_ONLY = frozenset({"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-"})


class Account(NamedTuple):
    """A login in effect: the account's name, whether it is an administrator, its home, and the homes it may not look into."""

    name: str
    administrator: bool
    home: str
    hidden: tuple[str, ...] = ()


def home_of(account: dict) -> str:
    """Return the home directory that the world says, or else the usual one."""
    usual = "/root" if account["name"] == "root" else f"/home/{account['name']}"
    return posixpath.normpath(account.get("home") or usual)


def account_of(name: str, accounts: list[dict]) -> Account:
    """Return the account of this name among those of the world."""
    said = next(account for account in accounts if account["name"] == name)
    home = home_of(said)
    others = {"/root", *(home_of(account) for account in accounts)}
    hidden = tuple(sorted(other for other in others if not is_below(home, other) and home != other))
    return Account(name, bool(said.get("administrator", False)), home, hidden)


def is_below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")


def must_see(account: Account, path: str) -> None:
    """Raise PermissionError unless the account may know of what is at this path, all links followed."""
    if not account.administrator and any(is_below(path, home) for home in account.hidden):
        raise error(errno.EACCES, path)


def must_read(account: Account, path: str) -> None:
    """Raise PermissionError unless the account may read the file or list the directory at this path, all links followed."""
    must_see(account, path)
    if not account.administrator and (path in account.hidden or path in ROOT_ONLY):
        raise error(errno.EACCES, path)


def must_write(account: Account, path: str) -> None:
    """Raise PermissionError unless the account may make, change or remove what is at this path, all links followed."""
    if not account.administrator and not any(is_below(path, own) for own in (account.home, "/tmp", "/var/tmp")):
        raise error(errno.EACCES, path)
