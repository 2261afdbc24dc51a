# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of a VM: of its guest, of its configuration, and of the environment of its users (docs/vix-semantics.md, section 21)."""

from __future__ import annotations

from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm.machine import Machine

# Both are entries of the configuration that runs; the stored ones lie in the .vmx.
RUNTIME, ENVIRONMENT = "runtime", "environment"
GUEST = "guestinfo."


def read_guest(vm: Machine, name: str) -> str:
    """Return a variable of the guest; "ip" is what Tools report."""
    if "/" in name:
        raise VixError(constants.VIX_E_INVALID_ARG)
    vm.require_on()
    if name == "ip":
        return vm.tools.address() if vm.tools_run() else ""
    return vm.variables(RUNTIME).get((GUEST + name).lower(), vm.config().get(GUEST + name, ""))


def write_guest(vm: Machine, name: str, value: str) -> None:
    if "/" in name:
        raise VixError(constants.VIX_E_INVALID_ARG)
    write_config(vm, GUEST + name, value)


def read_config(vm: Machine, name: str) -> str:
    """Return what the .vmx says, whatever was written since the VM is on."""
    vm.require_on()
    return vm.config().get(name, "")


def write_config(vm: Machine, name: str, value: str) -> None:
    """Change the configuration that runs: what is stored stays."""
    # Its keys have no case.
    vm.set_variable(RUNTIME, name.lower(), value)


def read_environment(vm: Machine, account: Account, name: str) -> str:
    return vm.tools.environment_of(account).get(name, "")


def write_environment(vm: Machine, account: Account, name: str, value: str) -> None:
    """Set a variable for the programs that Tools start from now on."""
    if not account.administrator:
        raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS)
    vm.set_variable(ENVIRONMENT, name, value)
