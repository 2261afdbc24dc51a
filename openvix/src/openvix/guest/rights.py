# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access rights in a simulated guest.

The rights depend on the login, not on user ids: all files and processes of the guest belong to the one user id that runs the world. An administrator
has all rights. Another account can read everything except the homes of other accounts (including /root) and the files that only root can read. It can
write below its own home, /tmp and /var/tmp. The rights apply to guest operations of VIX, not to programs that an account starts in the guest. Nobody
can write to the directories of the host that are visible in the guest.
"""

from __future__ import annotations

import errno
import posixpath
from typing import NamedTuple

from openvix.guest.errors import error

# The login shell of an account of which the world file names none, and what /etc/shells of Debian lists.
SHELL = "/bin/bash"
SHELLS = ("/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/rbash", "/usr/bin/rbash", "/bin/dash", "/usr/bin/dash")
ROOT_ONLY = frozenset({"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-"})


class Account(NamedTuple):
    """The account of a login.

    hidden: the homes of other accounts, which it cannot read; writable: the directories, besides its home, below which it can write; shell: its
    login shell.
    """

    name: str
    administrator: bool
    home: str
    hidden: tuple[str, ...] = ()
    writable: tuple[str, ...] = ("/tmp", "/var/tmp")
    shell: str = SHELL


def home_of(account: dict) -> str:
    """Return the home directory of an account, which by default depends on its name."""
    usual = "/root" if account["name"] == "root" else f"/home/{account['name']}"
    return posixpath.normpath(account.get("home") or usual)


def shell_of(account: dict) -> str:
    """Return the login shell of an account."""
    return account.get("shell") or SHELL


def shells_file() -> str:
    """Return the content of /etc/shells in a new guest."""
    return "".join(f"{shell}\n" for shell in SHELLS)


def account_of(name: str, accounts: list[dict]) -> Account:
    """Return the account with this name; accounts: as in the world file."""
    settings = next(account for account in accounts if account["name"] == name)
    home = home_of(settings)
    others = {"/root", *(home_of(account) for account in accounts)}
    hidden = tuple(sorted(other for other in others if not is_below(home, other) and home != other))
    return Account(name, bool(settings.get("administrator", False)), home, hidden, shell=shell_of(settings))


def is_below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")


def must_see(account: Account, path: str) -> None:
    """Raise PermissionError unless the account may know whether this path exists; links in it are resolved."""
    if not account.administrator and any(is_below(path, home) for home in account.hidden):
        raise error(errno.EACCES, path)


def must_read(account: Account, path: str) -> None:
    """Raise PermissionError unless the account may read the file or directory at this path; links in it are resolved."""
    must_see(account, path)
    if not account.administrator and (path in account.hidden or path in ROOT_ONLY):
        raise error(errno.EACCES, path)


def must_write(account: Account, path: str) -> None:
    """Raise PermissionError unless the account may create, change or remove this path; links in it are resolved."""
    if not account.administrator and not any(is_below(path, own) for own in (account.home, *account.writable)):
        raise error(errno.EACCES, path)
