# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Valid requests to the guest tools of QEMU guests, one of each operation, as seeds for a fuzzer."""

from __future__ import annotations

from openvix.protocol import frames

LINE = ["/bin/true", "true", "-x"]
REQUESTS = [
    ("sync", b"0123456789abcdef"),
    ("hello",),
    ("login", "ann", "a"),
    ("login", "open", ""),
    ("account", "lab"),
    ("run", "ann", LINE, ["A=1", b"\xff=2"]),
    ("ended", 7),
    ("command", 1),
    ("processes",),
    ("kill", "lab", 5, 9),
    ("stat", "lab", "/etc/motd", ""),
    ("stat", "lab", "/etc", "motd"),
    ("list", "lab", "/", "etc", 0),
    ("list", "lab", "/etc", "", 3),
    ("symlink", "lab", "/tmp", "a/link", "/etc/motd"),
    ("readlink", "lab", "/tmp/a/link", ""),
    ("mkdir", "lab", "/tmp/a/b", "", 0o755, 1),
    ("mkdir", "lab", "/tmp", "a/c", 0o700, 2),
    ("mkdir", "lab", "/tmp", "a", 0o700, 0),
    ("rename", "lab", "/tmp/a/new", "/tmp/a/old/"),
    ("remove", "lab", "/tmp/a/old"),
    ("clear", "lab", "/tmp/a/"),
    ("tempdir", "lab", "lab", "/root"),
    ("open", "lab", "/tmp", "a/new", 1, 0o644, 1),
    ("open", "lab", "/etc/motd", "", 0, 0, 2),
    ("open", "lab", "/tmp/new", "", 2, 0o600, 3),
    ("write", 1, 3, b"content"),
    ("read", 2, 1, 100),
    ("close", 1),
    ("address",),
    ("clock", 1000000000, 0),
    ("stop",),
    ("restart",),
]
OPERATIONS = sorted({request[0] for request in REQUESTS})
# Ordered so that each request finds the files that it needs.
WHOLE = b"".join(frames.encode(*request) for request in REQUESTS)
