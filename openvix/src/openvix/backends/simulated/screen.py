# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Screenshots of simulated VMs: a PNG with the name, the state and the processes of the VM (docs/vix-semantics.md, section 23)."""

from __future__ import annotations

import struct
import zlib

WIDTH, HEIGHT = 640, 400
LEFT, TOP, LINE = 24, 32, 36
COLUMNS, ROWS = 5, 7
SCALE = 3
SHADES = bytes((16, 24, 32, 216, 224, 232))
# Each letter has seven rows of five pixels; each row is one digit of base 32, in which the leftmost pixel is 16.
LETTERS = {
    " ": "0000000",
    "A": "4AHHVHH",
    "B": "UHHUHHU",
    "C": "EHGGGHE",
    "D": "SIHHHIS",
    "E": "VGGUGGV",
    "F": "VGGUGGG",
    "G": "EHGNHHE",
    "H": "HHHVHHH",
    "I": "E44444E",
    "J": "72222IC",
    "K": "HIKOKIH",
    "L": "GGGGGGV",
    "M": "HRLLHHH",
    "N": "HHPLJHH",
    "O": "EHHHHHE",
    "P": "UHHUGGG",
    "Q": "EHHHLID",
    "R": "UHHUKIH",
    "S": "FGGE11U",
    "T": "V444444",
    "U": "HHHHHHE",
    "V": "HHHHHA4",
    "W": "HHHLLLA",
    "X": "HHA4AHH",
    "Y": "HHHA444",
    "Z": "V1248GV",
    "0": "EHJLPHE",
    "1": "4C4444E",
    "2": "EH1248V",
    "3": "V2421HE",
    "4": "26AIV22",
    "5": "VGU11HE",
    "6": "68GUHHE",
    "7": "V124888",
    "8": "EHHEHHE",
    "9": "EHHF12C",
    ".": "00000CC",
    ",": "0000C48",
    ":": "0CC0CC0",
    "-": "000V000",
    "_": "000000V",
    "/": "01248G0",
    "(": "2488842",
    ")": "8422248",
    "?": "EH12404",
    "!": "4444404",
    "'": "C480000",
    "+": "044V440",
    "=": "00V0V00",
}
# The glyph for other characters.
OTHER = "VHHHHHV"


def picture(lines: list[str]) -> bytes:
    """Return a PNG with these lines of text, truncated to its size."""
    rows = [bytearray(WIDTH) for _ in range(HEIGHT)]
    for number, line in enumerate(lines):
        for column, letter in enumerate(line.upper()):
            draw(rows, LETTERS.get(letter, OTHER), LEFT + column * (COLUMNS + 1) * SCALE, TOP + number * LINE)
    return encode(rows)


def draw(rows: list[bytearray], letter: str, left: int, top: int) -> None:
    """Draw a letter with its top left corner at left and top, if it fits."""
    if left + COLUMNS * SCALE > WIDTH or top + ROWS * SCALE > HEIGHT:
        return
    for down, digit in enumerate(letter):
        dots = int(digit, 32)
        for right in range(COLUMNS):
            if dots >> (COLUMNS - 1 - right) & 1:
                for row in rows[top + down * SCALE : top + (down + 1) * SCALE]:
                    at = left + right * SCALE
                    row[at : at + SCALE] = b"\1" * SCALE


def encode(rows: list[bytearray]) -> bytes:
    """Return a PNG of rows of pixels, one byte each: 0 background, 1 letter."""
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"PLTE", SHADES) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
