# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames, whole and in pieces."""

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _frames
from hypothesis import given
from hypothesis import strategies as st

MESSAGES = st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text()))


@given(st.lists(st.tuples(MESSAGES, st.binary())), st.integers(1, 7))
def test_frames_come_out_as_they_went_in(frames, size):
    sent = b"".join(_frames.pack(message, content) for message, content in frames)
    data, found = bytearray(), []
    for start in range(0, len(sent), size):
        data += sent[start : start + size]
        while (frame := _frames.take(data)) is not None:
            found.append(frame)

    assert found == frames
    assert data == b""


def test_text_that_is_no_unicode():
    assert _frames.take(bytearray(_frames.pack({"path": "a\udcff"})))[0] == {"path": "a\udcff"}


@pytest.mark.parametrize("length", [0, 15, 16, 17])
def test_incomplete_frame_stays(length):
    data = bytearray(_frames.pack({"a": 1}, b"content")[:length])

    assert _frames.take(data) is None
    assert len(data) == length
