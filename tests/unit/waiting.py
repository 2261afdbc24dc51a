# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting in tests for what comes about in another process or thread."""

from __future__ import annotations

import time


def until(done, seconds=60):
    """Return what done returns, as soon as it is anything."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)
    return found
