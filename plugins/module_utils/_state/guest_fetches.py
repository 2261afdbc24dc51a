# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories that are fetched from a guest, compared by content as landings.py describes it."""

from __future__ import annotations

import json
import os
import re
import shutil
from functools import partial

from .._system import captured, landings, linux, paths, reach, trees
from .._vix.errors import FileNotFound, Inaccessible, NotSupported, Refused, VixError
from .plan import Plan

SHOWN = 3  # skipped entries in a warning
LEFT = {"link": "symbolic links are not followed", "other": "it is not a regular file"}
UNREADABLE = "unreadable"  # in place of the size of a file that the user may not read
CHECKSUM = re.compile(rb"([0-9a-f]{64}) ")
ODD = "its name has characters that are not allowed in a local file name"


class Here:
    """A path of this machine where fetched files are stored."""

    def __init__(self, path):
        self.path = path
        with landings.as_vix_errors(path):
            self.known = landings.content_of(path)

    def begin(self, new):
        """Nothing: new files and directories are stored one by one."""

    def make(self, name):
        with landings.as_vix_errors(self.path):
            landings.make_folder(self.path, name)

    def take(self, name, copy):
        with landings.as_vix_errors(self.path):
            landings.put(copy, self.path, name)


class Elsewhere:
    """A path of another machine, for which new files are stored in a bundle, a file of this machine.

    The bundle begins with a line of JSON, which describes the content; the bytes of each file follow. The description is in the bundle and not in the
    module's result, as Ansible masks every text there that also occurs in a password.

    Args:
        path: The path on the other machine.
        known: The content that it has.
        bundle: Path of the bundle.
    """

    def __init__(self, path, known, bundle):
        self.path, self.known, self._bundle = path, known, bundle

    def begin(self, new):
        with landings.as_vix_errors(self._bundle), open(self._bundle, "xb", opener=_for_nobody_else) as bundle:
            bundle.write(json.dumps(new).encode() + b"\n")

    def make(self, name):
        """Nothing: the line of JSON contains it."""

    def take(self, name, copy):
        with landings.as_vix_errors(self._bundle):
            with open(copy, "rb") as file, open(self._bundle, "ab") as bundle:
                shutil.copyfileobj(file, bundle, landings.BLOCK)
            os.unlink(copy)


def store(dest, source, place=None):
    """Return the store of a file or directory of a guest, a Here or an Elsewhere.

    Args:
        dest: Its path on this machine, or with a slash at its end the directory that it goes into.
        source: Its path in the guest.
        place: Arguments of Here or Elsewhere, from the action plugin. It replaces dest.
    """
    if place:
        return Elsewhere(**place) if "bundle" in place else Here(**place)
    if not os.path.isabs(dest):
        raise Refused(f"{dest} is not an absolute path on the VM host", doing=f"fetching {source}")
    return Here(os.path.normpath(os.path.join(dest, local_name(source).rpartition("/")[2]) if dest.endswith("/") else dest))


class Fetch:
    """What is fetched.

    Args:
        content: The content, as landings.py describes it.
        store: The Here or Elsewhere that it goes to.
        skipped: Reasons why entries are skipped, by path.
        plan: The Plan.
        missing: Why there is nothing to fetch, or None.
    """

    def __init__(self, content, store, skipped, plan, missing=None):
        self.content, self.store, self.skipped, self.plan, self._missing = content, store, skipped, plan, missing

    def report(self):
        """What the module reports beside the result of the plan."""
        files = [
            {"name": name, "checksum": found[0], "size": found[1], "changed": self.store.known.get(name) != found}
            for name, found in self.content.items()
            if found
        ]
        alone = {"checksum": files[0]["checksum"], "size": files[0]["size"]} if self.content.get("") else {}
        left = [f"{len(self.skipped)} entries of the directory were skipped: {_some(self.skipped)}"] if self.skipped else []
        msg = {"msg": self._missing} if self._missing else {}
        return {"saved": self.store.path, "files": files, "skipped_paths": self.skipped, "warnings": left, **alone, **msg}


def fetch(session, source, store, needed=True):
    """Return the Fetch of a file or directory of the guest to a store. If it does not exist and is needed, FileNotFound is raised."""
    guest, family = session.guest, session.family
    doing = session.doing(f"fetching {source} out of")
    source = paths.plain(source, family, doing)
    try:
        info = paths.needed(session, source)
    except FileNotFound as error:
        if needed:
            raise
        same = picture(store.path, store.known)
        return Fetch({}, store, {}, Plan(same, same, [], None), missing=str(error))
    if info["size"] is None:
        raise _unreadable(session, source)
    copies, skipped = {}, {}
    if info["is_directory"]:
        content, skipped = _content_of_folder(session, source, store, copies)
    elif not info["size"] and session.is_linux and not guest.file_exists(source):
        raise Refused("devices, sockets and pipes cannot be fetched", doing=doing)
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


def _unreadable(session, path):
    """The error for a file that the user may not read."""
    text = f"not accessible to {session.guest.user}: this user may not read it"
    return Inaccessible(text, doing=session.doing(f"fetching {path} out of"), advice=reach.ADVICE)


def _some(reasons):
    """The first of them, for a message."""
    shown = [f"{path} ({reason})" for path, reason in list(reasons.items())[:SHOWN]]
    return ", ".join(shown) + (", ..." if len(reasons) > SHOWN else "")


def picture(path, content, among=None):
    """The content of a path in the words of a diff. among: another content; only its names are shown."""
    if "" not in content:
        return {"path": path, "state": "absent"}
    if content[""]:
        return {"path": path, "state": "file", "checksum": content[""][0], "size": content[""][1]}
    names = sorted(name for name in content if name and (among is None or name in among))
    return {"path": path, "state": "directory", "files": {name: content[name][0] if content[name] else "directory" for name in names}}


def _for_nobody_else(path, flags):
    return os.open(path, flags, 0o600)


def _must_fit(content, store, doing):
    """Raise Refused if a directory would replace a file, or a file a directory."""
    for name, found in content.items():
        if name in store.known and (found is None) != (store.known[name] is None):
            path = os.path.join(store.path, name) if name else store.path
            kinds = (
                "a file here, but a directory in the guest: remove it first",
                "a directory here, but a file in the guest: remove it first, or end dest with a slash",
            )
            raise Refused(f"{path} is {kinds[found is not None]}", doing=doing)


def _content_of_file(session, source, size, known, copies):
    """Checksum and size of a file of the guest. If the guest has no program for that, the file is fetched into copies."""
    family = session.family
    if known and known[1] == size and _exit_code(session, family.checksum_script(source, known[0])) == family.SAME:
        return known
    checksum = _checksum_by_shell(session, source) if session.is_linux else None
    if checksum:
        return [checksum, size]
    found = _fetch(session, source, copies, "")
    answer, doing = _exit_code(session, family.checksum_script(source, found[0])), session.doing(f"fetching {source} out of")
    if found[1] != size or answer == family.OTHER:
        raise VixError(landings.DAMAGED, doing=doing)
    if answer not in (family.SAME, family.NO_PROGRAM, None):
        raise VixError(f"the script that verifies the copy ended with exit code {answer} before it was done; it may have been killed", doing=doing)
    return found


def _exit_code(session, script):
    """The exit code of a script. None if the guest runs no programs."""
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
    checksum = CHECKSUM.match(answer)
    return checksum.group(1).decode("ascii") if checksum else None


def _content_of_folder(session, source, store, copies):
    """The content of a directory of the guest, and the reasons why entries are skipped, by path."""
    family = session.family
    listed = trees.by_shell(session, [source], None, sums=True) if session.is_linux else None
    tree = listed[0][source] if listed else trees.by_vix(session, source)
    things = list(tree.things) if listed else [trees.certain(session, thing) for thing in tree.things]
    content, left = sort_out(things, family, source)
    for path, reason in tree.closed.items():
        if family.parent(path) not in left and path not in left:
            raise VixError(f"{path} cannot be read: {reason}", doing=session.doing(f"fetching {source} out of"))
    for name, size in content.items():
        if size is UNREADABLE:
            raise _unreadable(session, family.join(source, *name.split("/")))
        if isinstance(size, int):
            content[name] = _fetched_content(session, source, name, size, store, copies)
    return content, {**{path: reason for path, reason in left.items() if reason}, **tree.avoided}


def sort_out(things, family, source):
    """Sort the entries of a directory of the guest.

    Args:
        things: The entries, as trees.py describes them.
        family: linux or windows.
        source: Path of the directory.

    Returns:
        The content, with the size alone for a file without a checksum, or UNREADABLE; and the reasons why entries are skipped, by path, with None for
        what is below a skipped entry.
    """
    content, left, separator = {"": None}, {}, "/" if family.NAME == linux.NAME else "\\"
    for thing in things:
        path, is_below = thing["path"], family.parent(thing["path"]) in left
        reason = ODD if paths.is_odd(thing["name"], family) or not landings.is_fit(thing["name"]) else LEFT.get(thing["kind"])
        if is_below or reason:
            left[path] = None if is_below else reason
            continue
        name = "/".join(path[len(source) :].strip(separator).split(separator))
        size = UNREADABLE if thing["size"] is None else thing["size"]
        content[name] = None if thing["kind"] == "directory" else [thing["checksum"], size] if "checksum" in thing else size
    return content, left


def _fetched_content(session, source, name, size, store, copies):
    """Checksum and size of a file in a directory of the guest, by fetching it. The copy is kept if it is new to the store."""
    path = session.family.join(source, *name.split("/"))
    found = _fetch(session, path, copies, name)
    if found[1] != size:
        raise VixError(landings.DAMAGED, doing=session.doing(f"fetching {path} out of"))
    if found == store.known.get(name):
        os.unlink(copies.pop(name))
    return found


def _fetch(session, path, copies, name):
    """Copy a file out of the guest under a temporary name; return its checksum and size."""
    copies[name] = os.path.join(session.workdir, f"fetched-{os.urandom(8).hex()}")
    session.guest.copy_out(path, copies[name])
    return landings.sum_of(copies[name])


def _take(session, path, store, name, wanted, copy):
    copies = {name: copy}
    if copy is None and _fetch(session, path, copies, name) != wanted:
        raise VixError(landings.DAMAGED, doing=session.doing(f"fetching {path} out of"))
    store.take(name, copies[name])


def local_name(source):
    """A path of a guest as a path below a local directory: C:/Users/lab for C:\\Users\\lab."""
    parts = []
    for part in (source if source.startswith("/") else source.replace("\\", "/")).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
