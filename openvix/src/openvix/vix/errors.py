# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a VIX call."""

from __future__ import annotations


class VixError(Exception):
    """The error of a VIX call.

    code: a constant VIX_E_... of constants.py; doing: the operation that failed; reason: a text for the log of calls, where the code alone does not
    say what the user can do.
    """

    def __init__(self, code: int, doing: str = "", *, reason: str = ""):
        super().__init__(f"VIX error {code}{': ' + doing if doing else ''}")
        self.code, self.reason = code, reason
