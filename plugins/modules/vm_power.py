#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_power
short_description: Manage the power state of VMs
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Power a VM on or off, suspend, pause or resume it.
  - The task ends when the VM has reached the new state.
  - By default, O(state=powered_off) shuts down the guest. If the guest has not shut down within O(soft_timeout), the
    VM is powered off (hard).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._stop
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - Desired power state of the VM.
      - V(powered_on) also resumes a suspended or paused VM.
      - If the VM is powered off, V(suspended) powers it on first, and V(paused) starts it paused.
    type: str
    choices: [powered_on, powered_off, suspended, paused]
    required: true
  gui:
    description:
      - Whether to open the VM in the VMware user interface when it is powered on.
      - If V(false), the VM runs headless.
    type: bool
    default: false
  wake_suspended:
    description:
      - Whether to resume a suspended VM if O(state) is V(powered_off) or V(paused).
      - VIX cannot discard the memory of a suspended VM. If V(false), the task fails for a suspended VM.
    type: bool
    default: false
  tools_timeout:
    description:
      - Seconds to wait for the guest tools if O(state=powered_on), even if the VM was already powered on.
      - V(0) does not wait.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.vm_snapshot
"""

EXAMPLES = r"""
- name: Power on a VM
  vmlab.vix.vm_power:
    vm: /vms/web/web.vmx
    state: powered_on

- name: Shut down a VM, and power it off after two minutes
  vmlab.vix.vm_power:
    vm: /vms/web/web.vmx
    state: powered_off
    soft_timeout: 120
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: when O(vm) is set
  type: str
  sample: /vms/web/web.vmx
power:
  description: Power state after the task. In check mode, the predicted state.
  returned: when O(vm) is set
  type: str
  sample: powered_on
transitions:
  description: Power states passed through, in order. Contains only the current state if nothing changed.
  returned: when O(vm) is set
  type: list
  elements: str
  sample: [suspended, powered_on, powered_off]
stopped:
  description: The stop method that was finally used, V(soft) or V(hard).
  returned: when the VM was stopped
  type: str
  sample: soft
results:
  description:
    - Result for each of O(vms), in the same order. Each result contains RV(results[].vm) and the values that are
      returned for a single VM.
    - RV(results[].msg), RV(results[].error) and RV(results[].vix_code) are only returned for a VM that failed.
  returned: when O(vms) is set
  type: list
  elements: dict
  contains:
    vm:
      description: The VM, as in O(vms).
      type: str
      sample: /vms/web/web.vmx
    failed:
      description: Whether the task failed for this VM.
      type: bool
      sample: true
    msg:
      description: Error message.
      type: str
      sample: "opening /vms/web/web.vmx: there is no such VM (VIX_E_VM_NOT_FOUND, 4000)"
    error:
      description: Name of the error.
      type: str
      sample: VMNotFound
    vix_code:
      description: Number of the VIX error, or null.
      type: int
      sample: 4000
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import power

    options = power.Options(wanted.stop, wanted.soft_timeout, wanted.gui, wanted.wake_suspended)
    result = power.plan(vm, wanted.state, options, wanted.tools_timeout).carry_out(wanted.check_mode)
    return {**result, "power": result["diff"]["after"]["power"]}


def main():
    run_on_vm(
        work,
        _options.VMS,
        _options.STOP,
        options={
            "state": {"required": True, "choices": ["powered_on", "powered_off", "suspended", "paused"]},
            "gui": {"type": "bool", "default": False},
            "wake_suspended": {"type": "bool", "default": False},
            "tools_timeout": {"type": "int", "default": 0},
        },
        **_options.ONE_OR_SEVERAL,
    )


if __name__ == "__main__":
    main()
