# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unix sockets with paths that may exceed sun_path: they are addressed through a descriptor of their directory."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

# struct ucred: process, user, group.
CREDENTIALS = struct.Struct("iII")


def listen(path: Path, backlog: int) -> socket.socket:
    """Return a listening socket at this path, whose file is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    _near(path, listener.bind)
    listener.listen(backlog)
    return listener


def dial(path: Path) -> socket.socket:
    """Return a connection to the socket at this path. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _near(path, connection.connect)
    except OSError:
        connection.close()
        raise
    return connection


def peer(connection: socket.socket) -> int:
    """Return the user at the other end, as of the moment when it connected or began to listen."""
    _, user, _ = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return user


def _near(path: Path, act: Callable[[str], object]) -> None:
    """Call act(address) with a short address of the socket at this path."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        act(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
