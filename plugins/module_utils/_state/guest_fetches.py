# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and folders of a guest that are fetched from it, each known by its content, in the words of landings.py."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial

from .._system import captured, landings, linux, paths, trees
from .._vix.errors import FileNotFound, NotSupported, Refused, VixError
from .plan import Plan

SHOWN = 3  # things left out, in a warning
LEFT = {"link": "it is a link, which is not followed", "other": "it is no file"}
ODD = "its name has characters that a file here should not have"


class Here:
    """A place of this machine where fetched things go."""

    def __init__(self, path):
        self.path = path
        with landings.told(path):
            self.known = landings.content_of(path)

    def begin(self, new):
        """Nothing: what is new is taken or made one after the other."""

    def make(self, name):
        with landings.told(self.path):
            landings.make_folder(self.path, name)

    def take(self, name, copy):
        with landings.told(self.path):
            landings.put(copy, self.path, name)


class Elsewhere:
    """A place of another machine, which has this content, and to which what is new goes in one file of this machine, the bundle: a line of JSON that tells
    its content, and then the bytes of each file.

    It is told there, since in the result of the module Ansible puts asterisks in the place of what is in a password too.
    """

    def __init__(self, path, known, bundle):
        self.path, self.known, self._bundle = path, known, bundle

    def begin(self, new):
        with landings.told(self._bundle), open(self._bundle, "xb", opener=_for_nobody_else) as bundle:
            bundle.write(json.dumps(new).encode() + b"\n")

    def make(self, name):
        """Nothing: the line of JSON tells of it."""

    def take(self, name, copy):
        with landings.told(self._bundle):
            with open(copy, "rb") as file, open(self._bundle, "ab") as bundle:
                shutil.copyfileobj(file, bundle, landings.BLOCK)
            os.unlink(copy)


def store(dest, source, place=None):
    """Return where something of a guest goes: to dest on this machine, or where that ends with a slash, in it under its own name.

    place: what the action plugin has found out: the path on this machine, or the arguments of Elsewhere.
    """
    if place:
        return Elsewhere(**place) if "bundle" in place else Here(**place)
    if not os.path.isabs(dest):
        raise Refused(f"{dest} is no full name on the machine that runs VMware", doing=f"fetching {source}")
    return Here(os.path.normpath(os.path.join(dest, local_name(source).rpartition("/")[2]) if dest.endswith("/") else dest))


class Fetch:
    """What is to be fetched to a store, one of the above: its content, what was left out of it with the reasons, and the plan.

    missing: why there is nothing to fetch.
    """

    def __init__(self, content, store, skipped, plan, missing=None):
        self.content, self.store, self.skipped, self.plan, self._missing = content, store, skipped, plan, missing

    def told(self):
        """What the module reports beside what becomes of the plan."""
        files = [
            {"name": name, "checksum": found[0], "size": found[1], "changed": self.store.known.get(name) != found}
            for name, found in self.content.items()
            if found
        ]
        alone = {"checksum": files[0]["checksum"], "size": files[0]["size"]} if self.content.get("") else {}
        left = [f"{len(self.skipped)} things in the folder were left out: {_some(self.skipped)}"] if self.skipped else []
        msg = {"msg": self._missing} if self._missing else {}
        return {"saved": self.store.path, "files": files, "skipped_paths": self.skipped, "warnings": left, **alone, **msg}


def fetch(session, source, store, needed=True):
    """Return the Fetch of a file or directory of the guest to a store. If it does not exist and is needed, FileNotFound is raised."""
    guest, family = session.guest, session.family
    doing = session.doing(f"fetching {source} out of")
    source = paths.plain(source, family, doing)
    try:
        info = paths.needed(guest, source)
    except FileNotFound as error:
        if needed:
            raise
        same = picture(store.path, store.known)
        return Fetch({}, store, {}, Plan(same, same, [], None), missing=str(error))
    copies, skipped = {}, {}
    if info["is_directory"]:
        content, skipped = _content_of_folder(session, source, store, copies)
    elif not info["size"] and session.is_linux and not guest.file_exists(source):
        raise Refused("it is a device, a socket or a pipe", doing=doing)
    else:
        content = {"": _content_of_file(session, source, info["size"], store.known.get(""), copies)}
    _must_fit(content, store, doing)
    new = {name: found for name, found in content.items() if store.known.get(name, "absent") != found}
    steps = [partial(store.begin, new)] if new else []
    for name, found in new.items():
        path = family.join(source, *name.split("/")) if name else source
        steps.append(partial(_take, session, path, store, name, found, copies.get(name)) if found else partial(store.make, name))
    after = picture(store.path, content)
    return Fetch(content, store, skipped, Plan(picture(store.path, store.known, content), after, steps, lambda: after))


def _some(reasons):
    """The first of them, for a message."""
    told = [f"{path} ({reason})" for path, reason in list(reasons.items())[:SHOWN]]
    return ", ".join(told) + (", ..." if len(reasons) > SHOWN else "")


def picture(path, content, among=None):
    """What a diff shows of the content of a place; among: another content, of whose names it is to show only."""
    if "" not in content:
        return {"path": path, "state": "absent"}
    if content[""]:
        return {"path": path, "state": "file", "checksum": content[""][0], "size": content[""][1]}
    names = sorted(name for name in content if name and (among is None or name in among))
    return {"path": path, "state": "directory", "files": {name: content[name][0] if content[name] else "directory" for name in names}}


def _for_nobody_else(path, flags):
    return os.open(path, flags, 0o600)


def _must_fit(content, store, doing):
    """Raise where a folder would have to take the place of a file, or a file that of a folder."""
    for name, found in content.items():
        if name in store.known and (found is None) != (store.known[name] is None):
            path = os.path.join(store.path, name) if name else store.path
            kinds = ("a file, and a folder in the guest: remove it first", "a folder, and a file in the guest: remove it first, or end dest with a slash")
            raise Refused(f"{path} is {kinds[found is not None]}", doing=doing)


def _content_of_file(session, source, size, known, copies):
    """Checksum and size of a file of the guest; where no program there tells it, by fetching it into copies."""
    family = session.family
    if known and known[1] == size and _exit_code(session, family.checksum_script(source, known[0])) == family.SAME:
        return known
    checksum = _checksum_by_shell(session, source) if session.is_linux else None
    if checksum:
        return [checksum, size]
    found = _fetch(session, source, copies, "")
    if found[1] != size or _exit_code(session, family.checksum_script(source, found[0])) == family.OTHER:
        raise VixError(landings.DAMAGED, doing=session.doing(f"fetching {source} out of"))
    return found


def _exit_code(session, script):
    """The exit code of a script, None where the guest runs no programs."""
    try:
        return session.run(script)
    except (FileNotFound, NotSupported):
        return None


def _checksum_by_shell(session, source):
    name = linux.quote(source)
    try:
        answer = captured.run(session, f"sha256sum < {name} || shasum -a 256 < {name}", session.doing(f"looking at {source} in"))[1]
    except (FileNotFound, NotSupported):
        return None
    checksum = answer.split(b" ")[0].decode("ascii", "replace")
    return checksum if len(checksum) == 64 else None


def _content_of_folder(session, source, store, copies):
    """The content of a directory of the guest, and what of it is left out, with the reasons."""
    family = session.family
    listed = trees.by_shell(session, [source], None, sums=True) if session.is_linux else None
    tree = listed[0][source] if listed else trees.by_vix(session, source)
    things = list(tree.things) if listed else [trees.certain(session, thing) for thing in tree.things]
    content, left = sort_out(things, family, source)
    for path, reason in tree.closed.items():
        if family.parent(path) not in left and path not in left:
            raise VixError(f"{path} cannot be read: {reason}", doing=session.doing(f"fetching {source} out of"))
    for name, size in content.items():
        if isinstance(size, int):
            content[name] = _fetched_content(session, source, name, size, store, copies)
    return content, {**{path: reason for path, reason in left.items() if reason}, **tree.avoided}


def sort_out(things, family, source):
    """Return the content of a folder of the guest, with a size alone of a file that has no checksum, and what is left out.

    Of the latter the reason, or None for what is below something left out, by its path.
    """
    content, left, separator = {"": None}, {}, "/" if family.NAME == linux.NAME else "\\"
    for thing in things:
        path, is_below = thing["path"], family.parent(thing["path"]) in left
        reason = ODD if paths.is_odd(thing["name"], family) or not landings.is_fit(thing["name"]) else LEFT.get(thing["kind"])
        if is_below or reason:
            left[path] = None if is_below else reason
            continue
        name = "/".join(path[len(source) :].strip(separator).split(separator))
        content[name] = None if thing["kind"] == "directory" else [thing["checksum"], thing["size"]] if "checksum" in thing else thing["size"]
    return content, left


def _fetched_content(session, source, name, size, store, copies):
    """Checksum and size of a file in a folder of the guest, by fetching it; the copy is kept when it is new to the store."""
    path = session.family.join(source, *name.split("/"))
    found = _fetch(session, path, copies, name)
    if found[1] != size:
        raise VixError(landings.DAMAGED, doing=session.doing(f"fetching {path} out of"))
    if found == store.known.get(name):
        os.unlink(copies.pop(name))
    return found


def _fetch(session, path, copies, name):
    """Copy a file out of the guest, under a name of ours, and return checksum and size of what arrived."""
    copies[name] = os.path.join(session.workdir, f"fetched-{os.urandom(8).hex()}")
    session.guest.copy_out(path, copies[name])
    return landings.sum_of(copies[name])


def _take(session, path, store, name, wanted, copy):
    copies = {name: copy}
    if copy is None and _fetch(session, path, copies, name) != wanted:
        raise VixError(landings.DAMAGED, doing=session.doing(f"fetching {path} out of"))
    store.take(name, copies[name])


def local_name(source):
    """A path of a guest, of whichever family, as one below a folder here: C:/Users/lab of C:\\Users\\lab."""
    parts = []
    for part in (source if source.startswith("/") else source.replace("\\", "/")).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
