# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_fetches
from ansible_collections.vmlab.vix.plugins.module_utils._system import linux, windows


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/etc/motd", "etc/motd"),
        ("//etc/./../srv//x/", "srv/x"),
        ("/../../x", "x"),
        ("/", ""),
        ("/a\\b", "a\\b"),
        ("C:\\Users\\lab\\note.txt", "C:/Users/lab/note.txt"),
        ("C:/Users\\..\\x", "C:/x"),
        ("C:\\..\\..\\..\\x", "x"),
        ("\\\\server\\share\\x", "server/share/x"),
        ("..", ""),
        ("x/../../y", "y"),
    ],
)
def test_local_name_stays_below_directory(source, name):
    assert guest_fetches.local_name(source) == name


@pytest.mark.parametrize(
    ("dest", "source", "path"),
    [
        ("/backup/motd", "/etc/motd", "/backup/motd"),
        ("/backup/", "/etc/motd", "/backup/motd"),
        ("/backup/", "C:\\Users\\lab\\", "/backup/lab"),
        ("/backup/../x/", "/etc/motd", "/x/motd"),
        ("/backup/", "/", "/backup"),
    ],
)
def test_dest_with_slash_is_directory(tmp_path, dest, source, path):
    assert guest_fetches.store(f"{tmp_path}{dest}", source).path == f"{tmp_path}{path}"


def test_diff_shows_common_names():
    known = {"": None, "a": ["1", 1], "own": ["2", 2], "sub": None}
    content = {"": None, "a": ["3", 3], "sub": None, "sub/b": ["4", 4]}

    assert guest_fetches.picture("/x", known, content) == {"path": "/x", "state": "directory", "files": {"a": "1", "sub": "directory"}}
    assert guest_fetches.picture("/x", content) == {"path": "/x", "state": "directory", "files": {"a": "3", "sub": "directory", "sub/b": "4"}}
    assert guest_fetches.picture("/x", {"": ["1", 1]}) == {"path": "/x", "state": "file", "checksum": "1", "size": 1}
    assert guest_fetches.picture("/x", {}) == {"path": "/x", "state": "absent"}


def thing(path, name, kind="file"):
    return {"path": path, "name": name, "kind": kind, "size": 0 if kind == "directory" else 1, "modified": 0}


@pytest.mark.parametrize("name", ["..", "..\\..\\x", "a/../../x", "C:\\Windows", "x:stream", "\x1b", "\ufffd"])
def test_unsafe_windows_name_skipped(name):
    path = f"C:\\it\\{name}"
    things = [thing("C:\\it\\a", "a"), thing(path, name, "directory"), thing(f"{path}\\b", "b")]

    content, left = guest_fetches.sort_out(things, windows, "C:\\it")

    assert content == {"": None, "a": 1}
    assert left[path] == guest_fetches.ODD


def test_names_of_both_families_get_slashes():
    things = [thing("C:\\it\\sub", "sub", "directory"), thing("C:\\it\\sub\\b c", "b c")]
    assert guest_fetches.sort_out(things, windows, "C:\\it")[0] == {"": None, "sub": None, "sub/b c": 1}
    assert guest_fetches.sort_out([thing("C:\\x", "x")], windows, "C:\\")[0] == {"": None, "x": 1}
    assert guest_fetches.sort_out([thing("/x", "x"), thing("/a\\b", "a\\b")], linux, "/")[0] == {"": None, "x": 1, "a\\b": 1}
