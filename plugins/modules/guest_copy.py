#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_copy
short_description: Copy files and folders into a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Copies a file or a folder of the controller, or of the machine that runs VMware, or a text, into the guest of a VM.
  - What is there is compared in the guest. What differs is sent into a folder that nobody but the user can enter, verified there, and renamed, so
    that a reader in the guest sees the old file or the new one and never a part.
  - However many files a folder has, the number of VIX calls stays the same, as long as the guest has C(/bin/sh) or PowerShell. Without either,
    each file is looked at and sent by itself.
  - Files of the guest that the source does not have stay.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._guest_content
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  src:
    description:
      - Path of the file or folder, on the controller unless O(remote_src) is set. A relative one is looked for in the C(files) folder of the role or
        playbook first.
      - Of a folder whose path ends in a slash, what is in it is copied, and else the folder itself. Links are followed.
    type: path
  content:
    description:
      - The text that the file in the guest shall have. A dictionary or a list is written as JSON. Exactly one of O(src) and O(content) is needed.
    type: raw
  dest:
    description:
      - Full name in the guest, in the guest's own notation.
      - A file goes into it when it is a folder there or ends in a slash, and such a folder is made when there is none; else the folder that the file
        is in must exist.
      - For a folder it is the folder to copy into, which is made when there is none.
    type: str
    required: true
  remote_src:
    description:
      - Whether O(src) is a path of the machine that runs VMware.
    type: bool
    default: false
  decrypt:
    description:
      - Whether files of the controller that C(ansible-vault) has encrypted are decrypted on the way.
    type: bool
    default: true
  _source:
    description:
      - Not for tasks, which are refused with it. By it the action plugin tells the module what it brought to the machine that runs VMware.
    type: dict
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The texts are shown of files of up to 104448 bytes, and of 20 files of a folder.
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.guest_template
  - module: ansible.builtin.copy
"""

EXAMPLES = r"""
- name: Copy a file of the controller
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: index.html
    dest: /var/www/html/
    mode: '0644'

- name: Copy what is in a folder
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: site/
    dest: /var/www/html
    owner: www-data
    mode: u=rw,go=r

- name: Write a text, which must be right
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    content: "lab ALL=(ALL) NOPASSWD: ALL\n"
    dest: /etc/sudoers.d/lab
    mode: '0440'
    validate: /usr/sbin/visudo -cf %s

- name: Copy a large image of the machine that runs VMware, unless the guest has one that is as large and not older
  vmlab.vix.guest_copy:
    vm: /vms/build/build.vmx
    guest_username: Administrator
    guest_password: "{{ guest_password }}"
    src: /srv/images/sdk.iso
    remote_src: true
    dest: C:\images\sdk.iso
    compare: size_and_time
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
target:
  description: Full name of the file in the guest, or of the folder that has all that was copied.
  returned: success
  type: str
  sample: /var/www/html/index.html
size:
  description: Size of the file in bytes, or of all files of the folder together.
  returned: success
  type: int
  sample: 8
checksum:
  description: SHA-256 of the file, in hexadecimal.
  returned: when O(src) is no folder, O(compare=checksum) and O(force=true)
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
files:
  description: How many files the folder has.
  returned: when a folder is copied
  type: int
  sample: 3
copied:
  description: Paths from O(src) of those files that were copied, or in check mode would be.
  returned: when a folder is copied
  type: list
  elements: str
  sample: [css/site.css]
backup_file:
  description: Where the file that was replaced is kept in the guest.
  returned: when a file was replaced and O(backup) is set
  type: str
  sample: /etc/motd.2026-03-14T092653Z.1f0c~
backup_files:
  description: The same of the files of a folder.
  returned: when files of a folder were replaced and O(backup) is set
  type: list
  elements: str
  sample: [/var/www/html/css/site.css.2026-03-14T092653Z.1f0c~]
"""

import json
import os
import time

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def prepare(wanted):
    """What is copied, looked at before a guest is."""
    from ansible_collections.vmlab.vix.plugins.module_utils._state import sources

    if wanted._source:
        source = sources.of_description(wanted._source)
    elif wanted.content is None:
        source = sources.of_path(wanted.src)
    else:
        text = wanted.content if isinstance(wanted.content, str) else json.dumps(wanted.content)
        source = sources.of_text(text, os.path.join(wanted.workdir, "content"))
    return sources.checked(source, wanted.compare)


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_files, guest_trees

    source, texts = wanted.prepared, [] if wanted.diff_mode and wanted.prepared.is_shown else None
    manner = {name: getattr(wanted, name) for name in ("force", "mode", "owner", "group", "directory_mode", "validate")}
    manner["backup"] = f".{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.{os.urandom(2).hex()}~" if wanted.backup else None
    plan_of = guest_trees.plan if source.is_folder else guest_files.plan
    plan, told = plan_of(guest, source, wanted.dest, wanted.guest_family, wanted.workdir, texts, method=wanted.compare, **manner)
    # What is only described is not here, and can only be asked about.
    result = plan.carry_out(wanted.check_mode or source.is_elsewhere)
    # Not "dest": Ansible would add what it finds at that path on its own machine.
    return {**result, **told, "diff": [result["diff"], *texts] if texts else result["diff"]}


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        options={
            "src": {"type": "path"},
            "content": {"type": "raw", "no_log": True},
            "dest": {"required": True},
            "remote_src": {"type": "bool", "default": False},
            "decrypt": {"type": "bool", "default": True},
            "compare": {"choices": ["checksum", "size_and_time", "existence"], "default": "checksum"},
            "force": {"type": "bool", "default": True},
            "backup": {"type": "bool", "default": False},
            "mode": {"type": "raw"},
            "owner": {},
            "group": {},
            "directory_mode": {"type": "raw"},
            "validate": {},
            "_source": {"type": "dict"},
        },
        prepare=prepare,
        mutually_exclusive=[("src", "content")],
        required_one_of=[("src", "content")],
    )


if __name__ == "__main__":
    main()
