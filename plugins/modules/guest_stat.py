#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_stat
short_description: Retrieve the status of a file or directory in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Retrieve facts about a file or directory in the guest of a VM, similar to M(ansible.builtin.stat).
  - The task fails if O(guest_username) may not enter a directory in O(path) of a Linux guest. VMware Tools do not
    distinguish such a path from one that does not exist. If they do not find the path, the directory above it is
    listed, and a shell of the guest is asked if that does not answer.
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
      - Absolute path of the file or directory in the guest, in the syntax of the guest operating system.
      - V(..) is resolved in the text of the path, by removing it and the component before it. Symbolic links are not
        taken into account.
    type: str
    required: true
  details:
    description:
      - Whether to run a program in the guest to return mode, owner and other facts that the guest tools do not
        report.
      - If V(false), a symbolic link to a directory is reported as a directory, size and time of a symbolic link are
        those of its target, and a dangling symbolic link counts as absent.
      - Only supported for Linux guests with C(stat).
    type: bool
    default: false
  get_checksum:
    description:
      - Whether to return the SHA-256 checksum of a file.
      - If the guest does not have a program for checksums, such as a Windows guest, the file is fetched to compute
        it.
    type: bool
    default: false
seealso:
  - module: ansible.builtin.stat
  - module: vmlab.vix.guest_find
"""

EXAMPLES = r"""
- name: Wait until an installation has created a file
  vmlab.vix.guest_stat:
    vm: /vms/build/build.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    path: C:\build\done.txt
  register: mark
  until: mark.stat.exists
  retries: 30
  delay: 10

- name: Read the permissions of a key
  vmlab.vix.guest_stat:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    path: /etc/ssl/private/site.key
    details: true
  register: key

- name: Make sure that only root can read the key
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
  description: Facts about the file or directory. If it does not exist, only RV(stat.exists) is returned.
  returned: success
  type: dict
  contains:
    exists:
      description: Whether the path exists. A dangling symbolic link counts as absent unless O(details=true).
      type: bool
      sample: true
    path:
      description: The normalized path, without empty components, V(.) and V(..).
      type: str
      sample: /etc/motd
    kind:
      description:
        - Type of the file, V(file), V(directory), V(link) or V(other).
        - With O(details=true), V(fifo), V(socket), V(block_device) or V(character_device) instead of V(other).
      type: str
      sample: file
    isreg:
      description: Whether it is a regular file.
      type: bool
      sample: true
    isdir:
      description: Whether it is a directory.
      type: bool
      sample: false
    islnk:
      description: Whether it is a symbolic link.
      type: bool
      sample: false
    size:
      description: Size in bytes. Null if O(guest_username) may not read the file and O(details=false).
      type: int
      sample: 8
    mtime:
      description: Time of the last modification, in seconds since the epoch.
      type: int
      sample: 1789000000
    checksum:
      description: SHA-256 checksum of the file.
      returned: when O(get_checksum=true) and the path is a regular file
      type: str
      sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
    mode:
      description: Permissions, as an octal number.
      returned: when O(details=true)
      type: str
      sample: '0644'
    uid:
      description: User ID of the owner.
      returned: when O(details=true)
      type: int
      sample: 0
    gid:
      description: Group ID of the owner.
      returned: when O(details=true)
      type: int
      sample: 0
    pw_name:
      description: User name of the owner. Null if the user ID does not have a name.
      returned: when O(details=true)
      type: str
      sample: root
    gr_name:
      description: Group name of the owner. Null if the group ID does not have a name.
      returned: when O(details=true)
      type: str
      sample: root
    atime:
      description: Time of the last access, in seconds since the epoch.
      returned: when O(details=true)
      type: int
      sample: 1789000000
    ctime:
      description: Time of the last change of the metadata, in seconds since the epoch.
      returned: when O(details=true)
      type: int
      sample: 1789000000
    inode:
      description: Inode number.
      returned: when O(details=true)
      type: int
      sample: 260
    dev:
      description: Number of the device that contains the inode.
      returned: when O(details=true)
      type: int
      sample: 2049
    nlink:
      description: Number of hard links.
      returned: when O(details=true)
      type: int
      sample: 1
    lnk_target:
      description: Target of the symbolic link.
      returned: when O(details=true) and the path is a symbolic link
      type: str
      sample: ../run/motd
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_stats

    found, warnings = guest_stats.look(session, wanted.path, wanted.details, wanted.get_checksum)
    # Nested: Ansible would add facts about a top-level "path" on the VM host.
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
