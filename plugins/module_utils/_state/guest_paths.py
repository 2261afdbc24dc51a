# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories of a guest without regard to content: they exist, are absent, or are renamed."""

from __future__ import annotations

import ntpath
import re
from contextlib import suppress
from functools import partial

from .._system import attributes, linux, paths, reach, renames, windows
from .._system.exit_codes import DONE
from .._vix.errors import AlreadyExists, FileNotFound, NotAFile, Refused, VixError
from .plan import Plan

NOT_TOUCHED = 12  # exit code of the scripts, beside those of attributes.py

# Paths that a system depends on, each written without "." and "..".
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
    "windows\\system32\\": "boot|catroot|catroot2|config|drivers|driverstore|spool|tasks|wbem|windowspowershell|winevt",
}
SACRED = {f"{above}{name}" for table in (OF_LINUX, OF_MACOS) for above, names in table.items() for name in names.split()} | {"/"}
SACRED_ON_A_DRIVE = {f"\\{above}{name}" for above, names in OF_WINDOWS.items() for name in names.split("|")} | {"\\"}
DEEPEST, SHORT = 2, re.compile(r"~\d")  # number of names in most of these; the mark of an 8.3 name
TEMPORARY = re.compile(r"\\appdata\\local\\temp(\\\d+)?$")  # each session may have a directory with its number in it


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
        """The state of the path, absent, directory, or file for anything else, a dangling symlink as well; and its file_info() if VIX returns one."""
        info, broken = reach.find(self.session, self.path)
        return "file" if broken == self.path else _state(info), info

    def seen(self):
        """The state of a path that look() has looked at."""
        return _state(paths.seen(self.guest, self.path))

    def doing(self, what):
        return self.session.doing(f"{what} {self.path} in")


def file(place):
    """Return the plan that sets the attributes of an existing file."""
    if paths.needed(place.session, place.path)["is_directory"]:
        raise Refused("it is a directory, not a file: delete it first", doing=place.doing("looking at"))
    return _plan(place, {"state": "file"}, {"state": "file"}, [], place.path)


def directory(place):
    """Return the plan that creates a directory and its parents."""
    info, broken = reach.find(place.session, place.path)
    now = _state(info)
    if broken:
        raise Refused(f"{broken} is a symbolic link that leads to nothing: delete it first", doing=place.doing("creating the directory"))
    if now == "file":
        raise Refused("it is a file, not a directory: delete it first", doing=place.doing("looking at"))
    if now == "directory":
        return _plan(place, {"state": now}, {"state": now}, [], place.path)
    return _plan(place, {"state": now}, {"state": "directory"}, [partial(_make_directory, place, _missing(place))])


def absent(place):
    """Return the plan that deletes a file, a directory with its content, or a link without its target."""
    if place.wanted:
        raise Refused("mode, owner and group cannot be used with state=absent", doing=place.doing("deleting"))
    _must_be_dispensable(place, "deleting")
    now = place.look()[0]
    return _plan(place, {"state": now}, {"state": "absent"}, [] if now == "absent" else [partial(_delete, place, now)])


def touched(place, access="now", modification="now"):
    """Return the plan that creates an empty file, or sets the times of an existing one. access, modification: now or preserve."""
    info = paths.look(place.session, place.path)
    if info is None:
        _must_have_folder(place, "touching")
        steps = [partial(_touch, place, True, True), *([partial(attributes.put, place.session, [place.path], place.wanted)] if place.wanted else [])]
        return _plan(place, {"state": "absent"}, {"state": "file"}, steps)
    times = {**({"access_time": "now"} if access == "now" else {}), **({"modification_time": "now"} if modification == "now" else {})}
    before = {"modification_time": info["modified"]} if modification == "now" else {}
    steps = [partial(_touch, place, access == "now", modification == "now")] if times else []
    return _plan(place, {"state": _state(info), **before}, {"state": _state(info), **times}, steps, place.path)


def renamed(place, source, replace=False):
    """Return the plan that renames the Place source to this place. replace: whether an existing file may be replaced."""
    if source.path == place.path:
        raise Refused("both paths are the same", doing=place.doing(f"renaming {source.path} to"))
    _must_be_dispensable(source, "renaming")
    now = place.look()[0]
    # For Windows these are the same name if they differ in case only, so the new one exists already.
    is_same = not place.session.is_linux and source.path.lower() == place.path.lower()
    old, info = ("absent", None) if is_same else source.look()
    if old == now == "absent":
        raise FileNotFound(f"neither this file nor {place.path} exists in the guest", code=4, doing=source.doing("renaming"))
    if old == "absent":
        same = {"src": old, "state": now}
        return _plan(place, same, same, [], place.path)
    if now == "absent":
        _must_have_folder(place, f"renaming {source.path} to")
    elif not replace or "directory" in (old, now):
        advice = "delete it first" if "directory" in (old, now) else "delete it first, or set force=true"
        raise Refused(f"a {now} of that name already exists: {advice}", doing=place.doing(f"renaming {source.path} to"))
    after = {"src": "absent", "state": old}
    if place.wanted and not info:
        raise Refused("a symbolic link that leads to nothing has no mode, owner and group", doing=place.doing(f"renaming {source.path} to"))
    step, before = partial(_rename, source, place, info, now != "absent"), {"src": old, "state": now}
    return _plan(place, before, after, [step], source.path, lambda: {"src": source.seen(), **({} if info else {"state": place.look()[0]})})


def must_be_dispensable(path, family, user):
    """Raise Refused for a path that a system, or the user who is logged in to it, depends on."""
    name = user.rpartition("\\")[2]
    if family.NAME == linux.NAME:
        sacred = path in SACRED or path in (f"/home/{name}", f"/Users/{name}")
    else:
        # Windows ignores spaces and dots at the end of a name and accepts 8.3 names; a colon begins the name of a stream of the same file.
        parts = [part.rstrip(". ") for part in ntpath.splitdrive(path.lower())[1].split("\\")[1:]]
        rest = "\\" + "\\".join(parts)
        # Whose a profile is does not show in its name: that of labuser can be labuser.LAB, and the login labuser@lab.local.
        is_profile = len(parts) == 2 and parts[0] == "users"
        sacred = rest in SACRED_ON_A_DRIVE or is_profile or bool(TEMPORARY.search(rest))
        is_short = bool(SHORT.search(rest)) and (len(parts) <= DEEPEST or (len(parts) == 3 and parts[:2] == ["windows", "system32"]))
        sacred = sacred or "" in parts or ":" in rest or is_short
    if sacred:
        raise Refused("refused, as the guest or its user depends on this path: use a path inside it")


def _must_be_dispensable(place, what):
    try:
        must_be_dispensable(place.path, place.family, place.guest.user)
    except Refused as error:
        error.doing = place.doing(what)
        raise


def _must_have_folder(place, what):
    """Raise FileNotFound unless the directory of a new file exists: in check mode nothing else would find that out."""
    folder = place.family.parent(place.path)
    info = paths.seen(place.guest, folder)
    if info is None or not info["is_directory"]:
        raise FileNotFound(f"the directory {folder} does not exist in the guest: create it first", code=4, doing=place.doing(what))


def _state(info):
    return "absent" if info is None else "directory" if info["is_directory"] else "file"


def _plan(place, before, after, steps, measured=None, observe=dict):
    """The Plan, with the attributes added to its states.

    Args:
        place: The Place.
        before: The state that is.
        after: The state that is wanted.
        steps: The steps, without those for attributes.
        measured: Path of the existing file whose attributes are compared. None: a new file gets its attributes from the steps.
        observe: Returns what else is read back.
    """
    if place.wanted and measured:
        same = attributes.are_set(place.session, measured, place.wanted)
        before = {**before, **(place.wanted.as_dict() if same else attributes.found(place.session, measured, place.wanted))}
        steps = [*steps, *([] if same else [partial(attributes.put, place.session, [place.path], place.wanted)])]
    if place.wanted:
        after = {**after, **place.wanted.as_dict()}
    path = {"path": place.path}
    return Plan({**path, **before}, {**path, **after}, steps, lambda: {**path, **after, "state": place.seen(), **observe()})


def _missing(place):
    """The paths of the directories to create, the uppermost first."""
    made, above = [place.path], place.family.parent(place.path)
    info = paths.seen(place.guest, above)
    while info is None and above != place.family.parent(above):
        made.insert(0, above)
        above = place.family.parent(above)
        info = paths.seen(place.guest, above)
    if info is not None and not info["is_directory"]:
        raise Refused(f"{above} is a file, not a directory: delete it first", doing=place.doing("creating the directory"))
    return made


def _make_directory(place, missing):
    try:
        paths.create_directory(place.session, place.path)
    except AlreadyExists:  # another program was faster
        if not place.guest.directory_exists(place.path):
            raise
    if place.wanted:
        attributes.put(place.session, missing, place.wanted)


def _delete(place, state):
    guest, path = place.guest, place.path
    with suppress(FileNotFound):  # another program was faster
        try:
            # First as a file, even if it seems to be a directory: this deletes a link to one without its target.
            guest.delete_file(path)
        except NotAFile:
            if state == "directory":
                guest.delete_directory(path)
            elif (
                not place.session.is_linux or place.session.run(f"rm -f -- {linux.quote(path)} && exit {DONE}") != DONE
            ):  # a device, a socket or a pipe, which VIX does not delete
                raise


def _touch(place, access, modification):
    if place.session.is_linux:
        which = "" if access and modification else "-a " if access else "-m "
        script = f"touch {which}-- {linux.quote(place.path)} || exit {NOT_TOUCHED}\nexit {DONE}\n"
    else:
        script = touch_of_windows(place.path, access, modification)
    code = place.session.run(script)
    if code == NOT_TOUCHED:
        raise VixError("its times could not be set: log in as a guest_username with write permission", doing=place.doing("touching"))
    if code != DONE:
        raise VixError(f"the script that sets its times ended with exit code {code} before it was done; it may have been killed", doing=place.doing("touching"))


def touch_of_windows(path, access, modification):
    """A script for PowerShell that creates a file if there is none, and sets the chosen times to now."""
    times = [name for name, asked in (("LastAccess", access), ("LastWrite", modification)) if asked]
    name = windows.quote(path)
    return (
        f"$ErrorActionPreference = 'Stop'; $path = {name}; $now = [DateTime]::UtcNow; try {{ "
        "$kind = if ([IO.Directory]::Exists($path)) { [IO.Directory] } else { [IO.File] }; "
        "if (-not $kind::Exists($path)) { [IO.File]::Open($path, 'OpenOrCreate', 'ReadWrite', 'ReadWrite').Close() }; "
        f"{''.join(f'$kind::Set{time}TimeUtc($path, $now); ' for time in times)}"
        f"}} catch {{ exit {NOT_TOUCHED} }}; exit {DONE}"
    )


def _rename(source, place, info, replace):
    warning = renames.rename(place.session, source.path, place.path, info, replace, place.doing(f"renaming {source.path} to"))
    wanted = place.wanted
    is_set = wanted and wanted.mode and wanted.owner and wanted.group
    return {"warnings": [warning]} if warning and not is_set else None
