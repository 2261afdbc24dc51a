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
SHOWN = 5  # names of files in a message
CANNOT = {"player": "VMware Player", "workstation_shared": "a Workstation server", "vi_server": "a VI server"}  # docs/vix-semantics.md, section 14


class Copy:
    """A clone as it shall be: path of its .vmx, display name (None: as it is, and of a new one that of its file), linked or full, and of which snapshot.

    snapshot: name or path; None is the state as it is, and of a linked one the current snapshot. password: of an encrypted VM, and so of its clone.
    """

    def __init__(self, path, name=None, linked=False, snapshot=None, password=None):
        self.path, self.name, self.linked, self.snapshot, self.password = path, name, linked, snapshot, password

    @property
    def folder(self):
        return os.path.dirname(self.path)


def plan(host, vm, copy, find):
    """Return the plan that makes the clone, or gives the one that is there its name. find(roots, wanted): the node of a snapshot, or None."""
    doing = f"cloning to {copy.path} from {vm.label}"
    if not (os.path.isabs(copy.path) and copy.path.endswith(".vmx")):
        raise Refused("the new path must be the absolute one of a .vmx file", doing=doing)
    _require_product(host, doing)
    if os.path.lexists(copy.path):
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
        steps=[partial(_clone, vm, copy, node, doing), partial(_write, copy, {NAME: name, **lineage.marks(copy.path, origin)}, doing)],
        observe=partial(_look, host, copy),
    )


def _picture(name, origin):
    return {"state": "present", "name": name, "linked": origin.linked, "snapshot": origin.snapshot}


def _look(host, copy):
    """The clone as VIX opens it and as its files tell of it."""
    with host.open_vm(copy.path, copy.password) as clone:
        return _picture(clone.name, lineage.origin(copy.path))


def _require_clone(vm, copy, doing):
    """Raise Refused unless what is at the path is the clone that is wanted."""
    try:
        origin = lineage.origin(copy.path)
    except (FileNotFoundError, vmx.BrokenFile) as error:
        raise Refused(f"there is something at that path, and it is no VM: {getattr(error, 'reason', 'it leads nowhere')}", doing=doing) from error
    way = f"choose another path, or delete that VM (vmlab.vix.vm) and remove what is left in {copy.folder}"
    if origin is None:
        raise Refused(f"there is a VM at that path, and nothing tells that it is a clone, as nothing does of one whose making broke off; {way}", doing=doing)
    source = os.path.realpath(vm.path)
    if not lineage.is_of(origin, source, lineage.uuid(source)):
        raise Refused(f"there is a clone of another VM at that path, of {origin.source}; {way}", doing=doing)
    if origin.linked != copy.linked:
        kinds = ("linked", "full") if origin.linked else ("full", "linked")
        raise Refused(f"the clone that is there is a {kinds[0]} one, and VIX cannot make it a {kinds[1]} one; {way}", doing=doing)


def _named(host, copy, doing):
    """The plan for a clone that is there."""
    with host.open_vm(copy.path, copy.password) as clone:
        name, power = clone.name, clone.power
    before = _picture(name, lineage.origin(copy.path))
    if copy.name in (None, name):
        return Plan(before, before, [], None)
    if power != "powered_off" or os.path.isdir(f"{copy.path}.lck"):
        why = f"it is {power}" if power != "powered_off" else f"another program holds it ({copy.path}.lck)"
        raise Refused(f"the clone is called {name}, and can be called {copy.name} only when it is off and closed everywhere; {why}", doing=doing)
    _require_name(copy.path, copy.name, doing)
    return Plan(before, {**before, "name": copy.name}, [partial(_write, copy, {NAME: copy.name}, doing)], partial(_look, host, copy))


def _require_name(path, name, doing):
    """Raise Refused unless the .vmx at the path, or one with its encoding, can hold a display name."""
    try:
        rewrite.changed(path, {NAME: name})
    except (OSError, vmx.BrokenFile) as error:
        raise Refused(f"its .vmx could not hold the name {name} ({error})", doing=doing) from error


def _require_room(copy, doing):
    """Raise Refused unless the folder of the clone is empty, or not there."""
    left = _left(copy, doing)
    if left:
        told = ", ".join(left[:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
        raise Refused(
            f"{copy.folder} has no such VM in it and is not empty ({told}), as after a clone that broke off: look at it, remove it, or choose another path",
            doing=doing,
        )


def _left(copy, doing):
    try:
        return sorted(name for name in os.listdir(copy.folder) if not name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Refused(f"{copy.folder} cannot be the folder of a VM: {error.strerror}", doing=doing) from error


def _require_product(host, doing):
    product = CANNOT.get(host.describe()["provider"])
    if product:
        raise NotSupported(f"{product} cannot clone VMs, VMware Workstation can", code=6, doing=doing, advice="")


def _base(vm, copy, find, doing):
    """The snapshot to clone, None for the state as it is; raise what stands against it."""
    power = vm.power
    if copy.linked and power == "suspended":
        raise Refused("no linked clone can be made of a suspended VM: power it on or off first (vmlab.vix.vm_power)", doing=doing)
    if not copy.linked and power not in ("powered_off", "suspended"):
        raise Refused(f"the VM is {power}, and a full clone is made of one that is off or suspended: power it off first (vmlab.vix.vm_power)", doing=doing)
    if not copy.linked and copy.snapshot is None:
        return None
    roots = vm.snapshot_tree()
    if copy.snapshot is None:
        node = next((each for each in flat(roots) if each.is_current), None)
        if not node:  # VIX would take one by itself each time, and call each of them "Clone" (docs/vix-semantics.md, section 14)
            raise Refused("a linked clone hangs on a snapshot, and the VM has no current one: take one first (vmlab.vix.vm_snapshot)", doing=doing)
    else:
        node = find(roots, copy.snapshot)
        if not node:
            known = ", ".join(sorted(each.path for each in flat(roots))) or "none"
            raise SnapshotNotFound(f"there is no snapshot {copy.snapshot}; there are: {known}", code=13003, advice="", doing=doing)
    if node.power not in ("powered_off", None):
        raise Refused(f"snapshot {node.path} was taken of the VM when it was {node.power}, and only those taken when it was off can be cloned", doing=doing)
    return node


def _clone(vm, copy, node, doing):
    """Clone, and tell of what is left when it fails."""
    try:
        vm.clone(copy.path, node, copy.linked)
    except TimedOut as error:
        way = f"when VMware is done with {copy.folder}, remove it, and run the task again with a longer timeout"
        raise TimedOut(f"{error.text}; {way}", doing=doing) from error
    except VixError as error:
        left = f"; what there is of the clone lies in {copy.folder}: remove it before the next try" if _left(copy, doing) else ""
        raise type(error)(f"{error.text}{left}", code=error.code, raw=error.raw, doing=doing, advice=error.advice) from error


def _write(copy, values, doing):
    try:
        rewrite.set_values(copy.path, values)
    except (OSError, vmx.BrokenFile) as error:
        raise VixError(f"the clone is there, and its .vmx cannot be changed ({error}): it has neither its name nor the mark of a clone", doing=doing) from error
