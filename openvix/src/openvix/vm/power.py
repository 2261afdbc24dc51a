# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power operations (docs/vix-semantics.md, sections 12 and 13), and waiting for guest tools (section 16)."""

from __future__ import annotations

from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import clones
from openvix.vm.caller import Caller
from openvix.vm.machine import OFF, ON, PAUSED, SUSPENDED, VARIABLES, Machine


def on(vm: Machine, call: Caller, paused: bool, window: bool = False) -> None:
    with vm.operation():
        if vm.is_on:
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        vm.require_unlocked()
        clones.require_base(vm)
        if vm.number("memsize", 4) % 4:
            raise VixError(constants.VIX_E_CANCELLED)
        if vm.settings["question"] and not window:
            raise VixError(constants.VIX_E_VMX_MSG_DIALOG_AND_NO_UI)
        resumes = vm.power == SUSPENDED
        if resumes:
            vm.require_resumable(vm.state["disk"])
        vm.simulate_duration(call, constants.VIX_POWERSTATE_RESUMING if resumes else constants.VIX_POWERSTATE_POWERING_ON)
        ran = vm.state["ran"] if resumes else 0.0
        disk = vm.boot(resumes, paused)
        try:
            vm.save({**vm.state, "power": PAUSED if paused else ON, "booted": vm.clock.now() - ran, "ran": ran, "captured": False, "disk": disk})
        except OSError:
            vm.halt()
            raise
        if resumes:
            vm.drop_disks()


def discard_memory(vm: Machine) -> None:
    """Give up the memory of a suspended VM, which is off then. Its disk stays as it was when the VM was suspended."""
    with vm.operation():
        if vm.power != SUSPENDED:
            raise VixError(constants.VIX_E_VM_IS_RUNNING if vm.is_on else constants.VIX_E_VM_NOT_RUNNING, "discarding the memory: the VM is not suspended")
        vm.save({**vm.state, "power": OFF, "booted": None, "ran": 0.0, "captured": False}, lost=VARIABLES)


def off(vm: Machine, call: Caller) -> None:
    with vm.operation(hard=True):
        vm.require_on()
        vm.simulate_duration(call, constants.VIX_POWERSTATE_POWERING_OFF)
        vm.turn_off()


def reset(vm: Machine, call: Caller) -> None:
    with vm.operation(hard=True):
        vm.require_on()
        vm.simulate_duration(call, constants.VIX_POWERSTATE_RESETTING)
        _reset(vm)


def suspend(vm: Machine, call: Caller) -> None:
    with vm.operation():
        vm.require_on()
        vm.simulate_duration(call, constants.VIX_POWERSTATE_SUSPENDING)
        try:
            disk = vm.backend.suspend(vm.state["disk"])
            vm.save({**vm.state, "power": SUSPENDED, "ran": vm.ran(), "captured": False, "disk": disk})
        except (VixError, OSError):
            vm.apply_run_state()
            raise
        vm.halt()


def pause(vm: Machine, call: Caller) -> None:
    with vm.operation():
        # VIX does not document the error for a VM that is already paused; OpenVIX returns "not running".
        if vm.power != ON:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        vm.simulate_duration(call)
        vm.backend.freeze()
        try:
            vm.save({**vm.state, "power": PAUSED, "ran": vm.ran()})
        except OSError:
            vm.apply_run_state()
            raise


def unpause(vm: Machine, call: Caller) -> None:
    with vm.operation():
        vm.require_on()
        if vm.power == ON:
            raise VixError(constants.VIX_E_VM_IS_RUNNING)
        vm.simulate_duration(call)
        vm.backend.thaw()
        try:
            vm.save({**vm.state, "power": ON, "booted": vm.clock.now() - vm.state["ran"]})
        except OSError:
            vm.apply_run_state()
            raise


def stop_softly(vm: Machine, call: Caller, reset: bool) -> None:
    """Shut down or restart the guest, and wait until it has done so."""
    with vm.operation():
        vm.require_on()
        left = vm.tools_in()
        if left is None or left > 0:
            raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING)
        if left + vm.settings["scripts_seconds"] > 0:
            raise VixError(constants.VIX_E_POWEROP_SCRIPTS_NOT_AVAILABLE)
        run, obeyed = vm.run, vm.settings["soft_stop"] == "obeyed"
        vm.stopping = obeyed
        stopped = vm.clock.now() + vm.settings["stop_seconds"]
    try:
        # The progress callback is sent before the VM changes.
        call.progress()
        by_guest = obeyed and vm.backend.stop(reset)
        end = stopped if obeyed and not by_guest else None
        with vm.changed:
            # If the guest ignores the request, the call lasts until the VM is powered off or reset otherwise, or the client disconnects.
            while vm.run is run and (end is None or end > vm.clock.now()) and not (end is None and call.is_orphan()):
                vm.clock.wait(vm.changed, end)
        with vm.held():
            if vm.run is run and obeyed and not by_guest:
                _reset(vm) if reset else vm.turn_off()
            elif vm.is_on != reset:
                # Another operation has changed the VM meanwhile.
                raise VixError(constants.VIX_E_CANCELLED)
    finally:
        vm.stopping = False


def wait_for_tools(vm: Machine, call: Caller, seconds: int) -> None:
    """Wait until the guest tools run (docs/vix-semantics.md, section 16).

    seconds: the time limit, 0 or less for none. Raises VixError 3000 when it is exceeded.
    """
    vm.settled()
    end = call.since + seconds if seconds > 0 else None
    with vm.changed:
        was_on, times_off = call.presence
        while not vm.tools_run():
            if was_on and (vm.times_off != times_off or not vm.is_on):
                raise VixError(constants.VIX_E_VM_NOT_RUNNING)
            if vm.is_deleted:
                raise VixError(constants.VIX_E_VM_NOT_FOUND)
            if call.is_orphan():
                raise VixError(constants.VIX_E_HOST_CONNECTION_LOST)
            if end is not None and vm.clock.now() >= end:
                raise VixError(constants.VIX_E_TIMEOUT_WAITING_FOR_TOOLS)
            was_on, times_off = vm.is_on, vm.times_off
            left = vm.tools_in()
            times = [at for at in (left if left is None else vm.clock.now() + left, end) if at is not None]
            vm.clock.wait(vm.changed, min(times, default=None))


def _reset(vm: Machine) -> None:
    vm.save({**vm.state, "power": ON, "booted": vm.clock.now(), "ran": 0.0}, lost=("environment",))
    vm.halt()
    vm.boot_or_off()


def restart(vm: Machine) -> None:
    """Restart the guest, as an installer does."""
    with vm.busy:
        if vm.power == ON:
            _reset(vm)
