#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_clone
short_description: Clone a VM
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Makes a full or a linked clone of a VM, and gives it its display name. Only VMware Workstation can clone.
  - A clone that is there already is recognised by what the task that made it noted in its C(.vmx), under keys that begin with C(vmlab.vix.clone),
    and a linked clone also by what VMware notes in its C(.vmsd). Another VM at that path is an error, and so is a folder that has something else in it.
  - VIX cannot cancel a clone. When O(timeout) passes, the task tells what may still come to be, and where.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  dest:
    description:
      - Absolute path of the C(.vmx) file of the clone, on the machine that runs VMware. Its folder must be empty, or not there.
    type: path
    required: true
  name:
    description:
      - Display name of the clone.
      - Without it a new clone is called like the file of O(dest), and one that is there keeps its name.
      - A clone that is there has to be powered off, and closed in VMware's windows, to get another name.
    type: str
  linked:
    description:
      - Whether the clone shares the disks of a snapshot of the VM, which it then needs for as long as it lives.
        Such a clone is made in seconds. The VM must not be suspended.
      - Otherwise everything is copied, which takes minutes, so that O(timeout) may have to be raised. The VM must be off or suspended.
      - A clone that is there cannot be turned from one kind into the other; that it should is an error.
    type: bool
    default: false
  snapshot:
    description:
      - The snapshot to clone, by its name or its path as in O(vmlab.vix.vm_snapshot#module:name). It must have been taken when the VM was off.
      - Without it a full clone is made of the VM as it is, and a linked one of its current snapshot.
        When there is none, the task fails rather than have VIX take one of its own.
      - Of a clone that is there it is not looked at. RV(snapshot) tells which one it was.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.vm
  - module: vmlab.vix.vm_snapshot
"""

EXAMPLES = r"""
- name: Make a linked clone of a golden VM
  vmlab.vix.vm_clone:
    vm: /vms/golden/golden.vmx
    dest: /vms/web1/web1.vmx
    linked: true
    snapshot: clean

- name: Make a full clone
  vmlab.vix.vm_clone:
    vm: /vms/golden/golden.vmx
    dest: /vms/db/db.vmx
    name: Database
    timeout: 3600
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file that was cloned.
  returned: success
  type: str
  sample: /vms/golden/golden.vmx
clone:
  description: Path of the C(.vmx) file of the clone.
  returned: success
  type: str
  sample: /vms/web1/web1.vmx
name:
  description: Display name of the clone, read back; in check mode the one that it would get.
  returned: success
  type: str
  sample: web1
linked:
  description: Whether it is a linked clone.
  returned: success
  type: bool
  sample: true
snapshot:
  description: Path of the snapshot that it was made of; empty for the VM as it was, and of a linked clone that was not made by this module.
  returned: success
  type: str
  sample: clean
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from functools import partial

    from ansible_collections.vmlab.vix.plugins.module_utils._state import clones, snapshots

    copy = clones.Copy(wanted.dest, wanted.name, wanted.linked, wanted.snapshot, wanted.vm_password)
    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        result = clones.plan(host, vm, copy, partial(snapshots.find, vm)).carry_out(wanted.check_mode)
    after = {key: value for key, value in result["diff"]["after"].items() if key != "state"}
    # Not "dest": Ansible would add what it finds at that path.
    return {**result, "vm": wanted.vm, "clone": wanted.dest, **after}


def main():
    run_module(
        work,
        _options.VM,
        options={"dest": {"type": "path", "required": True}, "name": {}, "linked": {"type": "bool", "default": False}, "snapshot": {}},
    )


if __name__ == "__main__":
    main()
