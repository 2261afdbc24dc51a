# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of a guest as users write them, names as guests report them, and information about a path."""

from __future__ import annotations

import ntpath
import re

from .._vix.errors import FileNotFound, Inaccessible, NotADirectory, Refused
from . import linux, reach

VERBATIM, SHARE = "\\\\?\\", "UNC\\"  # prefixes of a literal path in Windows, and of one of a share
NAMESPACE, DRIVE = re.compile(r"[\\/]{2}[?.][\\/]"), re.compile(r"[A-Za-z]:\\")


def plain(path, family, doing):
    """Return an absolute path without empty parts, "." and "..", which are resolved without regard to links. Raises Refused for others.

    Names that Windows does not allow are refused here: Windows itself would silently use another file, a stream of a file, or a device.
    """
    if "\0" in path:
        raise Refused("a path cannot contain a NUL character", doing=doing)
    if not family.is_absolute(path):
        example = "C:\\Users\\lab" if family.NAME != linux.NAME else "/home/lab"
        raise Refused(f"{path} is not an absolute path of a {family.NAME.capitalize()} guest, such as {example}", doing=doing)
    if family.NAME != linux.NAME:
        path = _without_prefix(path, doing)
        path = ntpath.normpath(path)
        for name in filter(None, ntpath.splitdrive(path)[1].split("\\")):
            if family.is_illegal(name):
                raise Refused(f"this name is not allowed in a Windows guest: {name}", doing=doing)
        return path
    parts = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _without_prefix(path, doing):
    """Return a path of Windows without the prefix of a literal path. Raises Refused for one that leads to a device, a volume or another namespace."""
    if not NAMESPACE.match(path):
        return path
    rest = path[len(VERBATIM) :].replace("/", "\\")
    if path.startswith(VERBATIM) and rest.upper().startswith(SHARE):
        return f"\\\\{rest[len(SHARE) :]}"
    if path.startswith(VERBATIM) and DRIVE.match(rest):
        return rest
    raise Refused(f"{path} is not the path of a file on a drive or a share: begin with a drive, such as C:\\", doing=doing)


def is_odd(name, family):
    """Whether a reported name is not a valid file name of the guest, as a malicious guest may report, and must not become part of a path."""
    return name in ("", ".", "..") or "/" in name or "\0" in name or (family.NAME != linux.NAME and ("\\" in name or ":" in name))


def seen(guest, path):
    """The file_info() of a path. None if VMware Tools do not find it: for a path that look() has looked at, or one that is known to be accessible."""
    try:
        return guest.file_info(path)
    except (FileNotFound, NotADirectory):  # the latter for a path below a file
        return None


def look(session, path):
    """The file_info() of a path. None if it does not exist, or is a dangling symlink. Raises Inaccessible if it is not accessible to the user."""
    return reach.find(session, path)[0]


def needed(session, path):
    """The file_info() of a path; raise FileNotFound if it does not exist, and Inaccessible if it is not accessible to the user."""
    info, broken = reach.find(session, path)
    if info is None:
        text = "no such file in the guest" if broken is None else f"{broken} is a symbolic link that leads to nothing"
        raise FileNotFound(text, code=4, doing=session.doing(f"looking at {path} in"))
    return info


def create_directory(session, path):
    """Create a directory and its parents, where look() has found nothing; raise Inaccessible if the user may not."""
    try:
        session.guest.create_directory(path)
    except FileNotFound as error:
        if not session.is_linux:
            raise
        # New VMware Tools report this where the user has no right (docs/vix-semantics.md, section 20).
        text = f"{session.guest.user} may not create it, or a symbolic link that leads to nothing is in its path"
        raise Inaccessible(text, code=error.code, raw=error.raw, doing=error.doing, advice=reach.ADVICE) from error
