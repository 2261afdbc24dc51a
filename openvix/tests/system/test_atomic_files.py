# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from openvix.system import atomic_files


@pytest.fixture
def folder(tmp_path):
    own = tmp_path / "openvix"
    own.mkdir()
    return own


def content(folder):
    return {str(path.relative_to(folder.parent)): path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}


def test_commit_changes_and_removes_files(folder):
    (folder / "old").write_bytes(b"1")
    atomic_files.commit(folder, {folder / "old": None, folder / "new": b"2", folder.parent / "vm.vmx": b"\xff"})
    assert content(folder) == {"openvix/new": b"2", "vm.vmx": b"\xff"}


@pytest.mark.parametrize("steps", range(8))
def test_commit_killed_anywhere_is_atomic(folder, monkeypatch, steps):
    class Killed(BaseException):
        pass

    before = {"openvix/a": b"old", "openvix/b": b"old", "openvix/c": b"old"}
    after = {"openvix/a": b"new", "openvix/b": b"new"}
    for name, text in before.items():
        (folder.parent / name).write_bytes(text)
    left = iter(range(steps))

    def killing(act):
        def change(*arguments, **more):
            if next(left, None) is None:
                raise Killed
            return act(*arguments, **more)

        return change

    # Each change of a directory is a moment to be killed in.
    monkeypatch.setattr(os, "replace", killing(os.replace))
    monkeypatch.setattr(os, "unlink", killing(os.unlink))
    try:
        atomic_files.commit(folder, {folder / "a": b"new", folder / "b": b"new", folder / "c": None})
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()

    atomic_files.recover(folder)
    now = {name: text for name, text in content(folder).items() if not name.endswith(".new")}
    assert now == (before if steps == 0 else after)
    assert finished == (steps >= 5)
