# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The samples in RETURN pair names of errors with their codes as the facts do."""

from __future__ import annotations

import ast
import json
import pathlib
import re

import pytest
import yaml
from ansible_collections.vmlab.vix.plugins.module_utils._vix import errors

ROOT = pathlib.Path(__file__).resolve().parents[2]
FACTS = json.loads((ROOT / "facts" / "vix-api.json").read_text(encoding="utf-8"))
NAMES = {fact["code"]: fact["name"] for fact in FACTS["errors"]}


def returned(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node.value.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "RETURN"]
    return yaml.safe_load(found[0]) if found else {}


def groups(values):
    """Yield each group of values that a result has side by side."""
    yield values
    for value in values.values():
        yield from groups(value.get("contains", {}))


def samples():
    for path in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        for group in groups(returned(path)):
            texts = [str(value.get("sample")) for value in group.values()]
            if "vix_code" in group or any("VIX_E_" in text for text in texts):
                yield pytest.param(group, id=path.stem)


def test_modules_have_samples_of_errors():
    assert {sample.id for sample in samples()} >= {"vm_info", "vm_power", "vm_snapshot", "vm_tools"}


@pytest.mark.parametrize("group", list(samples()))
def test_sample_pairs_error_and_code(group):
    named = [pair for value in group.values() for pair in re.findall(r"\((VIX_E_\w+), (\d+)\)", str(value.get("sample")))]
    assert all(NAMES[int(code)] == name for name, code in named)
    if "vix_code" in group:
        code = group["vix_code"]["sample"]
        raised = type(errors.error_for(code, ""))
        assert group["error"]["sample"] == raised.__name__
        assert [int(number) for _name, number in named] == [code]
        assert group["failed"]["sample"] is True
