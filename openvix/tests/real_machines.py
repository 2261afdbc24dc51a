# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test needs that boots a real machine."""

from __future__ import annotations

import shutil

import pytest

from openvix.backends.qemu import emulator
from openvix.backends.qemu.image import images

NEEDED = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which(emulator.PROGRAM) or images.find() is None, reason="QEMU is not installed here, or there is no guest image"),
]
