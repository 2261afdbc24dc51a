# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the running VMs of this machine, whatever libvix it has: python -m tests.contract.running_vms, in the checkout."""

from __future__ import annotations

import os

from plugins.module_utils._vix import capi, locate
from plugins.module_utils._vix.deadline import Deadline
from plugins.module_utils._vix.host import connect

library = capi.Library(locate.find(os.environ.get("VIX_LIBRARY")), crumb=lambda call, doing: None)
with connect(library, Deadline(60), os.environ.get("VIX_PROVIDER", "default")) as host:
    for path in host.running():
        print(path)
