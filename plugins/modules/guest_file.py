#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_file
short_description: Manage files and folders in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Makes folders in the guest of a VM, deletes and renames files and folders, touches files, and sets mode, owner and group in Linux guests.
  - For the content of files see M(vmlab.vix.guest_copy).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  path:
    description:
      - Full name of the file or folder, in the guest's own notation. V(..) in it is taken away with the name before it, link or not.
    type: str
    required: true
  state:
    description:
      - V(file) only sets mode, owner and group of what is there, and fails when there is nothing or a folder.
      - V(directory) makes a folder, and those above it, where there is none.
      - V(absent) deletes what is there, a folder with everything in it, a link without what it leads to.
        Folders that a system cannot be without are refused, as V(/), V(/etc), V(/tmp) or V(C:\\Windows), and so is the home of O(guest_username).
      - V(touch) makes an empty file where there is nothing, and else sets its times.
      - V(renamed) gives O(path) to what is called O(src). When there is something at O(path) and nothing at O(src), nothing is left to do.
    type: str
    choices: [file, directory, absent, touch, renamed]
    default: file
  src:
    description:
      - Full name that the file or folder had so far, which O(state=renamed) needs.
    type: str
  force:
    description:
      - Whether O(state=renamed) may replace a file that is called O(path) already. A folder is never replaced.
    type: bool
    default: false
  mode:
    description:
      - Permissions of the file or folder, as an octal number such as V('0644'), or symbolic such as V(u=rwx,g=rx) or V(u+x). Only for Linux guests, which
        need C(stat), C(id) and C(chmod) for it.
      - Folders that are made on the way get it too. Without it, VMware Tools make folders that only O(guest_username) can enter.
    type: raw
  owner:
    description:
      - User, by name or number, who shall own the file or folder, and folders that are made on the way. Only for Linux guests.
    type: str
  group:
    description:
      - Group, by name or number, that shall own the file or folder, and folders that are made on the way. Only for Linux guests.
    type: str
  access_time:
    description:
      - Whether O(state=touch) sets the time of the last access of what is there already to now, or lets it be.
    type: str
    choices: [now, preserve]
    default: now
  modification_time:
    description:
      - Whether O(state=touch) sets the time of the last change of what is there already to now, or lets it be.
    type: str
    choices: [now, preserve]
    default: now
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=touch) changes something each time, unless both O(access_time) and O(modification_time) are V(preserve).
seealso:
  - module: ansible.builtin.file
  - module: vmlab.vix.guest_stat
"""

EXAMPLES = r"""
- name: Make a folder
  vmlab.vix.guest_file:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    path: /srv/site/releases
    state: directory
    mode: '0755'
    owner: www-data

- name: Put a finished release in its place
  vmlab.vix.guest_file:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: /srv/site/releases/.new
    path: /srv/site/releases/42
    state: renamed

- name: Delete what a program left
  vmlab.vix.guest_file:
    vm: /vms/build/build.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    path: C:\Users\lab\build
    state: absent
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_paths

    place = guest_paths.Place(guest, wanted.guest_family, wanted.path, wanted.workdir, wanted.mode, wanted.owner, wanted.group)
    if wanted.state == "touch":
        plan = guest_paths.touched(place, wanted.access_time, wanted.modification_time)
    elif wanted.state == "renamed":
        plan = guest_paths.renamed(place, guest_paths.Place(guest, wanted.guest_family, wanted.src, wanted.workdir), wanted.force)
    else:
        plan = {"file": guest_paths.file, "directory": guest_paths.directory, "absent": guest_paths.absent}[wanted.state](place)
    return plan.carry_out(wanted.check_mode)


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        options={
            "path": {"required": True},
            "state": {"choices": ["file", "directory", "absent", "touch", "renamed"], "default": "file"},
            "src": {},
            "force": {"type": "bool", "default": False},
            "mode": {"type": "raw"},
            "owner": {},
            "group": {},
            "access_time": {"choices": ["now", "preserve"], "default": "now"},
            "modification_time": {"choices": ["now", "preserve"], "default": "now"},
        },
        required_if=[("state", "renamed", ["src"])],
    )


if __name__ == "__main__":
    main()
