#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_snapshot_info
short_description: Tell which snapshots a VM has
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Returns the tree of a VM's snapshots, flat and nested, and as a picture for people.
  - VIX does not tell when a snapshot was taken; that is read from VMware's own file beside the C(.vmx), where the VM is one of the machine itself.
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
- name: Which snapshots there are
  vmlab.vix.vm_snapshot_info:
    vm: /vms/web/web.vmx
  register: found

- name: Show them
  ansible.builtin.debug:
    var: found.picture
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
snapshots:
  description: All snapshots, each before those below it.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: clean
    path:
      description: The names from the root of the tree down.
      type: str
      sample: base/clean
    description:
      description: Description.
      type: str
      sample: As installed
    power:
      description: The power state that the VM had; null where VIX does not tell.
      type: str
      sample: powered_on
    is_current:
      description: Whether the VM goes on from this one.
      type: bool
      sample: true
    created:
      description: When it was taken (UTC); null where no file tells.
      type: str
      sample: '2026-11-22T12:00:00Z'
tree:
  description: The same as a tree. Each root has what is in RV(snapshots) and its children.
  returned: success
  type: list
  elements: dict
  contains:
    children:
      description: The snapshots below, with children of their own.
      type: list
      elements: dict
      sample: []
picture:
  description: The tree as lines of text.
  returned: success
  type: list
  elements: str
  sample: ["└── base", "    └── clean (current)"]
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import snapshot_facts

    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        return {"changed": False, "vm": wanted.vm, **snapshot_facts.describe(vm)}


def main():
    run_module(work, _options.VM)


if __name__ == "__main__":
    main()
