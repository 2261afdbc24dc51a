# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory in a guest and the files that it should contain. Other files in it are kept."""

from __future__ import annotations

from functools import partial

from .._system import contents, copies, linux, paths, reach, texts
from .._vix.errors import Inaccessible, NotSupported, Refused
from .plan import Plan

MOST_DIFFS = 20  # files whose texts are shown: each takes VIX calls
MISSING, OTHER, LINK, ALTERED, FOLDER, SPECIAL, CLOSED = "absent", "other", "link", "attributes", "directory", "special", "closed"


def plan(session, source, dest, options, with_texts=False):
    """Return the plan that makes files below a directory of the guest equal to those of a source.

    Its facts: target, files (their number), size, copied (names), backup_files if any were made, and texts.

    Args:
        session: The GuestSession.
        source: The sources.Source, of a directory.
        dest: The directory in which the source's own is created, or whose content is copied if only the content of the source is meant.
        options: The copies.CopyOptions.
        with_texts: Whether texts has the old and the new texts of the first files, for diff mode.
    """
    family = session.family
    root = paths.plain(dest, family, session.doing(f"finding {dest} in"))
    root = family.join(root, source.name) if source.is_whole else root
    copying = copies.Copying(session, options, session.doing(f"copying {source.label} to {root} in"))
    wanted = [copying.copy(item, _target(copying, root, item.name)) for item in source.items]
    _require_distinct(copying, wanted)
    wanted.sort(key=lambda copy: copy.attributes.as_dict().get("mode", "") if copy.attributes else "")  # those of one mode are compared together
    folders = [*_above(family, root), root, *(_target(copying, root, name) for name in source.directories)]
    options.directory_attributes(family, root)
    found = copies.differences(copying, wanted, folders)
    if found is None:
        found = _look_one_by_one(copying, wanted, folders)
    _refuse(copying, wanted, folders, found)
    made = [path for number, path in enumerate(folders, len(wanted)) if found.get(number) == MISSING]
    changes = _choose(options, wanted, found, made)
    kinds = {
        MISSING: [copy for copy in changes.copies if found[copy.number] == MISSING],
        "different": [copy for copy in changes.copies if found[copy.number] != MISSING],
        ALTERED: changes.altered,
    }
    before = {"path": root, "state": MISSING if root in made else "directory", "directories": made, **_names(kinds)}
    after = {"path": root, "state": "directory", "directories": [], **_names(dict.fromkeys(kinds, ()))}
    size, copied = sum(copy.item.size for copy in wanted), sorted(copy.item.name for copy in changes.copies)
    facts = {"target": root, "files": len(wanted), "size": size, "copied": copied, "texts": []}
    if not (changes.copies or changes.altered or made):
        return Plan(before, after, [], None, facts=facts)
    if with_texts:
        facts["texts"] = list(_differences(session, changes.copies))
    return Plan(before, after, [partial(_put, copying, changes, root)], None, facts=facts)


def _target(copying, root, name):
    """The path in the guest of something whose path from the source's directory is name."""
    family = copying.session.family
    if family is not linux and any(map(family.is_illegal, name.split("/"))):
        raise Refused(f"this name is not allowed in a Windows guest: {name}", doing=copying.doing)
    return family.join(root, *name.split("/"))


def _require_distinct(copying, wanted):
    """Raise Refused for files that are one and the same in Windows, since their names differ in case only."""
    seen = {}
    for copy in wanted if not copying.session.is_linux else ():
        other = seen.setdefault(copy.target.lower(), copy)
        if other is not copy:
            raise Refused(f"{other.item.name} and {copy.item.name} are the same file in a Windows guest", doing=copying.doing)


def _above(family, path):
    """The directories above a path, outermost first, without the root."""
    found, above = [], family.parent(path)
    while above != family.parent(above):
        found.insert(0, above)
        above = family.parent(above)
    return found


def _choose(options, wanted, found, made):
    """The Changes: which files are copied, and of which only the attributes are set."""
    changes = copies.Changes(made=made)
    for number, copy in enumerate(wanted):
        copy.number, word = number, found.get(number)
        if word == LINK and options.method == "existence":
            continue
        if word == MISSING or (options.force and word in (OTHER, LINK)):
            if word == OTHER:
                copy.replace(options.backup)
            changes.copies.append(copy)
        elif options.force and word == ALTERED:
            changes.altered.append(copy)
    return changes


def _refuse(copying, wanted, folders, found):
    """Raise Inaccessible for a directory that the user may not enter, and Refused for anything else than a file or a directory at the path of one."""
    doing = copying.doing
    for number, word in sorted(found.items()):
        if word == CLOSED:
            text = f"not accessible to {copying.session.guest.user}: this user may not enter {folders[number - len(wanted)]}"
            raise Inaccessible(text, doing=copying.doing, advice=reach.ADVICE)
        if number >= len(wanted) and word != MISSING:
            raise Refused(f"{folders[number - len(wanted)]} exists and is not a directory: delete it first", doing=doing)
        if number < len(wanted) and word in (FOLDER, SPECIAL):
            kind = "a directory" if word == FOLDER else "neither a file nor a directory"
            raise Refused(f"{wanted[number].target} is {kind}, and is not replaced by a file: delete it first", doing=doing)


def _look_one_by_one(copying, wanted, folders):
    """As copies.differences(), by VIX alone."""
    session, guest, family = copying.session, copying.session.guest, copying.session.family
    if any(copy.attributes for copy in wanted):
        raise NotSupported("the guest has no shell that can set mode, owner or group: omit these options", doing=copying.doing)
    found, gone, open_ = {}, set(), set()

    def look(path):
        """As paths.look(), which need not find out again that a directory is accessible."""
        above = family.parent(path)
        if above in gone:
            return None
        now = paths.seen(guest, path) if above in open_ else paths.look(session, path)
        open_.add(above)
        return now

    for number, path in enumerate(folders, len(wanted)):
        now = look(path)
        if now is None:
            found[number] = MISSING
            gone.add(path)
        elif not now["is_directory"]:
            found[number] = SPECIAL
    for number, copy in enumerate(wanted):
        now = look(copy.target)
        word = _word(copying, copy, now)
        if word:
            found[number] = word
    return found


def _word(copying, copy, now):
    if now is None:
        return MISSING
    if now["is_directory"] or now["is_link"]:
        return FOLDER if now["is_directory"] else LINK
    if copying.options.method == "existence":
        return None
    if now["size"] != copy.item.size:
        return OTHER
    if copying.options.method == "size_and_time":
        return None if now["modified"] >= copy.item.modified else OTHER
    return None if contents.fetched(copying.session, copy.target)[0] == copy.item.checksum else OTHER


def _names(changes):
    return {kind: sorted(copy.item.name for copy in some) for kind, some in changes.items()}


def _differences(session, chosen):
    """The texts, for diff mode."""
    for copy in chosen[:MOST_DIFFS]:
        now = paths.seen(session.guest, copy.target) if copy.replaces else None
        yield texts.difference(session, copy, now and now["size"])
    if len(chosen) > MOST_DIFFS:
        yield {"prepared": f"{len(chosen) - MOST_DIFFS} more files are copied, whose differences are not shown\n"}


def _put(copying, changes, root):
    # Beside the outermost directory that is created, and else in the directory itself, where the user most certainly may create something.
    family, made = copying.session.family, changes.made
    place = made[0] if root in made else family.join(root, family.base_name(root) or "root")
    warnings = copies.put(copying, changes, place)
    backups = sorted(copy.backup for copy in changes.copies if copy.backup)
    return {"warnings": warnings, **({"backup_files": backups} if backups else {})}
