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
  - Runs a program in the guest of a VM and returns its return code and what it wrote, which VMware itself does not offer.
  - No shell reads the command, so that variables, wildcards, pipes and redirections are of no meaning in it. M(vmlab.vix.guest_script) has them.
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
      - The program and its arguments, each as it is. Exactly one of O(argv) and O(cmd) is needed.
      - The program is an absolute path, a path from O(chdir) on, or a name that is looked for in the user's E(PATH).
      - A Windows guest gets a command line that programs split into exactly these arguments by the rules of the C library. A batch file there is run by
        C(cmd.exe), and its arguments can have neither quotes nor percent signs nor ends of lines.
    type: list
    elements: str
  cmd:
    description:
      - The program and its arguments as one line.
      - For a Linux guest it is split into words as a shell splits them, with quotes and backslashes, and nothing else in it is special.
      - For a Windows guest it is the command line itself, from which only the program's name is taken, up to the first blank or within quotes.
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

- name: Make a file system once
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    cmd: tar -xzf /tmp/site.tar.gz
    chdir: /srv
    creates: /srv/site

- name: Set a password, which nobody sees
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    argv: [chpasswd]
    stdin: "web:{{ web_password }}"

- name: Have a large dump in a file of the machine that runs VMware
  vmlab.vix.guest_command:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    argv: [mysqldump, --all-databases]
    max_output: 0
    stdout_dest: /backup/web.sql

- name: Run a program of Windows
  vmlab.vix.guest_command:
    vm: /vms/desk/desk.vmx
    guest_username: lab
    guest_password: "{{ guest_password }}"
    argv: [ipconfig, /all]
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success or the program failed
  type: str
  sample: /vms/web/web.vmx
cmd:
  description: The program and its arguments; in a Windows guest O(cmd) as it was given.
  returned: success or the program failed
  type: raw
  sample: [apt-get, install, --yes, nginx]
rc:
  description: Return code of the program, 128 and the number of the signal where one ended it in a Linux guest. The task fails when it is not 0.
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
  sample: "running false in the guest of /vms/web/web.vmx as root: non-zero return code 1"
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_programs

    family = guest_programs.family_of(guest, wanted.guest_family)
    terms = guest_programs.Terms(**{name: getattr(wanted, name) for name in _options.PROGRAM})
    program, told = guest_programs.command(family, wanted.argv, wanted.cmd, terms)
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
        options={"argv": {"type": "list", "elements": "str"}, "cmd": {}},
        sayable=("environment", "stdin"),
        mutually_exclusive=[("argv", "cmd")],
        required_one_of=[("argv", "cmd")],
    )


if __name__ == "__main__":
    main()
