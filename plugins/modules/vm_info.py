#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: Gather information about VMs
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Return properties of one VM, of several VMs, of all running VMs, or of all known VMs.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_vix
options:
  which:
    description:
      - Which VMs to return when neither O(vm) nor O(vms) is set.
      - V(running) returns the running VMs that are visible to the user.
      - V(known) also returns the VMs in VMware's lists of the user who runs the task, those of the OpenVIX world that
        E(OPENVIX_WORLD) names, and those in O(vm_directories).
    type: str
    choices: [running, known]
    default: running
  gather:
    description:
      - Optional subsets. Each requires additional VIX calls and is returned only if listed.
    type: list
    elements: str
    choices: [snapshots, shared_folders, addresses]
    default: [snapshots, shared_folders, addresses]
  address_timeout:
    description:
      - Seconds to wait until the guest tools of each running VM report an address. V(0) does not wait.
    type: int
    default: 0
seealso:
  - module: vmlab.vix.vm_power
  - plugin: vmlab.vix.vms
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Gather information about all running VMs
  vmlab.vix.vm_info:
  register: running

- name: Gather information about one VM
  vmlab.vix.vm_info:
    vm: /vms/web/web.vmx
"""

RETURN = r"""
vms:
  description:
    - The VMs, in the order in which they were requested.
    - For a listed VM that cannot be opened, only RV(vms[].path) and RV(vms[].error) are returned, and RV(vms[].name)
      and RV(vms[].encrypted) if its C(.vmx) file can be read.
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
      description: Power state, V(powered_on), V(powered_off), V(suspended) or V(paused).
      type: str
      sample: powered_on
    tools:
      description: State of the guest tools, V(running), V(not_installed) or V(unknown). The state is unknown to VIX
        until a task has waited for the guest tools.
      type: str
      sample: running
    guest_os:
      description: Guest operating system, as named in the C(.vmx) file.
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
      description: Other flags of the power state, such as V(tools_running), V(question_pending) or V(powering_on).
      type: list
      elements: str
      sample: [tools_running]
    power_unknown_bits:
      description: Bits of the power state that are not documented.
      type: int
      sample: 0
    question_pending:
      description: Whether the VM waits for the answer to a question. The question must be answered in the VMware user
        interface.
      type: bool
      sample: false
    features:
      description: Features that the product supports for this VM. Possible values are V(shared_folders),
        V(multiple_snapshots), V(tools_install) and V(hardware_upgrade).
      type: list
      elements: str
      sample: [shared_folders, multiple_snapshots]
    encrypted:
      description: Whether the VM is encrypted. Null if the C(.vmx) file cannot be read.
      type: bool
      sample: false
    locked:
      description: Whether a process has locked the files of the VM.
      type: bool
      sample: true
    snapshots:
      description: Paths of the snapshots. Null if the product does not support snapshots.
      type: list
      elements: str
      sample: [base, base/clean]
    shared_folders:
      description: Shared folders of the VM. Null if the VM is not running, or if the product does not support shared
        folders.
      type: list
      elements: dict
      sample:
        - {name: src, path: /home/lab/src, writable: false}
    addresses:
      description:
        - Addresses of the guest, each with its source, in order of preference.
        - V(tools) is an address that the guest tools report.
        - V(lease) is a DHCP lease of a VMware network on the VM host for a network adapter of the VM.
        - V(reservation) is an address that is reserved for a network adapter of the VM in the configuration of this
          DHCP server.
        - V(vmx) is C(guestinfo.ip) in the C(.vmx) file.
      type: list
      elements: dict
      sample:
        - {address: 192.0.2.10, source: tools}
    error:
      description: Reason why a listed VM could not be opened.
      type: str
      sample: "opening /vms/old/old.vmx: there is no such VM (VIX_E_VM_NOT_FOUND, 4000)"
results:
  description:
    - Result for each of O(vms), in the same order. The properties of the VMs are in RV(vms).
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

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import names, vms

    look = vms.Look(wanted.gather, wanted.address_timeout, wanted.vm_password)
    if wanted.vm:
        found = [vms.describe(host, names.find(host, wanted.vm, wanted.home, wanted.vm_directories or ()), look)]
    elif wanted.which == "known":
        found = vms.known(host, wanted.home, look, wanted.vm_directories or ())
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
