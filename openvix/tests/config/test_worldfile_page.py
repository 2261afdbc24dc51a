# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of the world file and of faults: they have every key, with its default."""

from __future__ import annotations

import re
import tomllib

import pytest
from checkout import OPENVIX

from openvix.config import worldfile

TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name):
    return (OPENVIX / "docs" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "keys"), [("world", worldfile.WORLD), ("defaults", worldfile.VM)])
def test_page_has_every_key_in_order(name, keys):
    section = TOML.findall(page("world-file"))[0].partition(f"[{name}]")[2].partition("\n\n")[0]

    assert re.findall(r"^(?:# )?(\w+) = ", section, re.MULTILINE) == [*keys]


@pytest.mark.parametrize("name", ["world", "defaults"])
def test_page_has_the_defaults(name):
    said = tomllib.loads(TOML.findall(page("world-file"))[0])

    assert worldfile.check(said)[name] == worldfile.check({})[name]
    assert said["vm"]["web"]["power"] == worldfile.check({"vm": {"web": {}}})["vm"]["web"]["power"]


def test_page_has_every_tools_option_and_default():
    section = TOML.findall(page("world-file"))[1]
    said = tomllib.loads(section)["defaults"]["tools_options"]
    slow = re.findall(r"^(\w+) = .*# vmware: ([\w.]+);", section, re.MULTILINE)

    assert [*said.items()] == [*worldfile.DEFAULT_TOOLS_OPTIONS.items()]
    assert slow == [(key, str(value).lower()) for key, value in worldfile.PRESETS["vmware"].items()]


def test_page_lists_live_settings():
    section = page("world-file").partition("\n## Changing a VM\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section)) - {"_seconds", "change_vm", "preset"}

    assert named | {key for key in worldfile.VM if key.endswith("_seconds")} == {*worldfile.LIVE}


def test_every_example_is_accepted():
    examples = [example for name in ("world-file", "faults") for example in TOML.findall(page(name))]

    assert [worldfile.check(tomllib.loads(example))["world"]["product"] for example in examples] == ["workstation"] * 4


def test_faults_page_has_every_key():
    text = page("faults")
    found = set(re.findall(r"^(\w+) = ", text, re.MULTILINE)) | set(re.findall(r"`(\w+)(?: = [^`]+| \([^`]+)?`", text))

    assert {*worldfile.FAULT} - found == set()
