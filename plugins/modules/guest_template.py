#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does all the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_template
short_description: Template a file into a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Render a template on the controller like M(ansible.builtin.template), and copy the result into the guest of a VM
    like M(vmlab.vix.guest_copy).
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
      - Path of the Jinja2 template on the controller.
      - A relative path is searched for in the C(templates) directory of the role or playbook first.
      - A file that is encrypted with Ansible Vault is decrypted.
    type: path
    required: true
  dest:
    description:
      - Absolute path of the file in the guest, in the syntax of the guest operating system.
      - If it is a directory, the file is created in it with the name of the template.
    type: str
    required: true
  newline_sequence:
    description:
      - Newline sequence of the file.
      - Use V(\\r\\n) for batch files.
    type: str
    choices: ['\n', '\r', '\r\n']
    default: '\n'
  block_start_string:
    description:
      - String that marks the beginning of a block.
    type: str
    default: '{%'
  block_end_string:
    description:
      - String that marks the end of a block.
    type: str
    default: '%}'
  variable_start_string:
    description:
      - String that marks the beginning of a print statement.
    type: str
    default: '{{'
  variable_end_string:
    description:
      - String that marks the end of a print statement.
    type: str
    default: '}}'
  comment_start_string:
    description:
      - String that marks the beginning of a comment.
    type: str
    default: '{#'
  comment_end_string:
    description:
      - String that marks the end of a comment.
    type: str
    default: '#}'
  trim_blocks:
    description:
      - Whether to remove the first newline after a block.
    type: bool
    default: true
  lstrip_blocks:
    description:
      - Whether to strip whitespace from the beginning of a line up to a block.
    type: bool
    default: false
  output_encoding:
    description:
      - Encoding of the file, any encoding that Python supports.
      - The template itself must be encoded in UTF-8.
    type: str
    default: utf-8
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The diff contains files of up to 104448 bytes.
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.guest_copy
  - module: ansible.builtin.template
"""

EXAMPLES = r"""
- name: Write the configuration of a web server, and validate it before the file is replaced
  vmlab.vix.guest_template:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: nginx.conf.j2
    dest: /etc/nginx/nginx.conf
    mode: '0644'
    validate: /usr/sbin/nginx -t -c %s
    backup: true

- name: Write a batch file with Windows line endings
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
  description: Path of the file in the guest.
  returned: success
  type: str
  sample: /etc/nginx/nginx.conf
size:
  description: Size of the file in bytes.
  returned: success
  type: int
  sample: 1042
checksum:
  description: SHA-256 checksum of the file.
  returned: when O(compare=checksum) and O(force=true)
  type: str
  sample: 6f4a0ba1cd0cc41e2ac17f6ea1b5bff7f7bdd4d2ff7f1f3a3df4c9c37b5d4a0e
backup_file:
  description: Path of the backup of the replaced file in the guest.
  returned: when a file was replaced and O(backup=true)
  type: str
  sample: /etc/nginx/nginx.conf.2026-03-14T092653Z.1f0c~
"""
