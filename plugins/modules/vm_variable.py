#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_variable
short_description: Manage variables of a VM and its guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Read, set and clear guest variables, runtime configuration entries of a VM, and environment variables of a user in
    the guest.
  - New values are read back before the task ends, if VIX provides them.
  - The values are part of the result, the diff and the logs of Ansible. Use C(no_log) for tasks with secret values.
  - Every process in the guest can read guest variables.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest_optional
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  kind:
    description:
      - V(guest_variable) is a variable that C(vmtoolsd --cmd "info-get guestinfo.NAME") returns in the guest. Specify
        O(name) without the prefix C(guestinfo.). The variable is lost when the VM is powered off. The variable V(ip)
        is the address that the guest tools report.
      - V(runtime_config) is a configuration entry of the running VM. A value that is set is lost when the VM is
        powered off, and is not written to the C(.vmx) file. Reading returns the entry of the C(.vmx) file, not the
        value that was set.
      - V(guest_environment) is an environment variable of O(guest_username). The user must be an administrator to set
        it. In a Windows guest, it is persistent and applies to all users. In a Linux guest, it only applies to
        programs that the guest tools start.
      - O(guest_username) and O(guest_password) are required if O(kind=guest_environment).
    type: str
    choices: [guest_variable, runtime_config, guest_environment]
    default: guest_variable
  state:
    description:
      - V(present) sets the variables.
      - V(absent) sets the variables to an empty value, since VIX cannot remove them. A variable that is not set is
        also read as empty.
      - V(read) returns the values without changing them.
    type: str
    choices: [present, absent, read]
    default: present
  name:
    description:
      - Name of a variable.
      - Mutually exclusive with O(names) and O(variables).
      - The name of a guest variable cannot contain a slash. The name of a variable to set cannot contain an equals
        sign.
    type: str
  value:
    description:
      - Value of the variable O(name).
      - At least one of O(value) and O(variables) is required if O(state=present).
    type: str
  names:
    description:
      - Names of several variables.
      - At least one of O(name) and O(names) is required if O(state) is V(absent) or V(read).
      - Only used if O(state) is V(absent) or V(read).
    type: list
    elements: str
  variables:
    description:
      - Names and values of several variables. A value is a string or a number.
      - Only used if O(state=present).
    type: dict
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(kind=runtime_config) always sets the value and reports a change, since VIX does not provide the current
        value.
seealso:
  - module: vmlab.vix.vm_info
"""

EXAMPLES = r"""
- name: Set a guest variable
  vmlab.vix.vm_variable:
    vm: /vms/web/web.vmx
    name: role
    value: webserver

- name: Set several guest variables
  vmlab.vix.vm_variable:
    vm: /vms/web/web.vmx
    variables:
      role: webserver
      port: 8080

- name: Read the address of the guest
  vmlab.vix.vm_variable:
    vm: /vms/web/web.vmx
    name: ip
    state: read
  register: address

- name: Set an environment variable for all users of a Windows guest
  vmlab.vix.vm_variable:
    vm: /vms/build/build.vmx
    kind: guest_environment
    name: BUILD_CACHE
    value: D:\cache
    guest_username: Administrator
    guest_password: "{{ guest_password }}"
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
variables:
  description:
    - Names and values of the requested variables after the task. In check mode, the predicted values.
    - For O(kind=runtime_config), the values that were set, since VIX does not provide the current values.
  returned: success
  type: dict
  sample: {role: webserver, port: "8080"}
value:
  description: Value of the variable O(name).
  returned: when O(name) is set
  type: str
  sample: webserver
"""

from contextlib import ExitStack

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def prepare(wanted):
    """The variables that are asked for, checked before VIX is called."""
    from ansible_collections.vmlab.vix.plugins.module_utils._state import variables

    return variables.checked(wanted.kind, wishes(wanted))


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import variables

    with ExitStack() as stack:
        if wanted.kind in variables.WITH_LOGIN:
            vm.wait_for_tools(wanted.tools_timeout)
            stack.enter_context(vm.log_in(wanted.guest_username, wanted.guest_password, wanted.guest_interactive))
        result = variables.plan(vm, wanted.kind, wanted.prepared).carry_out(wanted.check_mode)
    after = result["diff"]["after"]["variables"]
    one = {"value": after[wanted.name]} if wanted.name is not None else {}
    return {**result, **one, "variables": after}


def wishes(wanted):
    """Return the wanted value of each variable, None for a variable to read."""
    if wanted.state == "present" and wanted.variables is not None:
        return wanted.variables
    names = wanted.names if wanted.names is not None else [wanted.name]
    return dict.fromkeys(names, {"present": wanted.value, "absent": "", "read": None}[wanted.state])


def main():
    run_on_vm(
        work,
        _options.VM,
        _options.GUEST_OPTIONAL,
        options={
            "kind": {"choices": ["guest_variable", "runtime_config", "guest_environment"], "default": "guest_variable"},
            "state": {"choices": ["present", "absent", "read"], "default": "present"},
            "name": {},
            "value": {},
            "names": {"type": "list", "elements": "str"},
            "variables": {"type": "dict"},
        },
        prepare=prepare,
        mutually_exclusive=[("name", "names", "variables"), ("value", "names"), ("value", "variables")],
        required_if=[
            ("state", "present", ["value", "variables"], True),
            ("state", "absent", ["name", "names"], True),
            ("state", "read", ["name", "names"], True),
            ("kind", "guest_environment", ["guest_username", "guest_password"]),
        ],
        required_by={"value": "name"},
        **_options.WHOLE_LOGIN,
    )


if __name__ == "__main__":
    main()
