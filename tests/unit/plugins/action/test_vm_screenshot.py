# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import stat

import pytest


def test_fetch_saves_on_controller_without_traces(play, task):
    (play.folder / "screens").mkdir()
    options = {"dest": "screens/web.png", "fetch": True, "mode": "0640"}

    predicted, done = play(task("vm_screenshot", check_mode=True, **options), task("vm_screenshot", **options))

    path = play.folder / "screens" / "web.png"
    picture = path.read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert (done["size"], done["checksum"]) == (len(picture), hashlib.sha256(picture).hexdigest())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert predicted["changed"] is done["changed"] is True
    assert predicted["diff"] == {"before": {"path": str(path), "state": "absent"}, "after": {"path": str(path), "state": "file", "mode": "0640"}}
    assert {key: done["diff"]["after"][key] for key in ("path", "state", "mode")} == predicted["diff"]["after"]
    assert done["diff"]["before"] == predicted["diff"]["before"]
    assert os.listdir(path.parent) == ["web.png"]
    assert list((play.folder / "remote").rglob("fetched-*")) == []


def test_without_fetch_stays_on_vm_host(elsewhere, task, tmp_path):
    (result,) = elsewhere(task("vm_screenshot", dest=str(tmp_path / "web.png")))

    assert result["diff"]["after"]["path"] == str(tmp_path / "web.png")
    assert (tmp_path / "web.png").stat().st_size == result["size"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dest": "none/web.png"}, "/none is not a directory of the controller"),
        ({"dest": "web.png", "mode": "rw"}, "rw is not a file mode"),
        ({"dest": "web.png", "guest_password": "wr0ng"}, "(VIX_E_GUEST_USER_PERMISSIONS, 3015)"),
    ],
)
def test_invalid_options_reported(elsewhere, task, options, words):
    (result,) = elsewhere(task("vm_screenshot", fetch=True, **options), secrets=["wr0ng"])

    assert result["failed"]
    assert words in result["msg"]
    assert list(elsewhere.folder.rglob("*.png")) == []


def test_damaged_transfer_not_saved(elsewhere, task):
    plugin = elsewhere.folder / "connection" / "elsewhere.py"
    damage = """
    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        os.truncate(out_path, os.path.getsize(out_path) - 1)
"""
    plugin.write_text(plugin.read_text() + damage)
    path = elsewhere.write("web.png", "old")

    (result,) = elsewhere(task("vm_screenshot", fetch=True, dest="web.png"))

    assert result["msg"] == f"saving the screenshot as {path}: the file was damaged during the transfer from the VM host; run the task again"
    assert path.read_text() == "old"
    assert [each.name for each in elsewhere.folder.iterdir() if each.name.endswith(".part")] == []
