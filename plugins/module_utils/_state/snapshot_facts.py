# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about a VM's snapshots, from VIX and from VMware's .vmsd file."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from functools import partial

from .._files import lineage, vmsd
from .._files.vmx import BrokenFile
from .._vix.snapshot import flat


def creation_times(path):
    """Return a function that returns the creation time of a node, in seconds since 1970, or None. path: of the .vmx.

    The times are in the .vmsd beside the .vmx. They are None if it cannot be read, as for a VM of another machine.
    """
    try:
        known = vmsd.read(vmsd.beside(path)).snapshots
    except (BrokenFile, OSError):
        known = []
    return partial(_created, known)


def linked_clones(path, home):
    """Return a function that returns the linked clones, by their .vmx, that depend on the snapshot of a node. Raises BrokenFile if a file cannot be read.

    A clone whose snapshot is not known counts for each of them. home: as in lineage.linked_clones(), None for a VM of another machine, whose clones are
    not known.
    """
    found = lineage.dependents(path, home) if home and os.path.isabs(path) else []
    known = vmsd.read(vmsd.beside(path)).snapshots if found else []
    return partial(_clones_of, found, known)


def _clones_of(found, known, node):
    here, paths = vmsd.match(known, node.path, node.place), {snapshot.path for snapshot in known}
    clones = []
    for dependent in found:
        if dependent.uid is not None:
            depends = here is not None and dependent.uid == here.uid
        else:
            depends = dependent.snapshot == node.path or dependent.snapshot not in paths
        clones += [dependent.clone] if depends else []
    return clones


def describe(vm):
    """Return the snapshots flat, each before its children, nested, and as a text diagram."""
    roots, created = vm.snapshot_tree(), creation_times(vm.path)
    return {"snapshots": [_facts(node, created) for node in flat(roots)], "tree": _nested(roots, created), "diagram": list(_lines(roots, ""))}


def _created(known, node):
    found = vmsd.match(known, node.path, node.place)
    return found and found.created


def _facts(node, created):
    seconds = created(node)
    return {
        "name": node.name,
        "path": node.path,
        "description": node.description,
        "power": node.power,
        "is_current": node.is_current,
        "created": seconds and datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _nested(nodes, created):
    return [{**_facts(node, created), "children": _nested(node.children, created)} for node in nodes]


def _lines(nodes, margin):
    for node in nodes:
        is_last = node is nodes[-1]
        yield f"{margin}{'└── ' if is_last else '├── '}{node.name}{' (current)' if node.is_current else ''}"
        yield from _lines(node.children, f"{margin}{'    ' if is_last else '│   '}")
