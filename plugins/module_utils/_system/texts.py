# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a diff shows of a file that is replaced: both texts, or why there is none, in the words that Ansible knows."""

from __future__ import annotations

from . import contents

LARGEST = 104448  # bytes, as Ansible's own limit


def difference(guest, copy, size, workdir):
    """Return the old and the new text of a copies.Copy. size: of the file in the guest that it replaces, None where there is none."""
    diff = {"before_header": copy.target, "after_header": copy.target}
    if size is None:
        diff["before"] = ""
    elif size > LARGEST:
        diff["dst_larger"] = LARGEST
    else:
        _tell(diff, "before", "dst_binary", contents.fetched(guest, copy.target, workdir, LARGEST)[1])
    if copy.item.size > LARGEST:
        diff["src_larger"] = LARGEST
    else:
        _tell(diff, "after", "src_binary", b"".join(copy.item.blocks()))
    return diff


def _tell(diff, name, binary, content):
    """Add a content to a diff, or that it is no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        diff[binary] = 1
    else:
        diff[name] = text
