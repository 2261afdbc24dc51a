# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file in a guest, by its content."""

from __future__ import annotations

from functools import partial

from .._system import attributes as attributes_of
from .._system import captured, contents, copies, family, linux, paths, texts
from .._vix.errors import FileNotFound, Refused
from .plan import Plan


def plan(guest, source, dest, guest_family, workdir, diffs=None, **manner):
    """Return the plan that makes a file in the guest equal to the only item of a source, and what a task tells of the file beside the plan's result.

    dest: the file, or a folder that it goes into: one that is there, or any whose name ends in a slash. guest_family: "auto", or which it is; workdir: a
    folder of this machine for what has to be fetched; diffs: a list that gets both texts, None when nobody looks; manner: of copies.Manner.
    """
    system = family.of(guest, guest_family)
    manner, [item] = copies.Manner(system, **manner), source.items
    manner.check(item, dest)
    target, now, missing = _place(guest, system, dest, source.name)
    doing = f"copying {source.label} to {target} in {guest.label} as {guest.user}"
    if now and not manner.force:
        there = {"path": target, "state": "file", "size": now["size"]}
        return Plan(there, there, [], None), {"target": target, "size": now["size"]}
    copy = copies.Copy(item, target, manner, replaces=now is not None and not now["is_link"])
    content, attributes = _compare(guest, manner, copy, now, workdir)
    before, after = _before(guest, copy, now, attributes, workdir, diffs is not None), _after(copy, now, content, manner)
    told = {"target": target, **{name: after[name] for name in ("size", "checksum") if name in after}}
    if content and attributes:
        return Plan(after, after, [], None), told
    if content:
        step = partial(attributes_of.put, guest, [target], copy.attributes)
        before.update({name: after[name] for name in ("checksum",) if name in after})
    else:
        step = partial(_put, guest, manner, copy, missing, workdir, doing, told)
        if diffs is not None:
            diffs.append(texts.difference(guest, copy, now and now["size"], workdir))
    return Plan(before, after, [step], lambda: {**after, "size": guest.file_info(target)["size"]}), told


def _place(guest, system, dest, name):
    """Return the file's full name, what file_info() tells of what is there (None of nothing), and the folders that are missing above it, outermost first."""
    doing = f"finding {dest} in {guest.label} as {guest.user}"
    is_into = dest.endswith("/" if system is linux else ("/", "\\"))
    target = paths.plain(dest, system, doing)
    now = None if is_into else paths.look(guest, target)
    if is_into or (now and now["is_directory"]):
        if not name:
            raise Refused("it is a directory: give the full name of the file", doing=doing)
        target = system.join(target, name)
        now = paths.look(guest, target)
        if now and now["is_directory"]:
            raise Refused(f"{target} is a directory, where the file should be", doing=doing)
    missing, above = [], system.parent(target)
    while not now and above != system.parent(above) and not guest.directory_exists(above):
        missing.insert(0, above)
        above = system.parent(above)
    if missing and not is_into:
        advice = "make it first (vmlab.vix.guest_file), or have dest end in a slash for a folder that is made"
        raise FileNotFound(f"no such folder in the guest: {missing[-1]}", code=4, doing=doing, advice=advice)
    return target, now, missing


def _compare(guest, manner, copy, now, workdir):
    """Whether the content is as it should be, and whether the attributes are, None where that was not asked."""
    if now is None:
        return False, None
    if manner.method == "existence":
        content = True
    elif now["is_link"] or now["size"] != copy.item.size:
        return False, None
    elif manner.method == "size_and_time":
        content = now["modified"] >= copy.item.modified
    else:
        content, attributes = contents.compare(guest, manner.family, copy.target, copy.item.checksum, copy.attributes, workdir)
        return content, attributes if copy.attributes else True
    if content and copy.attributes:
        return content, attributes_of.are_set(guest, copy.target, copy.attributes)
    return content, True


def _before(guest, copy, now, are_set, workdir, is_shown):
    """What is there, in the words of a diff."""
    if now is None:
        return {"path": copy.target, "state": "absent"}
    before = {"path": copy.target, "state": "link" if now["is_link"] else "file", "size": now["size"]}
    if copy.attributes and are_set:
        return {**before, **copy.attributes.told()}
    if copy.attributes and is_shown and not now["is_link"]:
        before.update(_attributes_now(guest, copy, workdir))
    return before


def _after(copy, now, is_kept, manner):
    after = {"path": copy.target, "state": "file", "size": now["size"] if is_kept else copy.item.size}
    if not manner.force:  # what is there the next time is not looked at closer either
        return after
    checksum = {"checksum": copy.item.checksum} if manner.method == "checksum" else {}
    return {**after, **checksum, **(copy.attributes.told() if copy.attributes else {})}


def _attributes_now(guest, copy, workdir):
    """Those of the attributes asked for that the file has, as far as the guest can tell."""
    script = f'path={linux.quote(copy.target)}\n{attributes_of.LOOK}echo "$mode/$names"\n'
    code, said = captured.run(guest, script, workdir, f"looking at mode and owner of {copy.target} in {guest.label} as {guest.user}")
    words = said.decode("utf-8", "replace").strip().split("/")
    if code or len(words) != 3:
        return {}
    now = {"mode": words[0][-4:], "owner": words[1], "group": words[2]}
    return {name: now[name] for name in copy.attributes.told()}


def _put(guest, manner, copy, missing, workdir, doing, told):
    copies.put(guest, manner, [copy], missing[0] if missing else copy.target, missing, [], workdir, doing)
    if copy.backup:
        told["backup_file"] = copy.backup
