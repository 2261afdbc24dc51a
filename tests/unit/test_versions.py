# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of supported versions matches the tests, the metadata for Galaxy, and the requirements of ansible-core."""

from __future__ import annotations

import ast
import importlib.metadata
import pathlib
import re

import pytest
import yaml
from ansible import release
from ansible.module_utils import basic

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
ROWS = {
    core: (re.findall(r"[\d.]+", pythons), re.findall(r"\*\*([\d.]+)\*\*", pythons), oldest)
    for core, pythons, oldest in re.findall(r"(?m)^\| (\d\.\d+) \| ([\d., *]+) \| (\d\.\d+) or newer \|$", README)
}
RUNNING = ".".join(release.__version__.split(".")[:2])


def constant(name):
    """A constant of noxfile.py, which needs nox to be imported."""
    return next(
        ast.literal_eval(node.value) for node in ast.parse(NOXFILE).body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name
    )


def text(numbers):
    return ".".join(map(str, numbers))


def number(version):
    return tuple(map(int, version.split(".")))


def test_ansible_core_versions_in_table():
    assert ROWS.keys() == constant("CORES").keys()
    for core, pythons in constant("CORES").items():
        assert (set(ROWS[core][0]), ROWS[core][1]) == (set(pythons), [pythons[0]])


def test_oldest_host_python_tested():
    oldest = constant("OLDEST")
    assert {core: ROWS[core][2] for core in oldest} == oldest
    assert min((row[2] for row in ROWS.values()), key=number) == min(oldest.values(), key=number)


def test_requires_ansible_matches_table():
    pythons, oldest = ROWS[RUNNING][0], ROWS[RUNNING][2]
    assert importlib.metadata.metadata("ansible-core")["Requires-Python"] == f">={min(pythons, key=number)}"
    assert text(basic._PY_MIN) == oldest


def test_galaxy_and_tools_match_table():
    first, last = min(ROWS, key=number), max(ROWS, key=number)
    after = text([number(last)[0], number(last)[1] + 1])
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"] == f">={first}.0"
    assert set(re.findall(r"ansible-core(>=[^\"\s]+)", NOXFILE + (ROOT / "requirements.txt").read_text(encoding="utf-8"))) == {f">={first},<{after}"}
    linted = yaml.safe_load((ROOT / ".ansible-lint").read_text(encoding="utf-8"))
    assert linted["supported_ansible_also"] == sorted(set(ROWS) - {first}, key=number)


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("roles/*/meta/main.yml")))
def test_roles_require_oldest(path):
    role = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    assert role["galaxy_info"]["min_ansible_version"] == min(ROWS, key=number)
