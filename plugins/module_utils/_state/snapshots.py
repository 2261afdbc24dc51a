# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshots of a VM."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial

from .._files.vmx import BrokenFile
from .._vix.errors import Refused, SnapshotNotFound
from .._vix.snapshot import SEPARATOR, flat
from .plan import Plan

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}  # seconds


def present(vm, name, description="", memory=True):
    """Return the plan that takes a snapshot unless one of that name or path exists."""
    roots = vm.snapshot_tree()
    before = _picture(roots)
    if find(vm, roots, name):
        return Plan(before, before, [], None)
    step = partial(vm.create_snapshot, name.rpartition(SEPARATOR)[2], description, memory)
    return Plan(before, _with(vm, before, name), [step], partial(_look, vm))


class Clones:
    """The linked clones of a VM, which are lost with the snapshot that they depend on.

    Args:
        vm: The VM.
        look: Returns a function that returns the clones, by their .vmx, that depend on the snapshot of a node; raises BrokenFile if nobody knows.
        force: Whether snapshots are removed even if clones depend on them, or may.
    """

    def __init__(self, vm, look, force=False):
        self.vm, self.force, self._look = vm, force, look

    def of(self, nodes, doing):
        """The clones that depend on each of the nodes, by the path of the node, without those that have none."""
        try:
            depending = self._look()
        except BrokenFile as error:
            if self.force:
                return {}
            raise Refused(f"the linked clones of this VM cannot be determined ({error}): set force=true to remove it anyway", doing=doing) from error
        found = {node.path: depending(node) for node in nodes}
        return {path: clones for path, clones in found.items() if clones}


def absent(vm, name, children=False, clones=None):
    """Return the plan that removes the snapshot of that name or path. Its fact: linked_clones, those that depend on it. Raises Refused if there are any.

    children: whether those below it are removed as well; clones: the Clones of the VM, None if it has none.
    """
    roots = vm.snapshot_tree()
    before, node = _picture(roots), find(vm, roots, name)
    if not node:
        return Plan(before, before, [], None, facts={"linked_clones": []})
    doing = f"removing snapshot {node.path} of {vm.label}"
    lost = clones.of(flat([node]) if children else [node], doing) if clones else {}
    if lost and not clones.force:
        raise Refused(f"{_dependents(lost)}; delete them first, or set force=true", doing=doing)
    steps = [partial(vm.remove_snapshot, node, children)]
    return Plan(before, _picture(roots, [node], children), steps, partial(_look, vm), facts={"linked_clones": _all_of(lost)})


def _dependents(lost):
    return "; ".join(f"linked clones depend on snapshot {path}: {', '.join(clones)}" for path, clones in lost.items())


def _all_of(lost):
    return sorted({clone for clones in lost.values() for clone in clones})


def reverted(vm, name, power="as_saved", tools_timeout=0):
    """Return the plan that takes the VM back to a snapshot. Its fact: power, the power state after a run.

    Args:
        vm: The VM.
        name: Name or path of the snapshot.
        power: The power state to have afterwards: as_saved, powered_on or powered_off.
        tools_timeout: Seconds to wait for VMware Tools of a VM that is on afterwards. 0: do not wait.
    """
    roots = vm.snapshot_tree()
    before, node = _picture(roots), find(vm, roots, name)
    if not node:
        known = ", ".join(before["snapshots"]) or "none"
        raise SnapshotNotFound(
            f"the snapshot does not exist; existing snapshots: {known}", code=13003, advice="", doing=f"reverting to snapshot {name} of {vm.label}"
        )
    return Plan(before, {**before, "current": node.path}, [partial(_revert, vm, node, power, tools_timeout)], partial(_look, vm))


def pruned(vm, pattern, keep, seconds, now, created, clones=None):
    """Return the plan that removes old snapshots. Those below them move up.

    Args:
        vm: The VM.
        pattern: Shell pattern for the names of the snapshots that are considered.
        keep: How many of the newest are kept. None: no number.
        seconds: Younger ones than this are kept. None: no age.
        now: The present time, in seconds since 1970.
        created: Returns the creation time of a node, in seconds since 1970, or None.
        clones: The Clones of the VM, None if it has none. Unless they are forced, snapshots that they depend on are kept.

    Its facts: linked_clones, those that depend on what is removed; kept, the paths of those that are old and kept for clones; warnings about these.
    """
    roots = vm.snapshot_tree()
    before = _picture(roots)
    matching = [node for node in flat(roots) if fnmatchcase(node.name, pattern)]
    ageless = [node.path for node in matching if created(node) is None]
    if ageless:
        raise Refused(f"the creation time is not known of: {', '.join(ageless)}; select others with name", doing=f"selecting old snapshots of {vm.label}")
    newest_first = sorted(matching, key=created, reverse=True)
    gone = [node for node in newest_first[0 if keep is None else max(keep, 0) :] if seconds is None or now - created(node) > seconds]
    lost = clones.of(gone, f"selecting old snapshots of {vm.label}") if clones and gone else {}
    kept = {} if clones and clones.force else lost
    gone = [node for node in gone if node.path not in kept]
    facts = {
        "linked_clones": [] if kept else _all_of(lost),
        "kept": sorted(kept),
        "warnings": [f"old snapshots of {vm.label} were kept: {_dependents(kept)}"] if kept else [],
    }
    # Last ones first, so that the places of the others in the tree do not change.
    steps = [partial(vm.remove_snapshot, node) for node in reversed(list(flat(roots))) if node in gone]
    return Plan(before, _picture(roots, gone), steps, partial(_look, vm), facts=facts)


def duration(text):
    """Seconds of a text such as 90s, 30m, 12h, 7d or 2w. Raises Refused for any other."""
    number, unit = text[:-1], text[-1:]
    if not (number.isdigit() and unit in UNITS):
        raise Refused(f"{text} is not a duration: use a number and one of {', '.join(UNITS)}, such as 7d", doing="reading older_than")
    return int(number) * UNITS[unit]


def _revert(vm, node, wanted, tools_timeout):
    vm.revert(node, power_on=wanted != "powered_off")
    power = vm.power
    if wanted == "powered_on" and power != "powered_on":
        vm.unpause() if power == "paused" else vm.power_on()
        power = vm.power
    elif wanted == "powered_off" and power == "powered_on":
        vm.power_off()
        power = vm.power
    if power == "powered_on" and tools_timeout:
        vm.wait_for_tools(tools_timeout)  # VMware Tools have to be waited for again after a revert (docs/vix-semantics.md, section 15)
    return {"power": power}


def _look(vm):
    return _picture(vm.snapshot_tree())


def _with(vm, before, name):
    """The tree after a snapshot is taken. A new one is always below the current one."""
    above, own_name = name.lstrip(SEPARATOR).rpartition(SEPARATOR)[::2]
    current = before["current"]
    doing = f"taking snapshot {name} of {vm.label}"
    if above and above not in before["snapshots"]:
        text = f"there is no snapshot {above}: a slash separates the names in a path, so the name of a new snapshot cannot contain one"
        raise Refused(text, doing=doing)
    if SEPARATOR in name and above != current:
        advice = f"revert to snapshot {above} first" if above else "a root snapshot can only be taken of a VM without snapshots"
        raise Refused(f"a new snapshot is created below the current one ({current or 'none'}): {advice}", doing=doing)
    path = f"{current}{SEPARATOR}{own_name}" if current else own_name
    return {"current": path, "snapshots": sorted([*before["snapshots"], path])}


def find(vm, roots, wanted):
    """The node of that name or path, or None. A text that begins with the separator is always a path."""
    if wanted.startswith(SEPARATOR):
        found = [node for node in flat(roots) if node.path == wanted[1:]]
    elif SEPARATOR in wanted:
        found = [node for node in flat(roots) if wanted in (node.path, node.name)]
    else:
        found = [node for node in flat(roots) if node.name == wanted]
    if len(found) > 1:
        places = ", ".join(f"{SEPARATOR}{node.path}" for node in found)
        text, advice = f"{len(found)} snapshots have that name: {places}", "use its path"
        raise Refused(text, code=13017, advice=advice, doing=f"finding snapshot {wanted} of {vm.label}")
    return found[0] if found else None


def _picture(roots, gone=(), with_children=False):
    """The tree in the words of a diff: its paths, and the current one, without the nodes in gone."""
    seen = list(_walk(roots, gone, with_children, ""))
    return {
        "current": next((current for dummy, current in seen if current is not None), ""),
        "snapshots": sorted(path for path, dummy in seen if path is not None),
    }


def _walk(nodes, gone, with_children, parent):
    """Yield the path of each node or None, and the path of the current snapshot or None.

    Nodes below a removed one move up to its parent, or are removed as well. The parent becomes current if a removed one was.
    """
    for node in nodes:
        path = f"{parent}{SEPARATOR}{node.name}" if parent else node.name
        if node not in gone:
            yield path, path if node.is_current else None
            yield from _walk(node.children, gone, with_children, path)
        elif with_children:
            yield None, parent if any(each.is_current for each in flat([node])) else None
        else:
            yield None, parent if node.is_current else None
            yield from _walk(node.children, gone, with_children, parent)
