# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer of a guest is not trusted; the rest of copies.py is tested with the modules that copy."""

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import copies, linux, windows
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_differences_read(end):
    assert copies.read_differences(end.join(["1 absent", "12 other", "end", ""]).encode(), 12, "") == {0: "absent", 11: "other"}
    assert copies.read_differences(f"end{end}".encode(), 0, "") == {}


@pytest.mark.parametrize("answer", [b"", b"1 absent\n", b"1 absent\nend\n2 other\n", b"1 absent\n\xff\nend\n", b"end\nend\n", b"-1 other\nend\n", b"1\nend\n"])
def test_incomplete_answer_refused(answer):
    with pytest.raises(VixError, match=r"^copying: the list that the guest wrote is incomplete: its disk may be full$"):
        copies.read_differences(answer, 9, "copying")


def test_command_split_for_guest_paths():
    assert copies.split(r"C:\nginx\nginx.exe -t -c '%s x'", windows) == [r"C:\nginx\nginx.exe", "-t", "-c", "%s x"]
    assert copies.split(r'"C:\Program Files\x.exe" %s', windows) == [r"C:\Program Files\x.exe", "%s"]
    assert copies.split(r"sh -c 'a \b' a\ b#c %s", linux) == ["sh", "-c", r"a \b", "a b#c", "%s"]
