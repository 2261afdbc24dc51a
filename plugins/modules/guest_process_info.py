#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_process_info
short_description: Tell which processes run in a guest
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Returns the processes of the guest of a VM, all of them or those that fit what is given.
  - VMware Tools send the list in one message of 64 KiB, and leave out without a word what has no room in it. Where that may have happened, a program
    in the guest (C(/bin/sh) or PowerShell) is asked for the rest; where there is none, RV(truncated) says so.
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
- name: Which of Apache and MySQL run
  vmlab.vix.guest_process_info:
    vm: /vms/web/web.vmx
    guest_username: root
    guest_password: "{{ guest_password }}"
    pattern: apache|mysql
    tools_timeout: 5
  register: services

- name: What user ann runs with a port of her own
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
  description: The processes, by process id.
  returned: success
  type: list
  elements: dict
  contains:
    pid:
      description: Process id in the guest.
      type: int
      sample: 812
    name:
      description: Name. Where VMware Tools tell none, that of the program in the command line.
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
    found = watch.look(choice)
    return {"changed": False, "processes": found, **watch.told()}


def main():
    run_in_guest(work, _options.GUEST_FAMILY, _options.PROCESSES)


if __name__ == "__main__":
    main()
