# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installation of guest tools and upgrades of virtual hardware (docs/vix-semantics.md, section 24)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import power
from openvix.vm.caller import Caller
from openvix.vm.machine import OFF, Machine

HARDWARE = "virtualHW.version"


def install_tools(vm: Machine, call: Caller, upgrade: bool, at_once: bool) -> None:
    """Mount the image of the tools installer in the guest, and wait until the tools are installed.

    upgrade: the tools upgrade themselves and the guest restarts; otherwise a user must install them, with no time limit. at_once: do not wait.
    Raises VixError: 3006, 21000 without an image, 21004 if the VM is powered off meanwhile, 21007 for an upgrade without running tools, 21011.
    """
    vm.require_on()
    if vm.settings["tools"] not in ("not_installed", "outdated"):
        return
    if not vm.settings["tools_image"]:
        raise VixError(constants.VIX_E_TOOLS_INSTALL_NO_IMAGE)
    if upgrade and not vm.tools_run():
        raise VixError(constants.VIX_E_TOOLS_INSTALL_GUEST_NOT_READY)
    if not vm.installing.acquire(blocking=False):
        raise VixError(constants.VIX_E_TOOLS_INSTALL_IN_PROGRESS)
    # Taken before the progress callback, so that a power-off from there on is noticed.
    run = vm.run
    call.progress()
    work = _upgrade if upgrade else _await_installation
    if at_once:
        threading.Thread(target=_quietly, args=(work, vm, run, vm.closing.is_set), daemon=True).start()
        return
    try:
        work(vm, run, call.is_orphan)
    finally:
        vm.installing.release()


def _quietly(work: Callable[[Machine, object, Callable[[], bool]], None], vm: Machine, run: object, is_over: Callable[[], bool]) -> None:
    """Run work in the background."""
    try:
        work(vm, run, is_over)
    except VixError:
        # The VM was powered off.
        return
    finally:
        vm.installing.release()


def _upgrade(vm: Machine, run: object, is_over: Callable[[], bool]) -> None:
    vm.clock.sleep_until(vm.clock.now() + vm.settings["operation_seconds"])
    if vm.run is not run:
        raise VixError(constants.VIX_E_TOOLS_INSTALL_CANCELLED)
    vm.change_settings({"tools": "installed"})
    power.restart(vm)


def _await_installation(vm: Machine, run: object, is_over: Callable[[], bool]) -> None:
    with vm.changed:
        while vm.settings["tools"] != "installed":
            if vm.run is not run or is_over():
                raise VixError(constants.VIX_E_TOOLS_INSTALL_CANCELLED)
            vm.changed.wait()


def upgrade_hardware(vm: Machine, call: Caller, newest: int) -> None:
    """Upgrade the virtual hardware to the newest version, unless the VM has it. Raises VixError 3007 unless the VM is off, 15."""
    with vm.operation():
        if vm.power != OFF:
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        vm.require_unlocked()
        if vm.number(HARDWARE, 4) < newest:
            vm.simulate_duration(call)
            vm.change_config(lambda config: config.set(HARDWARE, str(newest)))
