#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_find
short_description: Find files in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Return files in directories of the guest of a VM, selected by name, age, size and type, like
    M(ansible.builtin.find).
  - A single directory is listed by the guest tools.
  - In a Linux guest with C(find) and C(stat), one program is run in the guest for O(recurse), for O(age), and if the
    guest tools cannot distinguish symbolic links and devices from directories and files.
  - Without these programs, and in Windows guests, the guest tools list each directory.
  - Symbolic links are not followed.
  - If the guest tools list the directories, a symbolic link to a directory counts as a directory. A symbolic link to
    one of its parent directories is returned in RV(skipped_paths).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_guest
options:
  paths:
    description:
      - Absolute paths of the directories to search, in the syntax of the guest operating system.
      - A directory that does not exist, or that O(guest_username) cannot list or enter, is returned in
        RV(skipped_paths), and a warning is shown.
    type: list
    elements: str
    required: true
  patterns:
    description:
      - Patterns of names to return. A name must match at least one of them.
      - The patterns are shell-style patterns, or regular expressions if O(use_regex=true).
      - If empty, all names match.
      - In a Windows guest, shell-style patterns are case-insensitive.
    type: list
    elements: str
    default: []
  excludes:
    description:
      - Patterns of names to exclude, in the format of O(patterns).
    type: list
    elements: str
    default: []
  use_regex:
    description:
      - Whether O(patterns) and O(excludes) are Python regular expressions. They must match at the beginning of a
        name.
    type: bool
    default: false
  file_type:
    description:
      - Type of file to return.
      - V(any) also returns devices, sockets and pipes.
    type: str
    choices: [file, directory, link, any]
    default: file
  recurse:
    description:
      - Whether to search subdirectories.
    type: bool
    default: false
  depth:
    description:
      - Maximum depth of the search if O(recurse=true). V(1) searches only O(paths) without their subdirectories.
      - If not set, the depth is unlimited.
    type: int
  hidden:
    description:
      - Whether to return files whose names begin with a dot.
      - Directories whose names begin with a dot are always searched.
    type: bool
    default: false
  age:
    description:
      - Only return files whose age is at least this value, or at most this value if it is negative.
      - A number of seconds, or a number with the unit V(s), V(m), V(h), V(d) or V(w).
      - The age is computed with the clock of the guest. If the guest cannot be queried, such as a Windows guest, the
        clock of the VM host is used. RV(clock) contains the clock that was used.
    type: str
  age_stamp:
    description:
      - The time that O(age) refers to.
      - The guest tools only report the time of the last change of the content.
    type: str
    choices: [mtime]
    default: mtime
  size:
    description:
      - Only return files whose size is at least this value, or at most this value if it is negative.
      - A number of bytes, or a number with the unit V(k), V(m), V(g) or V(t).
      - Only applies to regular files.
    type: str
  limit:
    description:
      - Maximum number of files to return.
      - The first of O(paths) and the upper levels are searched first.
    type: int
seealso:
  - module: ansible.builtin.find
  - module: vmlab.vix.guest_stat
"""

EXAMPLES = r"""
- name: Find old logs
  vmlab.vix.guest_find:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    paths: /var/log
    patterns: ['*.log', '*.gz']
    recurse: true
    age: 4w
  register: logs

- name: Delete the logs
  vmlab.vix.guest_file:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    path: "{{ item.path }}"
    state: absent
  loop: "{{ logs.files }}"
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
files:
  description:
    - The files that were found, in the order of O(paths), then sorted by depth and by name.
    - Bytes of a name that are not valid UTF-8 are replaced with U+FFFD.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path of the file.
      type: str
      sample: /var/log/syslog
    kind:
      description: Type of the file, V(file), V(directory), V(link) or V(other).
      type: str
      sample: file
    size:
      description: Size in bytes. V(0) for other types than regular files. For a symbolic link, the size of its
        target. Null if the guest tools list a file that O(guest_username) may not read.
      type: int
      sample: 4096
    mtime:
      description: Time of the last modification, in seconds since the epoch. For a symbolic link, the time of its
        target. Null for a link without target in a guest without a shell.
      type: int
      sample: 1789000000
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
matched:
  description: Number of files that were found.
  returned: success
  type: int
  sample: 3
examined:
  description: Number of files that were examined.
  returned: success
  type: int
  sample: 812
skipped_paths:
  description: Directories that were skipped, each with the reason.
  returned: success
  type: dict
  sample: {"/var/log/private": "the guest user has no permission to read it"}
clock:
  description: The clock with which the age was computed, V(guest) or V(host).
  returned: when O(age) is set
  type: str
  sample: guest
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_finds

    chosen = guest_finds.Filter(
        patterns=wanted.patterns,
        excludes=wanted.excludes,
        use_regex=wanted.use_regex,
        kind=wanted.file_type,
        age=wanted.age,
        size=wanted.size,
        hidden=wanted.hidden,
        ignore_case=not session.is_linux,
    )
    return {"changed": False, **guest_finds.find(session, wanted.paths, wanted.depth if wanted.recurse else 1, wanted.limit, chosen)}


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        options={
            "paths": {"type": "list", "elements": "str", "required": True},
            "patterns": {"type": "list", "elements": "str", "default": []},
            "excludes": {"type": "list", "elements": "str", "default": []},
            "use_regex": {"type": "bool", "default": False},
            "file_type": {"choices": ["file", "directory", "link", "any"], "default": "file"},
            "recurse": {"type": "bool", "default": False},
            "depth": {"type": "int"},
            "hidden": {"type": "bool", "default": False},
            "age": {},
            "age_stamp": {"choices": ["mtime"], "default": "mtime"},
            "size": {},
            "limit": {"type": "int"},
        },
    )


if __name__ == "__main__":
    main()
