# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies in a folder of a guest and in those below it: told by VIX, one call for each folder, or by one program run of a guest that has /bin/sh.

A thing is a dictionary of its path, name, kind (file, directory, link or other), size in bytes (0 for what is no file) and modified, in seconds since
1970; size and modified of a link are those of what it leads to. VIX tells no link to a folder from the folder: there it is a directory. Nor does it tell
an empty file from what is no file: see certain().
"""

from __future__ import annotations

import stat
from collections import deque
from functools import partial

from .._vix.errors import FileNotFound, Inaccessible, NotADirectory, NotSupported, VixError
from .._vix.guest import LONGEST_SCRIPT
from . import captured, linux, paths

END = b"//\n"  # of a record: no path has two slashes side by side
LONGEST = LONGEST_SCRIPT - 1000  # bytes of a script that captured.run() can add its own to
NOT_READABLE = "the guest user may not read it"
NOT_TEXT = "\ufffd"  # stands in a name for what is no UTF-8

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
# Read as standard input, a name cannot be taken for an option, and is not written into the answer in a manner of the program's own.
SUMS = """find -H "$1" {depth} -type f -exec sh -c 'for each; do
        sum=$(sha256sum < "$each" || shasum -a 256 < "$each") && printf "C%s%s//\\n" "${{sum%% *}}" "$each"
    done' sh {{}} +"""


class Tree:
    """What is below a folder: things, which can be gone through once, each level by path and after those above it.

    When all have been gone through: closed has the reason why a folder could not be looked into, by its path, and avoided the reason why one was not.
    """

    def __init__(self, things, closed, avoided):
        self.things, self.closed, self.avoided = things, closed, avoided


def level(session, folder):
    """The things in a folder, sorted by name, as VIX lists them."""
    return things_in(folder, session.guest.list_directory(folder), session.family)


def by_vix(session, folder, depth=None, first=None):
    """Return the Tree of a folder, each folder of which is listed when it is come to.

    depth: how many levels of it, None for all; first: its own level, where that is known already.
    """
    return grown(partial(level, session), session.family, folder, depth, level(session, folder) if first is None else first)


def certain(session, thing):
    """A thing that VIX has told of, of its true kind: what has no size may be a device, a socket or a pipe, where there are such."""
    if thing["kind"] == "file" and not thing["size"] and session.is_linux and not session.guest.file_exists(thing["path"]):
        return {**thing, "kind": "other"}
    return thing


def grown(look, family, folder, depth, first):
    """The Tree of a folder by what look(path) tells of each below it, which raises for one that cannot be looked into."""
    tree = Tree((), {}, {})
    tree.things = _grow(tree, look, family, folder, depth, first)
    return tree


def _grow(tree, look, family, folder, depth, first):
    places = deque([(folder, 1, ())])
    while places:
        place, number, above = places.popleft()
        things = first if number == 1 else _inside(look, place, tree.closed)
        # A link back to a folder above lists as that folder does, and nothing else tells it from one.
        looks = [(thing["name"], thing["kind"], thing["size"], thing["modified"]) for thing in things]
        like = next((path for path, other in above if looks and looks == other), None)
        if like is not None:
            tree.avoided[place] = f"it lists as {like} does, and is taken for a link back there"
            continue
        yield from things
        if number != depth:
            places += [(thing["path"], number + 1, (*above, (place, looks))) for thing in things if _can_be_entered(thing, family, tree.avoided)]


def _can_be_entered(thing, family, avoided):
    if thing["kind"] != "directory":
        return False
    if paths.is_odd(thing["name"], family) or NOT_TEXT in thing["name"]:
        avoided[thing["path"]] = "its name cannot be given to VIX"
        return False
    return True


def _inside(look, place, closed):
    try:
        return look(place)
    except (FileNotFound, Inaccessible, NotADirectory) as error:
        closed[place] = str(VixError(error.text, code=error.code))
        return []


def things_in(folder, listed, family):
    """The things in a folder, sorted by name, of which VIX has told so."""
    found = sorted(listed, key=lambda info: info["name"])
    return [_thing(family.join(folder, info["name"]), info["name"], _kind(info), info["size"], info["modified"]) for info in found]


def _thing(path, name, kind, size, modified):
    return {"path": path, "name": name, "kind": kind, "size": size, "modified": modified}


def _kind(info):
    return "directory" if info["is_directory"] else "link" if info["is_link"] else "file"


def by_shell(session, folders, depth, sums=False):
    """List folders by one program run.

    Args:
        session: The GuestSession.
        folders: Their paths.
        depth: How many levels of each to list. None: all.
        sums: Whether a file that can be read also gets its checksum, SHA-256 in hexadecimal.

    Returns:
        The Tree of each folder by its path, and the guest's time in seconds since 1970. None if the guest has no shell that can list them.
    """
    text = script(folders, depth, sums)
    if len(text.encode("utf-8", "surrogateescape")) > LONGEST:
        return None
    try:
        answer = captured.run(session, text, session.doing("looking at folders in"))[1]
    except (FileNotFound, NotSupported):  # no shell, or no programs at all
        return None
    return read(answer, folders, depth)


def script(folders, depth=None, sums=False):
    """What the guest's shell is told."""
    words = {"depth": "" if depth is None else f"-maxdepth {depth}", "above": "" if depth is None else f"-maxdepth {depth - 1}"}
    text = SCRIPT.format(**words, sums=SUMS.format(**words) if sums else ":")
    return text + "".join(f"look {linux.quote(folder)}\n" for folder in folders) + "printf E//\\\\n\n"


def read(answer, folders, depth=None):
    """What the shell's answer tells, as by_shell() does; None when it is not whole."""
    time, *records = answer.split(END)
    if records[-2:] != [b"E", b""] or not time.isdigit():
        return None
    seen, links, closed, sums = {}, {}, {}, {}
    for record in records[:-2]:
        kind, (told, path) = record[:1], _cut(record[1:])
        if kind == b"U":
            closed[path] = NOT_READABLE
        elif kind == b"C":
            sums[path] = told.decode()
        else:
            (links if kind == b"L" else seen)[path] = _info(told)
    trees = {}
    for folder in folders:
        start = folder.encode("utf-8", "surrogateescape")
        if start not in seen:
            return None
        inside = start if start.endswith(b"/") else start + b"/"
        # By level and then by names, as one who goes from folder to folder would meet them.
        found = sorted((path for path in seen if path.startswith(inside) and path != start), key=lambda path: (path.count(b"/"), path.split(b"/")))
        things = [_joined(path, seen[path], links.get(path), sums.get(path)) for path in found]
        reasons = {_text(path): closed[path] for path in sorted(closed) if path.startswith(inside) and path != start}
        trees[folder] = Tree(things, reasons, {})
    return trees, int(time)


def _cut(record):
    """What a record tells of a path, and the path."""
    start = record.index(b"/")
    return record[:start], record[start:]


def _info(told):
    """Mode, size and time of last change."""
    mode, size, modified = told.split()
    return int(mode, 16), int(size), int(modified)


def _joined(path, own, target, checksum):
    """A thing, of what stat(1) tells of it and, for a link, of what it leads to."""
    mode, size, modified = own if target is None else target
    kind = "link" if stat.S_ISLNK(own[0]) else "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
    thing = _thing(_text(path), _text(path.rpartition(b"/")[2]), kind, size if stat.S_ISREG(mode) else 0, modified)
    return thing if checksum is None else {**thing, "checksum": checksum}


def _text(name):
    return name.decode("utf-8", "replace")
