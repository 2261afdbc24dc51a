#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what stands between Ansible and VMware
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Looks for the VIX library, reads how it is configured, connects, and returns what it found; the first thing to run where something does not work.
  - A library that is missing or that cannot connect is told, and is no failure of the task. One that hangs or crashes is a failure.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_vix
"""

EXAMPLES = r"""
- name: See what is there
  vmlab.vix.host_info:
  register: host

- name: Show why it does not connect
  ansible.builtin.debug:
    var: host.error
  when: not host.connected
"""

RETURN = r"""
library:
  description: Path of the VIX library that is used; null when there is none.
  returned: success
  type: str
  sample: /usr/lib/vmware-vix/libvixAllProducts.so
places:
  description: Every place that was looked at, in order.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The place.
      type: str
      sample: /usr/lib/vmware-vix/libvixAllProducts.so
    why:
      description: Why it was looked at.
      type: str
      sample: usual place
    found:
      description: Whether a file is there.
      type: bool
      sample: true
wrapper:
  description: What VMware's wrapper library is told about installed products. Empty for a library that is not the wrapper.
  returned: success
  type: dict
  contains:
    lines:
      description: The lines of C(vixwrapper-config.txt), each with its problem or null.
      type: list
      elements: dict
      sample:
        - {provider: ws, api_version: '19', ipc: vmdb, product_version: 17.6.0, folder: Workstation-17.0.0, problem: null}
    problems:
      description: What is wrong, one sentence each, with the VIX error that it leads to.
      type: list
      elements: str
      sample: ["ws 17.6.1 is installed, and no line of vixwrapper-config.txt is for it (22002)"]
connected:
  description: Whether the host could be connected to.
  returned: success
  type: bool
  sample: true
error:
  description: Why it could not, and what to do next; null when it could.
  returned: success
  type: str
  sample: null
provider:
  description: The kind of product that answered.
  returned: when connected
  type: str
  sample: workstation
api_version:
  description: Version of the VIX interface that the product speaks.
  returned: when connected
  type: int
  sample: 19
software_version:
  description: Version of the product as it tells it; empty when it does not.
  returned: when connected
  type: str
  sample: VMware Workstation 17.6.0
lacks:
  description:
    - What this kind of product does not have, as the last manual tells of its newest version there.
      What newer versions have learnt is not known to it, so a task may still try.
  returned: when connected
  type: list
  elements: str
  sample: [snapshots, clones]
unsupported:
  description:
    - The functions of VIX that are missing with it.
  returned: when connected
  type: list
  elements: str
  sample: [VixVM_CreateSnapshot, VixVM_Clone]
running_vms:
  description: How many VMs run that this user may see.
  returned: when connected
  type: int
  sample: 3
"""

from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(connect, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import hosts

    return {"changed": False, **hosts.describe(connect, wanted.library)}


def main():
    run_module(work, connected=False)


if __name__ == "__main__":
    main()
