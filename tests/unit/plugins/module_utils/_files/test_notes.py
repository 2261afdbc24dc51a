# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes of this machine about what a process left elsewhere."""

from __future__ import annotations

import os
import stat
import time

from ansible_collections.vmlab.vix.plugins.module_utils._files import notes


def test_note_of_living_process_is_its_own(tmp_path):
    note = notes.write(tmp_path / "a/b", {"vm": "web"})

    assert notes.left_behind(tmp_path / "a/b") == []
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a/b").iterdir()] == [0o600]
    note.delete()
    note.delete()
    assert list((tmp_path / "a/b").iterdir()) == []


def test_note_of_dead_process_is_found_by_one(tmp_path):
    process = os.fork()
    if process == 0:
        notes.write(tmp_path, {"vm": "web"})
        os._exit(0)
    os.waitpid(process, 0)

    [found] = notes.left_behind(tmp_path)
    assert found.content == {"vm": "web"}
    assert notes.left_behind(tmp_path) == []
    found.release()
    [again] = notes.left_behind(tmp_path)
    again.delete()
    assert list(tmp_path.iterdir()) == []


def test_old_and_damaged_notes_deleted(tmp_path):
    notes.write(tmp_path, {"vm": "web"}).release()
    [old] = tmp_path.iterdir()
    os.utime(old, (0, time.time() - notes.FORGOTTEN - 1))
    (tmp_path / "damaged").write_text('{"vm":')

    assert notes.left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_link_is_no_note(tmp_path):
    (tmp_path / "other").write_text("{}")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/link").symlink_to(tmp_path / "other")

    assert notes.left_behind(tmp_path / "notes") == []
    assert (tmp_path / "other").exists()


def test_no_directory_has_no_notes(tmp_path):
    assert notes.left_behind(tmp_path / "nothing") == []
