# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a case is judged by: the state of the VM, its guest and the directories of the VM host, read from the files of OpenVIX rather than by the collection."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re

from openvix.vmware import vmsd, vmx

# A temporary name with minutes in it is swept by its age: see _system/leftovers.py.
AGED = re.compile(r"\.?vmlab\.vix-[1-9]\d*-[0-9a-f]{32}")
# The directory that VMware Tools make for a user, with a number for each start of theirs: it is theirs, and only its content is looked at.
TOOLS = re.compile(r"vmware-[^/]+_\d+-\d+")
# A file beside one that is written on the VM host, which a later task removes when it is old: only SIGKILL may leave it.
PART = re.compile(r"\..+\.[0-9a-f]{16}\.part")
# Of a VM alone, and different for each: identities, and the mark of a suspended VM.
UNIQUE = re.compile(r"uuid\.|encryptedVM\.|checkpoint\.|encryption\.|vc\.uuid", re.IGNORECASE)
# Directories of the guest that change by themselves, and those of the host that are shown in it.
ELSEWHERE = {"proc", "dev", "sys", "run", "usr", "bin", "lib", "lib64", "sbin", "lib32", "libx32"}


def tree(root: pathlib.Path, skipped: set[str] = frozenset()) -> dict[str, str]:
    """Return each file, directory and link below a directory, with its content as a digest and its mode."""
    found = {}
    for parent, directories, files in os.walk(root):
        if pathlib.Path(parent) == root:
            directories[:] = [name for name in directories if name not in skipped]
        directories[:] = [name for name in directories if not AGED.fullmatch(name)]
        for name in (*directories, *files):
            path = pathlib.Path(parent, name)
            key = TOOLS.sub("vmware-tools", str(path.relative_to(root)))
            if AGED.fullmatch(name) or PART.fullmatch(name) or TOOLS.fullmatch(name):
                continue
            if path.is_symlink():
                found[key] = f"link to {os.readlink(path)}"
            elif path.is_dir():
                found[key] = f"directory {path.stat().st_mode & 0o7777:o}"
            else:
                found[key] = f"{path.stat().st_mode & 0o7777:o} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    return found


def vm_state(openvix, path: str) -> dict:
    """Return what the files of a VM record."""
    vmx_path = pathlib.Path(path)
    if not vmx_path.exists():
        return {"vm": "absent", "files": sorted(each.name for each in vmx_path.parent.glob("*"))}
    config, snapshots = vmx.read(vmx_path.read_bytes()), vmsd.read(vmx_path.with_suffix(".vmsd").read_bytes())
    state = json.loads((vmx_path.parent / "openvix/state.json").read_bytes())
    names = {0: "", **{each.uid: each.name for each in snapshots.snapshots}}
    return {
        "vm": {vm["vmx"]: vm["power"] for vm in openvix.status()["vms"]}.get(path, "unknown"),
        "config": sorted(f"{key}={config.get(key)}" for key in config.keys() if not UNIQUE.match(key)),  # noqa: SIM118 - not a dict
        "snapshots": [(each.name, names[each.parent], [pathlib.Path(clone).name for clone in each.clones]) for each in snapshots.snapshots],
        "current snapshot": names[snapshots.current],
        "variables": (state.get("runtime") or {}, state.get("environment") or {}),
        "tools": json.loads((vmx_path.parent / "openvix/machine.json").read_bytes())["tools"],
        "locks": sorted(each.name for each in vmx_path.parent.glob("*.lck")),
        "guest": tree(openvix.disk(path), ELSEWHERE),
    }


def everything(openvix, path: str, out: pathlib.Path) -> dict:
    """Return the state of the VM, of what was cloned from it, and of the directory of the VM host that tasks write to."""
    clones = sorted(out.rglob("*.vmx"))
    host = {} if clones else tree(out)
    return {**vm_state(openvix, path), "clones": [vm_state(openvix, str(each)) for each in clones], "host": host}


def half_files(out: pathlib.Path) -> list[str]:
    """Return what a task has not finished writing on the VM host."""
    return sorted(each.name for each in out.rglob("*") if PART.fullmatch(each.name))


def difference(one: dict, other: dict) -> str:
    """Return the keys that differ, with both values where they are short."""
    parts = []
    for key in sorted({*one, *other}):
        if one.get(key) == other.get(key):
            continue
        left, right = one.get(key), other.get(key)
        if isinstance(left, list) and isinstance(right, list):
            left, right = [each for each in left if each not in right], [each for each in right if each not in left]
        if isinstance(left, dict) and isinstance(right, dict):
            left, right = ({name: each.get(name) for name in {*left, *right} if left.get(name) != right.get(name)} for each in (left, right))
        parts.append(f"{key}: {left} / {right}")
    return "; ".join(parts)[:1500]
