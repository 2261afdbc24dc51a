# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vmx_files
short_description: VMs in VMware's files on this machine as inventory
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Lists the VMs in VMware's own lists and in folders of this machine, by reading files alone. It needs neither VIX nor VMware.
  - It is the part of P(vmlab.vix.vms#inventory) that needs no VIX library, with the same options and variables.
  - The name of its file ends in C(vmx.yml) or C(vmx.yaml).
extends_documentation_fragment:
  - vmlab.vix._inventory
  - constructed
  - inventory_cache
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [vmlab.vix.vmx_files]
  sources:
    description:
      - Where VMs are looked for. What both have is put together.
      - V(library) are those in VMware's own lists of the user who runs Ansible.
      - V(scan) are those in folders, see O(scan_folders).
    type: list
    elements: str
    choices: [library, scan]
    default: [library, scan]
  timeout:
    description:
      - Seconds that reading the files may take.
    type: int
    default: 300
notes:
  - The power of a VM is told by what holds its files. On Linux V(powered_on) means that a living process of VMware does, and V(unknown) that it
    cannot be told what does; on macOS whatever is held is V(unknown).
seealso:
  - plugin: vmlab.vix.vms
    plugin_type: inventory
"""

EXAMPLES = r"""
# lab.vmx.yml: the VMs in VMware's lists and in its usual folders
plugin: vmlab.vix.vmx_files

---
# Those in a folder of labs, by lab and guest operating system
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
