# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of a Windows guest, and their places on its disk.

Drive C: is the directory DRIVE of the disk. Names are found whatever the case of their letters; the disk keeps the case in which a name was created.
"""

from __future__ import annotations

import errno
import os
import re

from openvix.guest import paths, trees
from openvix.guest.errors import error
from openvix.vix import constants
from openvix.vix.errors import VixError

# The directory of Wine's prefix on a disk, and that of drive C: within it; both as paths of the disk.
PREFIX, DRIVE = "/windows", "/windows/drive_c"
# Shared folders by their name in a Windows guest.
SHARES = "\\\\vmware-host\\shared folders"
# Names that are devices in every directory, with any suffix.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.IGNORECASE | re.DOTALL)
_INVALID = re.compile(r'[<>:"|?*\x00-\x1f]')
# The maximum length of a name and of a path, in UTF-16 code units.
_LONGEST_NAME, _LONGEST = 255, 32760


def names(path: str) -> list[str]:
    """Return the names in an absolute path of the guest, below the root of the disk's directory: [] for C:\\ itself.

    Raises OSError: EINVAL for an empty or relative path, ENOENT for a drive that does not exist; VixError 22 for names that Windows does not permit,
    such as those of devices.
    """
    text, above = path.replace("/", "\\"), DRIVE.strip("/").split("/")
    if text.startswith("\\\\?\\UNC\\"):
        text = f"\\\\{text[8:]}"
    elif re.match(r"\\\\\?\\[A-Za-z]:\\", text):
        text = text[4:]
    if text.lower().startswith(f"{SHARES}\\"):
        above, rest = paths.SHARES.strip("/").split("/"), text[len(SHARES) :]
    elif re.match(r"[A-Za-z]:\\", text):
        if text[0] not in "cC":
            raise error(errno.ENOENT, path)
        rest = text[2:]
    elif text.startswith("\\\\"):
        raise VixError(constants.VIX_E_FILE_NAME_INVALID, f"the path {path!r} leads to a device or to another computer")
    else:
        raise error(errno.EINVAL, path)
    if len(path.encode("utf-16-le", "surrogatepass")) // 2 > _LONGEST:
        raise error(errno.ENAMETOOLONG, path)
    found: list[str] = []
    for name in rest.split("\\"):
        if name == "..":
            del found[-1:]
        elif name not in ("", "."):
            found.append(_valid(name, path))
    return [*above, *found]


def _valid(name: str, path: str) -> str:
    """Return a name without what Windows removes from its end."""
    bare = name.rstrip(". ")
    if not bare or _INVALID.search(bare) or _DEVICE.fullmatch(bare):
        raise VixError(constants.VIX_E_FILE_NAME_INVALID, f"Windows does not permit the name {name!r} in {path!r}")
    if len(bare.encode("utf-16-le", "surrogatepass")) // 2 > _LONGEST_NAME:
        raise error(errno.ENAMETOOLONG, path)
    return bare


def resolve(disk: paths.Disk, path: str) -> str:
    """Return the path on the disk for a path of the guest: existing names in the case of the disk, others as they are.

    Raises OSError, VixError: see names().
    """
    return place(disk, names(path))


def place(disk: paths.Disk, wanted: list[str]) -> str:
    """Return the path on the disk for names below its root, as resolve()."""
    found = ""
    for at, name in enumerate(wanted):
        here = _spelled(disk, found or "/", name)
        if here is None:
            return "/".join([found, *wanted[at:]])
        found = f"{found}/{here}"
    return found


def _spelled(disk: paths.Disk, directory: str, name: str) -> str | None:
    """Return the name in a directory as the disk has it; None if it is missing."""
    try:
        with paths.find(disk, f"{directory}/{name}", follow=False) as exact:
            exact.stat()
            return name
    except OSError:
        pass
    if isinstance(disk, paths.View) and directory == paths.SHARES:
        # The disk may have no directory for a share.
        return next((share for share in sorted(disk.shares) if share.casefold() == name.casefold()), None)
    try:
        with paths.find(disk, directory) as above, trees.opened(above.name, os.O_RDONLY | os.O_DIRECTORY, above.directory, forced=True) as opened:
            return next((other for other in sorted(os.listdir(opened)) if other.casefold() == name.casefold()), None)
    except OSError:
        return None


def shown(path: str) -> str:
    """Return a path of the disk as the guest knows it."""
    if path.startswith(f"{paths.SHARES}/"):
        return "\\\\vmware-host\\Shared Folders" + path[len(paths.SHARES) :].replace("/", "\\")
    return "C:" + (path[len(DRIVE) :].replace("/", "\\") or "\\")
