# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames and values of the protocol between libvix.so and the daemon (openvix/docs/protocol.md)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator
from typing import Any

LARGEST = 64 * 1024 * 1024
DEEPEST = 8
ACCEPTED, DONE, EVENT = 1, 2, 3

NOTHING, INTEGER, TEXT, BYTES, LIST = b"nisbl"
LENGTH = struct.Struct("<I")
TAGGED_LENGTH = struct.Struct("<BI")
TAGGED_INTEGER = struct.Struct("<Bq")


class ProtocolError(Exception):
    """The peer violates the protocol; the connection is closed."""


def encode(*values: object) -> bytes:
    """Return the frame with these values: None, int, str, bytes, list or tuple. Raises ProtocolError."""
    pieces = [b""]
    for value in values:
        add(pieces, value)
    size = sum(map(len, pieces))
    if size > LARGEST:
        raise ProtocolError(f"a frame of {size} bytes exceeds the limit of {LARGEST} bytes")
    pieces[0] = LENGTH.pack(size)
    return b"".join(pieces)


def add(pieces: list[bytes], value: Any) -> None:
    kind = type(value)
    if kind is int or kind is bool:
        pieces.append(TAGGED_INTEGER.pack(INTEGER, value))
    elif kind is str:
        # Names in a guest may be invalid UTF-8, which the protocol does not permit.
        raw = value.encode("utf-8", "replace")
        if 0 in raw:
            raise ProtocolError("a text contains a NUL byte")
        pieces.append(TAGGED_LENGTH.pack(TEXT, len(raw)) + raw)
    elif kind is list or kind is tuple:
        pieces.append(TAGGED_LENGTH.pack(LIST, len(value)))
        for item in value:
            add(pieces, item)
    elif value is None:
        pieces.append(b"n")
    elif kind is bytes:
        pieces.append(TAGGED_LENGTH.pack(BYTES, len(value)) + value)
    else:
        raise TypeError(f"the protocol cannot encode a value of type {kind.__name__}")


def decode(body: bytes) -> list:
    """Return the values of a frame without its length. Raises ProtocolError."""
    values, at = [], 0
    try:
        while at < len(body):
            value, at = take(body, at, DEEPEST)
            values.append(value)
    except (struct.error, IndexError):
        raise ProtocolError("a value is longer than its frame") from None
    except UnicodeDecodeError:
        raise ProtocolError("a text is not UTF-8") from None
    return values


def take(body: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the value of a frame at a place, and the place behind it."""
    tag = body[at]
    if tag == INTEGER:
        return TAGGED_INTEGER.unpack_from(body, at)[1], at + 9
    if tag == NOTHING:
        return None, at + 1
    if tag not in (TEXT, BYTES, LIST):
        raise ProtocolError(f"unknown tag {tag}")
    length = TAGGED_LENGTH.unpack_from(body, at)[1]
    at += 5
    if tag == LIST:
        if not depth:
            raise ProtocolError("lists are nested too deeply")
        values = []
        for _ in range(length):
            value, at = take(body, at, depth - 1)
            values.append(value)
        return values, at
    end = at + length
    if end > len(body):
        raise ProtocolError("a value is longer than its frame")
    raw = body[at:end]
    if tag == BYTES:
        return raw, end
    if 0 in raw:
        raise ProtocolError("a text contains a NUL byte")
    return raw.decode("utf-8"), end


def frames(connection: socket.socket) -> Generator[list, None, None]:
    """Yield the values of each frame from this socket until the peer closes it between two frames. Raises ProtocolError."""
    waiting = bytearray()
    while True:
        while len(waiting) < 4:
            piece = connection.recv(65536)
            if not piece:
                if waiting:
                    raise ProtocolError("the connection was closed in the middle of a frame")
                return
            waiting += piece
        (size,) = LENGTH.unpack_from(waiting)
        if size > LARGEST:
            raise ProtocolError(f"a frame of {size} bytes exceeds the limit of {LARGEST} bytes")
        while len(waiting) < size + 4:
            piece = connection.recv(max(65536, min(size + 4 - len(waiting), 1 << 20)))
            if not piece:
                raise ProtocolError("the connection was closed in the middle of a frame")
            waiting += piece
        body = bytes(waiting[4 : size + 4])
        del waiting[: size + 4]
        yield decode(body)
