#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_shared_folder
short_description: Manage shared folders of a VM
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Add, change and remove shared folders, which make directories of the VM host available in the guest of a VM.
  - The shared folders are read back before the task ends.
  - With O(guest_username), the task also waits until the shared folders are visible in the guest. Without a login,
    VIX cannot access the guest.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest_optional
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  folders:
    description:
      - List of shared folders.
      - Exactly one of O(folders) and O(name) is required. Mutually exclusive with O(path) and O(writable).
      - An empty list with O(exclusive=true) removes all shared folders.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the shared folder in the guest.
        type: str
        required: true
      path:
        description:
          - Absolute path of the directory on the VM host. The directory must exist.
          - Required if O(state=present).
        type: path
      writable:
        description:
          - Whether the guest can write to the shared folder.
        type: bool
        default: false
  name:
    description:
      - Name of the shared folder in the guest.
      - Exactly one of O(folders) and O(name) is required.
    type: str
  path:
    description:
      - Absolute path of the directory on the VM host. The directory must exist.
      - Required if O(state=present) and O(name) is set. Mutually exclusive with O(folders).
    type: path
  writable:
    description:
      - Whether the guest can write to the shared folder.
      - Mutually exclusive with O(folders).
    type: bool
    default: false
  state:
    description:
      - V(present) adds the shared folders. The path and the permissions of existing shared folders are updated.
      - V(present) also enables shared folders for the VM if it adds or updates one, or if they are disabled with
        C(isolation.tools.hgfs.disable) in the configuration of the VM. VIX does not report whether they are enabled.
      - V(absent) removes the shared folders with these names. The directories on the VM host are not changed.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Whether O(state=present) removes all other shared folders.
    type: bool
    default: false
  guest_timeout:
    description:
      - Seconds to wait until the shared folders are visible to O(guest_username) in the guest.
      - V(0) does not wait.
      - Ignored without O(guest_username), and if O(state=absent).
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    details:
      - Check mode does not wait until the shared folders are visible in the guest.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - The VM must be powered on, and the guest tools must be running.
  - VMware does not support shared folders for VMs of remote hosts.
seealso:
  - module: vmlab.vix.guest_copy
"""

EXAMPLES = r"""
- name: Add a shared folder, and wait until it is visible in the guest
  vmlab.vix.vm_shared_folder:
    vm: /vms/web/web.vmx
    name: site
    path: /srv/site
    guest_username: root
    guest_password: "{{ guest_password }}"

- name: Make sure that these shared folders exist, and no others
  vmlab.vix.vm_shared_folder:
    vm: /vms/web/web.vmx
    exclusive: true
    folders:
      - name: site
        path: /srv/site
      - name: results
        path: /srv/results
        writable: true

- name: Remove all shared folders
  vmlab.vix.vm_shared_folder:
    vm: /vms/web/web.vmx
    exclusive: true
    folders: []
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
enabled:
  description: Whether shared folders are enabled for the VM. Null if the configuration of the VM does not contain
    this setting.
  returned: success
  type: bool
  sample: true
folders:
  description: All shared folders of the VM after the task, sorted by name. In check mode, the predicted shared
    folders.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the shared folder in the guest.
      type: str
      sample: site
    path:
      description: Path of the directory on the VM host.
      type: str
      sample: /srv/site
    writable:
      description: Whether the guest can write to the shared folder.
      type: bool
      sample: false
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_on_vm


def prepare(wanted):
    """Return the requested shared folders, checked before VIX is called."""
    from ansible_collections.vmlab.vix.plugins.module_utils._state import shared_folders

    given = wanted.folders if wanted.folders is not None else [{"name": wanted.name, "path": wanted.path, "writable": wanted.writable}]
    return shared_folders.checked(given, wanted.state, wanted.exclusive)


def work(vm, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import shared_folders

    login = (wanted.guest_username, wanted.guest_password, wanted.guest_interactive) if wanted.guest_username else None
    vm.wait_for_tools(wanted.tools_timeout)
    plan = shared_folders.plan(vm, wanted.prepared, wanted.state, wanted.exclusive, login, wanted.guest_timeout)
    result = plan.carry_out(wanted.check_mode)
    return {**result, **result["diff"]["after"]}


def main():
    one = {"path": {"type": "path"}, "writable": {"type": "bool", "default": False}}
    run_on_vm(
        work,
        _options.VM,
        _options.GUEST_OPTIONAL,
        options={
            "folders": {"type": "list", "elements": "dict", "options": {"name": {"required": True}, **one}},
            "name": {},
            **one,
            "state": {"choices": ["present", "absent"], "default": "present"},
            "exclusive": {"type": "bool", "default": False},
            "guest_timeout": {"type": "int", "default": 30},
        },
        prepare=prepare,
        mutually_exclusive=[("folders", "name"), ("folders", "path"), ("folders", "writable")],
        required_one_of=[("folders", "name")],
        **_options.WHOLE_LOGIN,
    )


if __name__ == "__main__":
    main()
