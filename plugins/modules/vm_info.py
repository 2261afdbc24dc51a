#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: Tell what VMs are and what they do
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Returns properties of one VM, of several, of all that run, or of all that are known.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_vix
options:
  which:
    description:
      - Which VMs are told of without O(vm) and O(vms).
      - V(running) are those that run and that the user may see.
      - V(known) are these and the ones in VMware's own lists of the user who runs the task.
    type: str
    choices: [running, known]
    default: running
  gather:
    description:
      - What costs calls of its own and is told of only when named here.
    type: list
    elements: str
    choices: [snapshots, shared_folders, addresses]
    default: [snapshots, shared_folders, addresses]
  address_timeout:
    description:
      - Seconds to wait until VMware Tools of each running VM have told an address. V(0) asks once.
    type: int
    default: 0
seealso:
  - module: vmlab.vix.vm_power
  - plugin: vmlab.vix.vms
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: What runs on this machine
  vmlab.vix.vm_info:
  register: running

- name: One VM
  vmlab.vix.vm_info:
    vm: /vms/web/web.vmx
"""

RETURN = r"""
vms:
  description:
    - The VMs, in the order asked for.
    - One that VMware lists and that cannot be opened has only RV(vms[].path) and RV(vms[].error), and
      RV(vms[].name) and RV(vms[].encrypted) where its C(.vmx) can be read.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path of the C(.vmx) file.
      type: str
      sample: /vms/web/web.vmx
    name:
      description: Display name.
      type: str
      sample: web
    power:
      description: V(powered_on), V(powered_off), V(suspended) or V(paused).
      type: str
      sample: powered_on
    tools:
      description: V(running), V(not_installed) or V(unknown). VIX does not know before something has waited for VMware Tools.
      type: str
      sample: running
    guest_os:
      description: The guest operating system as the C(.vmx) file names it.
      type: str
      sample: debian12-64
    cpus:
      description: Number of virtual processors.
      type: int
      sample: 2
    memory:
      description: Memory in MB.
      type: int
      sample: 2048
    power_details:
      description: What else the power state says, as V(tools_running), V(question_pending) or V(powering_on).
      type: list
      elements: str
      sample: [tools_running]
    power_unknown_bits:
      description: Bits of the power state that no header has a name for.
      type: int
      sample: 0
    question_pending:
      description: Whether the VM waits for an answer, which has to be given in VMware's window.
      type: bool
      sample: false
    features:
      description: What the product supports for this VM, of V(shared_folders), V(multiple_snapshots), V(tools_install) and V(hardware_upgrade).
      type: list
      elements: str
      sample: [shared_folders, multiple_snapshots]
    encrypted:
      description: Whether the VM is encrypted; null where its C(.vmx) cannot be read.
      type: bool
      sample: false
    locked:
      description: Whether a process holds the files of the VM.
      type: bool
      sample: true
    snapshots:
      description: Paths of the snapshots; null where the product has none.
      type: list
      elements: str
      sample: [base, base/clean]
    shared_folders:
      description: The folders of the host that the guest sees; null of a VM that does not run, or where the product has none.
      type: list
      elements: dict
      sample:
        - {name: src, path: /home/lab/src, writable: false}
    addresses:
      description:
        - The guest's addresses, each with its source, the best first. V(tools) is what VMware Tools report. V(lease) is what the DHCP server of one of
          VMware's networks on this machine has given one of the VM's network cards, and V(reservation) what its configuration keeps for one.
        - V(vmx) is C(guestinfo.ip) of the C(.vmx).
      type: list
      elements: dict
      sample:
        - {address: 192.0.2.10, source: tools}
    error:
      description: Why a VM that VMware lists could not be opened.
      type: str
      sample: "opening /vms/old/old.vmx: there is no such VM (VIX_E_VM_NOT_FOUND, 4000)"
results:
  description:
    - What became of each of O(vms), in their order, with RV(results[].vm); what is told of it stands in RV(vms).
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
    from ansible_collections.vmlab.vix.plugins.module_utils._state import vms

    look = vms.Look(wanted.gather, wanted.address_timeout, wanted.vm_password)
    if wanted.vm:
        found = [vms.describe(host, wanted.vm, look)]
    elif wanted.which == "known":
        found = vms.known(host, wanted.home, look)
    else:
        found = vms.running(host, look)
    return {"changed": False, "vms": found, "warnings": look.problems()}


def together(results):
    warnings = dict.fromkeys(sentence for result in results for sentence in result.pop("warnings", ()))
    return {"vms": [vm for result in results for vm in result.pop("vms", [])], "warnings": list(warnings)}


def main():
    run_module(
        work,
        _options.VMS,
        options={
            "which": {"choices": ["running", "known"], "default": "running"},
            "address_timeout": {"type": "int", "default": 0},
            "gather": {
                "type": "list",
                "elements": "str",
                "choices": ["snapshots", "shared_folders", "addresses"],
                "default": ["snapshots", "shared_folders", "addresses"],
            },
        },
        mutually_exclusive=[("vm", "vms")],
        together=together,
    )


if __name__ == "__main__":
    main()
