# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshots of a VM in NAME.vmsd, beside the .vmx. VIX does not return their creation time."""

from __future__ import annotations

import os
import re
from collections import namedtuple

from . import vmx
from .vmx import BrokenFile

SEPARATOR = "/"
ENTRY = re.compile(r"snapshot([0-9]{1,9})\.uid")
LAST_SECOND = 253402300799  # the end of the year 9999, beyond which no calendar of Python's goes
MAX_PATHS = vmx.MAX_BYTES  # characters of all paths together: a hundred snapshots below each other do with 300 KiB

# uid, parent: numbers of VMware's, parent None of a root; created: seconds since 1970, or None.
# path: the names from the root down, joined by "/"; place: the index at each level, in the order of the file.
Snapshot = namedtuple("Snapshot", "uid name description parent created path place")

# snapshots: each before its children, those in the order of the file; current: a uid, or None; problems: messages about what was skipped.
Vmsd = namedtuple("Vmsd", "snapshots current problems")


def beside(path):
    """Path of the .vmsd that belongs to a .vmx."""
    return os.path.splitext(path)[0] + ".vmsd"


def read(path):
    """Read a .vmsd and return a Vmsd, an empty one where there is no such file. Raises vmx.BrokenFile."""
    try:
        values = vmx.read(path)
    except FileNotFoundError:
        return Vmsd([], None, [])
    problems = list(values.problems)
    found = _entries(values, problems)
    snapshots = _tree(found, problems, path)
    current = values.number("snapshot.current", 0)
    if current and current not in found:
        problems.append(f"the current snapshot, {current}, is not there")
    return Vmsd(snapshots, current if current in found else None, problems)


def match(snapshots, path, place):
    """Return the Snapshot at a path, of several at one path the one at that place among all; None when there is no such one.

    snapshots: of a Vmsd; path, place: as in snapshot.Node.
    """
    same = [snapshot for snapshot in snapshots if snapshot.path == path]
    return next((snapshot for snapshot in same if len(same) == 1 or snapshot.place == tuple(place)), None)


def _entries(values, problems):
    """The snapshots of a file by uid, in its order, as Snapshots without path and place."""
    indices = sorted({int(hit.group(1)) for hit in map(ENTRY.fullmatch, values) if hit})
    count = values.number("snapshot.numsnapshots")
    if count is None and indices:
        problems.append("it does not contain the number of snapshots")
    elif count is not None and count != len(indices):
        problems.append(f"it says that there are {count} snapshots, and has {len(indices)}")
        indices = [index for index in indices if index < count]  # the rest may be left of removed ones; no file that was found shows it
    found = {}
    for index in indices:
        start = f"snapshot{index}."
        uid = values.number(f"{start}uid")
        if not uid or uid < 0 or uid in found:
            problems.append(f"snapshot{index} has no uid, and is skipped")
            continue
        parent = values.number(f"{start}parent", 0)
        created = _created(values, start, problems)
        found[uid] = Snapshot(uid, values.get(f"{start}displayname", ""), values.get(f"{start}description", ""), parent or None, created, "", ())
    return found


def _created(values, start, problems):
    """Seconds since 1970, from the two halves of a number of microseconds, which the file has as signed ones."""
    high, low = (values.number(f"{start}createtime{half}", 0) & 0xFFFFFFFF for half in ("high", "low"))
    seconds = (high << 32 | low) / 1000000
    if seconds > LAST_SECOND:
        problems.append(f"the creation time of {start[:-1]} is beyond the year 9999")
    return seconds if 0 < seconds <= LAST_SECOND else None


def _tree(found, problems, path):
    """The snapshots with their paths and places, each before its children. Whose parent is missing, or below itself, is a root."""
    parents = _parents(found, problems)
    children = {uid: [] for uid in (None, *found)}
    for uid, parent in parents.items():
        children[parent].append(uid)
    snapshots, length = [], 0
    todo = [(uid, "", (index,)) for index, uid in reversed(list(enumerate(children[None])))]
    while todo:  # no recursion: a file may have more levels than Python allows
        uid, above, place = todo.pop()
        here = above + found[uid].name
        length += len(here) + len(place)
        if length > MAX_PATHS:
            raise BrokenFile(path, "the paths of its snapshots are too long")
        snapshots.append(found[uid]._replace(parent=parents[uid], path=here, place=place))
        below = here + SEPARATOR
        todo += [(child, below, (*place, index)) for index, child in reversed(list(enumerate(children[uid])))]
    return snapshots


def _parents(found, problems):
    """Parent by uid, in the order of the file, without those that are missing or would close a circle."""
    parents, safe = {}, set()
    for uid, snapshot in found.items():
        parents[uid] = snapshot.parent
        if snapshot.parent is not None and snapshot.parent not in found:
            problems.append(f"the parent of snapshot {uid}, {snapshot.parent}, is not there")
            parents[uid] = None
    for uid in found:
        path, here = set(), uid
        while here is not None and here not in safe and here not in path:
            path.add(here)
            here = parents[here]
        if here in path:
            problems.append(f"snapshot {here} is below itself")
            parents[here] = None
        safe.update(path)
    return parents
