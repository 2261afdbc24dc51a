# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out what becomes of a Linux guest's processes and users, and print it as JSON: GUEST_PASSWORD=... python -m tests.contract.machine_life VMX USER OTHER.

USER is an administrator and OTHER is not; they have the same password. The VM is powered on, gets a snapshot and loses it again, and is off at the end.
"""

from __future__ import annotations

import json
import os
import sys
import time

from plugins.module_utils._vix import capi, locate
from plugins.module_utils._vix.deadline import Deadline
from plugins.module_utils._vix.errors import VixError
from plugins.module_utils._vix.host import connect

path, user, other = sys.argv[1:]
password = os.environ["GUEST_PASSWORD"]
observed = {}


def services(guest):
    return [each["pid"] for each in guest.processes() if each["name"] == "apache2"]


def found_again(vm, sleeper):
    """Say what became of a process that was started, and of those that start with the guest and were killed."""
    vm.wait_for_tools(120)
    with vm.log_in(user, password) as guest:
        pids = {each["pid"] for each in guest.processes()}
        return {"started": "goes on" if sleeper in pids else "is gone", "services": "start again" if services(guest) else "stay ended"}


def ends_with_zero(guest, line):
    return guest.run("/bin/sh", f"-c '{line}'") == 0


try:
    library = capi.Library(locate.find(os.environ.get("VIX_LIBRARY")), crumb=lambda call, doing: None)
    with connect(library, Deadline(500), os.environ.get("VIX_PROVIDER", "default")) as host, host.open_vm(path) as vm:
        vm.power_on()
        vm.wait_for_tools(120)
        with vm.log_in(user, password) as guest:
            observed["passwords"] = "in the guest" if ends_with_zero(guest, f"grep -q ^{user}:[$] /etc/shadow") else "with the host"
            sleeper = guest.start("/bin/sleep", "100000")
            for pid in services(guest):
                guest.kill(pid)
        with vm.log_in(other, password) as guest:
            observed["programs"] = "as their user" if not ends_with_zero(guest, "cat /etc/shadow") else "as the guest"
        vm.create_snapshot("life", memory=True)
        [node] = [each for each in vm.snapshot_tree() if each.name == "life"]
        vm.revert(node)
        observed["reverted"] = found_again(vm, sleeper)
        vm.suspend()
        vm.power_on()
        observed["resumed"] = found_again(vm, sleeper)
        with vm.log_in(user, password) as guest:
            guest.start("/bin/sh", "-c 'poweroff -f'")
        end = time.monotonic() + 20
        while vm.power != "powered_off" and time.monotonic() < end:
            time.sleep(0.2)
        observed["poweroff"] = "ends the machine" if vm.power == "powered_off" else "does nothing"
        if vm.power != "powered_off":
            vm.power_off()
        vm.remove_snapshot(node)
except VixError as error:
    sys.exit(str(error))
print(json.dumps(observed))
