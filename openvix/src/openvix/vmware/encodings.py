# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The encodings of VMware's files. A code page is read as Windows means it, which is not what Python's codec of that name does for Shift_JIS and Big5."""

from __future__ import annotations

import re

from openvix.vmware.encoding_names import CODECS

INSIGNIFICANT = re.compile("[^0-9a-z]")
# ASCII must be unchanged in an encoding, or lines could not be recognized.
PROBE = "".join(map(chr, range(32, 127))) + "\\u0041~~+AEE-"
# Code page 936 has the euro sign as one byte, which Python's gbk does not know.
GBK, EURO, EURO_BYTE = "gbk", "\u20ac", b"\x80"
GBK_PARTS = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x00-\x7f]+|.", re.DOTALL)


def codec(name: str) -> str:
    """Return Python's name for an encoding that a file names. Raises ValueError if it is unknown, or if ASCII is not a part of it."""
    found = CODECS.get(INSIGNIFICANT.sub("", name.lower()))
    if found:
        return found
    try:
        if PROBE.encode(name).decode("ascii") == PROBE == PROBE.encode("ascii").decode(name):
            return name
    except (LookupError, ValueError):
        pass
    raise ValueError(f"unknown .encoding {name!r}")


def decode(raw: bytes, codec: str) -> str:
    """Return the text of these bytes. Raises UnicodeDecodeError."""
    if codec == GBK and EURO_BYTE in raw:
        return "".join(EURO if part == EURO_BYTE else part.decode(GBK) for part in GBK_PARTS.findall(raw))
    return raw.decode(codec)


def encode(text: str, codec: str) -> bytes:
    """Return the bytes of a text. Raises UnicodeEncodeError."""
    if codec == GBK and EURO in text:
        return EURO_BYTE.join(part.encode(GBK) for part in text.split(EURO))
    return text.encode(codec)
