#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_command
short_description: Run a program in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Run a program in the guest of a VM, and return its return code and its output.
  - VIX itself does not provide the output of programs.
  - The command is not run through a shell. Variables, wildcards, pipes and redirections are not supported. Use
    M(vmlab.vix.guest_script) for these.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._program
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  argv:
    description:
      - The program and its arguments as a list.
      - Exactly one of O(argv) and O(cmd) is required.
      - The program is an absolute path, a path relative to O(chdir), or a name that is searched for in the E(PATH) of
        the user.
      - For a Windows guest, the arguments are quoted according to the rules of the C library.
      - Batch files are run with C(cmd.exe). Their arguments cannot contain quotes, percent signs or newlines.
    type: list
    elements: str
  cmd:
    description:
      - The program and its arguments as a string.
      - Exactly one of O(argv) and O(cmd) is required.
      - For a Linux guest, it is split like a shell does. Only quotes and backslashes are special characters.
      - For a Windows guest, it is used as the command line. The name of the program ends at the first space, or is
        enclosed in quotes.
    type: str
seealso:
  - module: vmlab.vix.guest_script
  - module: ansible.builtin.command
"""

EXAMPLES = r"""
- name: Run a program
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    argv: [apt-get, install, --yes, nginx]
    environment:
      DEBIAN_FRONTEND: noninteractive
    program_timeout: 120

- name: Unpack an archive, unless it was already unpacked
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    cmd: tar -xzf /tmp/site.tar.gz
    chdir: /srv
    creates: /srv/site

- name: Pass a secret on the standard input
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    argv: [chpasswd]
    stdin: "web:{{ web_password }}"

- name: Save the output of a database dump on the VM host
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    argv: [mysqldump, --all-databases]
    max_output: 0
    stdout_dest: /backup/web.sql

- name: Run a program in a Windows guest
  vmlab.vix.guest_command:
    vm: /vms/desk/desk.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    argv: [ipconfig, /all]
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success, or when the program failed
  type: str
  sample: /vms/web/web.vmx
cmd:
  description: The program and its arguments as a list, or for a Windows guest the value of O(cmd).
  returned: success, or when the program failed
  type: raw
  sample: [apt-get, install, --yes, nginx]
rc:
  description:
    - Return code of the program. In a Linux guest, it is 128 plus the signal number if the program was terminated by
      a signal.
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
  sample: "running false in the guest of /vms/web/web.vmx as root: non-zero return code 1"
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_programs

    terms = guest_programs.Terms(**{name: getattr(wanted, name) for name in _options.PROGRAM}, parts=wanted.parts)
    program, cmd = guest_programs.command(session, wanted.argv, wanted.cmd, terms)
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
        options={"argv": {"type": "list", "elements": "str"}, "cmd": {}},
        sayable=("environment", "stdin"),
        replaced=("stdout_dest", "stderr_dest"),
        mutually_exclusive=[("argv", "cmd")],
        required_one_of=[("argv", "cmd")],
    )


if __name__ == "__main__":
    main()
