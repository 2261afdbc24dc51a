# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of implementations of the functions of vix.h. The other modules of this package fill it.

The arguments of a function are in its signature in openvix.vix.signatures, which also lists the functions that are jobs.
An implementation returns a list of items, each an alternating list of property ids and values, or raises VixError.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

from openvix.config.hosts import Host
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vix.signatures import DAEMON_FUNCTIONS
from openvix.vm import turns
from openvix.vm.keeper import Keeper
from openvix.vm.machine import Machine
from openvix.vmware import encryption

# Takes the call, and its arguments with objects in the place of references.
Answer: TypeAlias = Callable[..., list]
TABLE: dict[str, Answer] = {}


def answers(name: str) -> Callable[[Answer], Answer]:
    """Register the decorated function as the implementation of a function of vix.h."""
    if name not in DAEMON_FUNCTIONS or name in TABLE:
        raise LookupError(f"{name} does not reach the daemon, or is answered already")

    def enter(function: Answer) -> Answer:
        @functools.wraps(function)
        def answer(call: object, *arguments: object) -> list:
            with turns.ended():
                return function(call, *arguments)

        TABLE[name] = answer
        return function

    return enter


def refusal(code: int) -> Answer:
    """Return an implementation that raises VixError with this code, for calls that cannot begin."""

    def refuse(call: object, *arguments: object) -> list:
        raise VixError(code)

    return refuse


def named(world: Keeper, host: Host, text: str) -> Machine | None:
    """Return the VM of a host by its path in the notation of the host's product, None if there is none."""
    path = host.product.parse_path(host.directory, text)
    found = path and world.find(path)
    return found if found and found.host is host else None


def reference(machine: Machine, uid: int) -> str:
    """Return the reference of a snapshot in the protocol. The reference of a VM is the path of its .vmx."""
    return f"{machine.path}#{uid}"


def snapshot_of(world: Keeper, text: str | None) -> tuple[Machine, int] | None:
    path, _, uid = (text or "").rpartition("#")
    machine = world.machines.get(path)
    return (machine, int(uid)) if machine and uid.isdigit() else None


def require(right: bool) -> None:
    """Raise VIX_E_INVALID_ARG unless an argument is valid."""
    if not right:
        raise VixError(constants.VIX_E_INVALID_ARG)


def require_bits(value: int, allowed: int) -> None:
    require(not value & ~allowed)


def require_path(*paths):
    """Raise VIX_E_INVALID_ARG unless each is an absolute path of some system; the guest refuses those of another."""
    require(all(path and (path.startswith(("/", "\\\\")) or path[1:3] in (":\\", ":/")) for path in paths))


def require_display(call, machine, options):
    if options & constants.VIX_VMPOWEROP_LAUNCH_GUI and encryption.is_encrypted(machine.config()):
        raise VixError(constants.VIX_E_NOT_SUPPORTED)
    if options & constants.VIX_VMPOWEROP_LAUNCH_GUI and not machine.host.settings["display"]:
        raise VixError(constants.VIX_E_NO_DISPLAY_SERVER)


def account_of(call, machine):
    """Return the account with which this client is logged in, for a guest operation that follows. Raises VixError if none is possible."""
    machine.require_guest()
    session, account = call.client.logins.get(machine.path, (None, None))
    if session is not machine.session:
        raise VixError(constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED)
    turns.begin(machine)
    return account
