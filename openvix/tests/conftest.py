# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of OpenVIX share is in support/, which pytest imports from: see pythonpath in pyproject.toml."""

from __future__ import annotations

import pytest

# Cases that several kinds of guests import: a failed assertion shows its values there too.
pytest.register_assert_rewrite("guest_file_cases", "guest_program_cases", "mounted", "tools_guest", "waiting")
