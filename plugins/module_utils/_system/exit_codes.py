# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exit codes by which the scripts of this collection answer."""

from __future__ import annotations

# Not 0: VMware Tools report 0 for a program or script that a signal ended (docs/vix-semantics.md, section 19). Nor a code of a shell, 126 and above.
DONE = 64
