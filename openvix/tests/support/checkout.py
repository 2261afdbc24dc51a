# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths in a checkout, for tests that read more than the package."""

from __future__ import annotations

from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
TESTS = SUPPORT.parent
OPENVIX = TESTS.parent
REPOSITORY = OPENVIX.parent
VIX_API = REPOSITORY / "facts" / "vix-api.json"
