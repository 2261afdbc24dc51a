# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._vix.deadline import Deadline


def test_mount_not_awaited_by_default(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")

    def work(host, wait):
        with host.open_vm(web) as vm:
            vm.install_tools(wait=wait)
            return vm.tools

    assert on_host(lambda host: work(host, False)) == "not_installed"
    with pytest.raises(_worker.Failure, match=r"^mounting the VMware Tools installer in .*TOOLS_INSTALL_IN_PROGRESS, 21011"):
        on_host(lambda host: work(host, False))


def test_endless_installation_times_out(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed")

    def work(host):
        with host.open_vm(web) as vm:
            vm._deadline = Deadline(0.05)
            vm.install_tools(wait=True)

    with pytest.raises(_worker.Failure, match=r"^mounting the VMware Tools installer in .*: timed out after 0.05 s; VIX cannot cancel the operation"):
        on_host(work)


@pytest.mark.openvix(clock="stepped")
def test_upgrade_awaited_guest_restarted(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", tools="outdated", operation_seconds=1, boot_seconds=1_000_000)
    openvix.advance(1_000_000)

    def work(host):
        with host.open_vm(web) as vm:
            upgrade = threading.Thread(target=partial(vm.install_tools, upgrade=True, wait=True))
            upgrade.start()
            while not openvix.calls("VixVM_InstallTools"):
                time.sleep(0.01)
            waits = upgrade.is_alive()
            while upgrade.is_alive():
                openvix.advance(1)
                upgrade.join(0.01)
            restarting = vm.tools
            openvix.advance(1_000_000)
            return waits, restarting, vm.tools

    assert on_host(work) == [True, "unknown", "running"]


def test_current_tools_have_own_error(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixVM_InstallTools", error=21010)

    def work(host):
        with host.open_vm(web) as vm:
            vm.install_tools(upgrade=True, wait=True)

    with pytest.raises(_worker.Failure) as caught:
        on_host(work)
    assert caught.value.kind == "AlreadyCurrent"
