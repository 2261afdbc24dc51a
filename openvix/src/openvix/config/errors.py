# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user's request ends with when it cannot be met."""

from __future__ import annotations


class ConfigError(Exception):
    """What the user wrote is not valid; the message is one sentence for them."""
