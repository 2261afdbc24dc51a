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
  - Register a VM in the inventory of its host, unregister it, or delete it.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._stop
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - V(registered) adds the VM to the inventory of the host.
      - V(unregistered) removes the VM from the inventory of the host. The VM must be powered off.
      - VMware Workstation, Fusion and Player do not have an inventory that VIX can change. For these products,
        V(registered) and V(unregistered) do not change anything, and RV(has_inventory) is V(false).
      - V(absent) deletes the VM. A suspended VM is deleted together with its saved memory. A VM whose C(.vmx) file
        does not exist is considered absent, even if other files exist in its directory.
    type: str
    choices: [registered, unregistered, absent]
    required: true
  delete_disks:
    description:
      - Whether O(state=absent) also deletes the disks of the VM. This cannot be undone.
      - If V(false), the C(.vmdk) files are kept.
      - Other files that a user has stored in the directory are always kept. RV(remaining) lists the files that were
        kept.
    type: bool
    default: false
  force:
    description:
      - Whether O(state=absent) deletes a VM even if linked clones depend on its disks. These clones become unusable.
      - The module detects linked clones that are recorded in the C(.vmsd) file of the VM. In VMware's lists of VMs
        and in the directories next to the directory of the VM, it also detects clones that record their source. Other
        linked clones are not detected.
    type: bool
    default: false
  power_off:
    description:
      - Whether O(state=absent) may power off a running VM.
      - If V(false), the task fails if the VM is running.
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
has_inventory:
  description: Whether the host has an inventory. If V(false), no VIX call is made, since VIX would report success
    without changing anything.
  returned: when O(state) is V(registered) or V(unregistered)
  type: bool
  sample: false
linked_clones:
  description: Paths of the C(.vmx) files of the known linked clones that depend on the VM.
  returned: when O(state) is V(absent)
  type: list
  elements: str
  sample: []
remaining:
  description: Names of the files that remain in the directory of the VM. Empty if the directory was deleted as well.
  returned: when a VM on the VM host itself was deleted
  type: list
  elements: str
  sample: [web1.vmdk]
stopped:
  description: The stop method that was finally used, V(soft) or V(hard).
  returned: when the VM was stopped
  type: str
  sample: hard
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import machines, names

    path = names.find(host, wanted.vm, wanted.home, wanted.vm_directories or ())
    if wanted.state == "absent":
        return _delete(host, path, wanted)
    result = machines.registered(host, path, wanted.vm_password, wanted.state == "registered").carry_out(wanted.check_mode)
    return {**result, "vm": path, "has_inventory": result["diff"]["after"]["has_inventory"]}


def _delete(host, path, wanted):
    from functools import partial

    from ansible_collections.vmlab.vix.plugins.module_utils._state import machines, power

    stop = partial(power.turn_off, options=power.Options(wanted.stop, wanted.soft_timeout))
    deleting = machines.Deleting(wanted.delete_disks, wanted.force, stop if wanted.power_off else None, wanted.home)
    with machines.opened(host, path, wanted.vm_password) as vm:
        return {**machines.absent(host, vm, path, wanted.vm_password, deleting).carry_out(wanted.check_mode), "vm": path}


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
