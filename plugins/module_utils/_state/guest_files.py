# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file in a guest, by its content."""

from __future__ import annotations

from functools import partial

from .._system import attributes as attributes_of
from .._system import captured, contents, copies, linux, paths, texts
from .._system.copies import CopyOptions
from .._system.exit_codes import DONE
from .._vix.errors import FileNotFound, Refused
from .plan import Plan

__all__ = ["CopyOptions", "plan"]


def plan(session, source, dest, options, with_texts=False):
    """Return the plan that makes a file in the guest equal to the only item of a source.

    Its facts: target, size and checksum as far as they are known, backup_file if one was made, and texts.

    Args:
        session: The GuestSession.
        source: The sources.Source.
        dest: The file, or the directory that it goes into: one that exists, or any whose name ends in a slash.
        options: The CopyOptions.
        with_texts: Whether texts has the old and the new text, for diff mode.
    """
    guest, [item] = session.guest, source.items
    options.attributes(session.family, item, dest)  # those that no file can have are refused before the guest is asked for anything
    options.directory_attributes(session.family, dest)
    target, now, missing = _place(session, dest, source.name)
    if now and not options.force:
        there = {"path": target, "state": "file", "size": now["size"]}
        return Plan(there, there, [], None, facts={"target": target, "size": now["size"], "texts": []})
    copying = copies.Copying(session, options, session.doing(f"copying {source.label} to {target} in"))
    copy = copying.copy(item, target)
    if now is not None and not now["is_link"]:
        copy.replace(options.backup)
    content, attributes = _compare(session, options, copy, now)
    before, after = _before(session, copy, now, attributes, with_texts), _after(copy, now, content, options)
    facts = {"target": target, "texts": [], **{name: after[name] for name in ("size", "checksum") if name in after}}
    if content and attributes:
        return Plan(after, after, [], None, facts=facts)
    if content:
        step = partial(attributes_of.put, session, [target], copy.attributes)
        before.update({name: after[name] for name in ("checksum",) if name in after})
    else:
        step = partial(_put, copying, copy, missing)
        if with_texts:
            facts["texts"] = [texts.difference(session, copy, now and now["size"])]
    return Plan(before, after, [step], lambda: {**after, "size": guest.file_info(target)["size"]}, facts=facts)


def _place(session, dest, name):
    """Return the file's full name, its file_info() (None if nothing is there), and the directories that are missing above it, outermost first."""
    guest, family, doing = session.guest, session.family, session.doing(f"finding {dest} in")
    is_into = dest.endswith("/" if session.is_linux else ("/", "\\"))
    target = paths.plain(dest, family, doing)
    now = None if is_into else paths.look(session, target)
    if is_into or (now and now["is_directory"]):
        if not name:
            raise Refused("it is a directory: use the path of the file", doing=doing)
        target = family.join(target, name)
        now = paths.look(session, target)
        if now and now["is_directory"]:
            raise Refused(f"{target} is a directory, not a file", doing=doing)
    missing, above = [], family.parent(target)
    while not now and above != family.parent(above) and not guest.directory_exists(above):
        missing.insert(0, above)
        above = family.parent(above)
    if missing and not is_into:
        advice = "create it first (vmlab.vix.guest_file), or end dest with a slash to create it"
        raise FileNotFound(f"no such directory in the guest: {missing[-1]}", code=4, doing=doing, advice=advice)
    return target, now, missing


def _compare(session, options, copy, now):
    """Whether the content is as it should be, and whether the attributes are. The latter is None if they were not compared."""
    if now is None:
        return False, None
    if options.method == "existence":
        content = True
    elif now["is_link"] or now["size"] != copy.item.size:
        return False, None
    elif options.method == "size_and_time":
        content = now["modified"] >= copy.item.modified
    else:
        content, attributes = contents.compare(session, copy.target, copy.item.checksum, copy.attributes)
        return content, attributes if copy.attributes else True
    if content and copy.attributes:
        return content, attributes_of.are_set(session, copy.target, copy.attributes)
    return content, True


def _before(session, copy, now, are_set, is_shown):
    """What is there, in the words of a diff."""
    if now is None:
        return {"path": copy.target, "state": "absent"}
    before = {"path": copy.target, "state": "link" if now["is_link"] else "file", "size": now["size"]}
    if copy.attributes and are_set:
        return {**before, **copy.attributes.as_dict()}
    if copy.attributes and is_shown and not now["is_link"]:
        before.update(_attributes_now(session, copy))
    return before


def _after(copy, now, is_kept, options):
    after = {"path": copy.target, "state": "file", "size": now["size"] if is_kept else copy.item.size}
    if not options.force:  # the next task does not look closer at what is there either
        return after
    checksum = {"checksum": copy.item.checksum} if options.method == "checksum" else {}
    return {**after, **checksum, **(copy.attributes.as_dict() if copy.attributes else {})}


def _attributes_now(session, copy):
    """Those of the attributes asked for that the file has, as far as the guest has programs that show them."""
    script = f'path={linux.quote(copy.target)}\n{attributes_of.LOOK}echo "$mode/$names" && exit {DONE}\n'
    code, said = captured.run(session, script, session.doing(f"looking at mode and owner of {copy.target} in"))
    words = said.decode("utf-8", "replace").strip().split("/")
    if code != DONE or len(words) != 3:
        return {}
    now = {"mode": words[0][-4:], "owner": words[1], "group": words[2]}
    return {name: now[name] for name in copy.attributes.as_dict()}


def _put(copying, copy, missing):
    warnings = copies.put(copying, copies.Changes([copy], made=missing), missing[0] if missing else copy.target)
    return {"warnings": warnings, **({"backup_file": copy.backup} if copy.backup else {})}
