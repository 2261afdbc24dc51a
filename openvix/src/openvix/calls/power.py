# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power (docs/vix-semantics.md, sections 12 and 13)."""

from __future__ import annotations

from openvix.calls.table import answers, require, require_bits, require_display
from openvix.vix import constants
from openvix.vm import power


@answers("VixVM_PowerOn")
def power_on(call, machine, options, properties):
    require_bits(options, constants.VIX_VMPOWEROP_LAUNCH_GUI | constants.VIX_VMPOWEROP_START_VM_PAUSED)
    require(not properties)
    require_display(call, machine, options)
    window = bool(options & constants.VIX_VMPOWEROP_LAUNCH_GUI)
    power.on(machine, call, paused=bool(options & constants.VIX_VMPOWEROP_START_VM_PAUSED), window=window)
    return []


@answers("VixVM_PowerOff")
def power_off(call, machine, options):
    require_bits(options, constants.VIX_VMPOWEROP_FROM_GUEST)
    if options:
        power.stop_softly(machine, call, reset=False)
    else:
        power.off(machine, call)
    return []


@answers("VixVM_Reset")
def reset(call, machine, options):
    require_bits(options, constants.VIX_VMPOWEROP_FROM_GUEST)
    if options:
        power.stop_softly(machine, call, reset=True)
    else:
        power.reset(machine, call)
    return []


@answers("VixVM_Suspend")
def suspend(call, machine, options):
    require(not options)
    power.suspend(machine, call)
    return []


@answers("VixVM_Pause")
def pause(call, machine, options, properties):
    require(not options and not properties)
    power.pause(machine, call)
    return []


@answers("VixVM_Unpause")
def unpause(call, machine, options, properties):
    require(not options and not properties)
    power.unpause(machine, call)
    return []
