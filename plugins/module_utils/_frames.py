# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames, in which two processes talk over a stream of bytes: a message as JSON, and bytes that belong to it."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Tuple

    Message = Dict[str, Any]
    Frame = Tuple[Message, bytes]

PEER, XUCRED = struct.Struct("=iII"), struct.Struct("=II")
LONGEST_NAME = 103  # bytes of the name of a socket: of macOS, whose limit is the lowest
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


@contextmanager
def socket_name(path: str) -> Iterator[str]:
    """A name of a unix socket that the system accepts, also if its path is too long for that on Linux."""
    if len(os.fsencode(path)) <= LONGEST_NAME or not os.path.isdir("/proc/self/fd"):
        yield path
        return
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{directory}/{os.path.basename(path)}"
    finally:
        os.close(directory)


def peer_user(connection: socket.socket) -> int | None:
    """Return the number of the user at the other end of a unix socket, or None if the system does not say."""
    if hasattr(socket, "SO_PEERCRED"):
        return PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))[1]
    if sys.platform == "darwin":  # struct xucred: version, user, ...
        return XUCRED.unpack_from(connection.getsockopt(0, 1, 76))[1]
    return None
