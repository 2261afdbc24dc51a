# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports go one way: who may know whom, and who alone may do what."""

from __future__ import annotations

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.vmlab.vix"
UTILS = "plugins/module_utils"

# The binding, from the ground up: a file may import what stands above it in this list, nothing beside it and nothing below.
BINDING = (
    ("constants", "error_names", "advice", "support"),
    ("errors", "products"),
    ("deadline", "locate", "capi", "states"),
    ("handle",),
    ("guest", "snapshot"),
    ("vm",),
    ("host",),
)
LEVELS = {f"{UTILS}/_vix/{name}": level for level, names in enumerate(BINDING) for name in names}

# A room: what else of the collection it may import, what of Ansible. The first that a path begins with is its room.
ROOMS = {
    f"{UTILS}/_vix/": ((f"{UTILS}/_vix/",), None),
    f"{UTILS}/_files/": ((f"{UTILS}/_files/",), None),
    f"{UTILS}/_system/": ((f"{UTILS}/_vix/", f"{UTILS}/_system/"), None),
    f"{UTILS}/_state/": ((f"{UTILS}/_vix/", f"{UTILS}/_files/", f"{UTILS}/_system/", f"{UTILS}/_state/"), None),
    f"{UTILS}/_frames": ((), None),
    f"{UTILS}/_worker": ((f"{UTILS}/_vix/errors",), None),
    f"{UTILS}/_conversation": ((f"{UTILS}/_frames", f"{UTILS}/_worker"), None),
    f"{UTILS}/_session": ((f"{UTILS}/_vix/", f"{UTILS}/_system/guest_session", f"{UTILS}/_state/names", f"{UTILS}/_worker"), None),
    f"{UTILS}/_guest_server": (
        (f"{UTILS}/_vix/", f"{UTILS}/_files/", f"{UTILS}/_state/", f"{UTILS}/_frames", f"{UTILS}/_conversation", f"{UTILS}/_session"),
        None,
    ),
    f"{UTILS}/_guest_relay": ((f"{UTILS}/_frames", f"{UTILS}/_worker", f"{UTILS}/_conversation", f"{UTILS}/_guest_server"), None),
    f"{UTILS}/_guest_line": ((f"{UTILS}/_frames", f"{UTILS}/_worker", f"{UTILS}/_vix/errors"), None),
    f"{UTILS}/_kept_line": ((f"{UTILS}/_frames", f"{UTILS}/_worker", f"{UTILS}/_vix/errors", f"{UTILS}/_guest_line"), None),
    f"{UTILS}/_remote_line": ((f"{UTILS}/_frames", f"{UTILS}/_worker", f"{UTILS}/_vix/errors", f"{UTILS}/_guest_line"), None),
    f"{UTILS}/_options": ((), "ansible.module_utils"),
    f"{UTILS}/_module": ((f"{UTILS}/_options", f"{UTILS}/_session", f"{UTILS}/_worker"), "ansible.module_utils"),
    "plugins/plugin_utils/": ((f"{UTILS}/_", "plugins/plugin_utils/"), "ansible"),
    "plugins/modules/": ((f"{UTILS}/_module", f"{UTILS}/_options", f"{UTILS}/_state/"), None),
    "plugins/action/": (("plugins/plugin_utils/", f"{UTILS}/_state/"), "ansible"),
    "plugins/connection/": (("plugins/plugin_utils/", f"{UTILS}/_state/"), "ansible"),
    "plugins/inventory/": (("plugins/plugin_utils/", f"{UTILS}/_state/"), "ansible"),
    "plugins/doc_fragments/": ((), None),
}
WITHIN_STATE = f"{UTILS}/_state/plan"

STANDARD = sys.stdlib_module_names - {"graphlib", "tomllib", "zoneinfo"}  # those came after Python 3.8
ENDS_A_MODULE = {"exit_json", "fail_json"}


def imports(path, tree):
    """Every module that a file imports, wherever in the file, by its absolute name."""
    package = [*COLLECTION.split("."), *pathlib.PurePosixPath(path).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def inside(name):
    """Path, less its suffix, of a module of this collection; the name of something in a module is that module's."""
    path = name.removeprefix(f"{COLLECTION}.").replace(".", "/")
    if (ROOT / path).is_dir() or (ROOT / f"{path}.py").exists():
        return path
    return path.rpartition("/")[0]


def faults(path, source):
    """Return a message for each import of a file of plugins/ that the rule forbids."""
    room = next((room for room in ROOMS if path.startswith(room)), None)
    if room is None:
        return [f"{path} is in no room of the house: say in ROOMS what it may know"]
    known, ansible = ROOMS[room]
    stem, tree, found = path.removesuffix(".py"), ast.parse(source), []
    for name in imports(path, tree):
        top = name.split(".")[0]
        if name.startswith(f"{COLLECTION}."):
            other = inside(name)
            if not other.startswith(known):
                found.append(f"{path} imports {other}")
            elif stem in LEVELS and LEVELS.get(other, len(BINDING)) >= LEVELS[stem]:
                found.append(f"{path} imports {other}, which does not stand above it")
            elif room == other[: len(room)] == f"{UTILS}/_state/" and (other != WITHIN_STATE or stem == WITHIN_STATE):
                found.append(f"{path} imports {other}, and not only plan")
        elif top in ("ansible", "ansible_collections"):
            if ansible is None or not f"{name}.".startswith(f"{ansible}."):
                found.append(f"{path} imports {name}")
        elif top in ("ctypes", "_ctypes"):
            if path != f"{UTILS}/_vix/capi.py":
                found.append(f"{path} imports ctypes")
        elif top == "openvix" or (top not in STANDARD and (path.startswith((UTILS, "plugins/modules/")))):
            found.append(f"{path} imports {name}, which a VM host does not have")
    if path != f"{UTILS}/_module.py":
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        found += [f"{path} calls {name}" for name in sorted(names & ENDS_A_MODULE)]
    if stem.startswith(f"{UTILS}/_vix/") and stem not in LEVELS and not path.endswith("/__init__.py"):
        found.append(f"{path} has no level in BINDING")
    return found


def sources(folder):
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


def picture():
    """ROOMS for mermaid: an arrow goes from each room to those that it may import."""
    rooms = {room: pathlib.PurePosixPath(room).name for room in ROOMS if any(path.startswith(room) for path in sources("plugins"))}
    utils = [room for room in rooms if room.startswith(UTILS)]
    yield from ("flowchart TD", "    subgraph module_utils", *(f"        {rooms[room]}" for room in utils), "    end")
    for room, name in rooms.items():
        known = ROOMS[room][0]
        everything = f"{UTILS}/_" in known
        others = [] if everything else [rooms[other] for other in utils if any(path.startswith(other.rstrip("/")) for path in known)]
        beside = [other for path, other in rooms.items() if path in known and path not in utils]
        yield from (f"    {name} --> {other}" for other in [*(["module_utils"] if everything else []), *others, *beside] if other != name)
    yield '    _vix -. "vix.h" .-> libvix["libvix, of VMware or of OpenVIX"]'


def test_architecture_diagram_matches_rule():
    drawn = "\n".join(["```mermaid", *picture(), "```"])
    assert drawn in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), f"docs/architecture.md has to have this picture:\n{drawn}"


@pytest.mark.parametrize("path", sources("plugins"))
def test_imports_follow_rule(path):
    assert faults(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        (f"{UTILS}/_vix/errors.py", "from . import capi", "does not stand above it"),
        (f"{UTILS}/_vix/errors.py", "def late():\n    from .host import connect", "does not stand above it"),
        (f"{UTILS}/_vix/guest.py", "from .snapshot import Snapshot", "does not stand above it"),
        (f"{UTILS}/_vix/vm.py", f"import {COLLECTION}.plugins.module_utils._state.plan", "imports plugins/module_utils/_state/plan"),
        (f"{UTILS}/_vix/vm.py", "from .._state import power", "imports plugins/module_utils/_state/power"),
        (f"{UTILS}/_vix/novel.py", "", "has no level"),
        (f"{UTILS}/_vix/handle.py", "import ctypes", "imports ctypes"),
        (f"{UTILS}/_vix/handle.py", "from ctypes.util import find_library", "imports ctypes"),
        (f"{UTILS}/_vix/host.py", "from ansible.module_utils.basic import AnsibleModule", "imports ansible.module_utils.basic.AnsibleModule"),
        (f"{UTILS}/_vix/host.py", "import yaml", "which a VM host does not have"),
        (f"{UTILS}/_vix/host.py", "import tomllib", "which a VM host does not have"),
        (f"{UTILS}/_vix/host.py", "from openvix import facts", "which a VM host does not have"),
        (f"{UTILS}/_state/plan.py", "from . import power", "and not only plan"),
        (f"{UTILS}/_state/power.py", "from .snapshots import plan", "and not only plan"),
        (f"{UTILS}/_state/power.py", "from .._module import run_module", "imports plugins/module_utils/_module"),
        (f"{UTILS}/_state/power.py", "def plan(module):\n    module.fail_json(msg='no')", "calls fail_json"),
        (f"{UTILS}/_worker.py", "from ._vix import capi", "imports plugins/module_utils/_vix/capi"),
        (f"{UTILS}/_options.py", "from ansible.errors import AnsibleError", "imports ansible.errors.AnsibleError"),
        ("plugins/modules/vm_power.py", f"from {COLLECTION}.plugins.module_utils._vix import host", "imports plugins/module_utils/_vix/host"),
        ("plugins/modules/vm_power.py", f"from {COLLECTION}.plugins.module_utils._module import other", None),
        ("plugins/modules/vm_power.py", "from ..module_utils._state import power", None),
        ("plugins/modules/vm_power.py", "def main(module):\n    module.exit_json(changed=True)", "calls exit_json"),
        ("plugins/inventory/vms.py", f"from {COLLECTION}.plugins.module_utils._vix import capi", "imports plugins/module_utils/_vix/capi"),
        ("plugins/inventory/vms.py", "import openvix", "which a VM host does not have"),
        ("plugins/filter/words.py", "", "in no room of the house"),
    ],
)
def test_rule_finds_violations(path, source, fault):
    found = faults(path, source)
    assert ([fault in sentence for sentence in found] == [True]) if fault else found == []
