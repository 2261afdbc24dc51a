# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files.scan import search


@pytest.fixture
def vms(tmp_path):
    """Search a directory with VMs, and return the paths that are found below it."""
    for name in ("a/web/web.vmx", "a/db/db.vmx", "b/deep/er/old.vmx", "top.vmx", "a/web/web.vmxf", "a/web/web.vmdk", "c/notes.txt"):
        path = tmp_path / "vms" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    root = str(tmp_path / "vms")

    def find(depth=9, patterns=("*.vmx",), excludes=(), folders=("",), **rules):
        found = search([os.path.join(root, folder) if folder else root for folder in folders], depth, patterns, excludes, **rules)
        return (
            [os.path.relpath(path, root) for path, dummy in found.found],
            [(os.path.relpath(path, root), why) for path, why in found.left_out],
            found.problems,
        )

    find.root = root
    return find


def test_matches_found_sorted_by_name(vms):
    assert vms() == (["top.vmx", "a/db/db.vmx", "a/web/web.vmx", "b/deep/er/old.vmx"], [], [])


@pytest.mark.parametrize(
    ("depth", "found"),
    [
        (1, ["top.vmx"]),
        (2, ["top.vmx"]),
        (3, ["top.vmx", "a/db/db.vmx", "a/web/web.vmx"]),
        (4, ["top.vmx", "a/db/db.vmx", "a/web/web.vmx", "b/deep/er/old.vmx"]),
    ],
)
def test_depth_limits_search(vms, depth, found):
    assert vms(depth)[0] == found


def test_patterns_are_case_sensitive(vms):
    assert vms(patterns=["w*.vmx", "o??.vmx"])[0] == ["a/web/web.vmx", "b/deep/er/old.vmx"]
    assert vms(patterns=["*.VMX"])[0] == []
    assert vms(patterns=[])[0] == []


def test_excluded_reported_and_not_entered(vms):
    found, left_out, problems = vms(excludes=["web.*", "deep"])

    assert found == ["top.vmx", "a/db/db.vmx"]
    assert left_out == [("a/web/web.vmx", "web.* excludes it"), ("b/deep", "deep excludes it")]
    assert problems == []


def test_pattern_with_slash_matches_path(vms):
    assert vms(excludes=["a/web"])[1] == [("a/web", "a/web excludes it")]
    assert vms(excludes=["*/er"])[1] == [("b/deep/er", "*/er excludes it")]
    assert vms(excludes=["er/old.vmx"])[1] == []


def test_links_followed_loops_end(vms):
    os.symlink(vms.root, os.path.join(vms.root, "b", "round"))
    os.symlink(os.path.join(vms.root, "a", "web"), os.path.join(vms.root, "c", "linked"))
    os.symlink("itself", os.path.join(vms.root, "c", "itself"))
    os.symlink(os.path.join(vms.root, "nowhere.vmx"), os.path.join(vms.root, "c", "dangling.vmx"))

    found = search([vms.root], 50, ["*.vmx"], [])

    assert found.problems == []
    assert {(os.path.relpath(path, vms.root), os.path.relpath(real, os.path.realpath(vms.root))) for path, real in found.found} == {
        ("top.vmx", "top.vmx"),
        ("a/db/db.vmx", "a/db/db.vmx"),
        ("a/web/web.vmx", "a/web/web.vmx"),
        ("b/deep/er/old.vmx", "b/deep/er/old.vmx"),
        ("c/dangling.vmx", "nowhere.vmx"),
    }


def test_nested_directory_searched_to_its_depth(vms):
    assert vms(3)[0] == ["top.vmx", "a/db/db.vmx", "a/web/web.vmx"]
    assert vms(3, folders=["", "b/deep"])[0] == ["top.vmx", "a/db/db.vmx", "a/web/web.vmx", "b/deep/er/old.vmx"]


def test_missing_directory_reported(vms):
    found = vms(folders=["gone", "a/db"])

    assert found[0] == ["a/db/db.vmx"]
    assert found[2] == [f"{vms.root}/gone: it cannot be searched: No such file or directory"]


def test_directory_visited_before_read(vms):
    visited = []
    vms(visit=visited.append)

    assert [os.path.relpath(path, vms.root) for path in visited] == [".", "a", "a/db", "a/web", "b", "b/deep", "b/deep/er", "c"]


def test_hidden_files_only_by_dotted_pattern(vms, tmp_path):
    """macOS writes ._NAME.vmx beside each file on exFAT, NTFS and SMB (wild/06-appledouble)."""
    (tmp_path / "vms" / "a" / "web" / "._web.vmx").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")

    found, left_out, problems = vms(folders=["a"])

    assert (found, left_out, problems) == (["a/db/db.vmx", "a/web/web.vmx"], [("a/web/._web.vmx", "it is a hidden file")], [])
    assert vms(folders=["a"], patterns=["._*.vmx"])[:2] == (["a/web/._web.vmx"], [])
