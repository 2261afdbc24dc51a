# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VM is a clone of which: what VMware notes of linked clones in .vmsd files, and what we note of every clone in its .vmx."""

from __future__ import annotations

import glob
import json
import os
import re
from collections import namedtuple
from contextlib import suppress

from . import library, vmsd, vmx

# Keys of ours in the .vmx of a clone. A copy of the clone has them as well: they hold for the VM that lies where PLACE says.
SOURCE = "vmlab.vix.clonedFrom"
SOURCE_UUID = "vmlab.vix.clonedFromUuid"
PLACE = "vmlab.vix.clonedTo"
KIND = "vmlab.vix.cloneKind"
SNAPSHOT = "vmlab.vix.clonedSnapshot"
LONGEST_NOTE = 1 << 16  # bytes
DISK = re.compile(r"(scsi|sata|ide|nvme)[0-9]{1,2}:[0-9]{1,2}\.filename")
# A path of a Windows host, which no directory of another host is a part of.
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
LISTED = re.compile(r"(snapshot[0-9]{1,9}\.)clone[0-9]{1,9}")

# source: path of the .vmx that was cloned; uuid: of that VM, or empty; snapshot: its path in the tree, empty for the state as it was or where nobody knows.
Origin = namedtuple("Origin", "source uuid linked snapshot")

# clone: the .vmx of a linked clone; uid: the number of the snapshot that it depends on, or None; snapshot: the path of that snapshot when the clone was
# made, empty where nobody knows.
Dependent = namedtuple("Dependent", "clone uid snapshot")


def marks(path, origin):
    """The values that mark a .vmx at a path as a clone of its origin."""
    kind = "linked" if origin.linked else "full"
    return {SOURCE: origin.source, SOURCE_UUID: origin.uuid, PLACE: os.path.realpath(path), KIND: kind, SNAPSHOT: origin.snapshot}


def begin(path, origin):
    """Note beside the directory of a clone that it is being made, for a task that ends before the marks are in its .vmx. It is not an error if it cannot."""
    content = json.dumps({"clone": os.path.realpath(path), **origin._asdict()}).encode("utf-8", "surrogateescape")
    with suppress(OSError):
        forget(path)
        with os.fdopen(os.open(_note(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def begun(path):
    """Return the Origin of a clone that a task of this user began to make and did not mark. None if there is no such note."""
    try:
        with open(_note(path), "rb") as file:
            is_own = os.fstat(file.fileno()).st_uid == os.geteuid()
            content = json.loads(file.read(LONGEST_NOTE).decode("utf-8", "surrogateescape"))
        origin = Origin(*(content[name] for name in Origin._fields))
        is_valid = isinstance(origin.linked, bool) and all(isinstance(each, str) for each in (origin.source, origin.uuid, origin.snapshot))
        return origin if is_own and is_valid and content["clone"] == os.path.realpath(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(path):
    """Remove the note of begin()."""
    with suppress(OSError):
        os.unlink(_note(path))


def is_marked(path):
    """Whether a .vmx has marks of a clone, even if they hold for another place. Raises FileNotFoundError and vmx.BrokenFile."""
    return SOURCE in vmx.read(path)


def disks(path):
    """The paths of the disks of the VM with this .vmx. Raises FileNotFoundError and vmx.BrokenFile."""
    return [_beside(path, value) for key, value in vmx.read(path).items() if DISK.fullmatch(key) and value.lower().endswith(".vmdk")]


def _note(path):
    folder = os.path.dirname(os.path.abspath(path))
    return os.path.join(os.path.dirname(folder), f".{os.path.basename(folder)}.vmlab.vix-clone")


def uuid(path):
    """The uuid of the VM with this .vmx, empty where it has none yet or cannot be read."""
    try:
        return vmx.read(path).get("uuid.bios", "")
    except (FileNotFoundError, vmx.BrokenFile):
        return ""


def origin(path):
    """Return the Origin of the VM with this .vmx. None if its files contain none. Raises FileNotFoundError and vmx.BrokenFile."""
    config = vmx.read(path)
    if SOURCE in config and _lay_at(config.get(PLACE, ""), path):
        return Origin(config[SOURCE], config.get(SOURCE_UUID, ""), config.get(KIND) == "linked", config.get(SNAPSHOT, ""))
    try:
        parent = vmx.read(vmsd.beside(path)).get("cloneof0")
    except FileNotFoundError:
        parent = None
    return Origin(_beside(path, parent), "", True, "") if parent else None


def is_of(origin, path, uuid):
    """Whether an Origin is the VM with this .vmx and uuid, which may have moved since."""
    if _same(origin.source, path):
        return True
    return bool(uuid) and origin.uuid == uuid and not os.path.exists(origin.source)


def linked_clones(path, home):
    """Return the .vmx of each linked clone that is known of the VM with this .vmx. Raises vmx.BrokenFile when the VM's own .vmsd cannot be read.

    They are in the VM's .vmsd; VMs in VMware's lists and in the directories beside the VM's are included if their files contain their
    origin themselves. home: the home of the user whose lists are read.
    """
    if not os.path.isabs(path):  # that of a host elsewhere
        return []
    own = uuid(path)
    found = [each for each in _listed(path) if _may_hang_on(each, path, own)]
    found += [each for each in _neighbours(path, home) if _hangs_on(each, path, own)]
    return sorted({os.path.realpath(each) for each in found} - {os.path.realpath(path)})


def dependents(path, home):
    """Return the Dependents among the linked_clones() of a VM, one for each snapshot that lists a clone. Raises as linked_clones()."""
    listed = {}
    for clone, uid in _listed_with_uids(path):
        listed.setdefault(os.path.realpath(clone), set()).add(uid)
    found = []
    for clone in linked_clones(path, home):
        if clone in listed:
            found += [Dependent(clone, uid, "") for uid in sorted(listed[clone])]
        else:
            found.append(Dependent(clone, None, origin(clone).snapshot))
    return found


def _listed(path):
    return [clone for clone, dummy in _listed_with_uids(path)]


def _listed_with_uids(path):
    """The linked clones that the .vmsd of a VM lists, and the number of the snapshot that each of them depends on, 0 for none."""
    try:
        values = vmx.read(vmsd.beside(path))
    except FileNotFoundError:
        return []
    hits = [(LISTED.fullmatch(key), value) for key, value in values.items() if value]
    return [(_beside(path, value), values.number(f"{hit.group(1)}uid", 0)) for hit, value in hits if hit]


def _neighbours(path, home):
    beside = glob.escape(os.path.dirname(os.path.dirname(os.path.realpath(path))))
    found = glob.glob(os.path.join(beside, "*", "*.vmx"))
    try:
        return list(dict.fromkeys(found + [each for each, dummy in library.known_vms(home)]))
    except vmx.BrokenFile:  # what it listed is not known
        return found


def _may_hang_on(clone, path, own):
    """Whether a VM that a .vmsd lists still exists and is not marked as a clone of another origin."""
    try:
        found = origin(clone)
    except FileNotFoundError:
        return False
    except vmx.BrokenFile:
        return True
    return found is None or (found.linked and is_of(found, path, own))


def _hangs_on(clone, path, own):
    try:
        found = origin(clone)
    except (FileNotFoundError, vmx.BrokenFile):
        return False
    return found is not None and found.linked and is_of(found, path, own)


def _beside(path, written):
    """The path that is written in a file of the VM with this .vmx, relative to its directory unless it is an absolute one of any host."""
    return written if WINDOWS_PATH.match(written) else os.path.join(os.path.dirname(path), written)


def _lay_at(place, path):
    """Whether a VM that lay at a place is the one at the path: the same place, or it has left it."""
    return bool(place) and (_same(place, path) or not os.path.exists(place))


def _same(one, other):
    return os.path.realpath(one) == os.path.realpath(other)
