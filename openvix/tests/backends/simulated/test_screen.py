# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
import zlib

import pytest
from protocol_client import Client

from openvix.backends.simulated import screen
from openvix.vix import constants

ON = "powered_on"


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


def dots(image):
    """The rows of a PNG with a palette, as any reader of PNGs understands it."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(image):
        (size,), kind = struct.unpack(">I", image[at : at + 4]), image[at + 4 : at + 8]
        content = image[at + 8 : at + 8 + size]
        assert struct.unpack(">I", image[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + content),)
        chunks[kind], at = content, at + 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, rest) == (8, 3, [0, 0, 0])
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == height * (width + 1)
    assert set(raw) <= set(range(len(chunks[b"PLTE"]) // 3))
    return [raw[row * (width + 1) + 1 : (row + 1) * (width + 1)] for row in range(height)]


def text(rows, line, length):
    """Read a line of letters back from the dots."""
    names = {shape: letter for letter, shape in screen.LETTERS.items()}
    found = ""
    for column in range(length):
        left, top = screen.LEFT + column * (screen.COLUMNS + 1) * screen.SCALE, screen.TOP + line * screen.LINE
        digits = [sum(rows[top + down * screen.SCALE + 1][left + right * screen.SCALE + 1] << (4 - right) for right in range(5)) for down in range(7)]
        found += names.get("".join("0123456789ABCDEFGHIJKLMNOPQRSTUV"[digit] for digit in digits), "?")
    return found


def test_screen_shows_name_and_state(openvix, client):
    vm = openvix.add_vm("web-01", power=ON)
    client.log_in(vm)
    [[data, image, size, length]] = client.items("VixVM_CaptureScreenImage", vm, constants.VIX_CAPTURESCREENFORMAT_PNG, [])
    assert (data, size, length) == (constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_SIZE, len(image))
    rows = dots(image)
    assert (len(rows[0]), len(rows)) == (640, 400)
    assert [text(rows, line, length) for line, length in ((0, 7), (1, 10), (2, 11))] == ["WEB-01 ", "POWERED ON", "DEBIAN12-64"]


def test_letters_differ():
    assert len(set(screen.LETTERS.values())) == len(screen.LETTERS)
    assert all(len(shape) == 7 for shape in screen.LETTERS.values())
    dots(screen.picture(["Ünknown ☃", "x" * 500, *["line"] * 50]))


def test_letter_has_its_shape():
    rows = dots(screen.picture(["F"]))
    drawn = [rows[screen.TOP + down * screen.SCALE][screen.LEFT : screen.LEFT + 15 : screen.SCALE] for down in range(7)]
    assert ["".join(" #"[dot] for dot in row).rstrip() for row in drawn] == ["#####", "#", "#", "####", "#", "#", "#"]


@pytest.mark.parametrize("form", [0, 2, 3])
def test_other_format_is_rejected(openvix, client, form):
    vm = openvix.add_vm("web", power=ON)
    client.log_in(vm)
    assert client.code("VixVM_CaptureScreenImage", vm, form, []) == constants.VIX_E_SCREEN_CAPTURE_BAD_FORMAT


def test_screenshot_requires_a_login(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    assert client.code("VixVM_CaptureScreenImage", vm, 1, []) == constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED
    assert client.code("VixVM_CaptureScreenImage", openvix.add_vm("off"), 1, []) == constants.VIX_E_VM_NOT_RUNNING
