# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of a VM: guest variables, configuration and environment of users (docs/vix-semantics.md, section 21)."""

from __future__ import annotations

from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm.machine import Machine

# Both kinds are entries of the running configuration. Stored entries are in the .vmx.
RUNTIME, ENVIRONMENT = "runtime", "environment"


def read_guest(vm: Machine, name: str) -> str:
    """Return a guest variable; "ip" is the address that the guest tools report."""
    if "/" in name:
        raise VixError(constants.VIX_E_INVALID_ARG)
    vm.require_on()
    if name == "ip":
        return vm.tools.address() if vm.tools_run() else ""
    return vm.guest_variable(name) or ""


def write_guest(vm: Machine, name: str, value: str) -> None:
    if "/" in name:
        raise VixError(constants.VIX_E_INVALID_ARG)
    vm.set_guest_variable(name, value)


def read_config(vm: Machine, name: str) -> str:
    """Return an entry of the .vmx, not of the running configuration."""
    vm.require_on()
    return vm.config().get(name, "")


def write_config(vm: Machine, name: str, value: str) -> None:
    """Change the running configuration, not the .vmx."""
    # Keys are case-insensitive.
    vm.set_variable(RUNTIME, name.lower(), value)


def read_environment(vm: Machine, account: Account, name: str) -> str:
    return vm.tools.environment_of(account).get(name, "")


def write_environment(vm: Machine, account: Account, name: str, value: str) -> None:
    """Set a variable for programs that the guest tools start from now on."""
    if not account.administrator:
        raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS)
    vm.set_variable(ENVIRONMENT, name, value)
