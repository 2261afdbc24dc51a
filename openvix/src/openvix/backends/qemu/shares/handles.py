# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The open files of shared folders of a guest."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from typing import NamedTuple

# The daemon opens the files of all guests. Beyond this number the least recently used one is closed, and reopened when it is used again.
MOST = 64
# The number of directories whose entries are kept while they are being read.
MOST_LISTS = 4


class Handle(NamedTuple):
    """An open file of a node."""

    file: int
    node: int
    share: bytes
    writable: bool


class Handles:
    """The open files of one guest, by number."""

    def __init__(self):
        self._handles: OrderedDict[int, Handle] = OrderedDict()
        self._lists: OrderedDict[int, list] = OrderedDict()

    def add(self, number: int, handle: Handle) -> None:
        self.close(number)
        if len(self._handles) >= MOST:
            os.close(self._handles.popitem(last=False)[1].file)
        self._handles[number] = handle

    def get(self, number: int, node: int) -> Handle | None:
        """Return the open file with this number, None unless it is one of this node."""
        handle = self._handles.get(number)
        if handle is None or handle.node != node:
            return None
        self._handles.move_to_end(number)
        return handle

    def any_of(self, node: int) -> Handle | None:
        """Return any open file of a node, whose name may have been removed."""
        return next((handle for handle in self._handles.values() if handle.node == node), None)

    def close(self, number: int) -> None:
        self._lists.pop(number, None)
        handle = self._handles.pop(number, None)
        if handle:
            os.close(handle.file)

    def close_all(self, shares: set[bytes] | None = None) -> None:
        """Close the files in these shares, or all files for None."""
        for number, handle in list(self._handles.items()):
            if shares is None or handle.share in shares:
                # close() may report that written data was lost, but there is no request left to answer.
                with contextlib.suppress(OSError):
                    self.close(number)
        self._lists.clear()

    def keep_list(self, number: int, names: list) -> None:
        if number not in self._lists and len(self._lists) >= MOST_LISTS:
            self._lists.popitem(last=False)
        self._lists[number] = names

    def list_of(self, number: int) -> list | None:
        with contextlib.suppress(KeyError):
            self._lists.move_to_end(number)
        return self._lists.get(number)
