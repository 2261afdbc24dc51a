# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse the PowerShell scripts that the collection sends to Windows guests: python tests/lint/powershell.py

The collection is the one in ANSIBLE_COLLECTIONS_PATH. Exit status: 1 if a script has an error of syntax.
"""

from __future__ import annotations

import os
import sys

import tree_sitter
import tree_sitter_powershell

sys.path.insert(0, os.environ["ANSIBLE_COLLECTIONS_PATH"])
from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_paths
from ansible_collections.vmlab.vix.plugins.module_utils._system import processes, programs, windows, windows_copies, windows_programs

# What needs quotes in a string of PowerShell.
PATH = "C:\\it's \u2019 [x] $x"


def scripts():
    """Yield the name and the text of each script, with a path that has to be quoted."""
    program = programs.Program("it", ["tool"], wait=False)
    yield "program", windows_programs.text(program, PATH, f"{PATH}2", {}, True, 5, 2).decode("utf-8-sig")
    yield "policy", windows.policy_script()
    yield "checksum", windows.checksum_script(PATH, "AB")
    yield "processes", processes.windows_script(PATH)
    for access in (True, False):
        yield f"touch, {access}", guest_paths.touch_of_windows(PATH, access, True)
    for method in windows_copies.EQUAL:
        yield f"comparison by {method}", windows_copies.comparing(method, PATH, PATH)
    for lines in (PATH, windows_copies.placing_lines([], [PATH])):
        yield "placement", windows_copies.placing(PATH, PATH, lines)


def errors(parser, text):
    """Yield the line of each error in a script."""
    left = [parser.parse(text.encode()).root_node]
    while left:
        node = left.pop()
        if node.type == "ERROR" or node.is_missing:
            yield text.encode().splitlines()[node.start_point[0]].decode()
        left += node.children


def main():
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    found = [f"{name}: {line.strip()}" for name, text in scripts() for line in errors(parser, text)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
