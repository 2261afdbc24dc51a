#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_snapshot
short_description: Take, remove and revert to snapshots of a VM
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Takes a snapshot, removes one, or takes the VM back to one. The snapshots are read back before the task ends.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  name:
    description:
      - Name of the snapshot, or its path from the root of the tree, as in V(base/patched/clean).
      - VMware allows equal names. A name that several snapshots bear is refused with the paths of all of them;
        a name that begins with a slash is taken as a path for certain.
      - A new snapshot goes below the current one, so the path of a new one must say so too.
      - For O(state=pruned) a pattern of shell wildcards that a name must match to be counted, V(*) when left out.
    type: str
  state:
    description:
      - V(present) takes the snapshot when there is none of that name.
      - V(absent) removes it. Snapshots below it move up to its parent, unless O(children) is set.
      - V(reverted) takes the VM back to it, which is done each time.
      - V(pruned) removes old snapshots, as O(keep) and O(older_than) say. Those below them move up. Their age is read from VMware's own file
        beside the C(.vmx), so the VM must be one of the machine itself.
    type: str
    choices: [present, absent, reverted, pruned]
    default: present
  description:
    description:
      - Description of a snapshot that is taken. That of an existing one cannot be changed.
    type: str
    default: ''
  memory:
    description:
      - Whether a snapshot that is taken of a running VM includes its memory.
      - Reverting to one without memory leaves the VM powered off.
    type: bool
    default: true
  children:
    description:
      - Whether V(absent) also removes all snapshots below.
    type: bool
    default: false
  keep:
    description:
      - How many of the newest snapshots V(pruned) leaves.
      - With O(older_than) as well, a snapshot goes only when both allow it.
    type: int
  older_than:
    description:
      - The age that a snapshot must exceed for V(pruned) to remove it, as a number with V(s), V(m), V(h), V(d) or V(w).
    type: str
  power:
    description:
      - What the VM shall be after V(reverted). V(as_saved) leaves it as the snapshot has it.
    type: str
    choices: [as_saved, powered_on, powered_off]
    default: as_saved
  tools_timeout:
    description:
      - Seconds to wait for VMware Tools of a VM that is on after V(reverted). V(0) does not wait.
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
      - O(state=reverted) is an action and reports a change each time.
seealso:
  - module: vmlab.vix.vm_power
"""

EXAMPLES = r"""
- name: Take a snapshot
  vmlab.vix.vm_snapshot:
    vm: /vms/web/web.vmx
    name: clean

- name: Go back to it
  vmlab.vix.vm_snapshot:
    vm: /vms/web/web.vmx
    name: clean
    state: reverted
    tools_timeout: 60

- name: Keep the three newest nightly ones
  vmlab.vix.vm_snapshot:
    vm: /vms/web/web.vmx
    name: nightly-*
    state: pruned
    keep: 3
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: when O(vm) is given
  type: str
  sample: /vms/web/web.vmx
current:
  description: Path of the current snapshot, read back; in check mode what a run would bring about. Empty when there is none.
  returned: when O(vm) is given
  type: str
  sample: base/clean
snapshots:
  description: Paths of all snapshots, sorted, read back; in check mode what a run would bring about.
  returned: when O(vm) is given
  type: list
  elements: str
  sample: [base, base/clean]
power:
  description: The power state of the VM after it was taken back, read back.
  returned: when O(vm) is given and a run took it back
  type: str
  sample: powered_on
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

import time

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import snapshots

    reverting = snapshots.Reverting(wanted.power, wanted.tools_timeout)
    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        if wanted.state == "present":
            plan = snapshots.present(vm, wanted.name, wanted.description, wanted.memory)
        elif wanted.state == "absent":
            plan = snapshots.absent(vm, wanted.name, wanted.children)
        elif wanted.state == "reverted":
            plan = snapshots.reverted(vm, wanted.name, reverting)
        else:
            plan = prune(vm, wanted)
        result = plan.carry_out(wanted.check_mode)
    power = {"power": reverting.found} if reverting.found else {}
    return {**result, **power, "vm": wanted.vm, **result["diff"]["after"]}


def prune(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import snapshot_facts, snapshots

    seconds = None if wanted.older_than is None else snapshots.duration(wanted.older_than)
    created = snapshot_facts.creation_times(vm.path)
    return snapshots.pruned(vm, wanted.name or "*", wanted.keep, seconds, time.time(), created)


def main():
    run_module(
        work,
        _options.VMS,
        options={
            "name": {},
            "state": {"choices": ["present", "absent", "reverted", "pruned"], "default": "present"},
            "description": {"default": ""},
            "memory": {"type": "bool", "default": True},
            "children": {"type": "bool", "default": False},
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
