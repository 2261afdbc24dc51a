# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searching for files of a guest by name, kind, age and size."""

from __future__ import annotations

import re
import time
from fnmatch import translate

from .._system import paths, trees
from .._vix.errors import FileNotFound, Inaccessible, NotADirectory, Refused, VixError

AGE = re.compile(r"([+-]?\d+)([smhdw]?)", re.ASCII)
SIZE = re.compile(r"([+-]?\d+)([bkmgt]?)", re.ASCII)
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
BYTES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Filter:
    """Which files and directories are searched for.

    Args:
        patterns: Shell patterns, or Python's regular expressions that match from the beginning of a name. None at all: every name.
        excludes: The same, of names that are left out.
        use_regex: Whether these are regular expressions.
        kind: file, directory, link or any.
        age: A number and a unit, such as 2d: at least as old; -2d: at most as old. None: any.
        size: A number and a unit, such as 10k: at least as large; -10k: at most as large. None: any.
        hidden: Whether names that begin with a dot are included.
        ignore_case: Whether shell patterns ignore case.
    """

    def __init__(self, patterns=(), excludes=(), use_regex=False, kind="file", age=None, size=None, hidden=False, ignore_case=False):
        patterns = patterns or ([".*"] if use_regex else ["*"])
        self._patterns = [_expression(pattern, use_regex, ignore_case) for pattern in patterns]
        self._excludes = [_expression(pattern, use_regex, ignore_case) for pattern in excludes or ()]
        self._kind, self._hidden = kind, hidden
        self.age = None if age is None else _number(age, AGE, SECONDS, "age", "such as 30s, -2d or 1w")
        self._size = None if size is None else _number(size, SIZE, BYTES, "size", "such as 512, 10k or -1m")

    def matches(self, thing, now):
        """Whether a thing is searched for. now: the time to measure its age by."""
        return (
            self._kind in ("any", thing["kind"])
            and self._is_named(thing["name"])
            and (self.age is None or (thing["modified"] is not None and _reaches(now - thing["modified"], *self.age)))
            and (self._size is None or thing["kind"] != "file" or (thing["size"] is not None and _reaches(thing["size"], *self._size)))
        )

    def is_in_doubt(self, thing):
        """Whether the result depends on what VIX does not distinguish: a link and a directory, a device and an empty file."""
        doubtful = {"directory": ("directory", "link", "any"), "file": () if thing["size"] else ("file", "any")}
        return self._kind in doubtful.get(thing["kind"], ()) and self._is_named(thing["name"])

    def _is_named(self, name):
        return (
            (self._hidden or not name.startswith("."))
            and any(pattern.match(name) for pattern in self._patterns)
            and not any(pattern.match(name) for pattern in self._excludes)
        )


def find(session, directories, depth, limit, wanted):
    """Search directories of a guest.

    Args:
        session: The GuestSession.
        directories: Their paths.
        depth: How many levels of each to search. None: all.
        limit: How many things to return at most. None: all.
        wanted: The Filter.

    Returns:
        What the module reports.
    """
    for option, number in (("depth", depth), ("limit", limit)):
        if number is not None and number < 1:
            raise Refused(f"{option} must be 1 or more, not {number}", doing="looking for files")
    guest, family = session.guest, session.family
    first, skipped = {}, {}
    for place in dict.fromkeys(paths.plain(folder, family, "looking for files") for folder in directories):
        try:
            first[place] = trees.level(session, place)
        except (FileNotFound, Inaccessible, NotADirectory) as error:
            skipped[place] = _why_not(session, place, error)
    warnings = [f"{place} of {guest.label} could not be searched as {guest.user}: {why}" for place, why in skipped.items()]
    by_shell = trees.by_shell(session, list(first), depth) if first and session.is_linux and _needs_shell(first, wanted, depth) else None
    grown, now = by_shell or ({}, time.time())
    files, examined = [], 0
    for place, things in first.items():
        if len(files) == limit:
            break
        tree = grown.get(place) or trees.by_vix(session, place, depth, things)
        for thing in tree.things:
            examined += 1
            if not by_shell and wanted.is_in_doubt(thing):
                thing = trees.certain(session, thing)
            if wanted.matches(thing, now):
                files.append(_entry(thing))
                if len(files) == limit:
                    break
        skipped.update({**tree.closed, **tree.avoided})
    clock = {} if wanted.age is None else {"clock": "guest" if by_shell else "host"}
    return {"files": files, "matched": len(files), "examined": examined, "skipped_paths": skipped, "warnings": warnings, **clock}


def _why_not(session, place, error):
    """Why a directory could not be listed. VMware Tools report the same error for one that is absent, one that is not accessible, and a file."""
    if not isinstance(error, Inaccessible):
        try:
            if paths.look(session, place) is None:
                error = FileNotFound("no such directory in the guest", code=4)
        except Inaccessible as refusal:
            error = refusal
    return str(VixError(error.text, code=error.code))


def _needs_shell(first, wanted, depth):
    """Whether a shell is needed or takes fewer calls: for the guest's time, nested directories, or the exact kind of an entry."""
    things = [thing for level in first.values() for thing in level]
    deep = depth != 1 and any(thing["kind"] == "directory" for thing in things)
    return deep or wanted.age is not None or any(wanted.is_in_doubt(thing) for thing in things)


def _entry(thing):
    kind = thing["kind"]
    return {
        "path": thing["path"],
        "kind": kind,
        "size": thing["size"],
        "mtime": thing["modified"],
        "isreg": kind == "file",
        "isdir": kind == "directory",
        "islnk": kind == "link",
    }


def _expression(pattern, use_regex, ignore_case):
    try:
        return re.compile(pattern if use_regex else translate(pattern), re.IGNORECASE if ignore_case and not use_regex else 0)
    except re.error as error:
        raise Refused(f"{pattern} is not a regular expression: {error}", doing="looking for files") from error


def _number(text, form, units, option, example):
    """The value of a number with a unit, and whether it is a minimum. If not, it is a maximum."""
    found = form.fullmatch(text.lower())
    if not found:
        raise Refused(f"{text} is not a valid {option}: use a number and one of {', '.join(filter(None, units))}, {example}", doing="looking for files")
    number, unit = found.groups()
    return abs(int(number)) * units[unit], not number.startswith("-")


def _reaches(value, bound, least):
    return value >= bound if least else value <= bound
