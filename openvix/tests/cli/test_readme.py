# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of the quick start and of the example of faults, run as the pages show them, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import OPENVIX

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"^pip install .*\n")
# What is another one each time.
NUMBERS = ((re.compile(r"(process |^ *)\d{2,}", re.MULTILINE), "PROCESS"), (re.compile(r"handle \d+"), "HANDLE"))


def _with_same_numbers(text, home):
    for pattern, word in NUMBERS:
        text = pattern.sub(word, text)
    return text.replace(home, "HOME")


def blocks_of(page, heading):
    """Return the commands and the output that a section of a page shows."""
    section = (OPENVIX / page).read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = BLOCK.findall(section)
    return [INSTALL.sub("", text) for kind, text in blocks if kind == "sh"], "".join(text for kind, text in blocks if kind == "")


@pytest.fixture
def shell(tmp_path, openvix_library):
    """Run commands as the reader types them in an empty directory; return what they print."""

    def run(commands):
        scripts = tmp_path / "bin"
        scripts.mkdir()
        (scripts / "openvix").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m openvix.cli "$@"\n')
        (scripts / "openvix").chmod(0o755)
        environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        script = f"trap 'openvix stop lab.world' EXIT\n{''.join(commands)}"

        done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)

        assert (done.returncode, done.stderr) == (0, "")
        return _with_same_numbers(done.stdout, str(tmp_path))

    return run


def test_five_minutes_run_as_shown(shell):
    commands, shown = blocks_of("README.md", "Five minutes")

    assert shell(commands) == _with_same_numbers(shown, "/home/you")
    assert shown.count("\n") == 4


def test_example_of_faults_runs_as_shown(shell):
    start = blocks_of("README.md", "Five minutes")[0][0]
    commands, shown = blocks_of("docs/faults.md", "An example")

    assert shell([start, *commands]) == _with_same_numbers(shown, "/home/you")
    assert shown.count("\n") > 15
