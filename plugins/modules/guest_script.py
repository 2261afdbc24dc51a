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
  - Run a script in the guest of a VM with an interpreter of the guest, and return its return code and its output.
  - The script is inline content, a file on the controller, or a file on the VM host. It can have any size.
  - While the script runs, it is stored in a file in the guest that only the user can read.
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
      - Internal. Name of O(src) on the controller, which the action plugin sets. Cannot be used in tasks.
    type: str
  content:
    description:
      - Content of the script.
      - Exactly one of O(content) and O(src) is required.
    type: str
  src:
    description:
      - Path of the script on the controller. It is searched for like the script of M(ansible.builtin.script).
      - A file that is encrypted with Ansible Vault is decrypted.
      - If O(remote_src=true), path of the script on the VM host.
      - Exactly one of O(content) and O(src) is required.
    type: path
  remote_src:
    description:
      - Whether O(src) is a path on the VM host.
    type: bool
    default: false
  interpreter:
    description:
      - Interpreter that runs the script.
      - V(auto) uses the interpreter after C(#!) in the first line for a Linux guest, or C(/bin/sh) if there is none.
        For a Windows guest, it uses C(cmd.exe) if O(src) ends with C(.bat) or C(.cmd), Python if it ends with C(.py),
        and PowerShell otherwise.
      - V(sh), V(bash), V(python), V(powershell) and V(cmd) are searched for in the guest. V(cmd) is only available in
        Windows guests.
      - Any other value is the absolute path of an interpreter in the guest. It is called with the script as its first
        argument. PowerShell and C(cmd.exe) are called with the options that they need.
      - Line endings of batch files are converted to CRLF. Scripts for Windows PowerShell get a byte order mark.
    type: str
    default: auto
  arguments:
    description:
      - Arguments of the script.
      - The arguments of a batch file cannot contain quotes, percent signs or newlines.
    type: list
    elements: str
    default: []
attributes:
  action:
    description: Indicates that this has a corresponding action plugin, which transfers O(src) to the VM host.
    support: full
seealso:
  - module: vmlab.vix.guest_command
  - module: ansible.builtin.script
"""

EXAMPLES = r"""
- name: Run an inline script
  vmlab.vix.guest_script:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    content: |
      set -e
      cd /srv
      ls *.html | wc -l

- name: Run a script of the role with arguments
  vmlab.vix.guest_script:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    src: inventory.py
    arguments: [--format, json]

- name: Run a PowerShell script
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
  returned: success, or when the program failed
  type: str
  sample: /vms/web/web.vmx
cmd:
  description: The interpreter and its arguments. The script is shown with its original name.
  returned: success, or when the program failed
  type: raw
  sample: [python3, inventory.py, --format, json]
rc:
  description:
    - Return code of the script. In a Linux guest, it is 128 plus the signal number if the script was terminated by a
      signal.
    - The task fails if the return code is not 0.
  returned: when the program was waited for
  type: int
  sample: 0
stdout:
  description:
    - The first O(max_output) bytes of the standard output.
    - Output of a Windows guest that is not valid UTF-8 is decoded with its code page.
  returned: when the program was waited for
  type: str
  sample: Hello
stdout_lines:
  description: The output as a list of lines.
  returned: when the program was waited for
  type: list
  elements: str
  sample: [Hello]
stdout_size:
  description: Full size of the output in bytes.
  returned: when the program was waited for
  type: int
  sample: 6
stdout_truncated:
  description: Whether RV(stdout) was truncated to O(max_output) bytes.
  returned: when the program was waited for
  type: bool
  sample: false
stderr:
  description: The first O(max_output) bytes of the standard error output.
  returned: when the program was waited for
  type: str
  sample: ''
stderr_lines:
  description: The output as a list of lines.
  returned: when the program was waited for
  type: list
  elements: str
  sample: []
stderr_size:
  description: Full size of the output in bytes.
  returned: when the program was waited for
  type: int
  sample: 0
stderr_truncated:
  description: Whether RV(stderr) was truncated to O(max_output) bytes.
  returned: when the program was waited for
  type: bool
  sample: false
start:
  description: Start time of the program, by the clock of the guest.
  returned: when the program was run
  type: str
  sample: '2026-11-24 10:15:00.123456'
end:
  description: End time of the program, by the clock of the guest.
  returned: when the program was waited for
  type: str
  sample: '2026-11-24 10:15:01.234567'
delta:
  description: Run time of the program.
  returned: when the program was waited for
  type: str
  sample: '0:00:01.111111'
timed_out:
  description: Whether the program was terminated because O(program_timeout) had passed. The task fails in this case.
  returned: when the program was waited for
  type: bool
  sample: false
pid:
  description: Process ID in the guest.
  returned: when O(no_wait=true)
  type: int
  sample: 812
msg:
  description: Reason why the program failed or was not run.
  returned: when the program failed or was not run
  type: str
  sample: "running a script in the guest of /vms/web/web.vmx as root: non-zero return code 1"
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_programs

    terms = guest_programs.Terms(**{name: getattr(wanted, name) for name in _options.PROGRAM}, parts=wanted.parts)
    program, cmd = guest_programs.script(session, wanted.content, wanted.src, wanted._name, wanted.interpreter, wanted.arguments, terms)
    why = guest_programs.needless(session, terms)
    if why:
        return guest_programs.skipped(cmd, why)
    if wanted.check_mode:
        return guest_programs.predicted(cmd, terms)
    return guest_programs.run(session, program, cmd, terms)


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
            "_name": {},  # from the action plugin: the name of src on the controller
        },
        sayable=("environment", "stdin"),
        replaced=("stdout_dest", "stderr_dest"),
        mutually_exclusive=[("content", "src")],
        required_one_of=[("content", "src")],
    )


if __name__ == "__main__":
    main()
