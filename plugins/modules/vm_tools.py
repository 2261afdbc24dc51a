#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_tools
short_description: Wait for VMware Tools in guests, mount their installer, or upgrade them
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Wait until the guest tools (VMware Tools or open-vm-tools) are running in the guest of a VM.
  - If they do not start in time, the error message contains the reason if it is known, for example that the VM is not
    powered on, waits for the answer to a question, or does not have guest tools.
  - Mount the installer image of VMware Tools in the guest, or upgrade VMware Tools.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - V(running) waits until the guest tools are running. It does not change anything.
      - V(mounted) mounts the installer image in the CD/DVD drive of the guest. Windows can start the installer
        automatically. Otherwise it must be started manually in the guest.
      - VIX does not report whether the image is mounted, so V(mounted) mounts it each time.
      - V(upgraded) upgrades VMware Tools and waits until they are running again. VMware Tools must be running. The
        upgrade can restart the guest. Its time limit is O(timeout).
    type: str
    choices: [running, mounted, upgraded]
    default: running
  tools_timeout:
    description:
      - Seconds to wait for the guest tools.
      - For O(state=upgraded), this applies both before and after the upgrade.
    type: int
    default: 120
attributes:
  check_mode:
    support: partial
    details:
      - Check mode does not wait.
      - For O(state=upgraded), check mode always reports a change, since only the upgrade shows whether a newer
        version was available.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=mounted) is an action. It always reports a change.
      - O(state=upgraded) reports no change if VIX reports that VMware Tools are up to date, as older products do.
        Other products report a successful upgrade in any case, so the task reports a change.
notes:
  - Use the package manager of the guest to upgrade open-vm-tools.
seealso:
  - module: vmlab.vix.vm_power
"""

EXAMPLES = r"""
- name: Wait until the guest tools of two VMs are running
  vmlab.vix.vm_tools:
    vms: [/vms/web/web.vmx, /vms/db/db.vmx]
    tools_timeout: 180

- name: Upgrade VMware Tools
  vmlab.vix.vm_tools:
    vm: /vms/build/build.vmx
    state: upgraded
    timeout: 1200
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: when O(vm) is set
  type: str
  sample: /vms/web/web.vmx
tools:
  description:
    - State of the guest tools, V(running), V(not_installed) or V(unknown). The state is unknown to VIX until a task
      has waited for the guest tools.
    - In check mode, the predicted state.
  returned: when O(vm) is set
  type: str
  sample: running
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

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import tools

    result = tools.plan(vm, wanted.state, wanted.tools_timeout).carry_out(wanted.check_mode)
    return {**result, "tools": result["diff"]["after"]["tools"]}


def main():
    run_on_vm(
        work,
        _options.VMS,
        options={
            "state": {"choices": ["running", "mounted", "upgraded"], "default": "running"},
            "tools_timeout": {"type": "int", "default": 120},
        },
        **_options.ONE_OR_SEVERAL,
    )


if __name__ == "__main__":
    main()
