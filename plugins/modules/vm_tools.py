#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_tools
short_description: Wait for VMware Tools in a guest, mount their installer, or upgrade them
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Waits until VMware Tools run in the guest of a VM. When they do not come up in time, the error says why as far as it can be known, as when the VM is
    off, paused or suspended, waits for an answer to a question, or has no VMware Tools.
  - Also shows the guest the image from which VMware Tools are installed, and upgrades those that run.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vms
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_vix
options:
  state:
    description:
      - V(running) waits until VMware Tools run, and changes nothing.
      - V(mounted) puts the installer's image into the guest's drive. Windows may start it by itself; else it is to be started there by hand.
        VIX does not tell whether the image is there already, so that this is done each time.
      - V(upgraded) upgrades VMware Tools, which must run, and waits until they run again. The guest may be restarted on the way.
        How long that takes is bounded by O(timeout).
    type: str
    choices: [running, mounted, upgraded]
    default: running
  tools_timeout:
    description:
      - Seconds to wait for VMware Tools, for V(upgraded) before and after the upgrade.
    type: int
    default: 120
attributes:
  check_mode:
    support: partial
    details:
      - Check mode waits for nothing.
      - It foretells a change for O(state=upgraded) each time, since only the upgrade itself shows whether there was anything newer.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=mounted) is an action and reports a change each time.
      - O(state=upgraded) reports no change where VIX says that VMware Tools are current, as older products do.
        The others say that the upgrade succeeded whether there was anything newer or not, and the task reports a change.
notes:
  - Guests with open-vm-tools are upgraded by their own package manager.
seealso:
  - module: vmlab.vix.vm_power
"""

EXAMPLES = r"""
- name: Wait until the guests have booted
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
  returned: when O(vm) is given
  type: str
  sample: /vms/web/web.vmx
tools:
  description:
    - V(running), V(not_installed) or V(unknown). VIX does not know before something has waited for VMware Tools.
    - In check mode what a run would bring about.
  returned: when O(vm) is given
  type: str
  sample: running
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

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import tools

    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        result = tools.plan(vm, wanted.state, wanted.tools_timeout).carry_out(wanted.check_mode)
    return {**result, "vm": wanted.vm, "tools": result["diff"]["after"]["tools"]}


def main():
    run_module(
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
