# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshot metadata in VMware's format: NAME.vmsd."""

from __future__ import annotations

from typing import NamedTuple

from openvix.vmware import vmx


class Snapshot(NamedTuple):
    """One snapshot. parent: uid, 0 for a root; created: microseconds since 1970; clones: the .vmx paths of its linked clones."""

    uid: int
    parent: int
    name: str
    description: str
    created: int
    memory: bool
    clones: tuple[str, ...] = ()


class Tree(NamedTuple):
    """All snapshots of a VM in the order in which they were taken.

    current: uid, 0 for none; last: the highest uid ever used; clone_of: the .vmx of the base VM of a linked clone.
    """

    snapshots: tuple[Snapshot, ...] = ()
    current: int = 0
    last: int = 0
    clone_of: str = ""

    def children(self, uid: int) -> list[Snapshot]:
        """Return the children of a snapshot, or for 0 the roots, in the order in which they were taken."""
        return [snapshot for snapshot in self.snapshots if snapshot.parent == uid]

    def find(self, uid: int) -> Snapshot | None:
        return next((snapshot for snapshot in self.snapshots if snapshot.uid == uid), None)

    def below(self, uid: int) -> set[int]:
        """Return the uids of a snapshot and all its descendants."""
        found = {uid}
        for child in self.children(uid):
            found |= self.below(child.uid)
        return found

    def with_new(self, name: str, description: str, created: int, memory: bool) -> Tree:
        """Return the tree with a new child of the current snapshot as the new current snapshot."""
        snapshot = Snapshot(self.last + 1, self.current, name, description, created, memory)
        return self._replace(snapshots=(*self.snapshots, snapshot), current=snapshot.uid, last=snapshot.uid)

    def without(self, uid: int, children: bool) -> Tree:
        """Return the tree without a snapshot. Its children are removed too, or else become children of its parent."""
        parent = next(each.parent for each in self.snapshots if each.uid == uid)
        gone = self.below(uid) if children else {uid}
        left = (each._replace(parent=parent) if each.parent == uid else each for each in self.snapshots if each.uid not in gone)
        return self._replace(snapshots=tuple(left), current=parent if self.current in gone else self.current)

    def with_clones(self, uid: int, clones: tuple[str, ...]) -> Tree:
        """Return the tree with these linked clones of a snapshot."""
        return self._replace(snapshots=tuple(each._replace(clones=clones) if each.uid == uid else each for each in self.snapshots))


def read(raw: bytes) -> Tree:
    """Parse a .vmsd. Raises ValueError."""
    settings = vmx.read(raw)
    snapshots = []
    for number in range(settings.number("snapshot.numSnapshots", 0)):
        key = f"snapshot{number}"
        high, low = (settings.number(f"{key}.createTime{half}", 0) for half in ("High", "Low"))
        snapshots.append(
            Snapshot(
                uid=settings.number(f"{key}.uid"),
                parent=settings.number(f"{key}.parent", 0),
                name=settings.get(f"{key}.displayName", ""),
                description=settings.get(f"{key}.description", ""),
                created=(high << 32) | (low & 0xFFFFFFFF),
                memory=settings.get(f"{key}.type", "0") == "1",
                clones=tuple(settings.get(f"{key}.clone{clone}", "") for clone in range(settings.number(f"{key}.numClones", 0))),
            )
        )
    last = max([settings.number("snapshot.lastUID", 0), *(snapshot.uid for snapshot in snapshots)])
    return Tree(tuple(snapshots), settings.number("snapshot.current", 0), last, settings.get("cloneOf0", ""))


def write(tree: Tree, vm: str) -> bytes:
    """Return the .vmsd of this tree for the VM with this name."""
    values = {"snapshot.lastUID": str(tree.last), "snapshot.current": str(tree.current)}
    for number, snapshot in enumerate(tree.snapshots):
        low = snapshot.created & 0xFFFFFFFF
        mine = {
            "uid": str(snapshot.uid),
            "filename": state_file(vm, snapshot.uid),
            "parent": str(snapshot.parent),
            "displayName": snapshot.name,
            "description": snapshot.description,
            "type": "1" if snapshot.memory else "0",
            "createTimeHigh": str(snapshot.created >> 32),
            # VMware writes the lower half as a signed number.
            "createTimeLow": str(low - (1 << 32) if low >> 31 else low),
            "numDisks": "1",
            "disk0.fileName": f"{vm}.vmdk",
            "disk0.node": "scsi0:0",
        }
        if not snapshot.parent:
            del mine["parent"]
        if snapshot.clones:
            mine.update({f"clone{clone}": path for clone, path in enumerate(snapshot.clones)}, numClones=str(len(snapshot.clones)))
        values.update({f"snapshot{number}.{key}": value for key, value in mine.items()})
    values["snapshot.numSnapshots"] = str(len(tree.snapshots))
    if tree.clone_of:
        values.update({"cloneOf0": tree.clone_of, "numCloneOf": "1", "sentinel0": f"{vm}.vmdk", "numSentinels": "1"})
    return vmx.new(values).write()


def state_file(vm: str, uid: int) -> str:
    return f"{vm}-Snapshot{uid}.vmsn"
