# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The old and the new text of a file for diff mode, or why they are not shown, in the keys that Ansible knows."""

from __future__ import annotations

from . import contents

LARGEST = 104448  # bytes, as Ansible's own limit


def difference(session, copy, size):
    """Return the old and the new text of a copies.Copy. size: of the file in the guest that it replaces, or None."""
    diff = {"before_header": copy.target, "after_header": copy.target}
    if size is None:
        diff["before"] = ""
    elif size > LARGEST:
        diff["dst_larger"] = LARGEST
    else:
        _add(diff, "before", "dst_binary", contents.fetched(session, copy.target, LARGEST)[1])
    if copy.item.size > LARGEST:
        diff["src_larger"] = LARGEST
    else:
        _add(diff, "after", "src_binary", b"".join(copy.item.blocks()))
    return diff


def _add(diff, name, binary, content):
    """Add the text of a content to a diff, or a mark if it is binary."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        diff[binary] = 1
    else:
        diff[name] = text
