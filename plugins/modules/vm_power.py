#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_power
short_description: Bring a VM to a power state
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Powers a VM on or off, suspends, pauses or resumes it, and returns when its state was read back.
  - Powering off first asks the guest, and pulls the plug when the guest does not obey in time.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._stop
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - The state to bring the VM to.
      - V(powered_on) also resumes a suspended or paused VM.
      - V(suspended) and V(paused) power on a VM that is off; it is started paused.
    type: str
    choices: [powered_on, powered_off, suspended, paused]
    required: true
  gui:
    description:
      - Whether to power on with a window of VMware's. Without it the VM runs headless.
    type: bool
    default: false
  wake_suspended:
    description:
      - Whether a suspended VM may be resumed on the way to V(powered_off) or V(paused).
      - VIX cannot drop the memory of a suspended VM, so there is no other way; without this the task fails.
    type: bool
    default: false
  tools_timeout:
    description:
      - Seconds to wait for VMware Tools of a VM that is V(powered_on), also of one that was already. V(0) does not wait.
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
- name: Power on
  vmlab.vix.vm_power:
    vm: /vms/web/web.vmx
    state: powered_on

- name: Shut down, and pull the plug after two minutes
  vmlab.vix.vm_power:
    vm: /vms/web/web.vmx
    state: powered_off
    soft_timeout: 120
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: when O(vm) is given
  type: str
  sample: /vms/web/web.vmx
power:
  description: The power state as it was read back; in check mode the state that a run would bring about.
  returned: when O(vm) is given
  type: str
  sample: powered_on
way:
  description: The states that the VM went through, or in check mode would, from the one that it was in. It is one alone where nothing had to be done.
  returned: when O(vm) is given
  type: list
  elements: str
  sample: [suspended, powered_on, powered_off]
stopped:
  description: How the VM was stopped in the end, V(soft) or V(hard).
  returned: when a run stopped the VM
  type: str
  sample: soft
results:
  description:
    - What became of each of O(vms), in their order, with RV(results[].vm) and the values that one VM alone would return.
    - One that failed has RV(results[].failed), RV(results[].msg), RV(results[].error) and RV(results[].vix_code).
  returned: when O(vms) is given
  type: list
  elements: dict
  contains:
    vm:
      description: The VM.
      type: str
      sample: /vms/web/web.vmx
    failed:
      description: Whether this VM failed.
      type: bool
      sample: false
    msg:
      description: Why it failed.
      type: str
      sample: "powering on /vms/web/web.vmx: not done after 300 s; VIX cannot cancel it, so it may still finish"
    error:
      description: The kind of failure.
      type: str
      sample: TimedOut
    vix_code:
      description: VIX's number for it, if it has one.
      type: int
      sample: 3016
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import power

    how = power.How(wanted.stop, wanted.soft_timeout, wanted.gui, wanted.wake_suspended)
    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        result = power.plan(vm, wanted.state, how, wanted.tools_timeout).carry_out(wanted.check_mode)
    stopped = {"stopped": how.stopped} if how.stopped else {}
    return {**result, **stopped, "vm": wanted.vm, "power": result["diff"]["after"]["power"], "way": how.way}


def main():
    run_module(
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
