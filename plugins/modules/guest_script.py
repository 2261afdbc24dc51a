#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_script
short_description: Run a script in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Runs a script in the guest of a VM by an interpreter that is there, and returns its return code and what it wrote.
  - The script is a text of the task, a file of the controller, or a file of the machine that runs VMware. It lies in the guest as long as it runs, where only
    the user can read it, and may be of any size.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._program
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  _name:
    description:
      - What O(src) is called on the controller. It is not for tasks.
    type: str
  content:
    description:
      - The text of the script. Exactly one of O(content) and O(src) is needed.
    type: str
  src:
    description:
      - A file of the controller, which is looked for as M(ansible.builtin.script) does. One that is encrypted by Ansible Vault is decrypted.
      - With O(remote_src) it is a file of the machine that runs VMware.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the machine that runs VMware.
    type: bool
    default: false
  interpreter:
    description:
      - What runs the script.
      - With V(auto) a Linux guest takes what the first line names after C(#!), and C(/bin/sh) where it names nothing.
        A Windows guest takes C(cmd.exe) for O(src) that ends in C(.bat) or C(.cmd), Python for C(.py), and else PowerShell.
      - V(sh), V(bash), V(python), V(powershell) and V(cmd) are looked for in the guest. V(cmd) is in Windows guests alone.
      - Anything else is the absolute path of an interpreter in the guest, which is given the script as its first argument, or as PowerShell
        and C(cmd.exe) want it.
      - A batch file gets the ends of lines, and a script for the PowerShell of Windows the byte-order mark, that they need.
    type: str
    default: auto
  arguments:
    description:
      - Arguments for the script, each as it is. A batch file can be given neither quotes nor percent signs nor ends of lines.
    type: list
    elements: str
    default: []
attributes:
  action:
    description: Whether a plugin on the controller has a part in it, which brings O(src) to the machine that runs VMware.
    support: full
seealso:
  - module: vmlab.vix.guest_command
  - module: ansible.builtin.script
"""

EXAMPLES = r"""
- name: Run a few lines
  vmlab.vix.guest_script:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    content: |
      set -e
      cd /srv
      ls *.html | wc -l

- name: Run a script of the role
  vmlab.vix.guest_script:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: inventory.py
    arguments: [--format, json]

- name: Run PowerShell
  vmlab.vix.guest_script:
    vm: /vms/desk/desk.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    interpreter: powershell
    content: |
      Get-Service | Where-Object { $_.Status -eq 'Running' }
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success or the program failed
  type: str
  sample: /vms/web/web.vmx
cmd:
  description: The interpreter and its arguments, in which the script goes by its own name.
  returned: success or the program failed
  type: raw
  sample: [python3, inventory.py, --format, json]
rc:
  description: Return code of the script, 128 and the number of the signal where one ended it in a Linux guest. The task fails when it is not 0.
  returned: when it was waited for
  type: int
  sample: 0
stdout:
  description: The first O(max_output) bytes of the standard output, as text. What is not UTF-8 is read in the code page of a Windows guest.
  returned: when it was waited for
  type: str
  sample: Hello
stdout_lines:
  description: The same by lines.
  returned: when it was waited for
  type: list
  elements: str
  sample: [Hello]
stdout_size:
  description: How many bytes there were.
  returned: when it was waited for
  type: int
  sample: 6
stdout_truncated:
  description: Whether RV(stdout) is only the beginning.
  returned: when it was waited for
  type: bool
  sample: false
stderr:
  description: As RV(stdout), of the standard error output.
  returned: when it was waited for
  type: str
  sample: ''
stderr_lines:
  description: The same by lines.
  returned: when it was waited for
  type: list
  elements: str
  sample: []
stderr_size:
  description: How many bytes there were.
  returned: when it was waited for
  type: int
  sample: 0
stderr_truncated:
  description: Whether RV(stderr) is only the beginning.
  returned: when it was waited for
  type: bool
  sample: false
start:
  description: When it was started, by the clock of the guest.
  returned: when it was run
  type: str
  sample: '2026-11-24 10:15:00.123456'
end:
  description: When it had ended, by the clock of the guest.
  returned: when it was waited for
  type: str
  sample: '2026-11-24 10:15:01.234567'
delta:
  description: The time between them.
  returned: when it was waited for
  type: str
  sample: '0:00:01.111111'
timed_out:
  description: Whether it was ended since O(program_timeout) had passed. The task fails then.
  returned: when it was waited for
  type: bool
  sample: false
pid:
  description: Process id in the guest.
  returned: with O(no_wait)
  type: int
  sample: 812
msg:
  description: Why it failed, or why nothing was run.
  returned: when it failed or was not run
  type: str
  sample: "running a script in the guest of /vms/web/web.vmx as root: non-zero return code 1"
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_programs

    family = guest_programs.family_of(guest, wanted.guest_family)
    terms = guest_programs.Terms(**{name: getattr(wanted, name) for name in _options.PROGRAM})
    program, told = guest_programs.script(family, wanted.content, wanted.src, wanted._name, wanted.interpreter, wanted.arguments, terms)
    why = guest_programs.needless(guest, family, terms)
    if why:
        return guest_programs.not_run(told, why)
    if wanted.check_mode:
        return guest_programs.foretold(told, terms)
    return guest_programs.run(guest, family, program, told, terms, wanted.workdir)


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        _options.PROGRAM,
        options={
            "content": {},
            "src": {"type": "path"},
            "remote_src": {"type": "bool", "default": False},
            "interpreter": {"default": "auto"},
            "arguments": {"type": "list", "elements": "str", "default": []},
            "_name": {},  # from the action plugin: what src is called on the controller
        },
        sayable=("environment", "stdin"),
        mutually_exclusive=[("content", "src")],
        required_one_of=[("content", "src")],
    )


if __name__ == "__main__":
    main()
