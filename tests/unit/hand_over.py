# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a warm Python is seen as: hand_over.py SOCKET [SCRIPT [ARGUMENT...]] has its server run a script, and ends as that ends."""

from __future__ import annotations

# Each import is a good part of what this takes, so there are few.
import marshal
import os
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket

WORD = 4  # bytes of a number


def main():
    umask = os.umask(0)  # which cannot be asked for otherwise, and is the server's to set
    request = marshal.dumps((sys.argv[2:], os.getcwd(), umask, dict(os.environ)))
    connection = socket(AF_UNIX)
    connection.connect(sys.argv[1])
    descriptors = b"".join(number.to_bytes(WORD, sys.byteorder) for number in (0, 1, 2))
    connection.sendmsg([len(request).to_bytes(WORD, "big")], [(SOL_SOCKET, SCM_RIGHTS, descriptors)])
    connection.sendall(request)
    status = int.from_bytes(connection.recv(WORD), "big", signed=True)
    if status < 0:
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main())
