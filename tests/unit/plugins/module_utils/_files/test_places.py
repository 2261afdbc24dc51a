# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files.places import Places


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "real" / "web").mkdir(parents=True)
    (tmp_path / "real" / "web" / "web.vmx").write_text("")
    os.symlink(str(tmp_path / "real"), str(tmp_path / "link"))
    os.symlink("web.vmx", str(tmp_path / "real" / "web" / "other.vmx"))
    os.symlink("round", str(tmp_path / "round"))
    return str(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "/real/web/web.vmx",
        "/link/web/web.vmx",
        "/link/web/other.vmx",
        "/real/../link/web/web.vmx",
        "//link//web/./web.vmx",
        "/link/web/",
        "/link/gone/gone.vmx",
        "/round/x.vmx",
        "/real/web/web.vmx/x",
        "/a" * 2000,
        "/" + "x" * 5000,
    ],
)
def test_real_path_equals_python(tree, path):
    places = Places()

    assert places.real(tree + path) == os.path.realpath(tree + path)
    assert places.real(tree + path) == os.path.realpath(tree + path)


def test_root_is_a_place():
    assert [Places().real(path) for path in ("/", "/x.vmx")] == ["/", "/x.vmx"]


@pytest.mark.parametrize("path", ["", "relative.vmx", "[standard] web/web.vmx", "/vms/we\0b.vmx", "/vms/\ud800/web.vmx"])
def test_invalid_path_is_none(path):
    assert Places().real(path) is None
