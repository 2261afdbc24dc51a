# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import rewrite, vmx

TEXT = b'.encoding = "UTF-8"\ndisplayName = "web"\n# a comment\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "web.vmx"
    path.write_bytes(TEXT)
    return path


def test_value_set_rest_and_mode_kept(file):
    file.chmod(0o640)

    rewrite.set_values(str(file), {"displayName": "db", "vmlab.vix.x": "1"})

    assert file.read_bytes() == b'.encoding = "UTF-8"\ndisplayName = "db"\n# a comment\nvmlab.vix.x = "1"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(file.parent) == ["web.vmx"]


def test_reader_sees_old_or_new_file(file):
    with file.open("rb") as reader:
        rewrite.set_values(str(file), {"displayName": "a name that is longer"})

        assert reader.read() == TEXT, "the file that is open is another one now"


def test_link_stays_a_link(file, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.vmx"
    link.symlink_to(file)

    rewrite.set_values(str(link), {"displayName": "db"})

    assert link.is_symlink()
    assert vmx.read(str(file)).display_name == "db"


def test_failed_write_leaves_nothing(file):
    file.write_bytes(b'.encoding = "windows-1252"\ndisplayName = "web"\n')

    with pytest.raises(vmx.BrokenFile):
        rewrite.set_values(str(file), {"displayName": "日本"})

    assert os.listdir(file.parent) == ["web.vmx"]
    assert vmx.read(str(file)).display_name == "web"
