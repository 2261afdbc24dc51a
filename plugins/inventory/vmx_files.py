# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vmx_files
short_description: VMware desktop VMs inventory source that only reads files
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - List the VMs in VMware's lists and in directories on the controller.
  - Only files are read. Neither the VIX library nor a VMware product is needed.
  - The plugin is the part of P(vmlab.vix.vms#inventory) that does not need a VIX library. Options and variables are
    the same.
  - The name of the inventory file must end with C(vmx.yml) or C(vmx.yaml).
extends_documentation_fragment:
  - vmlab.vix._inventory
  - constructed
  - inventory_cache
options:
  plugin:
    description: The name of this plugin, V(vmlab.vix.vmx_files).
    required: true
    choices: [vmlab.vix.vmx_files]
  sources:
    description:
      - Sources in which to search for VMs. The results are merged.
      - V(library) lists the VMs in VMware's lists of the current user, and those of the OpenVIX world that
        E(OPENVIX_WORLD) names.
      - V(scan) lists the VMs in directories, see O(scan_folders).
    type: list
    elements: str
    choices: [library, scan]
    default: [library, scan]
  timeout:
    description:
      - Time limit in seconds for reading the files.
    type: int
    default: 300
notes:
  - The power state of a VM is determined by the locks of its files. On Linux, RV(ignore:vix_power) is V(powered_on)
    if a running VMware process holds a lock, and V(unknown) if the process cannot be determined. On macOS, it is
    V(unknown) for each locked VM.
seealso:
  - plugin: vmlab.vix.vms
    plugin_type: inventory
"""

EXAMPLES = r"""
# lab.vmx.yml: the VMs in VMware's lists and default directories
plugin: vmlab.vix.vmx_files

---
# The VMs in a directory of labs, in groups by lab and guest operating system
plugin: vmlab.vix.vmx_files
sources: [scan]
scan_folders: [/srv/labs]
keyed_groups:
  - key: vix_path.split('/')[3]
    prefix: lab
  - key: vix_guest_os
    prefix: os
  - key: vix_guestinfo.role | default('')
    prefix: role
"""

from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.vmlab.vix.plugins.plugin_utils import _inventory, _vm_sources


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "vmlab.vix.vmx_files"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("vmx.yml", "vmx.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        _inventory.fill(self, path, cache, _vm_sources.files)
