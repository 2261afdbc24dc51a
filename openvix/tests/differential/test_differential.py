# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same guest operations on three kinds of guests, with VMware's own vmtoolsd as the judge.

A difference that is not in differences.toml fails, and in a whole run so does a row that no case needs.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from asked import ASKED, LINES
from cases import CASES, answer_of, changes, on_path, outcome, renames
from differences import as_toml, differing, known, read
from guests import PLAY, Guest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

IS_WHOLE = ASKED == "all"
# A part of the cases takes less than two minutes, all of them four.
SHARE = 3
EXAMPLES, ALL_EXAMPLES = 30, 200
SEED = int(ASKED) if ASKED.isdigit() else 0
CHOSEN = list(CASES) if IS_WHOLE else sorted(random.Random(SEED).sample(list(CASES), len(CASES) // SHARE))
TABLE = known(read())
# What the cases that have run answered where guests differ, and how many guests have answered as vmtoolsd did.
SEEN: dict[str, dict[str, str]] = {}
AGREED = {"cases": 0, "by the table": 0, "generated": 0, "left out": 0}


@pytest.mark.parametrize("name", CHOSEN)
def test_guests_answer_as_vmware_tools(guests, name):
    outcomes = {guest.name: outcome(guest, CASES[name]) for guest in guests}
    SEEN[name] = differing(outcomes)
    AGREED["by the table" if SEEN[name] else "cases"] += 1
    assert SEEN[name] == TABLE.get(name, {}), f"differences.toml has for this case:\n{_lines(name, TABLE)}\nand now it is:\n{_lines(name, SEEN)}"


def _lines(name: str, table: dict[str, dict[str, str]]) -> str:
    return as_toml(name, table[name]) if table.get(name) else "nothing, as all agree"


# Generated operations: a few in a row, on paths that exist and that do not.

NAMES = st.sampled_from(
    ["f", "g", "d", "e", "lf", "ld", "dang", "loop", "new", "d/in", "d/inner", "d/inner/deep", "d/new", "ld/in", "f/below", "new/below", "e/new"]
)
PATHS = NAMES.map(lambda name: f"/{PLAY}/{name}")
FUNCTIONS = ["FileExists", "DirectoryExists", "GetFileInfo", "ListDirectory", "CreateDirectory", "DeleteDirectory", "DeleteFile", "Rename"]
STEPS = st.lists(st.tuples(st.sampled_from(FUNCTIONS), PATHS, PATHS), min_size=1, max_size=6)


def situation(disk: Path, path: str) -> str:
    """Return what is at a path, in the words of the fixed cases. No link in there is absolute."""
    place = disk / path[1:]
    for above in reversed(place.relative_to(disk).parents):
        if not os.path.isdir(disk / above):
            is_loop = os.path.islink(disk / above) and not os.path.exists(disk / above)
            return "below a file" if os.path.isfile(disk / above) else "below a link that leads nowhere" if is_loop else "below nothing"
    if place.is_symlink():
        try:
            place.stat()
        except FileNotFoundError:
            return "dangling link"
        except OSError:
            return "loop of links"
        return "link to a directory" if place.is_dir() else "link to a file"
    if not os.path.lexists(place):
        return "nothing"
    if place.is_dir():
        return "directory" if os.listdir(place) else "empty directory"
    return "file"


def explained(disk: Path, function: str, path: str, other: str) -> bool:
    """Return whether the table of differences says that guests differ in an operation like this."""
    here, there = situation(disk, path), situation(disk, other)
    names = {here}
    if function == "Rename":
        if "loop of links" in (here, there) or os.path.realpath(disk / path[1:]) == os.path.realpath(disk / other[1:]):
            return True  # the same file by two names, and loops: of these there is no case
        if f"{other}/".startswith(f"{path}/"):
            here, there = "directory", "itself"
        names = {f"{source} to {target}" for source in (here, here.removeprefix("empty ")) for target in (there, there.removeprefix("empty "))}
        names |= {"directory into itself"} if there == "itself" else set()
    if function == "ListDirectory" and os.path.isdir(disk / path[1:]):
        names |= {f"directory with a {situation(disk, f'{path}/{name}')}" for name in os.listdir(disk / path[1:])}
    return bool({f"{function}: {name}" for name in names} & TABLE.keys())


def step(guest: Guest, function: str, path: str, other: str) -> str:
    act = renames("root", path, other) if function == "Rename" else on_path(function, "root", path)
    before = guest.files()
    return "\n".join([answer_of(guest, act), *changes(before, guest.files())])


@seed(SEED)
@settings(
    max_examples=ALL_EXAMPLES if IS_WHOLE else EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_generated_operations_agree(guests, steps):
    for guest in guests:
        guest.lay_files()
    for function, path, other in steps:
        if explained(guests[0].disk, function, path, other):
            AGREED["left out"] += 1
            continue
        outcomes = {guest.name: step(guest, function, path, other) for guest in guests}
        assert differing(outcomes) == {}, f"{function} of {situation(guests[0].disk, path)} {path}, {other}"
        AGREED["generated"] += 1


def test_every_row_explains_a_case():
    """This is the last one: it looks back on all cases."""
    LINES.append(
        f"{'all' if IS_WHOLE else len(CHOSEN)} of {len(CASES)} cases, seed {SEED}: {AGREED['cases']} agree, {AGREED['by the table']} differ by the table"
    )
    LINES.append(f"generated operations: {AGREED['generated']} agree, {AGREED['left out']} were left out by the table")
    LINES.extend(f"differs: {name}" for name, outcomes in SEEN.items() if outcomes)
    assert sorted(TABLE.keys() - CASES.keys()) == []
    assert sorted(name for name, outcomes in SEEN.items() if name in TABLE and not outcomes) == []
    assert [row.case for row in read() if not row.outcomes] == []
