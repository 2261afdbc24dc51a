# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packages of OpenVIX, one layer each: which may import which. No import goes up, none goes in a circle; one within a function counts as any other."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from checkout import OPENVIX, REPOSITORY

SOURCES = OPENVIX / "src"

# From the ground up: a room may import those that it names, and those stand above it in this table.
ROOMS = {
    "vix": (),
    "protocol": (),
    "system": (),
    "vmware": ("vix",),
    "config": ("vix", "system", "vmware"),
    "guest": ("vix", "system", "vmware"),
    "backends.simulated": ("vix", "system", "vmware", "guest"),
    "backends.qemu": ("vix", "protocol", "system", "config", "vmware", "guest"),
    "backends.vmtoolsd": ("vix", "system", "guest"),
    "backends.wine": ("vix", "system", "guest", "backends.simulated"),
    "backends": ("vmware", "guest", "backends.simulated", "backends.wine", "backends.qemu", "backends.vmtoolsd"),
    "vm": ("vix", "system", "config", "vmware", "guest", "backends"),
    "calls": ("vix", "protocol", "system", "config", "vmware", "vm"),
    "world": ("vix", "system", "config", "vmware", "guest", "vm"),
    "daemon": ("vix", "protocol", "system", "config", "backends.simulated", "vm", "calls", "world"),
    "cli": ("vix", "system", "config", "backends.simulated", "backends.wine", "backends.qemu", "backends.vmtoolsd", "world", "daemon"),
    "pytest_plugin": ("system", "config", "world", "daemon"),
}


def modules() -> dict[str, Path]:
    """Return the modules of the package by their names below openvix; the package itself is ""."""
    names = {}
    for path in sorted(SOURCES.rglob("*.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts[1:]
        names[".".join(parts[:-1] if parts and parts[-1] == "__init__" else parts)] = path
    return names


MODULES = modules()


def room_of(module: str) -> str:
    """Return the room that a module is in: the longest name of ROOMS that it begins with; "" for none."""
    return max((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), key=len, default="")


def imports(source: str) -> set[str]:
    """Return the modules of OpenVIX that a source imports, wherever in it, by their names below openvix."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "openvix":
                below = name.partition(".")[2]
                while below not in MODULES:  # a name within a module is that module's
                    below = below.rpartition(".")[0]
                found.add(below)
    return found


def faults(module: str, source: str) -> list[str]:
    """Return what a module imports that its room may not, one text each."""
    room = room_of(module)
    if not room:
        return [f"{module} is in no room: say in ROOMS what it may import"]
    others = {room_of(other): other for other in imports(source) if other}
    return [f"{module} imports {other}" for where, other in sorted(others.items()) if where != room and where not in ROOMS[room]]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach one another, each sorted."""

    def reached(start: str) -> set[str]:
        seen, left = set(), [start]
        while left:
            for other in graph.get(left.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    left.append(other)
        return seen

    reach = {module: reached(module) for module in graph}
    return sorted({tuple(sorted(other for other in reach[module] if module in reach.get(other, ()))) for module in graph if module in reach[module]})


def graph_of_files() -> dict[str, set[str]]:
    return {module: imports(path.read_text(encoding="utf-8")) - {module} for module, path in MODULES.items()}


def picture() -> list[str]:
    """Return ROOMS for mermaid: an arrow goes from each room to those that it may import, less those that it reaches through another."""

    def reach(room: str) -> set[str]:
        return {room}.union(*(reach(below) for below in ROOMS[room]))

    lines = ["flowchart TD"]
    for room in reversed(ROOMS):
        below = ROOMS[room]
        direct = [other for other in below if not any(other in reach(between) for between in below if between != other)]
        lines += [f"    {room} --> {other}" for other in direct]
    return [*lines, '    client["a program, with libvix.so"] -. "frames on a Unix socket" .-> daemon']


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_module_keeps_to_its_room(module):
    assert faults(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_package_itself_imports_nothing():
    assert imports(MODULES[""].read_text(encoding="utf-8")) == set()


def test_no_import_cycle():
    assert circles(graph_of_files()) == []


def test_rooms_stand_on_those_above_them():
    order = list(ROOMS)
    assert [(room, below) for room in ROOMS for below in ROOMS[room] if order.index(below) >= order.index(room)] == []


def test_no_unused_permission():
    used = {room: set() for room in ROOMS}
    for module, others in graph_of_files().items():
        if module:
            used[room_of(module)].update(map(room_of, filter(None, others)))
    assert {room: sorted(set(ROOMS[room]) - used[room]) for room in ROOMS if set(ROOMS[room]) - used[room]} == {}


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("config.worldfile", "from openvix.calls import TABLE", "config.worldfile imports calls"),
        ("config.worldfile", "def late():\n    from openvix.calls.table import TABLE", "config.worldfile imports calls.table"),
        ("config.worldfile", "import openvix.vm.machine", "config.worldfile imports vm.machine"),
        ("backends.qemu.backend", "from openvix.backends.simulated import sandbox", "backends.qemu.backend imports backends.simulated.sandbox"),
        ("vm.machine", "from openvix.backends.qemu import backend", "vm.machine imports backends.qemu.backend"),
        ("vm.machine", "from openvix.backends import hypervisors", None),
        ("vm.machine", "from openvix.vm import power", None),
        ("drawer", "", "drawer is in no room: say in ROOMS what it may import"),
    ],
)
def test_rule_sees_what_it_forbids(module, source, fault):
    assert faults(module, source) == ([fault] if fault else [])


def test_circle_within_a_room_is_found():
    graph = graph_of_files()
    graph["vm.machine"] = graph["vm.machine"] | {"vm.power"}
    assert any({"vm.machine", "vm.power"} <= set(circle) for circle in circles(graph))


def test_picture_in_architecture_is_the_rule():
    drawn = "\n".join(["```mermaid", *picture(), "```"])
    assert drawn in (OPENVIX / "docs" / "architecture.md").read_text(encoding="utf-8"), f"openvix/docs/architecture.md needs this picture:\n{drawn}"


def test_files_named_in_architecture_exist():
    page = (OPENVIX / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.(?:py|c))`", page))
    places = (SOURCES / "openvix", OPENVIX, REPOSITORY)
    assert len(named) > 20
    assert sorted(name for name in named if not any((place / name).is_file() for place in places)) == []


def foreign(path: Path, allowed: set[str]) -> set[str]:
    """Return what a file imports beside Python's standard library, OpenVIX and what is allowed to it."""
    tops = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add(node.module.split(".")[0])
    return tops - allowed - {"openvix"} - sys.stdlib_module_names


@pytest.mark.parametrize("path", [pytest.param(path, id=module) for module, path in MODULES.items()])
def test_openvix_requires_only_python(path):
    assert foreign(path, {"pytest"} if path.name == "pytest_plugin.py" else set()) == set()


TESTS = sorted((OPENVIX / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(OPENVIX / "tests"))) for path in TESTS])
def test_tests_import_nothing_of_the_collection(path):
    support = {other.stem for name in ("support", "differential") for other in (OPENVIX / "tests" / name).glob("*.py")}
    assert foreign(path, {"pytest", "hypothesis", "vix", *support}) == set()
