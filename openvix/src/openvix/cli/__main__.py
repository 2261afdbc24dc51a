# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""python -m openvix.cli: the openvix command where its script is not installed."""

from __future__ import annotations

import sys

from openvix.cli.main import main

sys.exit(main())
