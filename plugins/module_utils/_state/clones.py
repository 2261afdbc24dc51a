# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clones of a VM."""

from __future__ import annotations

import os
from functools import partial

from .._files import lineage, rewrite, vmx
from .._vix.errors import NotSupported, Refused, SnapshotNotFound, TimedOut, VixError
from .._vix.snapshot import flat
from .plan import Plan

NAME = "displayName"
CONNECTION_LOST = 36  # the code of VIX_E_HOST_CONNECTION_LOST: VMware may have done what it was asked
SHOWN = 5  # names of files in a message
CANNOT = {"player": "VMware Player", "workstation_shared": "a Workstation server", "vi_server": "a VI server"}  # docs/vix-semantics.md, section 14


class Copy:
    """A clone as it is wanted.

    Args:
        path: Path of its .vmx.
        name: Display name. None: keep it, or name a new clone after its file.
        linked: Whether it is a linked clone.
        snapshot: Name or path of the snapshot to clone. None: the present state, or the current snapshot for a linked clone.
        password: Password of an encrypted VM and of its clone.
    """

    def __init__(self, path, name=None, linked=False, snapshot=None, password=None):
        self.path, self.name, self.linked, self.snapshot, self.password = path, name, linked, snapshot, password

    @property
    def folder(self):
        return os.path.dirname(self.path)


def plan(host, vm, copy, find):
    """Return the plan that creates the clone, or renames an existing one. find(roots, wanted): returns the node of a snapshot, or None."""
    doing = f"cloning to {copy.path} from {vm.label}"
    if not (os.path.isabs(copy.path) and copy.path.endswith(".vmx")):
        raise Refused("dest must be the absolute path of a .vmx file", doing=doing)
    _require_product(host, doing)
    if os.path.lexists(copy.path):
        begun = _begun(vm, copy)
        if begun:
            return _finished(host, copy, begun, doing)
        _require_clone(vm, copy, doing)
        return _named(host, copy, doing)
    _require_room(copy, doing)
    node = _base(vm, copy, find, doing)
    name = copy.name or os.path.basename(copy.path)[: -len(".vmx")]
    source = os.path.realpath(vm.path)
    _require_name(source, name, doing)
    origin = lineage.Origin(source, lineage.uuid(source), copy.linked, node.path if node else "")
    return Plan(
        before={"state": "absent"},
        after=_picture(name, origin),
        steps=[partial(_clone, vm, copy, node, origin, doing), partial(_mark, copy, name, origin, doing)],
        observe=partial(_look, host, copy),
    )


def _picture(name, origin):
    return {"state": "present", "name": name, "linked": origin.linked, "snapshot": origin.snapshot}


def _look(host, copy):
    """The clone as VIX and its files show it."""
    with host.open_vm(copy.path, copy.password) as clone:
        return _picture(clone.name, lineage.origin(copy.path))


def _require_clone(vm, copy, doing):
    """Raise Refused unless the existing file is the wanted clone."""
    try:
        origin = lineage.origin(copy.path)
    except (FileNotFoundError, vmx.BrokenFile) as error:
        raise Refused(f"dest exists and is not a VM: {getattr(error, 'reason', 'dangling symlink')}", doing=doing) from error
    advice = f"use another path, or delete that VM (vmlab.vix.vm) and remove the rest of {copy.folder}"
    if origin is None:
        raise Refused(f"a VM already exists at this path and is not marked as a clone (possibly an interrupted clone); {advice}", doing=doing)
    source = os.path.realpath(vm.path)
    if not lineage.is_of(origin, source, lineage.uuid(source)):
        raise Refused(f"a clone of another VM already exists at this path; its source is {origin.source}; {advice}", doing=doing)
    if origin.linked != copy.linked:
        kinds = ("linked", "full") if origin.linked else ("full", "linked")
        raise Refused(f"the existing clone is a {kinds[0]} clone, and VIX cannot convert it to a {kinds[1]} clone; {advice}", doing=doing)


def _begun(vm, copy):
    """The Origin of the VM at the destination, if a task has begun to clone it and was ended before it marked it; else None."""
    origin, source = lineage.begun(copy.path), os.path.realpath(vm.path)
    try:
        if origin is None or lineage.is_marked(copy.path):
            return None
    except (FileNotFoundError, vmx.BrokenFile):
        return None
    return origin if lineage.is_of(origin, source, lineage.uuid(source)) and origin.linked == copy.linked else None


def _finished(host, copy, origin, doing):
    """The plan for a clone whose making was not reported: it gets its name and its marks. Raises Refused if it is not whole, or in use."""
    missing = [disk for disk in lineage.disks(copy.path) if not os.path.exists(disk)]
    left = f"VMware may still be at work; if it is not, delete that VM (vmlab.vix.vm) and remove the rest of {copy.folder}"
    if missing:
        raise Refused(f"an earlier task was ended while it made this clone, which has no disk {missing[0]}; {left}", doing=doing)
    with host.open_vm(copy.path, copy.password) as clone:
        power = clone.power
    if power != "powered_off" or _locks(copy):
        why = f"it is {power}" if power != "powered_off" else f"another program has it open ({_locks(copy)[0]})"
        raise Refused(f"an earlier task was ended while it made this clone, which can be finished only while it is not in use; {why}; {left}", doing=doing)
    name = copy.name or os.path.basename(copy.path)[: -len(".vmx")]
    _require_name(copy.path, name, doing)
    return Plan({"state": "unfinished"}, _picture(name, origin), [partial(_mark, copy, name, origin, doing)], partial(_look, host, copy))


def _locks(copy):
    return sorted(os.path.join(copy.folder, name) for name in os.listdir(copy.folder) if name.endswith(".lck"))


def _named(host, copy, doing):
    """The plan for an existing clone."""
    with host.open_vm(copy.path, copy.password) as clone:
        name, power = clone.name, clone.power
    before = _picture(name, lineage.origin(copy.path))
    if copy.name in (None, name):
        return Plan(before, before, [], None)
    if power != "powered_off" or os.path.isdir(f"{copy.path}.lck"):
        why = f"it is {power}" if power != "powered_off" else f"another program has it open ({copy.path}.lck)"
        raise Refused(f"the clone is named {name} and can be renamed to {copy.name} only while it is powered off and not in use; {why}", doing=doing)
    _require_name(copy.path, copy.name, doing)
    return Plan(before, {**before, "name": copy.name}, [partial(_write, copy, {NAME: copy.name}, doing)], partial(_look, host, copy))


def _require_name(path, name, doing):
    """Raise Refused unless a .vmx with the encoding of the one at the path can store a display name."""
    try:
        rewrite.changed(path, {NAME: name})
    except (OSError, vmx.BrokenFile) as error:
        raise Refused(f"its .vmx cannot store the name {name} ({error})", doing=doing) from error


def _require_room(copy, doing):
    """Raise Refused unless the directory of the clone is empty or missing."""
    left = _left(copy, doing)
    if left:
        names = ", ".join(left[:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
        raise Refused(
            f"{copy.folder} is not empty and does not contain the VM ({names}), possibly after an interrupted clone: remove it, or use another path",
            doing=doing,
        )


def _left(copy, doing):
    try:
        return sorted(name for name in os.listdir(copy.folder) if not name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Refused(f"{copy.folder} cannot be used as the directory of a VM: {error.strerror}", doing=doing) from error


def _require_product(host, doing):
    product = CANNOT.get(host.describe(doing)["provider"])
    if product:
        raise NotSupported(f"{product} does not support clones; VMware Workstation does", code=6, doing=doing, advice="")


def _base(vm, copy, find, doing):
    """The snapshot to clone, or None for the present state. Raises an error if it cannot be cloned."""
    power = vm.power
    if copy.linked and power == "suspended":
        raise Refused("a suspended VM cannot have linked clones: power it on or off first (vmlab.vix.vm_power)", doing=doing)
    if not copy.linked and power not in ("powered_off", "suspended"):
        raise Refused(f"the VM is {power}; a full clone requires a VM that is powered off or suspended: power it off first (vmlab.vix.vm_power)", doing=doing)
    if not copy.linked and copy.snapshot is None:
        return None
    roots = vm.snapshot_tree()
    if copy.snapshot is None:
        node = next((each for each in flat(roots) if each.is_current), None)
        if not node:  # VIX would take one each time, always named "Clone" (docs/vix-semantics.md, section 14)
            raise Refused("a linked clone requires a snapshot, and the VM has no current snapshot: take one first (vmlab.vix.vm_snapshot)", doing=doing)
    else:
        node = find(roots, copy.snapshot)
        if not node:
            known = ", ".join(sorted(each.path for each in flat(roots))) or "none"
            raise SnapshotNotFound(f"snapshot {copy.snapshot} does not exist; existing snapshots: {known}", code=13003, advice="", doing=doing)
    if node.power not in ("powered_off", None):
        raise Refused(f"snapshot {node.path} was taken while the VM was {node.power}; only snapshots taken while it was powered off can be cloned", doing=doing)
    return node


def _clone(vm, copy, node, origin, doing):
    """Clone; the error of a failure names what is left of the clone. A note that it was begun stays where VMware may have made it nevertheless."""
    lineage.begin(copy.path, origin)
    try:
        vm.clone(copy.path, node, copy.linked)
    except TimedOut as error:
        advice = f"when VMware has finished with {copy.folder}, run the task again, which completes the clone; use a longer timeout"
        raise TimedOut(f"{error.text}; {advice}", doing=doing) from error
    except VixError as error:
        if error.code != CONNECTION_LOST:
            lineage.forget(copy.path)
        left = f"; the incomplete clone is in {copy.folder}: remove it before the next attempt" if _left(copy, doing) else ""
        raise type(error)(f"{error.text}{left}", code=error.code, raw=error.raw, doing=doing, advice=error.advice) from error


def _mark(copy, name, origin, doing):
    _write(copy, {NAME: name, **lineage.marks(copy.path, origin)}, doing)
    lineage.forget(copy.path)


def _write(copy, values, doing):
    try:
        rewrite.set_values(copy.path, values)
    except (OSError, vmx.BrokenFile) as error:
        text = f"the clone was created, but its .vmx cannot be changed ({error}), so its name and the vmlab.vix.clone keys are not set"
        raise VixError(f"{text}; delete it and run the task again", doing=doing) from error
