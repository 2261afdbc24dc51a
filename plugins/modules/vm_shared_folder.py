#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_shared_folder
short_description: Share folders of the VM host with a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Shares folders of the machine that runs VMware with the guest of a VM, or shares them no longer. The folders are read back before the task ends.
  - With a login, the task also waits until the guest sees the folders. Without one, VIX cannot look into the guest.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest_optional
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  folders:
    description:
      - The folders, in place of O(name), O(path) and O(writable). An empty list with O(exclusive=true) shares none.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name under which the guest sees the folder.
        type: str
        required: true
      path:
        description:
          - Full path of the folder on the machine that runs VMware, which must exist. Needed for O(state=present).
        type: path
      writable:
        description:
          - Whether the guest may write to the folder.
        type: bool
        default: false
  name:
    description:
      - Name under which the guest sees the folder.
    type: str
  path:
    description:
      - Full path of the folder on the machine that runs VMware, which must exist. Needed for O(state=present).
    type: path
  writable:
    description:
      - Whether the guest may write to the folder.
    type: bool
    default: false
  state:
    description:
      - V(present) shares the folders, and corrects the path and the writability of those that are shared already.
      - V(present) switches shared folders on for the VM when it shares or corrects one, and when the VM's configuration says that they are off,
        in the entry C(isolation.tools.hgfs.disable). No call of VIX's tells whether they are on.
      - V(absent) shares the folders of these names no longer. Nothing in the folders themselves is touched.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Whether V(present) shares all other folders no longer.
    type: bool
    default: false
  guest_timeout:
    description:
      - Seconds to wait until O(guest_username) sees the folders in the guest, which lags behind. V(0) does not wait.
      - Without O(guest_username), and for O(state=absent), nothing is waited for.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    details:
      - Check mode does not wait for the guest to see the folders.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - The VM must be powered on, with VMware Tools in its guest. VMware offers no shared folders for VMs of remote hosts.
seealso:
  - module: vmlab.vix.guest_copy
"""

EXAMPLES = r"""
- name: Share a folder, and go on when the guest sees it
  vmlab.vix.vm_shared_folder:
    vm: /vms/web/web.vmx
    name: site
    path: /srv/site
    guest_username: root
    guest_password: "{{ guest_password }}"

- name: Share these folders and no others
  vmlab.vix.vm_shared_folder:
    vm: /vms/web/web.vmx
    exclusive: true
    folders:
      - name: site
        path: /srv/site
      - name: results
        path: /srv/results
        writable: true

- name: Share nothing
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
  description: Whether shared folders are switched on for the VM. V(null) where its configuration does not say.
  returned: success
  type: bool
  sample: true
folders:
  description: All shared folders of the VM, by name, as they were read back; in check mode those that a run would bring about.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name under which the guest sees it.
      type: str
      sample: site
    path:
      description: Path on the machine that runs VMware.
      type: str
      sample: /srv/site
    writable:
      description: Whether the guest may write to it.
      type: bool
      sample: false
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(host, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import shared_folders

    given = wanted.folders if wanted.folders is not None else [{"name": wanted.name, "path": wanted.path, "writable": wanted.writable}]
    folders = shared_folders.checked(given, wanted.state, wanted.exclusive)
    login = (wanted.guest_username, wanted.guest_password, wanted.guest_interactive) if wanted.guest_username else None
    with host.open_vm(wanted.vm, wanted.vm_password) as vm:
        vm.wait_for_tools(wanted.tools_timeout)
        plan = shared_folders.plan(vm, folders, wanted.state, wanted.exclusive, login, wanted.guest_timeout)
        result = plan.carry_out(wanted.check_mode)
    return {**result, "vm": wanted.vm, **result["diff"]["after"]}


def main():
    one = {"path": {"type": "path"}, "writable": {"type": "bool", "default": False}}
    run_module(
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
        mutually_exclusive=[("folders", "name"), ("folders", "path"), ("folders", "writable")],
        required_one_of=[("folders", "name")],
        **_options.WHOLE_LOGIN,
    )


if __name__ == "__main__":
    main()
