#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_snapshot_info
short_description: Gather information about the snapshots of a VM
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Return the snapshots of a VM as a list, as a tree, and as a text diagram.
  - The creation time of a snapshot is read from the C(.vmsd) file of the VM, since VIX does not provide it. It is not
    available for VMs of remote hosts.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_vix
seealso:
  - module: vmlab.vix.vm_snapshot
"""

EXAMPLES = r"""
- name: Gather information about the snapshots of a VM
  vmlab.vix.vm_snapshot_info:
    vm: /vms/web/web.vmx
  register: found

- name: Show the snapshot tree
  ansible.builtin.debug:
    var: found.diagram
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
snapshots:
  description: All snapshots. Each snapshot precedes its children.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the snapshot.
      type: str
      sample: clean
    path:
      description: Path of the snapshot, the names from the root of the snapshot tree.
      type: str
      sample: base/clean
    description:
      description: Description of the snapshot.
      type: str
      sample: As installed
    power:
      description: Power state that is saved in the snapshot. Null if VIX does not provide it.
      type: str
      sample: powered_on
    is_current:
      description: Whether this is the current snapshot.
      type: bool
      sample: true
    created:
      description: Creation time (UTC). Null if not available.
      type: str
      sample: '2026-11-22T12:00:00Z'
tree:
  description: The snapshots as a tree. Each root contains the keys of RV(snapshots) and its children.
  returned: success
  type: list
  elements: dict
  contains:
    children:
      description: The children of the snapshot, in the same format.
      type: list
      elements: dict
      sample: []
diagram:
  description: Text diagram of the snapshot tree, as a list of lines.
  returned: success
  type: list
  elements: str
  sample: ["└── base", "    └── clean (current)"]
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import snapshot_facts

    return {"changed": False, **snapshot_facts.describe(vm)}


def main():
    run_on_vm(work, _options.VM)


if __name__ == "__main__":
    main()
