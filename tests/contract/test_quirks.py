# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each known mistake in the use of VIX has a test that would notice it, or a reason why it cannot be made here."""

from __future__ import annotations

import ast
import pathlib
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = tomllib.loads((ROOT / "tests" / "contract" / "quirks.toml").read_text(encoding="utf-8"))
KNOWN = 105


def named_in(path):
    """The names of the tests in a file."""
    return {each.name for each in ast.parse((ROOT / path).read_text(encoding="utf-8")).body if isinstance(each, ast.FunctionDef)}


def test_each_quirk_has_row():
    assert list(ROWS) == [str(number + 1) for number in range(KNOWN)]


@pytest.mark.parametrize("number", ROWS)
def test_row_has_tests_or_reason(number):
    row = ROWS[number]
    assert row["mistake"]
    assert set(row) in ({"mistake", "tests"}, {"mistake", "why"})
    if "tests" in row:
        assert row["tests"]
        for path, name in (each.split("::") for each in row["tests"]):
            assert path.startswith("tests/unit/")
            assert name in named_in(path), f"{path} has no {name}"
    else:
        assert len(row["why"].split()) > 3
