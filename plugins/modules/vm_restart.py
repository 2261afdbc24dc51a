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
stopped:
  description: The stop method that was finally used, V(soft) or V(hard).
  returned: success, not in check mode
  type: str
  sample: soft
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import power

    how = power.How(wanted.stop, wanted.soft_timeout, wanted.gui)
    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        result = power.restart(vm, how, wanted.tools_timeout).carry_out(wanted.check_mode)
    stopped = {"stopped": how.stopped} if how.stopped else {}
    return {**result, **stopped, "vm": wanted.vm, "power": result["diff"]["after"]["power"]}


def main():
    run_module(
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
