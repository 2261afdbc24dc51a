#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_snapshot
short_description: Manage snapshots of VMs
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Create, remove and prune snapshots of a VM, or revert the VM to a snapshot.
  - After a change, the module reads the snapshots again and returns them.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  name:
    description:
      - Name of the snapshot, or its path in the snapshot tree, for example V(base/patched/clean).
      - Required if O(state) is V(present), V(absent) or V(reverted).
      - VMware allows several snapshots with the same name. The task fails if the name is ambiguous, and the error
        message contains the paths of these snapshots.
      - A value that begins with a slash is always used as a path.
      - A new snapshot becomes a child of the current snapshot. If O(name) is the path of a new snapshot, its parent must be the current snapshot.
      - For O(state=pruned), a shell-style pattern of the names to consider. The default is V(*).
    type: str
  state:
    description:
      - V(present) creates the snapshot if it does not exist.
      - V(absent) removes the snapshot. Its children are attached to its parent, unless O(children=true).
      - V(reverted) reverts the VM to the snapshot. This is done each time.
      - V(pruned) removes old snapshots according to O(keep) and O(older_than). Their children are attached to their
        parents.
      - The age of snapshots is read from the C(.vmsd) file of the VM. V(pruned) is therefore not supported for VMs of
        remote hosts.
    type: str
    choices: [present, absent, reverted, pruned]
    default: present
  description:
    description:
      - Description of a new snapshot.
      - The description of an existing snapshot cannot be changed.
    type: str
    default: ''
  memory:
    description:
      - Whether a new snapshot of a running VM includes its memory.
      - After reverting to a snapshot without memory, the VM is powered off.
    type: bool
    default: true
  children:
    description:
      - Whether O(state=absent) also removes all descendants of the snapshot.
    type: bool
    default: false
  force:
    description:
      - Whether O(state=absent) and O(state=pruned) remove snapshots that linked clones depend on. These clones become
        unusable.
      - If V(false), V(absent) fails and names the snapshots and their clones, and V(pruned) keeps such snapshots and
        returns a warning.
      - The module detects the linked clones that are recorded in the C(.vmsd) file of the VM. In VMware's lists of VMs
        and in the directories next to the directory of the VM, it also detects clones that record their source. Other
        linked clones, and those of VMs of remote hosts, are not detected.
    type: bool
    default: false
  keep:
    description:
      - Number of the newest snapshots that O(state=pruned) keeps.
      - At least one of O(keep) and O(older_than) is required if O(state=pruned).
      - If O(older_than) is set as well, a snapshot is only removed if both options allow it.
    type: int
  older_than:
    description:
      - With O(state=pruned), only remove snapshots that are older than this.
      - A number with the unit V(s), V(m), V(h), V(d) or V(w), for example V(2w).
    type: str
  power:
    description:
      - Power state after O(state=reverted).
      - V(as_saved) keeps the power state that is saved in the snapshot.
    type: str
    choices: [as_saved, powered_on, powered_off]
    default: as_saved
  tools_timeout:
    description:
      - Seconds to wait for the guest tools of a VM that is powered on after O(state=reverted).
      - V(0) does not wait.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=reverted) is an action. It always reports a change.
seealso:
  - module: vmlab.vix.vm_power
"""

EXAMPLES = r"""
- name: Create a snapshot
  vmlab.vix.vm_snapshot:
    vm: /vms/web/web.vmx
    name: clean

- name: Revert to the snapshot
  vmlab.vix.vm_snapshot:
    vm: /vms/web/web.vmx
    name: clean
    state: reverted
    tools_timeout: 60

- name: Keep the three newest nightly snapshots
  vmlab.vix.vm_snapshot:
    vm: /vms/web/web.vmx
    name: nightly-*
    state: pruned
    keep: 3
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: when O(vm) is set
  type: str
  sample: /vms/web/web.vmx
current:
  description: Path of the current snapshot after the task. In check mode, the predicted one. Empty if the VM does not
    have a snapshot.
  returned: when O(vm) is set
  type: str
  sample: base/clean
snapshots:
  description: Sorted paths of all snapshots after the task. In check mode, the predicted snapshots.
  returned: when O(vm) is set
  type: list
  elements: str
  sample: [base, base/clean]
linked_clones:
  description: Sorted paths of the C(.vmx) files of the linked clones that became unusable, or in check mode would become
    unusable. Empty unless O(force=true).
  returned: when O(vm) is set and O(state) is V(absent) or V(pruned)
  type: list
  elements: str
  sample: []
kept:
  description: Sorted paths of the old snapshots that were kept, since linked clones depend on them.
  returned: when O(vm) is set and O(state=pruned)
  type: list
  elements: str
  sample: []
power:
  description: Power state of the VM after it was reverted.
  returned: when O(vm) is set and the VM was reverted
  type: str
  sample: powered_on
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

import time

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import snapshot_facts, snapshots

    clones = snapshots.Clones(vm, lambda: snapshot_facts.linked_clones(vm.path, wanted.home), wanted.force)
    if wanted.state == "present":
        plan = snapshots.present(vm, wanted.name, wanted.description, wanted.memory)
    elif wanted.state == "absent":
        plan = snapshots.absent(vm, wanted.name, wanted.children, clones)
    elif wanted.state == "reverted":
        plan = snapshots.reverted(vm, wanted.name, wanted.power, wanted.tools_timeout)
    else:
        plan = prune(vm, wanted, clones)
    result = plan.carry_out(wanted.check_mode)
    return {**result, **result["diff"]["after"]}


def prune(vm, wanted, clones):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import snapshot_facts, snapshots

    seconds = None if wanted.older_than is None else snapshots.duration(wanted.older_than)
    created = snapshot_facts.creation_times(vm.path)
    return snapshots.pruned(vm, wanted.name or "*", wanted.keep, seconds, time.time(), created, clones)


def main():
    run_on_vm(
        work,
        _options.VMS,
        options={
            "name": {},
            "state": {"choices": ["present", "absent", "reverted", "pruned"], "default": "present"},
            "description": {"default": ""},
            "memory": {"type": "bool", "default": True},
            "children": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "keep": {"type": "int"},
            "older_than": {},
            "power": {"choices": ["as_saved", "powered_on", "powered_off"], "default": "as_saved"},
            "tools_timeout": {"type": "int", "default": 0},
        },
        required_if=[
            ("state", "present", ["name"]),
            ("state", "absent", ["name"]),
            ("state", "reverted", ["name"]),
            ("state", "pruned", ["keep", "older_than"], True),
        ],
        **_options.ONE_OR_SEVERAL,
    )


if __name__ == "__main__":
    main()
