#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_process
short_description: Terminate processes in a guest or wait for them
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Terminate guest processes, or wait until a given number of matching processes exists.
  - The module does not start processes. Use M(vmlab.vix.guest_command) to start a program.
  - Before a process is terminated, its start time is compared, and it must still match the options. A different process
    that reuses its process ID is not terminated.
  - A process of a Linux guest that has exited counts as absent, even if its parent has not reaped it and the guest
    tools still list it. This requires C(/bin/sh) and C(grep) in the guest.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._processes
  - vmlab.vix._attributes
  - vmlab.vix._attributes.actiongroup_guest
options:
  state:
    description:
      - V(present) waits until at least one process matches, or until the number of matching processes complies with
        O(count), O(min_count) and O(max_count). In check mode, the task does not wait, and RV(fulfilled) contains the
        current result.
      - V(absent) terminates all matching processes, including those that start while the task runs. The task fails if
        new ones keep starting.
      - With V(absent), the task fails and does not terminate any process if process 1, the guest tools or a critical
        process of Windows matches.
      - Both states require at least one of O(name), O(pattern), O(owner), O(pid) and O(command).
    type: str
    choices: [present, absent]
    default: present
  count:
    description:
      - Exact number of processes that O(state=present) waits for.
      - Mutually exclusive with O(min_count) and O(max_count).
      - V(0) waits until all matching processes have exited.
    type: int
  min_count:
    description:
      - Minimum number of processes that O(state=present) waits for.
      - Mutually exclusive with O(count).
    type: int
  max_count:
    description:
      - Maximum number of processes that O(state=present) waits for.
      - Mutually exclusive with O(count).
    type: int
  wait_timeout:
    description:
      - Seconds that O(state=present) waits, and that O(state=absent) waits for killed processes to exit.
    type: int
    default: 60
  stop:
    description:
      - How O(state=absent) terminates processes.
      - V(soft) sends the signal TERM. Not supported for Windows guests.
      - V(hard) lets the guest tools kill the processes. Data that they have not written is lost.
      - In Linux guests, the guest tools first send the signal TERM and wait for up to 5 seconds, so a process can run its
        handler for that signal. Then they send the signal KILL and wait for up to 15 seconds. During this time, all
        other tasks in the same guest wait.
      - V(soft_then_hard) sends the signal TERM, and kills the processes that are still running after O(soft_timeout).
        In Windows guests, processes are killed at once.
    type: str
    choices: [soft, hard, soft_then_hard]
    default: soft_then_hard
  soft_timeout:
    description:
      - Seconds to wait for processes to exit after the signal TERM.
    type: int
    default: 10
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: vmlab.vix.guest_process_info
  - module: vmlab.vix.guest_command
"""

EXAMPLES = r"""
- name: Terminate the editors of user ann
  vmlab.vix.guest_process:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    pattern: ^(vim|emacs)
    owner: ann
    state: absent

- name: Wait until at least two processes of the web server are running
  vmlab.vix.guest_process:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    name: apache2
    min_count: 2
    wait_timeout: 30

- name: Terminate a Perl script, whose name is perl
  vmlab.vix.guest_process:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    name: perl
    command: /daemon\.pl
    state: absent

- name: Wait until the installer has finished
  vmlab.vix.guest_process:
    vm: /vms/win/win.vmx
    guest_username: LAB\ann
    guest_password: "{{ guest_password }}"
    name: setup.exe
    count: 0
    wait_timeout: 600
    timeout: 700
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
found:
  description: The processes that matched when the task began, sorted by process ID. If O(state=absent), the processes
    that were terminated, or in check mode would be terminated.
  returned: success
  type: list
  elements: dict
  contains: &process
    pid:
      description: Process ID in the guest.
      type: int
      sample: 812
    name:
      description: Name of the process. In a Linux guest, the first argument, without directories if it begins with a
        slash. A script has the name of its interpreter. Empty if the first argument is empty.
      type: str
      sample: apache2
    owner:
      description: User that the process runs as. Empty if the guest does not report it.
      type: str
      sample: www-data
    command:
      description: Command line, joined with spaces. If old VMware Tools do not report it, the name of the process.
      type: str
      sample: /usr/sbin/apache2 -k start
    start_time:
      description: Start time, in seconds since the epoch.
      type: int
      sample: 1789000000
processes:
  description: The processes that match at the end of the task, sorted by process ID. In check mode, the predicted
    processes.
  returned: success
  type: list
  elements: dict
  contains: *process
fulfilled:
  description: Whether the number of matching processes is as requested. V(false) is returned in check mode only.
    Otherwise the task fails instead.
  returned: success
  type: bool
  sample: true
stopped:
  description: The stop method that was finally used, V(soft) or V(hard).
  returned: when processes were terminated
  type: str
  sample: soft
truncated:
  description: Whether the list may be incomplete. The guest tools limit the length of their list, and the module
    could not run a program in the guest that lists all processes. A warning contains the reason.
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(session, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_processes

    choice = guest_processes.Choice(wanted.name, wanted.pattern, wanted.owner, wanted.pid, wanted.command)
    watch = guest_processes.Watch(session)
    if wanted.state == "absent":
        ending = guest_processes.Ending(wanted.stop, wanted.soft_timeout, wanted.wait_timeout)
        result = guest_processes.absent(watch, choice, ending).carry_out(wanted.check_mode)
        result["processes"] = result["diff"]["after"]["processes"]
    else:
        least, most = (wanted.count, wanted.count) if wanted.count is not None else (wanted.min_count, wanted.max_count)
        waiting = guest_processes.Waiting(1 if least is None and most is None else least, most, wanted.wait_timeout)
        result = guest_processes.present(watch, choice, waiting).carry_out(wanted.check_mode)
    return {**result, **watch.report(result["found"])}


def main():
    run_in_guest(
        work,
        _options.GUEST_FAMILY,
        _options.PROCESSES,
        options={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "count": {"type": "int"},
            "min_count": {"type": "int"},
            "max_count": {"type": "int"},
            "wait_timeout": {"type": "int", "default": 60},
            "stop": {"choices": ["soft", "hard", "soft_then_hard"], "default": "soft_then_hard"},
            "soft_timeout": {"type": "int", "default": 10},
        },
        required_one_of=[("name", "pattern", "owner", "pid", "command")],
        mutually_exclusive=[("count", "min_count"), ("count", "max_count")],
    )


if __name__ == "__main__":
    main()
