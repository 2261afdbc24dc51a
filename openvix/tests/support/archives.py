# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A reader of cpio archives (Documentation/driver-api/early-userspace/buffer-format.rst)."""

from __future__ import annotations


def read_cpio(content: bytes) -> list[tuple[str, int, bytes]]:
    """Return path, mode and content of each file in concatenated archives."""
    found, at = [], 0
    while at < len(content):
        if content[at] == 0:
            at += 1
            continue
        assert content[at : at + 6] == b"070701"
        assert at % 4 == 0
        fields = [int(content[at + 6 + 8 * number : at + 14 + 8 * number], 16) for number in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = content[at + 110 : at + 110 + length]
        assert name.endswith(b"\0")
        at = -(-(at + 110 + length) // 4) * 4
        if name != b"TRAILER!!!\0":
            found.append((name[:-1].decode(), mode, content[at : at + size]))
        at = -(-(at + size) // 4) * 4
    return found
