#!/usr/bin/python
# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Gather information about the VIX library and the host connection
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Search for the VIX library, read its configuration, connect to the host, and return the results.
  - Use this module first when other modules do not work.
  - The task does not fail if the library is missing or cannot connect. In this case, RV(error) contains the reason.
  - The task fails if the library hangs or crashes.
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._attributes
  - vmlab.vix._attributes.info_module
  - vmlab.vix._attributes.actiongroup_vix
"""

EXAMPLES = r"""
- name: Gather information about the VIX library and the host connection
  vmlab.vix.host_info:
  register: host

- name: Show the error if the connection failed
  ansible.builtin.debug:
    var: host.error
  when: not host.connected
"""

RETURN = r"""
library:
  description: Path of the VIX library that is used. Null if no library was found.
  returned: success
  type: str
  sample: /usr/lib/vmware-vix/libvixAllProducts.so
searched:
  description: All paths that were searched for the VIX library, in order.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path that was checked.
      type: str
      sample: /usr/lib/vmware-vix/libvixAllProducts.so
    reason:
      description: Reason why this path was checked.
      type: str
      sample: usual place
    found:
      description: Whether a file exists at this path.
      type: bool
      sample: true
wrapper:
  description: What VMware's wrapper library will do for O(provider). The lists are empty for a library that is not the
    wrapper.
  returned: success
  type: dict
  contains:
    is_wrapper:
      description: Whether the library is VMware's wrapper, which loads the library of the product.
      type: bool
      sample: true
    configuration:
      description: The configuration files that the wrapper reads, in order, each with whether it exists. Later files win.
      type: list
      elements: dict
      sample:
        - {path: /etc/vmware/config, found: true}
        - {path: /home/lab/.vmware/config, found: false}
    settings:
      description: The values that the wrapper uses, of C(vix.libdir), C(libdir), C(product.name) and C(product.version).
      type: dict
      sample: {vix.libdir: /usr/lib/vmware-vix, product.name: VMware Workstation, product.version: 17.6.1}
    lines:
      description:
        - The lines of C(vixwrapper-product-config.txt) and C(vixwrapper-config.txt), in the order in which the wrapper
          tries them.
        - C(library) is the file that the line names, and C(problem) the reason why the line cannot be used for
          O(provider), or null. Lines for other products are not checked.
      type: list
      elements: dict
      sample:
        - provider: ws
          api_version: '19'
          ipc: vmdb
          product_version: 17.6.1
          directory: Workstation-17.0.0
          file: /usr/lib/vmware-vix/vixwrapper-config.txt
          library: /usr/lib/vmware-vix/Workstation-17.0.0/64bit/libvix.so
          problem: null
    implementation:
      description: The library of the product that the wrapper will load. Null if it finds none.
      type: str
      sample: /usr/lib/vmware-vix/Workstation-17.0.0/64bit/libvix.so
    problems:
      description: Problems of the configuration, each with the VIX error that it causes.
      type: list
      elements: str
      sample: ["there is no line for ws in vixwrapper-config.txt or vixwrapper-product-config.txt (22003)"]
    log_directory:
      description:
        - Directory in which the wrapper writes a file C(vmware-vixWrapper-PID.log) for each process.
        - If the wrapper finds the library of the product and cannot load it, the reason is in this file.
      type: str
      sample: /tmp/vmware-lab
connected:
  description: Whether the connection to the host succeeded.
  returned: success
  type: bool
  sample: true
error:
  description: Reason why the connection failed, and what to do next. Null if it succeeded.
  returned: success
  type: str
  sample: null
provider:
  description: VMware product that was connected to.
  returned: when connected
  type: str
  sample: workstation
api_version:
  description: VIX API version of the product.
  returned: when connected
  type: int
  sample: 19
software_version:
  description: Version of the product as it reports it. Empty if it does not report a version.
  returned: when connected
  type: str
  sample: VMware Workstation 17.6.0
unsupported_features:
  description:
    - Features that this product does not support, according to the last VIX documentation.
    - Newer product versions can support more. Tasks that use these features are still tried.
  returned: when connected
  type: list
  elements: str
  sample: [snapshots, clones]
unsupported_functions:
  description:
    - VIX functions that this product does not support.
  returned: when connected
  type: list
  elements: str
  sample: [VixVM_CreateSnapshot, VixVM_Clone]
running_vms:
  description: Number of running VMs that are visible to the user.
  returned: when connected
  type: int
  sample: 3
"""

from ansible_collections.vmlab.vix.plugins.module_utils._module import run_module


def work(connect, wanted):
    from ansible_collections.vmlab.vix.plugins.module_utils._state import hosts

    return {"changed": False, **hosts.describe(connect, wanted.library, wanted.provider)}


def main():
    run_module(work, connected=False)


if __name__ == "__main__":
    main()
