# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first five minutes of the README, typed as they stand there into an empty folder, and what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from checkout import OPENVIX

README = OPENVIX / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"^pip install .*\n")
# What is another one each time.
NUMBERS = ((re.compile(r"(process |^ *)\d{2,}", re.MULTILINE), "PROCESS"), (re.compile(r"handle \d+"), "HANDLE"))


def told(text, home):
    for pattern, word in NUMBERS:
        text = pattern.sub(word, text)
    return text.replace(home, "HOME")


def test_the_first_five_minutes_are_as_the_readme_shows_them(tmp_path, openvix_library):
    section = README.read_text(encoding="utf-8").split("## Five minutes\n")[1].split("\n## ")[0]
    blocks = BLOCK.findall(section)
    commands = "".join(INSTALL.sub("", text) for kind, text in blocks if kind == "sh")
    shown = "".join(text for kind, text in blocks if kind == "")
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / "openvix").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m openvix.cli "$@"\n')
    (scripts / "openvix").chmod(0o755)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = f"trap 'openvix stop lab.world' EXIT\n{commands}"

    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert told(done.stdout, str(tmp_path)) == told(shown, "/home/you")
    assert shown.count("\n") > 15
