#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_stat
short_description: Tell about a file or folder in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Returns whether there is something at a path of the guest of a VM and what it is, in the words of M(ansible.builtin.stat).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_guest
options:
  path:
    description:
      - Full name of the file or folder, in the guest's own notation. V(..) in it is taken away with the name before it, link or not.
    type: str
    required: true
  details:
    description:
      - Whether to ask a program of the guest for what VMware Tools do not know, mode and owner among it, and for the truth about links. Tools take a link to a
        folder for the folder, tell size and time of what a link leads to, and do not see a link that leads nowhere.
      - Only for Linux guests, which need C(stat) for it.
    type: bool
    default: false
  get_checksum:
    description:
      - Whether to tell the SHA-256 of a file. A file of a guest that has no program for it, as one with Windows, is fetched for that.
    type: bool
    default: false
seealso:
  - module: ansible.builtin.stat
  - module: vmlab.vix.guest_find
"""

EXAMPLES = r"""
- name: Wait until an installation has left its mark
  vmlab.vix.guest_stat:
    vm: /vms/build/build.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    path: C:\build\done.txt
  register: mark
  until: mark.stat.exists
  retries: 30
  delay: 10

- name: Look who may read a key
  vmlab.vix.guest_stat:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    path: /etc/ssl/private/site.key
    details: true
  register: key

- name: Nobody but root may
  ansible.builtin.assert:
    that: key.stat.mode == '0600' and key.stat.pw_name == 'root'
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
stat:
  description: What is at the path. All but RV(stat.exists) is there only when something is.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether something is there. A link that leads nowhere is nothing, unless O(details) is set.
      type: bool
      sample: true
    path:
      description: The path, without empty parts, V(.) and V(..).
      type: str
      sample: /etc/motd
    kind:
      description:
        - What it is, V(file), V(directory), V(link), or V(other); with O(details) V(fifo), V(socket), V(block_device) or V(character_device) in the place
          of the last.
      type: str
      sample: file
    isreg:
      description: Whether it is a file.
      type: bool
      sample: true
    isdir:
      description: Whether it is a folder.
      type: bool
      sample: false
    islnk:
      description: Whether it is a link.
      type: bool
      sample: false
    size:
      description: Size in bytes.
      type: int
      sample: 8
    mtime:
      description: When its content was changed, in seconds since 1970 (UTC).
      type: int
      sample: 1789000000
    checksum:
      description: SHA-256 of a file, in hexadecimal.
      returned: when O(get_checksum) is set and it is a file
      type: str
      sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
    mode:
      description: Permissions, as an octal number.
      returned: with O(details)
      type: str
      sample: '0644'
    uid:
      description: Number of the user who owns it.
      returned: with O(details)
      type: int
      sample: 0
    gid:
      description: Number of the group that owns it.
      returned: with O(details)
      type: int
      sample: 0
    pw_name:
      description: Name of the user who owns it; null for a number without a name.
      returned: with O(details)
      type: str
      sample: root
    gr_name:
      description: Name of the group that owns it; null for a number without a name.
      returned: with O(details)
      type: str
      sample: root
    atime:
      description: When it was read, in seconds since 1970 (UTC).
      returned: with O(details)
      type: int
      sample: 1789000000
    ctime:
      description: When it or its attributes were changed, in seconds since 1970 (UTC).
      returned: with O(details)
      type: int
      sample: 1789000000
    inode:
      description: Number of its inode.
      returned: with O(details)
      type: int
      sample: 260
    dev:
      description: Number of the device that it is on.
      returned: with O(details)
      type: int
      sample: 2049
    nlink:
      description: How many names it has.
      returned: with O(details)
      type: int
      sample: 1
    lnk_target:
      description: What a link says it leads to.
      returned: with O(details), for a link
      type: str
      sample: ../run/motd
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_stats

    found, warnings = guest_stats.look(guest, wanted.guest_family, wanted.path, wanted.details, wanted.get_checksum, wanted.workdir)
    # Nested, not at the top: Ansible would add what it finds at that path on its own machine.
    return {"changed": False, "stat": found, "warnings": warnings}


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        options={
            "path": {"required": True},
            "details": {"type": "bool", "default": False},
            "get_checksum": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
