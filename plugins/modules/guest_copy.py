#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_copy
short_description: Copy files and directories into a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Copy files, directories or inline content into the guest of a VM.
  - The source is on the controller or on the VM host.
  - Files are compared in the guest, by default by checksum. Files that differ are transferred to a private directory,
    verified, and moved to their destination. Each file is replaced atomically.
  - If the guest has C(/bin/sh) or PowerShell, the number of VIX calls does not depend on the number of files in a
    directory. Otherwise, files are compared and transferred one by one.
  - The task fails if O(guest_username) may not enter a directory in O(dest) of a Linux guest. If the guest tools do not
    find O(dest), the directory above it is listed, and a shell of the guest is asked if that does not answer.
  - Files in the guest that are not in the source are kept.
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
      - Path of the file or directory to copy, on the controller unless O(remote_src=true).
      - A relative path is searched for in the C(files) directory of the role or playbook first.
      - If the path is a directory and ends with a slash, only its contents are copied. Otherwise, the directory
        itself is copied.
      - Symbolic links are followed.
      - Exactly one of O(src) and O(content) is required.
    type: path
  content:
    description:
      - Content of the file in the guest.
      - A dictionary or list is written as JSON.
      - Exactly one of O(src) and O(content) is required.
    type: raw
  dest:
    description:
      - Absolute path in the guest, in the syntax of the guest operating system.
      - If a file is copied and O(dest) is a directory or ends with a slash, the file is copied into this directory.
      - If O(dest) ends with a slash, the directory is created if it does not exist. Otherwise, the parent directory must exist.
      - If a directory is copied, O(dest) is the directory to copy into. It is created if it does not exist.
    type: str
    required: true
  remote_src:
    description:
      - Whether O(src) is a path on the VM host.
    type: bool
    default: false
  decrypt:
    description:
      - Whether to decrypt files on the controller that are encrypted with Ansible Vault.
    type: bool
    default: true
  _source:
    description:
      - Internal. Describes the source that the action plugin has transferred to the VM host. Cannot be used in tasks.
    type: dict
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The diff contains files of up to 104448 bytes, and up to 20 files of a directory.
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.guest_template
  - module: ansible.builtin.copy
"""

EXAMPLES = r"""
- name: Copy a file from the controller
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: index.html
    dest: /var/www/html/
    mode: '0644'

- name: Copy the contents of a directory
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: site/
    dest: /var/www/html
    owner: www-data
    mode: u=rw,go=r

- name: Write inline content, and validate it before the file is replaced
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    content: "lab ALL=(ALL) NOPASSWD: ALL\n"
    dest: /etc/sudoers.d/lab
    mode: '0440'
    validate: /usr/sbin/visudo -cf %s

- name: Copy a large image from the VM host, compared by size and time
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
  description: Path of the file in the guest, or of the directory that contains the copied files.
  returned: success
  type: str
  sample: /var/www/html/index.html
size:
  description: Size of the file in bytes, or total size of all files of the directory.
  returned: success
  type: int
  sample: 8
checksum:
  description: SHA-256 checksum of the file.
  returned: when a single file is copied, O(compare=checksum) and O(force=true)
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
files:
  description: Number of files in the source directory.
  returned: when a directory is copied
  type: int
  sample: 3
copied:
  description: Paths relative to O(src) of the files that were copied. In check mode, the files that would be copied.
  returned: when a directory is copied
  type: list
  elements: str
  sample: [css/site.css]
backup_file:
  description: Path of the backup of the replaced file in the guest.
  returned: when a file was replaced and O(backup=true)
  type: str
  sample: /etc/motd.2026-03-14T092653Z.1f0c~
backup_files:
  description: Paths of the backups of the replaced files in the guest.
  returned: when files of a directory were replaced and O(backup=true)
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
    """Return the source. It is read before the guest is opened."""
    from ansible_collections.vmlab.vix.plugins.module_utils._state import sources

    if wanted._source:
        source = sources.of_description(wanted._source)
    elif wanted.content is None:
        source = sources.of_path(wanted.src)
    else:
        text = wanted.content if isinstance(wanted.content, str) else json.dumps(wanted.content)
        source = sources.of_text(text, os.path.join(wanted.workdir, "content"))
    return sources.checked(source, wanted.compare)


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_files, guest_trees

    source = wanted.prepared
    options = guest_files.CopyOptions(
        method=wanted.compare,
        force=wanted.force,
        backup=f".{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}.{os.urandom(2).hex()}~" if wanted.backup else None,
        mode=wanted.mode,
        owner=wanted.owner,
        group=wanted.group,
        directory_mode=wanted.directory_mode,
        validate=wanted.validate,
    )
    plan_of = guest_trees.plan if source.is_directory else guest_files.plan
    plan = plan_of(session, source, wanted.dest, options, with_texts=wanted.diff_mode and source.is_shown)
    # A source that is only described is not on the VM host: the plan can be predicted, but not carried out.
    result = plan.carry_out(wanted.check_mode or source.is_elsewhere)
    texts = result.pop("texts")
    # Not "dest": Ansible would add facts about this path on the VM host.
    return {**result, "diff": [result["diff"], *texts] if texts else result["diff"]}


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
