# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state import screens
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError


def test_dimensions_from_png_header():
    assert screens.dimensions(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1280, 800), "looking") == (1280, 800)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "VIX returned 0 bytes, which are not a PNG image"),
        (b"\x89PNG\r\n\x1a\n", "VIX returned 8 bytes, which are not a PNG image"),
        (b"BM" + bytes(100), "VIX returned an image that is not a PNG"),
        (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IDAT", 1280, 800), "VIX returned an image that is not a PNG"),
    ],
)
def test_invalid_png_refused(data, words):
    with pytest.raises(VixError, match=f"^looking: {words}$"):
        screens.dimensions(data, "looking")
