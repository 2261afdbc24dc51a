#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_restart
short_description: Restart the guest of a VM
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Stop a running VM and power it on again.
  - The task ends when the guest tools of the restarted guest are running.
  - The VM is powered off in between, since this is the only sign in VIX that the guest has stopped.
  - Guest variables and runtime configuration are lost, as with each power-off.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._stop
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  gui:
    description:
      - Whether to open the VM in the VMware user interface when it is powered on.
      - If V(false), the VM runs headless.
    type: bool
    default: false
  tools_timeout:
    description:
      - Seconds to wait for the guest tools of the restarted guest.
      - V(0) does not wait.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: none
    details:
      - A restart is an action. It always reports a change.
seealso:
  - module: vmlab.vix.vm_power
"""

EXAMPLES = r"""
- name: Restart a VM and wait for its guest
  vmlab.vix.vm_restart:
    vm: /vms/web/web.vmx
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
power:
  description: Power state after the task. In check mode, the predicted state.
  returned: success
  type: str
  sample: powered_on
transitions:
  description: The power states that the VM passed through, in order, or would in check mode.
  returned: success
  type: list
  elements: str
  sample: [powered_on, powered_off, powered_on]
stopped:
  description: The stop method that was finally used, V(soft) or V(hard).
  returned: success, not in check mode
  type: str
  sample: soft
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import power

    options = power.Options(wanted.stop, wanted.soft_timeout, wanted.gui)
    result = power.restart(vm, options, wanted.tools_timeout).carry_out(wanted.check_mode)
    return {**result, "power": result["diff"]["after"]["power"]}


def main():
    run_on_vm(
        work,
        _options.VM,
        _options.STOP,
        options={
            "gui": {"type": "bool", "default": False},
            "tools_timeout": {"type": "int", "default": 120},
        },
    )


if __name__ == "__main__":
    main()
