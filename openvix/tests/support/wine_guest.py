# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this computer runs the programs of Windows guests, and PowerShell for them."""

from __future__ import annotations

import os

import pytest

from openvix.backends.wine import powershell, wine

# The directory or archive of PowerShell for Windows, for tests that need it.
GIVEN = os.environ.get("OPENVIX_POWERSHELL", "")

needs_wine = pytest.mark.skipif(bool(wine.missing()), reason=f"Windows guests run no programs here: {wine.missing()}")
needs_powershell = pytest.mark.skipif(not (GIVEN or powershell.find()), reason="no PowerShell here: set OPENVIX_POWERSHELL to its directory or archive")
