# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing a dictionary file of VMware's where it lies: whoever reads it meanwhile sees the old file or the new one."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress

from . import vmx


def changed(path, values):
    """Return the bytes that the dictionary file at a path would have with some values set, as of vmx.set_values(). Raises vmx.BrokenFile and OSError."""
    with open(path, "rb") as file:
        return vmx.set_values(file.read(vmx.MAX_BYTES + 1), values, path)


def set_values(path, values):
    """Set these values in the file. Raises the same."""
    real = os.path.realpath(path)
    raw = changed(path, values)
    mode = stat.S_IMODE(os.stat(real).st_mode)
    handle, beside = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(real))
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, real)
    finally:
        with suppress(FileNotFoundError):  # it has taken the other's place
            os.unlink(beside)
