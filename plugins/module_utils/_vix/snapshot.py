# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot of a VM, and the tree of snapshots as values."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from . import capi, states
from . import constants as vix
from .errors import SnapshotNotFound, UnknownProperty
from .handle import Handle

if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Sequence

SEPARATOR = "/"
CHANGED = "another program changed the snapshots of the VM during the task"


class Snapshot(Handle):
    """A snapshot of a VM."""

    @property
    def name(self) -> str:
        return self._read(vix.VIX_PROPERTY_SNAPSHOT_DISPLAYNAME)

    @property
    def description(self) -> str:
        return self._read(vix.VIX_PROPERTY_SNAPSHOT_DESCRIPTION)

    @property
    def power(self) -> str | None:
        """The power state that the VM had. None if VIX does not return it."""
        try:
            return states.word(states.POWER, self._read(vix.VIX_PROPERTY_SNAPSHOT_POWERSTATE))
        except UnknownProperty:
            return None

    @property
    def children(self) -> Iterator[Snapshot]:
        """Its children. The caller releases them."""
        for index in range(capi.fetch_cell(self._library.VixSnapshot_GetNumChildren, self)):
            yield Snapshot(self._library, capi.fetch_cell(self._library.VixSnapshot_GetChild, self, index), self._deadline)

    def _read(self, number: int) -> Any:
        return capi.fetch(self._library, self._library.Vix_GetProperties, self, wanted=[number])[0]


class Node:
    """A snapshot as it was when the tree was read.

    path: the names from the root down, joined by "/"; place: the index at each level, which identifies it among equal names.
    """

    def __init__(self, name: str, path: str, place: tuple[int, ...], description: str, power: str | None, is_current: bool, children: list[Node]) -> None:
        self.name, self.path, self.place, self.children = name, path, place, children
        self.description, self.power, self.is_current = description, power, is_current


def read_tree(roots: Iterable[Snapshot], current: Snapshot | None) -> list[Node]:
    """Return the nodes of the roots, children inside; all handles but current are released. current: a Snapshot, or None."""
    with ExitStack() as stack:
        return _nodes(roots, current, stack, above="", place=())


def _nodes(snapshots: Iterable[Snapshot], current: Snapshot | None, stack: ExitStack, above: str, place: tuple[int, ...]) -> list[Node]:
    nodes = []
    for index, snapshot in enumerate(snapshots):
        # Kept until the whole tree is read: the number of a released handle may be used for the next one.
        stack.enter_context(snapshot)
        name, here = snapshot.name, (*place, index)
        path = f"{above}{name}"
        is_current = current is not None and snapshot.is_same(current)
        children = _nodes(snapshot.children, current, stack, f"{path}{SEPARATOR}", here)
        nodes.append(Node(name, path, here, snapshot.description, snapshot.power, is_current, children))
    return nodes


def flat(nodes: Iterable[Node]) -> Iterator[Node]:
    """All nodes of a tree, each before its children."""
    for node in nodes:
        yield node
        yield from flat(node.children)


def descend(roots: Iterable[Snapshot], place: Sequence[int]) -> Snapshot:
    """Return the snapshot at a place. The caller releases it; all others are released here."""
    with ExitStack() as stack:
        for index in place[:-1]:
            roots = stack.enter_context(_nth(roots, index)).children
        return _nth(roots, place[-1])


def _nth(snapshots: Iterable[Snapshot], wanted: int) -> Snapshot:
    for index, snapshot in enumerate(snapshots):
        if index == wanted:
            return snapshot
        snapshot.release()
    raise SnapshotNotFound(CHANGED)
