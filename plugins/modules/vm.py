#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: Register, unregister and delete VMs
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Puts a VM into the inventory of its host, takes it out of there, or deletes it.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._stop
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - V(registered) and V(unregistered) say whether the VM is in the inventory of the host. A VM must be off to be unregistered.
      - VMware Workstation, Fusion and Player have no inventory that VIX could change. There a task changes nothing and says so by RV(inventory).
      - V(absent) deletes the VM. One that is suspended is deleted as well, with its memory.
        A VM whose C(.vmx) file is not there is absent already, whatever else may lie in its folder.
    type: str
    choices: [registered, unregistered, absent]
    required: true
  delete_disks:
    description:
      - Whether V(absent) also deletes the disks of the VM, which cannot be undone.
      - Without it the C(.vmdk) files stay where they are. What a user has put into the folder stays in any case; RV(remaining) tells what did.
    type: bool
    default: false
  force:
    description:
      - Whether V(absent) deletes a VM that linked clones hang on, which are lost with it.
      - Known of are the linked clones that VMware notes in the C(.vmsd) of the VM, and, in VMware's own lists of VMs and in the folders beside that
        of the VM, those that note where they come from. Others cannot be known.
    type: bool
    default: false
  power_off:
    description:
      - Whether V(absent) may power off a VM that runs. Without it the task fails when it does.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.vm_clone
  - module: vmlab.vix.vm_power
"""

EXAMPLES = r"""
- name: Delete a VM that may be running, with its disks
  vmlab.vix.vm:
    vm: /vms/web1/web1.vmx
    state: absent
    power_off: true
    stop: hard
    delete_disks: true

- name: Register a VM on a host with an inventory
  vmlab.vix.vm:
    provider: vi_server
    hostname: https://esx.example.com/sdk
    username: root
    password: "{{ esx_password }}"
    vm: "[standard] web/web.vmx"
    state: registered
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web1/web1.vmx
inventory:
  description: Whether the host has an inventory. Where it has none, VIX would succeed and do nothing, so nothing is done.
  returned: when O(state) is V(registered) or V(unregistered)
  type: bool
  sample: false
linked_clones:
  description: The C(.vmx) files of the linked clones of the VM that are known, which are lost with it.
  returned: when O(state) is V(absent)
  type: list
  elements: str
  sample: []
remaining:
  description: What is left in the folder of the VM; nothing when the folder is gone as well.
  returned: when a run deleted a VM of the machine that the task runs on
  type: list
  elements: str
  sample: [web1.vmdk]
stopped:
  description: How the VM was stopped in the end, V(soft) or V(hard).
  returned: when a run stopped the VM
  type: str
  sample: hard
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import machines

    if wanted.state == "absent":
        return _delete(host, wanted)
    result = machines.registered(host, wanted.vm, wanted.vm_password, wanted.state == "registered").carry_out(wanted.check_mode)
    return {**result, "vm": wanted.vm, "inventory": result["diff"]["after"]["inventory"]}


def _delete(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import machines, power

    how = power.How(wanted.stop, wanted.soft_timeout)

    def stop(vm):
        power.plan(vm, "powered_off", how).carry_out(check_mode=False)

    deleting = machines.Deleting(wanted.delete_disks, wanted.force, stop if wanted.power_off else None, wanted.home)
    with machines.opened(host, wanted.vm, wanted.vm_password) as vm:
        result = machines.absent(host, vm, wanted.vm, wanted.vm_password, deleting).carry_out(wanted.check_mode)
    told = {"stopped": how.stopped, "remaining": deleting.remaining}
    known = {key: value for key, value in told.items() if value is not None}
    return {**result, "vm": wanted.vm, "linked_clones": deleting.linked_clones, **known}


def main():
    run_module(
        work,
        _options.VM,
        _options.STOP,
        options={
            "state": {"required": True, "choices": ["registered", "unregistered", "absent"]},
            "delete_disks": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "power_off": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
