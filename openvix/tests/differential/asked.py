# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was asked of the differential test, and what it has to report in the end."""

from __future__ import annotations

import os

# "all", or the number that chooses a part; "" where nobody asks.
ASKED = os.environ.get("OPENVIX_DIFFERENTIAL", "")
# The release of VMware's Tools whose behaviour the table of differences has.
RELEASE = os.environ.get("OPENVIX_DIFFERENTIAL_RELEASE", "12.2")
# Lines for the end.
LINES: list[str] = []
