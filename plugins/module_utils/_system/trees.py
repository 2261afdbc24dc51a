# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listing directories of a guest recursively: by VIX, with one call for each directory, or by one program run of a guest with /bin/sh.

A thing is a dictionary of its path, name, kind (file, directory, link or other), size in bytes (0 unless it is a file; None if VIX lists a file that
the user may not read) and modified, in seconds since 1970; size and modified of a link are those of its target. VIX does not distinguish a link to a
directory from a directory, nor an empty file from a device: see certain().
"""

from __future__ import annotations

import re
import stat
from collections import deque
from functools import partial

from .._vix.errors import FileNotFound, Inaccessible, NotADirectory, NotSupported, VixError
from .._vix.guest import LONGEST_SCRIPT
from . import captured, linux, paths, reach

END = b"//\n"  # of a record: paths do not contain two adjacent slashes
TIME = re.compile(rb"[0-9]{1,19}")
RECORD = re.compile(rb"(?:[TL]([0-9a-fA-F]{1,8}) ([0-9]{1,19}) (-?[0-9]{1,19})|C([0-9a-f]{64})|U)(/.*)", re.DOTALL)
LONGEST = LONGEST_SCRIPT - 1000  # bytes of a script that captured.run() extends
NOT_READABLE = "the guest user has no permission to read it"
NOT_ENTERED = "the guest user may list it but not enter it, so nothing but the names in it is known"
GONE = "it was deleted or replaced while the directories were listed"
NOT_TEXT = "\ufffd"  # replaces bytes in a name that are not UTF-8

SCRIPT = """\
date +%s//
if stat -c %f /; then option=-c here='T%f %s %Y%n//' there='L%f %s %Y%n//'; else option=-f here='T%Xp %z %m%N//' there='L%Xp %z %m%N//'; fi > /dev/null
look() {{
    find -H "$1" {depth} -exec stat "$option" "$here" -- {{}} +
    find -H "$1" {depth} -type l -exec stat -L "$option" "$there" -- {{}} +
    find -H "$1" {above} -type d -exec sh -c 'for each; do [ -r "$each" ] && [ -x "$each" ] || printf "U%s//\\n" "$each"; done' sh {{}} +
    {sums}
}}
"""
# A file on standard input has no name that could be an option, or that the program would write to the answer.
SUMS = """find -H "$1" {depth} -type f -exec sh -c 'for each; do
        sum=$(sha256sum < "$each" || shasum -a 256 < "$each") && printf "C%s%s//\\n" "${{sum%% *}}" "$each"
    done' sh {{}} +"""


class Tree:
    """The content of a directory, recursively.

    things: an iterable that can be used once, sorted by level and path. After that, closed has the reasons why directories could not be read, by path, and
    avoided the reasons why others were not read.
    """

    def __init__(self, things, closed, avoided):
        self.things, self.closed, self.avoided = things, closed, avoided


def level(session, folder):
    """The things in a directory, sorted by name, as VIX lists them; raise Inaccessible if the user may list it but not enter it."""
    listed = session.guest.list_directory(folder)
    if session.is_linux and any(map(reach.is_unseen, listed)):
        raise Inaccessible(NOT_ENTERED, doing=session.doing(f"listing {folder} in"), advice=reach.ADVICE)
    return things_in(folder, listed, session.family)


def by_vix(session, folder, depth=None, first=None):
    """Return the Tree of a directory. Directories below it are listed while things is iterated.

    depth: number of levels. None: all. first: its first level, if it is known already.
    """
    return grown(partial(level, session), session.family, folder, depth, level(session, folder) if first is None else first)


def certain(session, thing):
    """A thing from VIX with its exact kind: a file of size 0 may be a device, a socket or a pipe in a Linux guest."""
    if thing["kind"] == "file" and thing["size"] == 0 and session.is_linux and not session.guest.file_exists(thing["path"]):
        return {**thing, "kind": "other"}
    return thing


def grown(look, family, folder, depth, first):
    """The Tree of a directory. look(path) returns the things of a directory below it, or raises if that cannot be read."""
    tree = Tree((), {}, {})
    tree.things = _grow(tree, look, family, folder, depth, first)
    return tree


def _grow(tree, look, family, folder, depth, first):
    places = deque([(folder, 1, ())])
    while places:
        place, number, above = places.popleft()
        things = first if number == 1 else _inside(look, place, tree.closed)
        # A link back to a directory above is recognized only by its identical content.
        looks = [(thing["name"], thing["kind"], thing["size"], thing["modified"]) for thing in things]
        like = next((path for path, other in above if looks and looks == other), None)
        if like is not None:
            tree.avoided[place] = f"it has the same content as {like}: it is treated as a link back there"
            continue
        yield from things
        if number != depth:
            places += [(thing["path"], number + 1, (*above, (place, looks))) for thing in things if _can_be_entered(thing, family, tree.avoided)]


def _can_be_entered(thing, family, avoided):
    if thing["kind"] != "directory":
        return False
    if paths.is_odd(thing["name"], family) or NOT_TEXT in thing["name"]:
        avoided[thing["path"]] = "its name cannot be passed to VIX"
        return False
    return True


def _inside(look, place, closed):
    try:
        return look(place)
    except Inaccessible as error:
        closed[place] = str(VixError(error.text, code=error.code))
    except (FileNotFound, NotADirectory):
        closed[place] = GONE
    return []


def things_in(folder, listed, family):
    """The things of a directory, sorted by name. listed: what VIX returned."""
    found = sorted(listed, key=lambda info: info["name"])
    return [_thing(family.join(folder, info["name"]), info["name"], _kind(info), info["size"], _modified(info)) for info in found]


def _modified(info):
    """The time of an entry of a list; None for a link that leads nowhere, whose time VMware Tools list as -1 (docs/vix-semantics.md, section 18)."""
    return None if info["is_link"] and info["modified"] == -1 else info["modified"]


def _thing(path, name, kind, size, modified):
    return {"path": path, "name": name, "kind": kind, "size": size, "modified": modified}


def _kind(info):
    return "directory" if info["is_directory"] else "link" if info["is_link"] else "file"


def by_shell(session, directories, depth, sums=False):
    """List directories by one program run.

    Args:
        session: The GuestSession.
        directories: Their paths.
        depth: How many levels of each to list. None: all.
        sums: Whether readable files also get a checksum, SHA-256 in hexadecimal.

    Returns:
        The Tree of each directory by its path, and the guest's time in seconds since 1970. None if the guest has no shell that can list them.
    """
    text = script(directories, depth, sums)
    if len(text.encode("utf-8", "surrogateescape")) > LONGEST:
        return None
    try:
        answer = captured.run(session, text, session.doing("listing directories in"))[1]
    except (FileNotFound, NotSupported):  # no shell, or no programs at all
        return None
    return read(answer, directories, session.doing("listing directories in"))


def script(folders, depth=None, sums=False):
    """Return the script for the guest's shell."""
    words = {"depth": "" if depth is None else f"-maxdepth {depth}", "above": "" if depth is None else f"-maxdepth {depth - 1}"}
    text = SCRIPT.format(**words, sums=SUMS.format(**words) if sums else ":")
    return text + "".join(f"look {linux.quote(folder)}\n" for folder in folders) + "printf E//\\\\n\n"


def read(answer, folders, doing=None):
    """The result of by_shell() from the script's answer; None if it is incomplete. Raises VixError for one that the script cannot have written."""
    time, *records = answer.split(END)
    if records[-2:] != [b"E", b""] or not TIME.fullmatch(time):
        return None
    seen, links, closed, sums = {}, {}, {}, {}
    for record in records[:-2]:
        found = RECORD.fullmatch(record)
        if not found:
            raise VixError("the list that the guest wrote cannot be read", doing=doing)
        mode, size, modified, checksum, path = found.groups()
        if checksum:
            sums[path] = checksum.decode("ascii")
        elif mode:
            (links if record.startswith(b"L") else seen)[path] = int(mode, 16), int(size), int(modified)
        else:
            closed[path] = NOT_READABLE
    trees = {}
    for folder in folders:
        start = folder.encode("utf-8", "surrogateescape")
        if start not in seen:
            return None
        inside = start if start.endswith(b"/") else start + b"/"
        # By level and then by name, the order of by_vix().
        found = sorted((path for path in seen if path.startswith(inside) and path != start), key=lambda path: (path.count(b"/"), path.split(b"/")))
        things = [_joined(path, seen[path], links.get(path), sums.get(path)) for path in found]
        reasons = {_text(path): closed[path] for path in sorted(closed) if path.startswith(inside) or path == start}
        trees[folder] = Tree(things, reasons, {})
    return trees, int(time)


def _joined(path, own, target, checksum):
    """A thing, from the stat(1) output for it and, for a link, for its target."""
    mode, size, modified = own if target is None else target
    kind = "link" if stat.S_ISLNK(own[0]) else "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
    thing = _thing(_text(path), _text(path.rpartition(b"/")[2]), kind, size if stat.S_ISREG(mode) else 0, modified)
    return thing if checksum is None else {**thing, "checksum": checksum}


def _text(name):
    return name.decode("utf-8", "replace")
