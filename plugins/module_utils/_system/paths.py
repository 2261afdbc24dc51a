# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of a guest as a user writes them, names as a guest tells them, and what is at a path."""

from __future__ import annotations

import ntpath

from .._vix.errors import FileNotFound, NotADirectory, Refused
from . import linux

VERBATIM, SHARE = "\\\\?\\", "UNC\\"  # what begins a path that Windows takes to the letter, and such a one of a share


def plain(path, family, doing):
    """Return an absolute path without empty parts, "." and ".." (resolved by the text alone, links or no links); raise Refused for another.

    Windows would take a name that no file of it can have for another, for a part of a file or for a device, and say nothing.
    """
    if "\0" in path:
        raise Refused("a path cannot contain a NUL character", doing=doing)
    if not family.is_absolute(path):
        example = "C:\\Users\\lab" if family.NAME != linux.NAME else "/home/lab"
        raise Refused(f"{path} is no absolute path of a {family.NAME.capitalize()} guest, as {example} is", doing=doing)
    if family.NAME != linux.NAME:
        if path.startswith(VERBATIM):
            path = path[len(VERBATIM) :]
            path = f"\\\\{path[len(SHARE) :]}" if path.upper().startswith(SHARE) else path
        path = ntpath.normpath(path)
        for name in filter(None, ntpath.splitdrive(path)[1].split("\\")):
            if family.is_illegal(name):
                raise Refused(f"no file of a Windows guest can be called {name}", doing=doing)
        return path
    parts = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def is_odd(name, family):
    """Whether a guest tells a name that no file can have there, as a hostile one may, so that it must not become part of a path."""
    return name in ("", ".", "..") or "/" in name or "\0" in name or (family.NAME != linux.NAME and ("\\" in name or ":" in name))


def look(guest, path):
    """What file_info() tells of a path, or None when nothing is there; nor is there where a link leads nowhere."""
    try:
        return guest.file_info(path)
    except (FileNotFound, NotADirectory):  # the latter for what would lie below a file
        return None


def needed(guest, path):
    """What file_info() tells of a path; raise when nothing is there."""
    try:
        return guest.file_info(path)
    except (FileNotFound, NotADirectory) as error:
        raise FileNotFound("no such file in the guest", code=error.code, raw=error.raw, doing=error.doing) from error
