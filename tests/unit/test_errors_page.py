# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/errors.md says of VIX's codes and of the kinds of failure what the facts and the code say."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._vix import errors
from ansible_collections.vmlab.vix.plugins.module_utils._vix.advice import ADVICE

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
FACTS = json.loads((ROOT / "facts" / "vix-api.json").read_text(encoding="utf-8"))
NAMES = {fact["code"]: fact["name"] for fact in FACTS["errors"]} | {code: name for name, code in FACTS["unofficial"]["error_codes"].items()}
ROWS = {int(code): rest for code, *rest in re.findall(r"(?m)^\| (\d+) \| `(\w+)` \| (.+) \| (.+) \|$", PAGE)}


def test_each_code_listed_once():
    assert len(re.findall(r"(?m)^\| \d+ \|", PAGE)) == len(ROWS)
    assert set(ROWS) >= {*ADVICE, *errors.BY_CODE}


@pytest.mark.parametrize("code", ROWS)
def test_code_has_name_and_advice(code):
    name, meaning, advice = ROWS[code]
    assert name == NAMES[code]
    assert meaning.strip()
    assert advice.startswith(ADVICE.get(code, advice))


def test_example_is_real_message():
    error = errors.error_for(4000, "No such VM")
    error.doing = "opening /vms/nope.vmx"
    assert f"```\n{error}\n```" in PAGE


def test_each_error_class_listed():
    kinds = [name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.VixError)]
    listed = re.findall(r"(?m)^\| `([A-Z]\w+)` \| [^|]+ \|$", PAGE)
    assert listed == sorted([*kinds, _worker.Bug.__name__, _worker.Interrupted.__name__])


def test_other_names_and_numbers_correct():
    """Those outside the tables, in examples and commands."""
    assert set(re.findall(r"VIX_E_\w+", PAGE)) <= set(NAMES.values())
    assert {int(code) for code in re.findall(r"error=(\d+)", PAGE)} <= set(ROWS)
    assert set(re.findall(r"call=(\w+)", PAGE)) <= {function["name"] for function in FACTS["functions"]}
