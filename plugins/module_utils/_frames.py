# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames, in which a connection to a guest and the process that serves it talk: a message as JSON, and bytes that belong to it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

    Message = Dict[str, Any]
    Frame = Tuple[Message, bytes]

SIZES = struct.Struct("<QQ")  # bytes of the message, bytes of the content behind it


def pack(message: Message, content: bytes = b"") -> bytes:
    """Return a frame as bytes. message: what JSON can hold; content: any bytes."""
    text = json.dumps(message).encode("ascii")
    return SIZES.pack(len(text), len(content)) + text + content


def take(data: bytearray) -> Frame | None:
    """Remove the first frame from the received bytes and return its message and content; None if it is not complete yet."""
    if len(data) < SIZES.size:
        return None
    length, more = SIZES.unpack_from(data)
    end = SIZES.size + length
    if len(data) < end + more:
        return None
    message, content = json.loads(data[SIZES.size : end].decode("ascii")), bytes(data[end : end + more])
    del data[: end + more]
    return message, content
