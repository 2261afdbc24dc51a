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
  - Returns the processes of the guest of a VM, all or those of a name.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._vm
  - vmlab.vix._guest
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_guest
options:
  pattern:
    description:
      - Regular expression of Python's that has to be found in the name of a process, as in V(apache|mysql).
    type: str
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
      description: Name.
      type: str
      sample: apache2
    owner:
      description: User that it runs as; empty where the guest does not tell.
      type: str
      sample: www-data
    command:
      description: Command line.
      type: str
      sample: /usr/sbin/apache2 -k start
    start_time:
      description: When it was started, in seconds since 1970 (UTC).
      type: int
      sample: 1789000000
"""

from ansible_collections.vmlab.vix.plugins.module_utils._module import run_in_guest


def work(guest, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_processes

    return {"changed": False, "processes": guest_processes.matching(guest, wanted.pattern)}


def main():
    run_in_guest(work, options={"pattern": {}})


if __name__ == "__main__":
    main()
