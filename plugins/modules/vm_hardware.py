#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_hardware
short_description: Upgrade the virtual hardware of a VM
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Upgrade the virtual hardware of a VM to the newest version that the VMware product supports. This cannot be
    undone.
  - VIX does not report the newest version. The module knows it for VMware Workstation 12 to 25 and Fusion 8 to 25.
  - With other products, the module tries an upgrade. If the upgrade does not change the version, the module records
    this in the C(.vmx) file under C(vmlab.vix.newestHardware).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - V(latest) upgrades to the newest version.
    type: str
    choices: [latest]
    default: latest
  power_off:
    description:
      - Whether a running VM may be powered off for the upgrade. The guest has one minute to shut down. The VM is not
        powered on afterwards.
      - If V(false), the task fails if the VM is running and is not known to have the newest version.
      - A suspended VM is never resumed for the upgrade.
    type: bool
    default: false
attributes:
  check_mode:
    support: partial
    details:
      - If the newest version of the product is not known, check mode also reports a change for a VM with that
        version, unless a previous run has recorded it.
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.vm_power
  - module: vmlab.vix.vm_tools
"""

EXAMPLES = r"""
- name: Upgrade the virtual hardware
  vmlab.vix.vm_hardware:
    vm: /vms/web/web.vmx
    power_off: true
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
version:
  description: Version of the virtual hardware after the task. In check mode, the predicted version.
  returned: when known
  type: int
  sample: 21
power:
  description: Power state after the task. In check mode, the predicted state.
  returned: success
  type: str
  sample: powered_off
stopped:
  description: The stop method that was finally used, V(soft) or V(hard).
  returned: when the VM was stopped
  type: str
  sample: soft
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from functools import partial

    from ansible_collections.vmlab.vix.plugins.module_utils._state import hardware, power

    stop = partial(power.turn_off, options=power.Options()) if wanted.power_off else None
    result = hardware.upgrade(wanted.host, vm, stop, wanted.check_mode)
    return {**result, "power": result["diff"]["after"]["power"]}


def main():
    run_on_vm(
        work,
        _options.VM,
        options={"state": {"choices": ["latest"], "default": "latest"}, "power_off": {"type": "bool", "default": False}},
    )


if __name__ == "__main__":
    main()
