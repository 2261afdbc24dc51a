# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that docs/ shows, run in an empty folder, and what they show there."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "---- the end of a block"


def test_the_tutorial_of_the_inventory_shows_what_happens(tmp_path, openvix_library):
    blocks = BLOCK.findall((DOCS / "inventory.md").read_text(encoding="utf-8"))
    commands = [text for kind, text in blocks if kind == "sh"]
    expected = [after[1] if after[0] == "" else None for (kind, dummy), after in zip(blocks, [*blocks[1:], ("sh", "")], strict=True) if kind == "sh"]
    path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(tmp_path), "ANSIBLE_LOCALHOST_WARNING": "0"}
    script = "\n".join(["trap 'openvix stop lab.world' EXIT", *(f"{text}echo '{MARK}'" for text in commands)])

    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout.split(f"{MARK}\n")
    for command, wanted, output in zip(commands, expected, shown, strict=False):
        if wanted is not None:
            assert output == wanted, f"{command}\n{done.stderr}"
    assert sum(wanted is not None for wanted in expected) >= 8
