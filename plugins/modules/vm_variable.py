#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_variable
short_description: Read and set variables of a VM and its guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Reads, sets and unsets the variables by which a VM and its guest tell each other things, entries of the running VM's configuration, and the
    environment of a user in the guest. What was set is read back before the task ends, where VIX tells it.
  - The values stand in the task's result and diff and in Ansible's logs. Set C(no_log) on a task whose values are secret,
    and remember that every process of the guest can read guest variables.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest_optional
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  kind:
    description:
      - V(guest_variable) is what C(vmtoolsd --cmd "info-get guestinfo.NAME") tells in the guest; O(name) goes without the C(guestinfo.).
        It lasts until the VM is powered off. The address that VMware Tools report is the variable V(ip).
      - V(runtime_config) is an entry of the VM's configuration. One that is set lasts until the VM is powered off, and is not written to the C(.vmx).
        What is read is the entry in the C(.vmx) all the same, so that it does not show what was set.
      - V(guest_environment) is an environment variable of O(guest_username), which it needs, and who must be an administrator to set it.
        In Windows it lasts and every user sees it, in Linux only what VMware Tools start does.
    type: str
    choices: [guest_variable, runtime_config, guest_environment]
    default: guest_variable
  state:
    description:
      - V(present) gives the variables their values.
      - V(absent) gives them the empty value, which is all that VIX can do. A variable that is not set reads as empty as well.
      - V(read) returns the values and changes nothing.
    type: str
    choices: [present, absent, read]
    default: present
  name:
    description:
      - Name of the variable. It has no slash in a guest variable, and no equals sign where it is set.
    type: str
  value:
    description:
      - The value that O(name) shall have.
    type: str
  names:
    description:
      - Names of several variables, for O(state=absent) and O(state=read).
    type: list
    elements: str
  variables:
    description:
      - Names and values of several variables, for O(state=present). A value is a text or a number.
    type: dict
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(kind=runtime_config) a value is set each time and a change reported each time, since VIX does not tell the value that runs.
seealso:
  - module: vmlab.vix.vm_info
"""

EXAMPLES = r"""
- name: Tell the guest its role
  vmlab.vix.vm_variable:
    vm: /vms/web/web.vmx
    name: role
    value: webserver

- name: Tell it several things
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

- name: Set an environment variable for everyone in a Windows guest
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
    - The variables that were asked for and their values, as they were read back; in check mode the values that a run would give them.
    - Those of O(kind=runtime_config) that were set have the values that they were given, as VIX does not tell them.
  returned: success
  type: dict
  sample: {role: webserver, port: "8080"}
value:
  description: The value of O(name).
  returned: when O(name) is given
  type: str
  sample: webserver
"""

from contextlib import ExitStack

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guests, variables

    asked = variables.checked(wanted.kind, wishes(wanted))
    login = (wanted.guest_username, wanted.guest_password, wanted.guest_interactive, wanted.tools_timeout)
    with ExitStack() as stack:
        vm = stack.enter_context(host.open_vm(wanted.vm, wanted.vm_password))
        if wanted.kind in variables.WITH_LOGIN:
            stack.enter_context(guests.logged_in(vm, *login))
        result = variables.plan(vm, wanted.kind, asked).carry_out(wanted.check_mode)
    after = result["diff"]["after"]["variables"]
    one = {"value": after[wanted.name]} if wanted.name is not None else {}
    return {**result, **one, "vm": wanted.vm, "variables": after}


def wishes(wanted):
    """The value that each variable shall have, None for one that is to be read."""
    if wanted.state == "present" and wanted.variables is not None:
        return wanted.variables
    names = wanted.names if wanted.names is not None else [wanted.name]
    return dict.fromkeys(names, {"present": wanted.value, "absent": "", "read": None}[wanted.state])


def main():
    run_module(
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
