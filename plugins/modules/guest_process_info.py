#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_process_info
short_description: Gather information about processes in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Return all processes of the guest of a VM, or the matching ones.
  - The guest tools return at most 64 KiB of the list. If the list can be incomplete, the processes are read with
    C(/bin/sh) or PowerShell in the guest. If neither is available, RV(truncated) is V(true).
  - Linux guests also list processes that have exited and that their parents have not reaped. Their name and command
    line are the name that the kernel gives them, which has at most 15 characters. Kernel threads have no brackets.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._guest_family
  - vmlab.vix._processes
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_guest
seealso:
  - module: vmlab.vix.guest_process
"""

EXAMPLES = r"""
- name: Gather information about Apache and MySQL processes
  vmlab.vix.guest_process_info:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    pattern: apache|mysql
    tools_timeout: 5
  register: services

- name: Gather information about processes of user ann with a port option
  vmlab.vix.guest_process_info:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    owner: ann
    command: --port[ =]\d+
"""

RETURN = r"""
vm:
  description: Path of the C(.vmx) file.
  returned: success
  type: str
  sample: /vms/web/web.vmx
processes:
  description: The processes, sorted by process ID.
  returned: success
  type: list
  elements: dict
  contains:
    pid:
      description: Process ID in the guest.
      type: int
      sample: 812
    name:
      description: Name of the process. In a Linux guest, the first argument, without directories if it begins with a
        slash. A script has the name of its interpreter. Empty if the first argument is empty. If the
        guest tools do not report it, the name of the program in the command line.
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
    found = watch.look(choice)
    return {"changed": False, "processes": found, **watch.report(found)}


def main():
    run_in_guest(work, _options.GUEST_FAMILY, _options.PROCESSES)


if __name__ == "__main__":
    main()
