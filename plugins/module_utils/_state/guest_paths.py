# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is at a path in a guest, whatever its content: a file, a directory, nothing, or what had another name."""

from __future__ import annotations

import ntpath
import re
from contextlib import suppress
from functools import partial

from .._system import attributes, linux, paths, windows
from .._vix.errors import AlreadyExists, FileNotFound, Inaccessible, NotADirectory, NotAFile, Refused, VixError
from .plan import Plan

NOT_TOUCHED = 12  # exit code of the scripts, beside those of attributes.py

# What a system cannot be without, or what holds what others cannot: each as it is written without "." and "..".
OF_LINUX = {
    "/": "bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var",
    "/usr/": "bin games include lib lib32 lib64 libexec libx32 local sbin share src",
    "/var/": "backups cache db lib local lock log mail opt run spool tmp",
}
OF_MACOS = {"/": "Applications Library System Users Volumes cores private", "/private/": "etc tmp var"}
OF_WINDOWS = {
    "": "$recycle.bin|boot|documents and settings|perflogs|program files|program files (x86)|programdata|recovery|system volume information|users|windows",
    "users\\": "default|public",
    "windows\\": "boot|fonts|inf|servicing|syswow64|system|system32|temp|winsxs",
}
SACRED = {f"{above}{name}" for table in (OF_LINUX, OF_MACOS) for above, names in table.items() for name in names.split()} | {"/"}
SACRED_ON_A_DRIVE = {f"\\{above}{name}" for above, names in OF_WINDOWS.items() for name in names.split("|")} | {"\\"}
DEEPEST, SHORT = 2, re.compile(r"~\d")  # names in the longest of these; what an 8.3 name has
TEMPORARY = "\\appdata\\local\\temp"


class Place:
    """A path of a guest, normalized, with the session that looks at it and the attributes that it should have.

    Args:
        session: The GuestSession.
        path: The path, as the user writes it.
        mode: Mode that it should have, or None.
        owner: Owner that it should have, or None.
        group: Group that it should have, or None.
    """

    def __init__(self, session, path, mode=None, owner=None, group=None):
        self.session, self.guest, self.family = session, session.guest, session.family
        self.path = paths.plain(path, self.family, session.doing(f"looking at {path} in"))
        self.wanted = attributes.wanted(mode, owner, group, self.family, self.path)

    def look(self):
        """The state of what is there: absent, directory, or file for all else."""
        return _state(paths.look(self.guest, self.path))

    def doing(self, what):
        return self.session.doing(f"{what} {self.path} in")


def file(place):
    """Return the plan that gives a file, which must be there, its attributes."""
    if paths.needed(place.guest, place.path)["is_directory"]:
        raise Refused("it is a directory, and shall be a file: delete it first", doing=place.doing("looking at"))
    return _plan(place, {"state": "file"}, {"state": "file"}, [], place.path)


def directory(place):
    """Return the plan that makes a directory, and those above it, where there is none."""
    now = place.look()
    if now == "file":
        raise Refused("it is a file, and shall be a directory: delete it first", doing=place.doing("looking at"))
    if now == "directory":
        return _plan(place, {"state": now}, {"state": now}, [], place.path)
    return _plan(place, {"state": now}, {"state": "directory"}, [partial(_make_directory, place, _missing(place))])


def absent(place):
    """Return the plan that deletes what is at the path: a directory with all that is in it, a link without what it leads to."""
    if place.wanted:
        raise Refused("mode, owner and group are of no use to what shall be absent", doing=place.doing("deleting"))
    _must_be_dispensable(place, "deleting")
    now = place.look()
    if now == "absent" and _is_broken_link(place):
        now = "file"
    return _plan(place, {"state": now}, {"state": "absent"}, [] if now == "absent" else [partial(_delete, place, now)])


def touched(place, access="now", modification="now"):
    """Return the plan that makes an empty file where there is nothing, and else sets those times of what is there that are not to be preserved."""
    info = paths.look(place.guest, place.path)
    if info is None:
        _must_have_folder(place, "touching")
        steps = [partial(_touch, place, True, True), *([partial(attributes.put, place.session, [place.path], place.wanted)] if place.wanted else [])]
        return _plan(place, {"state": "absent"}, {"state": "file"}, steps)
    times = {**({"access_time": "now"} if access == "now" else {}), **({"modification_time": "now"} if modification == "now" else {})}
    before = {"modification_time": info["modified"]} if modification == "now" else {}
    steps = [partial(_touch, place, access == "now", modification == "now")] if times else []
    return _plan(place, {"state": _state(info), **before}, {"state": _state(info), **times}, steps, place.path)


def renamed(place, source, replace=False):
    """Return the plan after which what is at the Place source is at this place instead; replace: whether a file that is there already may go."""
    if source.path == place.path:
        raise Refused("that is its own name", doing=place.doing(f"renaming {source.path} to"))
    _must_be_dispensable(source, "renaming")
    now = place.look()
    # Windows takes both for the same name where they differ in capitals only, so that it has the new one already.
    old = "absent" if not place.session.is_linux and source.path.lower() == place.path.lower() else source.look()
    if old == now == "absent":
        raise FileNotFound(f"no such file in the guest, and none that is called {place.path} already", code=4, doing=source.doing("renaming"))
    if old == "absent":
        same = {"src": old, "state": now}
        return _plan(place, same, same, [], place.path)
    if now == "absent":
        _must_have_folder(place, f"renaming {source.path} to")
    elif not replace or "directory" in (old, now):
        advice = "delete it first" if "directory" in (old, now) else "delete it first, or set force"
        raise Refused(f"there is a {now} of that name already: {advice}", doing=place.doing(f"renaming {source.path} to"))
    after = {"src": "absent", "state": old}
    return _plan(place, {"src": old, "state": now}, after, [partial(_rename, source, place)], source.path, lambda: {"src": source.look()})


def must_be_dispensable(path, family, user):
    """Raise Refused for a path that a system, or the user who is logged in to it, cannot be without."""
    name = user.rpartition("\\")[2]
    if family.NAME == linux.NAME:
        sacred = path in SACRED or path in (f"/home/{name}", f"/Users/{name}")
    else:
        # Windows leaves out spaces and dots at the end of a name and takes 8.3 names for the long ones; a colon leads to another stream of the same.
        parts = [part.rstrip(". ") for part in ntpath.splitdrive(path.lower())[1].split("\\")[1:]]
        rest = "\\" + "\\".join(parts)
        sacred = rest in SACRED_ON_A_DRIVE or rest == f"\\users\\{name.lower()}" or rest.endswith(TEMPORARY)
        sacred = sacred or "" in parts or ":" in rest or (len(parts) <= DEEPEST and bool(SHORT.search(rest)))
    if sacred:
        raise Refused("the guest, or its user, cannot be without that: choose something in it")


def _must_be_dispensable(place, what):
    try:
        must_be_dispensable(place.path, place.family, place.guest.user)
    except Refused as error:
        error.doing = place.doing(what)
        raise


def _must_have_folder(place, what):
    """Raise unless the folder is there that a new file goes to, as in check mode nothing else would tell."""
    folder = place.family.parent(place.path)
    info = paths.look(place.guest, folder)
    if info is None or not info["is_directory"]:
        raise FileNotFound(f"there is no folder {folder} in the guest: make it first", code=4, doing=place.doing(what))


def _is_broken_link(place):
    """Whether a link is there that leads nowhere, which VIX sees only in the list of its folder."""
    if not place.session.is_linux:
        return False
    try:
        return place.family.base_name(place.path) in [info["name"] for info in place.guest.list_directory(place.family.parent(place.path))]
    except (FileNotFound, Inaccessible, NotADirectory):
        return False


def _state(info):
    return "absent" if info is None else "directory" if info["is_directory"] else "file"


def _plan(place, before, after, steps, measured=None, observe=dict):
    """The Plan from what is to what shall be; measured: the path of what is there already and shall have the attributes, None for what is made so.

    observe: tells what else is to be read back.
    """
    if place.wanted and measured:
        same = attributes.are_set(place.session, measured, place.wanted)
        before = {**before, **(place.wanted.told() if same else attributes.found(place.session, measured, place.wanted))}
        steps = [*steps, *([] if same else [partial(attributes.put, place.session, [place.path], place.wanted)])]
    if place.wanted:
        after = {**after, **place.wanted.told()}
    path = {"path": place.path}
    return Plan({**path, **before}, {**path, **after}, steps, lambda: {**path, **after, **observe(), "state": place.look()})


def _missing(place):
    """The paths of the folders that are to be made, the uppermost first."""
    made, above = [place.path], place.family.parent(place.path)
    info = paths.look(place.guest, above)
    while info is None and above != place.family.parent(above):
        made.insert(0, above)
        above = place.family.parent(above)
        info = paths.look(place.guest, above)
    if info is not None and not info["is_directory"]:
        raise Refused(f"{above} is a file, and shall be a directory: delete it first", doing=place.doing("making the directory"))
    return made


def _make_directory(place, missing):
    try:
        place.guest.create_directory(place.path)
    except AlreadyExists:  # somebody else was quicker
        if not place.guest.directory_exists(place.path):
            raise
    if place.wanted:
        attributes.put(place.session, missing, place.wanted)


def _delete(place, state):
    guest, path = place.guest, place.path
    with suppress(FileNotFound):  # somebody else was quicker
        try:
            # First as a file, also what seems to be a directory: then a link to one goes, and nothing of what it leads to.
            guest.delete_file(path)
        except NotAFile:
            if state == "directory":
                guest.delete_directory(path)
            elif not place.session.is_linux or place.session.run(f"rm -f -- {linux.quote(path)}"):  # a device, a socket or a pipe, which VIX leaves alone
                raise


def _touch(place, access, modification):
    if place.session.is_linux:
        which = "" if access and modification else "-a " if access else "-m "
        script = f"touch {which}-- {linux.quote(place.path)} || exit {NOT_TOUCHED}\n"
    else:
        script = touch_of_windows(place.path, access, modification)
    if place.session.run(script):
        raise VixError("it could not be touched: log in as a guest_username that may write to it", doing=place.doing("touching"))


def touch_of_windows(path, access, modification):
    """A script for PowerShell that makes a file where there is none, and sets those of its times to now."""
    times = [name for name, asked in (("LastAccess", access), ("LastWrite", modification)) if asked]
    name = windows.quote(path)
    return (
        f"$ErrorActionPreference = 'Stop'; $path = {name}; $now = [DateTime]::UtcNow; try {{ "
        "$kind = if ([IO.Directory]::Exists($path)) { [IO.Directory] } else { [IO.File] }; "
        "if (-not $kind::Exists($path)) { [IO.File]::Open($path, 'OpenOrCreate', 'ReadWrite', 'ReadWrite').Close() }; "
        f"{''.join(f'$kind::Set{time}TimeUtc($path, $now); ' for time in times)}"
        f"}} catch {{ exit {NOT_TOUCHED} }}; exit 0"
    )


def _rename(source, place):
    place.guest.rename(source.path, place.path)
    if source.look() != "absent":
        text = "both names are of one and the same file, so that VIX has renamed nothing: delete one of them"
        raise VixError(text, doing=place.doing(f"renaming {source.path} to"))
