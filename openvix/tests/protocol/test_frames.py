# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading

import pytest

from openvix.protocol import frames


def decoded(*values):
    return frames.decode(frames.encode(*values)[4:])


def test_values_survive_a_round_trip():
    values = [0, -1, 2**63 - 1, -(2**63), None, "", "Ärger\n", b"", b"\0\xff", [], [1, [None, "x", [b"y"]]]]
    assert decoded(*values) == values


def test_frame_has_the_documented_layout():
    assert frames.encode(1, "ä", None, [b"x"]) == (b"\x1c\0\0\0" + b"i\x01\0\0\0\0\0\0\0" + b"s\x02\0\0\0\xc3\xa4" + b"n" + b"l\x01\0\0\0" + b"b\x01\0\0\0x")


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"i\0\0\0\0\0\0\0",
        b"s\x02\0\0\0a",
        b"s\x02\0\0",
        b"b\xff\xff\xff\xffa",
        b"l\x02\0\0\0n",
        b"l\xff\xff\xff\xff",
        b"s\x01\0\0\0\0",
        b"s\x01\0\0\0\xff",
        b"l\x01\0\0\0" * 40 + b"n",
    ],
    ids=range(10),
)
def test_invalid_value_is_a_protocol_error(body):
    with pytest.raises(frames.ProtocolError):
        frames.decode(body)


def test_string_with_nul_is_not_sent():
    with pytest.raises(frames.ProtocolError):
        frames.encode("a\0b")


def test_name_with_invalid_utf_8_is_sent():
    assert decoded("a\udcff") == ["a?"]


def test_frames_are_found_in_any_chunks():
    ours, theirs = socket.socketpair()
    sent = frames.encode(1, "first") + frames.encode(2, "x" * 200_000) + frames.encode()

    def send():
        for at in range(0, len(sent), 4097):
            theirs.sendall(sent[at : at + 4097])
        theirs.close()

    sender = threading.Thread(target=send)
    sender.start()
    with ours:
        assert list(frames.frames(ours)) == [[1, "first"], [2, "x" * 200_000], []]
    sender.join()


@pytest.mark.parametrize("sent", [b"\x01", b"\x05\0\0\0n", b"\x01\0\0\x04n"], ids=["no length", "cut off", "too large"])
def test_truncated_or_oversized_frame_is_an_error(sent):
    ours, theirs = socket.socketpair()
    theirs.sendall(sent)
    theirs.close()
    with ours, pytest.raises(frames.ProtocolError):
        list(frames.frames(ours))
