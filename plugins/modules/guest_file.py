#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_file
short_description: Manage files and directories in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Create directories in the guest of a VM, delete, rename and touch files and directories, and set mode, owner and
    group in Linux guests.
  - The task fails if O(guest_username) may not enter a directory in a path of a Linux guest. VMware Tools do not
    distinguish such a path from one that does not exist. If they do not find the path, the directory above it is
    listed, and a shell of the guest is asked if that does not answer.
  - Use M(vmlab.vix.guest_copy) to manage the content of files.
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
      - Absolute path of the file or directory in the guest, in the syntax of the guest operating system.
      - V(..) is resolved in the text of the path, by removing it and the component before it. Symbolic links are not
        taken into account.
    type: str
    required: true
  state:
    description:
      - V(file) sets mode, owner and group of an existing file. The task fails if the file does not exist, or if it is
        a directory.
      - V(directory) creates the directory and its missing parent directories.
      - V(absent) deletes the file, the symbolic link, or the directory with its contents. The target of a symbolic
        link is not deleted.
      - V(absent) is refused for directories that the guest depends on, such as V(/), V(/etc), V(/tmp) or
        V(C:\\Windows), and for the home directory of O(guest_username).
      - V(touch) creates an empty file if O(path) does not exist, and updates its times otherwise.
      - V(renamed) renames O(src) to O(path). If O(path) exists and O(src) does not exist, nothing is changed.
      - V(renamed) uses the shell of a Linux guest. To another file system, the file or directory is copied with its
        mode, owner, group and times, and then deleted. A warning is shown if O(guest_username) may not set one of them.
      - In a Linux guest without C(/bin/sh), V(renamed) uses the guest tools. They cannot rename a directory to another
        file system, and a file loses its mode and owner there. A warning is shown if that may have happened.
    type: str
    choices: [file, directory, absent, touch, renamed]
    default: file
  src:
    description:
      - Absolute path of the file or directory to rename.
      - Required if O(state=renamed).
    type: str
  force:
    description:
      - Whether O(state=renamed) may replace an existing file at O(path).
      - A directory is never replaced.
    type: bool
    default: false
  mode:
    description:
      - Permissions of the file or directory, as a quoted octal number such as V('0644') or in symbolic form such as
        V(u=rwx,g=rx) or V(u+x).
      - Only supported for Linux guests, which need C(stat), C(id) and C(chmod).
      - The permissions also apply to parent directories that are created.
      - If not set, the guest tools create directories that only O(guest_username) can access.
    type: raw
  owner:
    description:
      - Name or number of the user that owns the file or directory and the created parent directories.
      - Only supported for Linux guests.
    type: str
  group:
    description:
      - Name or number of the group that owns the file or directory and the created parent directories.
      - Only supported for Linux guests.
    type: str
  access_time:
    description:
      - Access time of an existing file after O(state=touch).
      - V(now) sets the current time. V(preserve) keeps the time.
    type: str
    choices: [now, preserve]
    default: now
  modification_time:
    description:
      - Modification time of an existing file after O(state=touch).
      - V(now) sets the current time. V(preserve) keeps the time.
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
      - O(state=touch) always changes an existing file, unless both O(access_time) and O(modification_time) are
        V(preserve).
seealso:
  - module: ansible.builtin.file
  - module: vmlab.vix.guest_stat
"""

EXAMPLES = r"""
- name: Create a directory
  vmlab.vix.guest_file:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    path: /srv/site/releases
    state: directory
    mode: '0755'
    owner: www-data

- name: Rename a directory
  vmlab.vix.guest_file:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: /srv/site/releases/.new
    path: /srv/site/releases/42
    state: renamed

- name: Delete a directory
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


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_paths

    place = guest_paths.Place(session, wanted.path, wanted.mode, wanted.owner, wanted.group)
    if wanted.state == "touch":
        plan = guest_paths.touched(place, wanted.access_time, wanted.modification_time)
    elif wanted.state == "renamed":
        plan = guest_paths.renamed(place, guest_paths.Place(session, wanted.src), wanted.force)
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
