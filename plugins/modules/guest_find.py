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
  - Returns the files in folders of the guest of a VM that have a name, an age, a size and a kind, as M(ansible.builtin.find) does.
  - A folder alone is listed by VMware Tools, in every guest. For folders within folders, for O(age), and where Tools may take a link for a folder or a device
    for an empty file, a Linux guest is asked by one program, which needs C(find) and C(stat) there. Where it cannot, and in Windows guests, each folder is
    listed.
  - Links are not followed. Where no program tells them apart, a link to a folder counts as a folder, and one that leads back to a folder above it is
    among RV(skipped_paths).
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
      - Full names of the folders to look in, in the guest's own notation. One that is not there, or that cannot be read, is among RV(skipped_paths),
        and a warning tells of it.
    type: list
    elements: str
    required: true
  patterns:
    description:
      - Patterns of which a name must match one, of shell wildcards or, with O(use_regex), regular expressions. All names match when it is left out.
      - Wildcards make no difference between capitals and small letters in a Windows guest.
    type: list
    elements: str
    default: []
  excludes:
    description:
      - Patterns of which a name must match none, as those in O(patterns).
    type: list
    elements: str
    default: []
  use_regex:
    description:
      - Whether O(patterns) and O(excludes) are regular expressions of Python's, which are looked for at the beginning of a name.
    type: bool
    default: false
  file_type:
    description:
      - Which kind of things to find. V(any) also finds devices, sockets and pipes.
    type: str
    choices: [file, directory, link, any]
    default: file
  recurse:
    description:
      - Whether to look in the folders within the folders as well.
    type: bool
    default: false
  depth:
    description:
      - How many levels to look in with O(recurse), where V(1) is the folder alone. All when it is left out.
    type: int
  hidden:
    description:
      - Whether to find things with a name that begins with a dot, too. Such folders are looked in either way.
    type: bool
    default: false
  age:
    description:
      - The least time since the last change of a thing, or with a minus the most, as a number with V(s), V(m), V(h), V(d) or V(w), or of seconds.
      - It is measured by the guest's own clock, or where the guest cannot be asked for that, as in Windows, by the clock of the machine that runs VMware;
        RV(clock) says by which.
    type: str
  age_stamp:
    description:
      - Which time O(age) is about. VMware Tools know only that of the last change of the content.
    type: str
    choices: [mtime]
    default: mtime
  size:
    description:
      - The least size of a file, or with a minus the most, as a number with V(k), V(m), V(g) or V(t), or of bytes. It leaves things that are no files alone.
    type: str
  limit:
    description:
      - How many things to find at most. Those in the first of O(paths) and on the upper levels come first.
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

- name: Delete them
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
  description: What was found, by folder in the order of O(paths), then by level, then by name. What is no UTF-8 in a name is shown as U+FFFD.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Full name.
      type: str
      sample: /var/log/syslog
    kind:
      description: What it is, V(file), V(directory), V(link) or V(other).
      type: str
      sample: file
    size:
      description: Size in bytes; V(0) for what is no file. For a link the size of what it leads to.
      type: int
      sample: 4096
    mtime:
      description: When it was changed, in seconds since 1970 (UTC). For a link the time of what it leads to.
      type: int
      sample: 1789000000
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
matched:
  description: How many things were found.
  returned: success
  type: int
  sample: 3
examined:
  description: How many things were looked at.
  returned: success
  type: int
  sample: 812
skipped_paths:
  description: Why a folder was not looked in, by its full name.
  returned: success
  type: dict
  sample: {"/var/log/private": "the guest user may not read it"}
clock:
  description: By which clock the age was measured, V(guest) or V(host).
  returned: when O(age) is given
  type: str
  sample: guest
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_finds

    wish = {name: getattr(wanted, name) for name in ("patterns", "excludes", "use_regex", "age", "size", "hidden")}
    depth = wanted.depth if wanted.recurse else 1
    found = guest_finds.find(guest, wanted.guest_family, wanted.paths, depth, wanted.limit, wanted.workdir, kind=wanted.file_type, **wish)
    return {"changed": False, **found}


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
