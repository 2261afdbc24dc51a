# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import family, linux, windows


@pytest.mark.parametrize(
    ("guest_os", "expected"),
    [
        ("arm-windows11-64", windows),  # wild/01-arm-windows: the only Windows that Fusion has on Apple silicon
        ("ARM-Windows11-64", windows),
        ("windows11-64", windows),
        ("winServer2008Enterprise-64", windows),
        ("longhorn", windows),
        ("whistler", windows),
        ("arm-ubuntu-64", linux),
        ("arm-darwin21-64", linux),
        ("darwin22-64", linux),
        ("other-64", linux),
        ("", linux),
    ],
)
def test_family_by_guest_os(guest_os, expected):
    assert family.of(SimpleNamespace(system=guest_os)) is expected


def test_chosen_family_wins():
    assert family.of(SimpleNamespace(system="windows11-64"), "linux") is linux
