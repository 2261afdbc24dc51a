#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does all the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_template
short_description: Write a file in a guest from a template
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Writes a file from a template on the controller, as M(ansible.builtin.template) does, and copies it into the guest of a VM as
    M(vmlab.vix.guest_copy) does.
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
      - Path of the template on the controller. A relative one is looked for in the C(templates) folder of the role or playbook first. It may be
        encrypted by C(ansible-vault).
    type: path
    required: true
  dest:
    description:
      - Full name of the file in the guest, in the guest's own notation, or a folder that it goes into under the name of the template.
    type: str
    required: true
  newline_sequence:
    description:
      - What ends a line in the file. For batch files of Windows V(\\r\\n) is right.
    type: str
    choices: ['\n', '\r', '\r\n']
    default: '\n'
  block_start_string:
    description:
      - What begins a block.
    type: str
    default: '{%'
  block_end_string:
    description:
      - What ends a block.
    type: str
    default: '%}'
  variable_start_string:
    description:
      - What begins an expression whose value is written.
    type: str
    default: '{{'
  variable_end_string:
    description:
      - What ends such an expression.
    type: str
    default: '}}'
  comment_start_string:
    description:
      - What begins a comment.
    type: str
    default: '{#'
  comment_end_string:
    description:
      - What ends a comment.
    type: str
    default: '#}'
  trim_blocks:
    description:
      - Whether the end of the line after a block is left out.
    type: bool
    default: true
  lstrip_blocks:
    description:
      - Whether blanks at the start of a line before a block are left out.
    type: bool
    default: false
  output_encoding:
    description:
      - The encoding in which the file is written, by a name that Python knows. The template is UTF-8.
    type: str
    default: utf-8
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The texts are shown of files of up to 104448 bytes.
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.guest_copy
  - module: ansible.builtin.template
"""

EXAMPLES = r"""
- name: Write the configuration of a web server, which it must accept
  vmlab.vix.guest_template:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: nginx.conf.j2
    dest: /etc/nginx/nginx.conf
    mode: '0644'
    validate: /usr/sbin/nginx -t -c %s
    backup: true

- name: Write a batch file for Windows
  vmlab.vix.guest_template:
    vm: /vms/build/build.vmx
    guest_username: Administrator
    guest_password: "{{ guest_password }}"
    src: build.bat.j2
    dest: C:\build\build.bat
    newline_sequence: '\r\n'
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
target:
  description: Full name of the file in the guest.
  returned: success
  type: str
  sample: /etc/nginx/nginx.conf
size:
  description: Size of the file in bytes.
  returned: success
  type: int
  sample: 1042
checksum:
  description: SHA-256 of the file, in hexadecimal.
  returned: when O(compare=checksum) and O(force=true)
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
backup_file:
  description: Where the file that was replaced is kept in the guest.
  returned: when a file was replaced and O(backup) is set
  type: str
  sample: /etc/nginx/nginx.conf.2026-03-14T092653Z.1f0c~
"""
