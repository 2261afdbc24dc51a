# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access rights in a simulated guest.

The rights depend on the login, not on user ids: all files and processes of the guest belong to the one user id that runs the world. An administrator
has all rights. Another account is taken for the owner of its home and of everything below /tmp and /var/tmp, root for the owner of the rest, and the modes of
files hold accordingly: it can write below its own home, /tmp and /var/tmp, and reads elsewhere what all accounts can read, except the homes of other
accounts (including /root) and the files that only root can read. The rights apply to guest operations of VIX, not to programs that an account starts in
the guest. Nobody can write to the directories of the host that are visible in the guest.
"""

from __future__ import annotations

import errno
import posixpath
import stat
from typing import NamedTuple

from openvix.guest.errors import error

# The login shell of an account of which the world file names none, and what /etc/shells of Debian lists.
SHELL = "/bin/bash"
SHELLS = ("/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/rbash", "/usr/bin/rbash", "/bin/dash", "/usr/bin/dash")
# The bits of a mode.
READ, WRITE, ENTER = 4, 2, 1
ROOT_ONLY = frozenset({"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-"})


class Account(NamedTuple):
    """The account of a login.

    hidden: the homes of other accounts, which it cannot read; writable: the directories, besides its home, below which it can write; shell: its
    login shell; modes: whether the modes of files hold, as in every guest but Windows.
    """

    name: str
    administrator: bool
    home: str
    hidden: tuple[str, ...] = ()
    writable: tuple[str, ...] = ("/tmp", "/var/tmp")
    shell: str = SHELL
    modes: bool = True


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


def _permits(account: Account, path: str, mode: int, wanted: int) -> bool:
    """Return whether the mode of the file at this path gives the account the rights READ, WRITE or ENTER."""
    if account.administrator or not account.modes:
        return True
    owns = path == account.home or any(is_below(path, own) for own in (account.home, *account.writable))
    return (mode >> (6 if owns else 0)) & wanted == wanted


def may_enter(account: Account, path: str, mode: int) -> bool:
    """Return whether the account may look up names in the directory at this path; links in the path are resolved."""
    return account.administrator or (path not in account.hidden and _permits(account, path, mode, ENTER))


def may_read(account: Account, path: str, mode: int) -> bool:
    """Return whether the account may read the file or directory at this path; links in the path are resolved."""
    return account.administrator or (path not in account.hidden and path not in ROOT_ONLY and _permits(account, path, mode, READ))


def must_enter(account: Account, path: str, mode: int) -> None:
    """Raise PermissionError unless the account may look up names in the directory at this path."""
    if not may_enter(account, path, mode):
        raise error(errno.EACCES, path)


def must_read(account: Account, path: str, mode: int) -> None:
    """Raise PermissionError unless the account may read the file at this path, or read the directory there and look up names in it."""
    if not may_read(account, path, mode) or (stat.S_ISDIR(mode) and not may_enter(account, path, mode)):
        raise error(errno.EACCES, path)


def may_write(account: Account, path: str) -> bool:
    """Return whether the place of this path lets the account create, change or remove what is there; links in it are resolved."""
    return account.administrator or any(is_below(path, own) for own in (account.home, *account.writable))


def must_write(account: Account, path: str) -> None:
    """Raise PermissionError unless the place of this path lets the account create, change or remove what is there; links in it are resolved."""
    if not may_write(account, path):
        raise error(errno.EACCES, path)


def must_have_write(account: Account, path: str, mode: int) -> None:
    """Raise PermissionError unless the mode of the file or directory at this path lets the account change it."""
    if not _permits(account, path, mode, WRITE):
        raise error(errno.EACCES, path)
