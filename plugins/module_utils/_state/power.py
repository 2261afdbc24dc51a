# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power state of a VM."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from .._vix.errors import AlreadyRunning, NoRoute, NoToolsInGuest, NotRunning, Refused, TimedOut
from .plan import Plan

STATES = ("powered_on", "powered_off", "suspended", "paused")
STOPS = ("soft", "hard", "soft_then_hard")


def turn_on(vm, how, paused=False):
    with suppress(AlreadyRunning):  # somebody else was quicker; what it is now is read back in any case
        vm.power_on(gui=how.gui, paused=paused)


def turn_on_paused(vm, how):
    turn_on(vm, how, paused=True)


def stop(vm, how):
    """Power the VM off: by the guest, by pulling the plug, or by the plug when the guest has not obeyed in time."""
    if how.stop == "hard":
        cut_power(vm, how)
        return
    try:
        vm.shut_down(how.soft_timeout)
        how.stopped = "soft"
    except (TimedOut, NoToolsInGuest):
        if how.stop == "soft":
            raise
        cut_power(vm, how)


def cut_power(vm, how):
    with suppress(NotRunning):  # it went off by itself meanwhile; what it is now is read back in any case
        vm.power_off()
    how.stopped = "hard"


def suspend(vm, how):
    vm.suspend()


def pause(vm, how):
    vm.pause()


def unpause(vm, how):
    vm.unpause()


ROUTES = {
    ("powered_off", "powered_on"): [turn_on],
    ("powered_off", "suspended"): [turn_on, suspend],
    ("powered_off", "paused"): [turn_on_paused],
    ("powered_on", "powered_off"): [stop],
    ("powered_on", "suspended"): [suspend],
    ("powered_on", "paused"): [pause],
    ("suspended", "powered_on"): [turn_on],
    # VIX cannot drop the memory of a suspended VM, so it has to wake before it dies (section 12).
    ("suspended", "powered_off"): [turn_on, stop],
    ("suspended", "paused"): [turn_on, pause],
    ("paused", "powered_on"): [unpause],
    ("paused", "powered_off"): [unpause, stop],  # a guest whose processors stand still cannot shut itself down
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
WAKING = {("suspended", "powered_off"), ("suspended", "paused")}


class How:
    """The manner of going: stop (one of STOPS), soft_timeout in seconds, gui, and whether a suspended VM may be woken on the way.

    stopped: how a run had to stop the VM in the end, soft or hard; None when it did not. way: the states that the plan leads through, from first to last.
    """

    def __init__(self, stop="soft_then_hard", soft_timeout=60, gui=False, wake_suspended=False):
        self.stop, self.soft_timeout, self.gui, self.wake_suspended = stop, soft_timeout, gui, wake_suspended
        self.stopped, self.way = None, []


def plan(vm, wanted, how, tools_timeout=0):
    """Return the plan that brings the VM to the wanted state. tools_timeout: seconds to wait for Tools of a VM that is on; 0: not at all."""
    now = vm.power
    if now != wanted and (now, wanted) not in ROUTES:
        raise NoRoute(f"a VM that is {now} cannot be brought to {wanted}", doing=f"planning the power state of {vm.label}")
    if (now, wanted) in WAKING and not how.wake_suspended:
        raise Refused("the VM is suspended and would have to wake first: set wake_suspended to allow it", doing=f"bringing {vm.label} to {wanted}")
    route = _route(now, wanted, how)
    how.way = [now, *(ENDS[step] for step in route)]
    return Plan(
        before={"power": now},
        after={"power": wanted},
        steps=[partial(step, vm, how) for step in route],
        observe=lambda: _settled(vm),
        waits=[partial(vm.wait_for_tools, tools_timeout)] if tools_timeout and wanted == "powered_on" else [],
    )


def _route(now, wanted, how):
    """The steps between two states. To pull the plug of a VM that is paused, nobody has to wake it."""
    route = ROUTES.get((now, wanted), [])
    return [stop] if route == [unpause, stop] and how.stop == "hard" else route


def _settled(vm):
    """The power state, read back; a VM is off only when nobody holds its files any more."""
    if vm.power == "powered_off":
        vm.wait_until_unlocked()
    return {"power": vm.power}


def restart(vm, how, tools_timeout):
    """Return the plan that restarts the guest, by a way through powered_off: that the old guest is gone, VIX shows by nothing else."""
    now = vm.power
    if now not in RESTARTS:
        raise NoRoute(f"a VM that is {now} has no running guest: use vm_power", doing=f"restarting {vm.label}")
    return Plan(
        before={"power": now},
        after={"power": "powered_on"},
        steps=[partial(step, vm, how) for step in (*_route(now, "powered_off", how), turn_on)],
        observe=lambda: {"power": vm.power},
        waits=[partial(vm.wait_for_tools, tools_timeout)] if tools_timeout else [],
    )
