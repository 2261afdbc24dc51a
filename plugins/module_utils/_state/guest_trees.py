# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder in a guest with all that is to be in it; what else is in it stays."""

from __future__ import annotations

from functools import partial

from .._system import contents, copies, family, linux, paths, texts
from .._vix.errors import NotSupported, Refused
from .plan import Plan

MOST_DIFFS = 20  # files of which the texts are shown: each costs VIX calls
MISSING, OTHER, LINK, ALTERED, FOLDER, SPECIAL = "absent", "other", "link", "attributes", "folder", "special"


def plan(guest, source, dest, guest_family, workdir, diffs=None, **manner):
    """Return the plan that makes files below a folder of the guest equal to those of a source, and what a task tells of it beside the plan's result.

    dest: the folder, in which the source's own is made unless only what is in that one is copied; the rest as in guest_files.
    """
    system = family.of(guest, guest_family)
    manner = copies.Manner(system, **manner)
    root = paths.plain(dest, system, f"finding {dest} in {guest.label} as {guest.user}")
    root = system.join(root, source.name) if source.is_whole else root
    doing = f"copying {source.label} to {root} in {guest.label} as {guest.user}"
    wanted = [copies.Copy(item, _target(system, root, item.name, doing), manner) for item in source.items]
    _require_distinct(system, wanted, doing)
    wanted.sort(key=lambda copy: copy.attributes.told().get("mode", "") if copy.attributes else "")  # those of one mode are compared together
    folders = [*_above(system, root), root, *(_target(system, root, name, doing) for name in source.folders)]
    manner.directory_attributes(root)
    found = copies.differences(guest, manner, wanted, folders, workdir, doing)
    if found is None:
        found = _look_one_by_one(guest, manner, wanted, folders, workdir, doing)
    made = [path for number, path in enumerate(folders, len(wanted)) if found.get(number) == MISSING]
    _refuse(wanted, folders, found, doing)
    chosen, altered = _choose(manner, wanted, found)
    changes = {
        MISSING: [copy for copy in chosen if found[copy.number] == MISSING],
        "different": [copy for copy in chosen if found[copy.number] != MISSING],
        ALTERED: altered,
    }
    before = {"path": root, "state": MISSING if root in made else "directory", "folders": made, **_names(changes)}
    after = {"path": root, "state": "directory", "folders": [], **_names(dict.fromkeys(changes, ()))}
    told = {"target": root, "files": len(wanted), "size": sum(copy.item.size for copy in wanted), "copied": sorted(copy.item.name for copy in chosen)}
    steps = []
    if chosen or altered or made:
        steps = [partial(_put, guest, manner, chosen, root, made, altered, workdir, doing, told)]
        if diffs is not None:
            diffs.extend(_differences(guest, chosen, workdir))
    return Plan(before, after, steps, lambda: after), told


def _target(system, root, name, doing):
    """The path in the guest of something whose path from the source's folder is name."""
    if system is not linux and any(map(system.is_illegal, name.split("/"))):
        raise Refused(f"no file of a Windows guest can be called {name}", doing=doing)
    return system.join(root, *name.split("/"))


def _require_distinct(system, wanted, doing):
    """Raise Refused for files that Windows takes for one, since their names differ in capitals only."""
    seen = {}
    for copy in wanted if system is not linux else ():
        other = seen.setdefault(copy.target.lower(), copy)
        if other is not copy:
            raise Refused(f"{other.item.name} and {copy.item.name} are the same file for a Windows guest", doing=doing)


def _above(system, path):
    """The folders above a path, outermost first, less the root of all."""
    found, above = [], system.parent(path)
    while above != system.parent(above):
        found.insert(0, above)
        above = system.parent(above)
    return found


def _choose(manner, wanted, found):
    """Those that are copied, and those of which only the attributes are set."""
    chosen, altered = [], []
    for number, copy in enumerate(wanted):
        copy.number, word = number, found.get(number)
        if word == LINK and manner.method == "existence":
            continue
        if word == MISSING or (manner.force and word in (OTHER, LINK)):
            copy.replace(manner, word == OTHER)
            chosen.append(copy)
        elif manner.force and word == ALTERED:
            altered.append(copy)
    return chosen, altered


def _refuse(wanted, folders, found, doing):
    """Raise for what is in the way and is no file that could be replaced."""
    for number, word in sorted(found.items()):
        if number >= len(wanted) and word != MISSING:
            raise Refused(f"{folders[number - len(wanted)]} is there and is no folder", doing=doing)
        if number < len(wanted) and word in (FOLDER, SPECIAL):
            kind = "a folder" if word == FOLDER else "neither a file nor a folder"
            raise Refused(f"{wanted[number].target} is {kind}, where a file should be", doing=doing)


def _look_one_by_one(guest, manner, wanted, folders, workdir, doing):
    """What copies.differences() tells, by VIX alone."""
    if any(copy.attributes for copy in wanted):
        raise NotSupported("the guest has no shell that could set mode or owner: leave these options out", doing=doing)
    found, gone = {}, set()
    for number, path in enumerate(folders, len(wanted)):
        now = None if manner.family.parent(path) in gone else paths.look(guest, path)
        if now is None:
            found[number] = MISSING
            gone.add(path)
        elif not now["is_directory"]:
            found[number] = SPECIAL
    for number, copy in enumerate(wanted):
        now = None if manner.family.parent(copy.target) in gone else paths.look(guest, copy.target)
        word = _word(guest, manner, copy, now, workdir)
        if word:
            found[number] = word
    return found


def _word(guest, manner, copy, now, workdir):
    if now is None:
        return MISSING
    if now["is_directory"] or now["is_link"]:
        return FOLDER if now["is_directory"] else LINK
    if manner.method == "existence":
        return None
    if now["size"] != copy.item.size:
        return OTHER
    if manner.method == "size_and_time":
        return None if now["modified"] >= copy.item.modified else OTHER
    return None if contents.fetched(guest, copy.target, workdir)[0] == copy.item.checksum else OTHER


def _names(changes):
    return {kind: sorted(copy.item.name for copy in some) for kind, some in changes.items()}


def _differences(guest, chosen, workdir):
    """What a diff shows of the texts."""
    for copy in chosen[:MOST_DIFFS]:
        now = paths.look(guest, copy.target) if copy.replaces else None
        yield texts.difference(guest, copy, now and now["size"], workdir)
    if len(chosen) > MOST_DIFFS:
        yield {"prepared": f"{len(chosen) - MOST_DIFFS} more files are copied, of which no text is shown\n"}


def _put(guest, manner, chosen, root, made, altered, workdir, doing, told):
    # Beside the outermost folder that is made, and else in the folder itself, where the user has the right to make something most certainly.
    place = made[0] if root in made else manner.family.join(root, manner.family.base_name(root) or "root")
    copies.put(guest, manner, chosen, place, made, altered, workdir, doing)
    backups = sorted(copy.backup for copy in chosen if copy.backup)
    if backups:
        told["backup_files"] = backups
