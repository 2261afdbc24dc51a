# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plugin index of README.md lists what the collection contains, each with its short description."""

from __future__ import annotations

import ast
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = re.findall(r"(?m)^\| \[?`vmlab\.vix\.(\w+)`(?:\]\(\S+\))? \| (.+) \|$", README)


def documented(kind):
    """Return the name and the short description of each plugin of a kind, in order."""
    for path in sorted(ROOT.glob(f"plugins/{kind}/[a-z]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        (text,) = (node.value.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION")
        yield path.stem, yaml.safe_load(text)["short_description"]


def documented_roles():
    """Return the name and the short description of each role, in order."""
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        yield path.parts[-3], yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["short_description"]


def test_plugin_index_is_complete():
    plugins = [*documented("modules"), *documented("inventory"), *documented("connection"), *documented_roles()]

    assert INDEX[: len(plugins)] == plugins


def test_playbook_index_is_complete():
    playbooks = sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))

    assert [name for name, dummy in INDEX[-len(playbooks) :]] == playbooks
