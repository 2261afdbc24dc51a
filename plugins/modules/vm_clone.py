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
  - Create a full or linked clone of a VM, and set its display name.
  - Cloning is only supported by VMware Workstation.
  - An existing clone is recognized by the keys that begin with C(vmlab.vix.clone) in its C(.vmx) file, which this
    module writes. A linked clone is also recognized by its C(.vmsd) file.
  - The task fails if another VM exists at O(dest), or if its directory contains other files.
  - While a clone is created, a hidden file next to its directory records it. If a task ends before VMware reports the
    result, the next run completes the clone, provided that VMware has created it.
  - VIX cannot cancel the creation of a clone. If O(timeout) passes, the error message names the directory in which
    VMware may still complete the clone.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  dest:
    description:
      - Absolute path of the C(.vmx) file of the clone on the VM host.
      - The directory of this file must be empty or not exist.
    type: path
    required: true
  name:
    description:
      - Display name of the clone.
      - If not set, a new clone is named like the file in O(dest) without its extension, and an existing clone keeps
        its name.
      - An existing clone can be renamed only while it is powered off and not open in VMware.
    type: str
  linked:
    description:
      - Whether to create a linked clone.
      - A linked clone shares the disks of a snapshot of the VM and depends on this snapshot. It is created in
        seconds. The VM must not be suspended.
      - A full clone is a copy of all disks, which can take minutes. Increase O(timeout) if needed. The VM must be
        powered off or suspended.
      - A full clone cannot be converted to a linked clone, or a linked clone to a full clone. The task fails if the
        existing clone is not of the requested kind.
    type: bool
    default: false
  snapshot:
    description:
      - Name or path of the snapshot to clone, in the format of O(vmlab.vix.vm_snapshot#module:name).
      - The snapshot must have been taken while the VM was powered off.
      - If not set, a full clone is created from the current state of the VM, and a linked clone from its current
        snapshot.
      - The task fails if O(linked=true), O(snapshot) is not set, and the VM does not have a current snapshot.
      - Ignored if the clone already exists. RV(snapshot) contains the snapshot that was used.
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
- name: Create a linked clone of a golden VM
  vmlab.vix.vm_clone:
    vm: /vms/golden/golden.vmx
    dest: /vms/web1/web1.vmx
    linked: true
    snapshot: clean

- name: Create a full clone
  vmlab.vix.vm_clone:
    vm: /vms/golden/golden.vmx
    dest: /vms/db/db.vmx
    name: Database
    timeout: 3600
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file of the source VM.
  returned: success
  type: str
  sample: /vms/golden/golden.vmx
clone:
  description: Path of the C(.vmx) file of the clone.
  returned: success
  type: str
  sample: /vms/web1/web1.vmx
name:
  description: Display name of the clone. In check mode, the predicted name.
  returned: success
  type: str
  sample: web1
linked:
  description: Whether the clone is a linked clone.
  returned: success
  type: bool
  sample: true
snapshot:
  description: Path of the snapshot from which the clone was created. Empty if the clone was created from the current
    state of the VM, or if it is a linked clone that this module did not create.
  returned: success
  type: str
  sample: clean
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from functools import partial

    from ansible_collections.vmlab.vix.plugins.module_utils._state import clones, snapshots

    copy = clones.Copy(wanted.dest, wanted.name, wanted.linked, wanted.snapshot, wanted.vm_password)
    result = clones.plan(wanted.host, vm, copy, partial(snapshots.find, vm)).carry_out(wanted.check_mode)
    after = {key: value for key, value in result["diff"]["after"].items() if key != "state"}
    # Not "dest": Ansible would add facts about this path.
    return {**result, "clone": wanted.dest, **after}


def main():
    run_on_vm(
        work,
        _options.VM,
        options={"dest": {"type": "path", "required": True}, "name": {}, "linked": {"type": "bool", "default": False}, "snapshot": {}},
    )


if __name__ == "__main__":
    main()
