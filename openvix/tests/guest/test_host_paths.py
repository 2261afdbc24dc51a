# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from openvix.guest import host_paths


def test_host_path_is_without_links(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    assert host_paths.resolved(f"{tmp_path}/link/file") == os.path.realpath(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        host_paths.resolved(f"{tmp_path}/file/")
    for path in ("", "file", "/a\0b"):
        with pytest.raises(OSError, match="EINVAL"):
            host_paths.resolved(path)
