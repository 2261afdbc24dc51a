# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _session


@pytest.fixture
def on_host(openvix):
    """Do some work on the connected host of the test's world, in a separate process, and return its result."""
    options = {
        "library": openvix.environment["VIX_LIBRARY"],
        "provider": "default",
        "hostname": None,
        "port": 0,
        "username": None,
        "password": None,
        "validate_certs": True,
        "timeout": 120,
    }
    return lambda work, **other: _session.run(work, {**options, **other})
