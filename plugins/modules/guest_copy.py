#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_copy
short_description: Copy a file into a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Copies a file of the machine that runs VMware, or a text, into the guest of a VM.
  - The file is compared by its SHA-256 in the guest, copied beside its target, verified, and renamed, so that a reader in the guest
    sees the old file or the new one.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  src:
    description:
      - Path of the file on the machine that runs VMware.
    type: path
  content:
    description:
      - The text that the file in the guest shall have. Exactly one of O(src) and O(content) is needed.
    type: str
  dest:
    description:
      - Full name of the file in the guest, in the guest's own notation. Its folder must exist.
    type: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: ansible.builtin.copy
"""

EXAMPLES = r"""
- name: Copy a file
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: /srv/site/index.html
    dest: /var/www/html/index.html

- name: Write a text
  vmlab.vix.guest_copy:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    content: "Welcome\n"
    dest: /etc/motd
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
checksum:
  description: SHA-256 of the file, in hexadecimal.
  returned: success
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
size:
  description: Size of the file in bytes.
  returned: success
  type: int
  sample: 8
"""

from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_files

    source = guest_files.source(wanted.src, wanted.content, wanted.workdir)
    result = guest_files.plan(guest, source, wanted.dest, wanted.workdir).carry_out(wanted.check_mode)
    after = result["diff"]["after"]
    # Not "dest": Ansible would add what it finds at that path on its own machine.
    return {**result, "checksum": after["checksum"], "size": after["size"]}


def main():
    run_in_guest(
        work,
        options={"src": {"type": "path"}, "content": {}, "dest": {"required": True}},
        mutually_exclusive=[("src", "content")],
        required_one_of=[("src", "content")],
    )


if __name__ == "__main__":
    main()
