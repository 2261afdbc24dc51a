# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables (docs/vix-semantics.md, section 21)."""

from __future__ import annotations

from openvix.calls.table import account_of, answers, require
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import variables


@answers("VixVM_ReadVariable")
def read_variable(call, machine, kind, name, options):
    require(name and not options)
    if kind == constants.VIX_VM_GUEST_VARIABLE:
        value = variables.read_guest(machine, name)
    elif kind == constants.VIX_VM_CONFIG_RUNTIME_ONLY:
        value = variables.read_config(machine, name)
    else:
        require(kind == constants.VIX_GUEST_ENVIRONMENT_VARIABLE)
        value = variables.read_environment(machine, account_of(call, machine), name)
    return [[constants.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING, value]]


@answers("VixVM_WriteVariable")
def write_variable(call, machine, kind, name, value, options):
    require(name and "=" not in name and value is not None and not options)
    if kind == constants.VIX_VM_GUEST_VARIABLE:
        variables.write_guest(machine, name, value)
    elif kind == constants.VIX_VM_CONFIG_RUNTIME_ONLY:
        # Not on ESX (docs/vix-semantics.md, section 21).
        if machine.host.product.name == "vi_server":
            raise VixError(constants.VIX_E_NOT_SUPPORTED)
        variables.write_config(machine, name, value)
    else:
        require(kind == constants.VIX_GUEST_ENVIRONMENT_VARIABLE)
        variables.write_environment(machine, account_of(call, machine), name, value)
    return []
