# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers of the C: a file includes and uses only what lies below it, so that there is no circle of files."""

from __future__ import annotations

import functools
import itertools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from checkout import OPENVIX

from openvix.system import c_build

NATIVE = OPENVIX / "native"

# From the ground up: a file may include and use those of the layers above its own in this table, and no other.
LAYERS = {
    "libvix": (
        ("errors", "threads", "wire"),
        ("daemon", "ledger", "releases"),
        ("handles",),
        ("buffers", "connection", "property_lists"),
        ("cells",),
        ("jobs",),
        ("callbacks",),
        ("calls",),
        ("guest", "host", "properties", "snapshot", "vm"),
    ),
    "guest_tools": (("values",), ("accounts",), ("processes",), ("files", "machine"), ("requests",), ("tools",)),
    "guest_shares": (("shares",),),
    "sandbox": (("sandbox",),),
    "vmtoolsd_transport": (("transport", "detach", "idle", "rpctool"),),
    "windows_tools": (("tools",),),
}
# What every file may include: the interface of the library itself, and tables that are part of a source.
EVERYWHERE = re.compile(r"vix\.h|\w+\.inc")
INCLUDE = re.compile(r'^#include "(.*)"$', re.MULTILINE)


@functools.cache
def symbols(folder: Path, source: str) -> tuple[set[str], set[str]]:
    """Return the symbols that a source, which includes from this directory, defines for other files, and those that it has from elsewhere."""
    with tempfile.TemporaryDirectory() as scratch:
        made = f"{scratch}/made.o"
        command = [*next(c_build._compilers()), *c_build.FLAGS, "-O0", "-I", str(folder), "-x", "c", "-c", "-o", made, "-"]
        subprocess.run(command, input=source, check=True, capture_output=True, text=True)
        listed = subprocess.run(["nm", "--extern-only", "--format=posix", made], check=True, capture_output=True, text=True).stdout
    kinds = dict(line.split()[:2] for line in listed.splitlines())
    return {name for name, kind in kinds.items() if kind != "U"}, {name for name, kind in kinds.items() if kind == "U"}


def read_sources(folder: Path) -> dict[str, str]:
    """Return the text of each source and header of a directory, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.[ch]"))}


def faults(folder: Path, sources: dict[str, str]) -> list[str]:
    """Return what the files of a directory include or use against LAYERS, one text each."""
    level = {name: number for number, names in enumerate(LAYERS[folder.name]) for name in names}
    stem = {name: name[:-2] for name in sources}
    found = [f"{name} is in no layer" for name in sources if stem[name] not in level and not EVERYWHERE.fullmatch(name)]

    def is_below(other: str, name: str) -> bool:
        return other == stem[name] or level.get(other, len(level)) < level.get(stem[name], -1)

    for name, text in sources.items():
        for included in INCLUDE.findall(text):
            if not EVERYWHERE.fullmatch(included) and not (included.endswith(".h") and is_below(included.removesuffix(".h"), name)):
                found.append(f"{name} includes {included}")
    tables = {name: symbols(folder, text) for name, text in sources.items() if name.endswith(".c")}
    owner = {symbol: stem[name] for name, (defined, _) in tables.items() for symbol in defined}
    for name, (_, used) in tables.items():
        found += [f"{name} uses {symbol} of {owner[symbol]}.c" for symbol in sorted(used & owner.keys()) if not is_below(owner[symbol], name)]
    return found


def picture() -> list[str]:
    """Return LAYERS for mermaid, from the top: an arrow goes from each layer to the next below."""
    lines = ["flowchart TD"]
    for folder, layers in LAYERS.items():
        names = [f"{folder}{number}" for number in range(len(layers))]
        lines += [f"    subgraph {folder}", *(f'        {name}["{", ".join(files)}"]' for name, files in zip(names, layers, strict=True))]
        lines += [*(f"        {upper} --> {lower}" for lower, upper in itertools.pairwise(names)), "    end"]
    return lines


needs_nm = pytest.mark.skipif(not shutil.which("nm"), reason="no nm here to list symbols (Debian: apt install binutils)")


# What the compiler of this computer does not compile: it is for Windows, and one file.
FOREIGN = ("windows_tools",)


@needs_nm
@pytest.mark.parametrize("folder", [folder for folder in LAYERS if folder not in FOREIGN])
def test_files_include_lower_layers_only(folder):
    assert faults(NATIVE / folder, read_sources(NATIVE / folder)) == []


@pytest.mark.parametrize("folder", FOREIGN)
def test_file_for_windows_includes_no_other(folder):
    [text] = read_sources(NATIVE / folder).values()
    assert INCLUDE.findall(text) == []


def test_every_c_source_has_a_layer():
    found = {str(path.relative_to(NATIVE).with_suffix("")) for path in NATIVE.rglob("*.c")}
    assert {f"{folder}/{name}" for folder, layers in LAYERS.items() for names in layers for name in names} == found


@needs_nm
@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("handles.c", '#include "jobs.h"\n', "handles.c includes jobs.h"),
        ("handles.h", '#include "connection.h"\n', "handles.h includes connection.h"),
        ("handles.c", "int job_finish(void);\nint up(void) { return job_finish(); }\n", "handles.c uses job_finish of jobs.c"),
        ("wire.c", "extern int VixVM_Open;\nint *up(void) { return &VixVM_Open; }\n", "wire.c uses VixVM_Open of vm.c"),
        # Two files of one layer would be a circle, were each to use the other.
        ("buffers.c", "int connection_open(void);\nint up(void) { return connection_open(); }\n", "buffers.c uses connection_open of connection.c"),
        ("threads.c", '#include "../guest_tools/values.h"\n', "threads.c includes ../guest_tools/values.h"),
        ("calls.c", '#include "jobs.h"\nint down(void);\n', None),
        ("drawer.c", "int nothing;\n", "drawer.c is in no layer"),
    ],
)
def test_rule_finds_forbidden_include(file, text, fault):
    sources = read_sources(NATIVE / "libvix")
    sources[file] = sources.get(file, "") + text
    assert faults(NATIVE / "libvix", sources) == ([fault] if fault else [])


def test_architecture_shows_the_layers():
    drawn = "\n".join(["```mermaid", *picture(), "```"])
    assert drawn in (OPENVIX / "docs" / "architecture.md").read_text(encoding="utf-8"), f"openvix/docs/architecture.md needs this picture:\n{drawn}"
