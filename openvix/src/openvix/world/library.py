# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of the VMs of a world, in the format of the list that VMware's window has. Programs find VMs by name in it that are not running."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from openvix.vmware import vmx

NAME = "inventory.vmls"


class Library:
    """Writes the list. The user's own list, ~/.vmware/inventory.vmls, is never touched."""

    def __init__(self, directory: Path):
        self._path, self._lock = directory / NAME, threading.Lock()

    def write(self, paths: Callable[[], Iterable[str]]) -> None:
        """Write the list of these .vmx files. On a full disk it is out of date until the next change, as VMware's may be."""
        with self._lock, contextlib.suppress(OSError):
            temporary = self._path.with_name(f".{NAME}.new")
            try:
                temporary.write_bytes(content(paths()))
                os.replace(temporary, self._path)
            finally:
                temporary.unlink(missing_ok=True)


def content(paths: Iterable[str]) -> bytes:
    lines = [b'.encoding = "UTF-8"\n']
    for number, path in enumerate(paths, 1):
        value = vmx.escaped(os.fsencode(path))
        name = vmx.escaped(os.fsencode(os.path.basename(path)[: -len(".vmx")]))
        lines.append(b'vmlist%d.config = "%s"\nvmlist%d.DisplayName = "%s"\nvmlist%d.State = "normal"\n' % (number, value, number, name, number))
    return b"".join(lines)
