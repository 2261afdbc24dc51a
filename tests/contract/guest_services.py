# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print process id, owner and command of Apache and MySQL in a guest: GUEST_PASSWORD=... python -m tests.contract.guest_services VMX USER."""

from __future__ import annotations

import os
import re
import sys

from plugins.module_utils._vix import capi, locate
from plugins.module_utils._vix.deadline import Deadline
from plugins.module_utils._vix.errors import VixError
from plugins.module_utils._vix.host import connect

path, user = sys.argv[1:]
try:
    library = capi.Library(locate.find(os.environ.get("VIX_LIBRARY")), crumb=lambda call, doing: None)
    with connect(library, Deadline(60), os.environ.get("VIX_PROVIDER", "default")) as host, host.open_vm(path) as vm:
        vm.wait_for_tools(5)
        with vm.log_in(user, os.environ["GUEST_PASSWORD"]) as guest:
            for process in guest.processes():
                if re.search("apache|mysql", process["name"]):
                    print(process["pid"], process["owner"], process["command"])
except VixError as error:
    sys.exit(str(error))
