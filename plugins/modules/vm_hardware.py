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
  - Brings the virtual hardware of a VM to the newest version that the VMware product has, which cannot be undone.
  - VIX does not tell which version that is. It is known here of VMware Workstation 12 to 25 and Fusion 8 to 25, by the product version that VIX tells.
    With others an upgrade is tried, and when it changed nothing, that is noted in the C(.vmx) file under C(vmlab.vix.newestHardware) for the next time.
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
      - Whether a VM that runs may be powered off for it, which it then stays. The guest is asked first, and gets a minute.
      - Without it the task fails when the VM runs and is not known to have the newest version. One that is suspended is never woken for it.
    type: bool
    default: false
attributes:
  check_mode:
    support: partial
    details:
      - With a product whose newest version is not known here, check mode reports a change also for a VM that has that version,
        unless a run has noted it before.
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
  description: Version of the virtual hardware, read back; in check mode the one that it would have.
  returned: when it is known
  type: int
  sample: 21
power:
  description: The power state, read back; in check mode the one that a run would leave.
  returned: success
  type: str
  sample: powered_off
stopped:
  description: How the VM was stopped in the end, V(soft) or V(hard).
  returned: when a run stopped the VM
  type: str
  sample: soft
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import hardware, power

    how = power.How()

    def stop(vm):
        power.plan(vm, "powered_off", how).carry_out(check_mode=False)

    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        result = hardware.upgrade(host, vm, stop if wanted.power_off else None, wanted.check_mode)
    stopped = {"stopped": how.stopped} if how.stopped else {}
    return {**result, **stopped, "vm": wanted.vm, "power": result["diff"]["after"]["power"]}


def main():
    run_module(
        work,
        _options.VM,
        options={"state": {"choices": ["latest"], "default": "latest"}, "power_off": {"type": "bool", "default": False}},
    )


if __name__ == "__main__":
    main()
