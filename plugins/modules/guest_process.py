#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_process
short_description: End processes in a guest, or wait for them
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Ends the processes of a guest that fit what is given, and returns when they are gone; or waits until there are as many as there shall be.
  - It starts nothing; M(vmlab.vix.guest_command) does.
  - Before a process is ended, its name and start time are compared, so that another one that was given its id meanwhile is left alone.
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
      - V(present) waits until there is at least one process that fits, or as many as O(count), O(min_count) and O(max_count) say.
        In check mode it does not wait, and RV(fulfilled) says how things stand.
      - V(absent) ends all processes that fit, and those that come up meanwhile; it fails when they come up each time.
        It is refused, before anything is ended, where it would end process 1, VMware Tools or what Windows cannot do without.
    type: str
    choices: [present, absent]
    default: present
  count:
    description:
      - How many processes V(present) waits for, exactly. V(0) waits until they are gone by themselves.
    type: int
  min_count:
    description:
      - How many processes V(present) waits for, at least.
    type: int
  max_count:
    description:
      - How many processes V(present) waits for, at most.
    type: int
  wait_timeout:
    description:
      - Seconds that V(present) waits, and that V(absent) waits for processes to be gone after they were killed.
    type: int
    default: 60
  stop:
    description:
      - How V(absent) ends processes.
      - V(soft) asks them to end, by the signal TERM, which Windows does not have.
      - V(hard) kills them; what they have not written is lost.
      - V(soft_then_hard) kills those that are still there after O(soft_timeout), or where none can be asked.
    type: str
    choices: [soft, hard, soft_then_hard]
    default: soft_then_hard
  soft_timeout:
    description:
      - Seconds that processes are given to end after they were asked to.
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
- name: End the editors of user ann
  vmlab.vix.guest_process:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    pattern: ^(vim|emacs)
    owner: ann
    state: absent

- name: Wait until the web server runs with two processes at least
  vmlab.vix.guest_process:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    name: apache2
    min_count: 2
    wait_timeout: 30

- name: Wait until the installer is done
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
  description: The processes that fitted when the task began, by process id; with O(state=absent) those that were ended, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains: &process
    pid:
      description: Process id in the guest.
      type: int
      sample: 812
    name:
      description: Name.
      type: str
      sample: apache2
    owner:
      description: User that it runs as; empty where the guest does not tell.
      type: str
      sample: www-data
    command:
      description: Command line, its words joined by spaces. Where old VMware Tools do not tell it, the name.
      type: str
      sample: /usr/sbin/apache2 -k start
    start_time:
      description: When it was started, in seconds since 1970 (UTC).
      type: int
      sample: 1789000000
processes:
  description: The processes that fit at the end of the task, by process id, read back; in check mode those of which it can be known.
  returned: success
  type: list
  elements: dict
  contains: *process
fulfilled:
  description: Whether there are as many processes as there shall be. False in check mode only; a run fails then.
  returned: success
  type: bool
  sample: true
stopped:
  description: How the processes had to be ended, V(soft) or V(hard).
  returned: when a run ended any
  type: str
  sample: soft
truncated:
  description: Whether processes may be missing in the list, since VMware Tools had no room for them and the guest could not be asked; a warning says why.
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.vmlab.vix.plugins.module_utils import _options
from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_processes

    choice = guest_processes.Choice(wanted.name, wanted.pattern, wanted.owner, wanted.pid, wanted.command)
    watch = guest_processes.Watch(guest, wanted.guest_family, wanted.workdir)
    if wanted.state == "absent":
        ending = guest_processes.Ending(wanted.stop, wanted.soft_timeout, wanted.wait_timeout)
        result = guest_processes.absent(watch, choice, ending).carry_out(wanted.check_mode)
        stopped = {"stopped": ending.stopped} if ending.stopped else {}
        end = {**stopped, "processes": result["diff"]["after"]["processes"], "fulfilled": True}
    else:
        least, most = (wanted.count, wanted.count) if wanted.count is not None else (wanted.min_count, wanted.max_count)
        waiting = guest_processes.Waiting(1 if least is None and most is None else least, most, wanted.wait_timeout)
        result = guest_processes.present(watch, choice, waiting).carry_out(wanted.check_mode)
        end = {"processes": waiting.found, "fulfilled": waiting.is_met()}
    return {**result, "found": result["diff"]["before"]["processes"], **end, **watch.told()}


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
