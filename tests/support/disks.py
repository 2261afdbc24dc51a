# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file systems of this machine, for tests of what cannot be moved from one to another by a rename."""

from __future__ import annotations

import os
import pathlib

import pytest


def another_disk(than):
    """Return a writable directory that is not on the disk of this path, or skip the test where there is none."""
    for directory in ("/dev/shm", "/var/tmp", "/tmp", pathlib.Path(__file__).parents[2]):
        if os.path.isdir(directory) and os.access(directory, os.W_OK) and os.stat(directory).st_dev != os.stat(than).st_dev:
            return directory
    return pytest.skip("there is no other disk here")
