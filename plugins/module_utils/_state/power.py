# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power state of a VM."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from .._vix.errors import AlreadyRunning, NoRoute, NoToolsInGuest, NotRunning, Refused, TimedOut
from .plan import Plan


def turn_on(vm, options, paused=False):
    with suppress(AlreadyRunning):  # another program was faster; the power state is read back in any case
        vm.power_on(gui=options.gui, paused=paused)


def turn_on_paused(vm, options):
    turn_on(vm, options, paused=True)


def stop(vm, options):
    """Power the VM off: by the guest, by a hard power-off, or by a hard power-off if the guest has not shut down in time. Return how it was stopped."""
    if options.stop == "hard":
        return cut_power(vm)
    try:
        vm.shut_down(options.soft_timeout)
    except (TimedOut, NoToolsInGuest):
        if options.stop == "soft":
            raise
        return cut_power(vm)
    return {"stopped": "soft"}


def cut_power(vm):
    with suppress(NotRunning):  # it went off by itself meanwhile; the power state is read back in any case
        vm.power_off()
    return {"stopped": "hard"}


def suspend(vm, options):
    vm.suspend()


def pause(vm, options):
    vm.pause()


def unpause(vm, options):
    vm.unpause()


ROUTES = {
    ("powered_off", "powered_on"): [turn_on],
    ("powered_off", "suspended"): [turn_on, suspend],
    ("powered_off", "paused"): [turn_on_paused],
    ("powered_on", "powered_off"): [stop],
    ("powered_on", "suspended"): [suspend],
    ("powered_on", "paused"): [pause],
    ("suspended", "powered_on"): [turn_on],
    # VIX cannot drop the memory of a suspended VM, so it is resumed before it is powered off (section 12).
    ("suspended", "powered_off"): [turn_on, stop],
    ("suspended", "paused"): [turn_on, pause],
    ("paused", "powered_on"): [unpause],
    ("paused", "powered_off"): [unpause, stop],  # a guest whose processors are frozen cannot shut itself down
    ("paused", "suspended"): [suspend],
}
# The state that each step of a route ends in.
ENDS = {
    turn_on: "powered_on",
    turn_on_paused: "paused",
    unpause: "powered_on",
    stop: "powered_off",
    suspend: "suspended",
    pause: "paused",
}
RESTARTS = ("powered_on", "paused")
RESUMING = {("suspended", "powered_off"), ("suspended", "paused")}


class Options:
    """How power states may be reached.

    Args:
        stop: soft, hard or soft_then_hard.
        soft_timeout: Seconds that the guest is given to shut down.
        gui: Whether a VM that is powered on gets a window.
        wake_suspended: Whether a suspended VM may be resumed on the way to another state.
    """

    def __init__(self, stop="soft_then_hard", soft_timeout=60, gui=False, wake_suspended=False):
        self.stop, self.soft_timeout, self.gui, self.wake_suspended = stop, soft_timeout, gui, wake_suspended


def plan(vm, wanted, options, tools_timeout=0):
    """Return the plan that brings a VM to a power state. Its facts: transitions, and stopped if the VM was powered off.

    Args:
        vm: The VM.
        wanted: The power state.
        options: The Options.
        tools_timeout: Seconds to wait for VMware Tools of a VM that is on. 0: do not wait.
    """
    now = vm.power
    if now != wanted and (now, wanted) not in ROUTES:
        raise NoRoute(f"no transition leads from {now} to {wanted}: check the VM in VMware", doing=f"bringing {vm.label} to {wanted}")
    if (now, wanted) in RESUMING and not options.wake_suspended:
        raise Refused("the VM is suspended and must be resumed first: set wake_suspended=true to allow this", doing=f"bringing {vm.label} to {wanted}")
    return _plan(vm, [now, wanted], _route(now, wanted, options), options, tools_timeout)


def restart(vm, options, tools_timeout):
    """Return the plan that restarts the guest, with facts as in plan().

    It leads through powered_off: nothing else in VIX shows that the old guest is gone.
    """
    now = vm.power
    if now not in RESTARTS:
        raise NoRoute(f"the VM is {now}, so its guest does not run: power it on first (vmlab.vix.vm_power)", doing=f"restarting {vm.label}")
    return _plan(vm, [now, "powered_on"], [*_route(now, "powered_off", options), turn_on], options, tools_timeout)


def turn_off(vm, options):
    """Power a VM off that is on or paused, and return how it was stopped, as a step of another plan does."""
    result = plan(vm, "powered_off", options).carry_out(check_mode=False)
    return {"stopped": result["stopped"]} if "stopped" in result else {}


def _plan(vm, ends, route, options, tools_timeout):
    now, wanted = ends
    return Plan(
        before={"power": now},
        after={"power": wanted},
        steps=[partial(step, vm, options) for step in route],
        observe=partial(_settled, vm),
        waits=[partial(vm.wait_for_tools, tools_timeout)] if tools_timeout and wanted == "powered_on" else [],
        facts={"transitions": [now, *(ENDS[step] for step in route)]},
    )


def _route(now, wanted, options):
    """The steps between two states. A hard power-off of a paused VM does not have to unpause it first."""
    route = ROUTES.get((now, wanted), [])
    return [stop] if route == [unpause, stop] and options.stop == "hard" else route


def _settled(vm):
    """The power state, read back. A VM counts as off only when no process holds its files any more."""
    power = vm.power
    if power == "powered_off":
        vm.wait_until_unlocked()
        power = vm.power
    return {"power": power}
