# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each lesson from the users of neighbouring tools has tests that name the reports it is known from, or a reason why there are none."""

from __future__ import annotations

import ast
import pathlib
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = tomllib.loads((ROOT / "tests" / "contract" / "lessons.toml").read_text(encoding="utf-8"))
KNOWN = 40


def documented(path):
    """The docstrings of the tests in a file, by name."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {each.name: ast.get_docstring(each) or "" for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_each_lesson_has_row():
    assert list(ROWS) == [str(number + 1) for number in range(KNOWN)]


@pytest.mark.parametrize("number", ROWS)
def test_row_has_tests_or_reason(number):
    row = ROWS[number]
    assert row["lesson"]
    assert set(row) in ({"lesson", "reports", "tests"}, {"lesson", "why"})
    if "why" in row:
        assert len(row["why"].split()) > 3
        return
    named = set()
    for path, name in (each.split("::") for each in row["tests"]):
        words = documented(path)
        assert name in words, f"{path} has no {name}"
        found = {report for report in row["reports"] if report in words[name]}
        assert found, f"{name} names none of {', '.join(row['reports'])}"
        named |= found
    assert named == set(row["reports"])
