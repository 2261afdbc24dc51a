# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of the host in copies from and to a guest."""

from __future__ import annotations

import errno
import os

from openvix.guest.errors import error


def resolved(path: str) -> str:
    """Return an absolute path of the host with all links resolved, as VIX does. Raises OSError."""
    if not os.path.isabs(path) or "\0" in path:
        raise error(errno.EINVAL, path)
    if path.endswith("/") and os.path.lexists(path.rstrip("/") or "/") and not os.path.isdir(path):
        raise error(errno.ENOTDIR, path)
    return os.path.realpath(path)
