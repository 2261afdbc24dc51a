# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vms
short_description: VMware desktop VMs inventory source
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - List the VMs of the controller and of remote hosts, with their properties as host variables.
  - Each host is queried in a separate process, in parallel. If the VIX library hangs or crashes, only this host is
    affected.
  - The name of the inventory file must end with C(vix.yml) or C(vix.yaml).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._inventory
  - constructed
  - inventory_cache
options:
  plugin:
    description: The name of this plugin, V(vmlab.vix.vms).
    required: true
    choices: [vmlab.vix.vms]
  library:
    env:
      - name: VIX_LIBRARY
  provider:
    env:
      - name: VIX_PROVIDER
  hostname:
    env:
      - name: VIX_HOSTNAME
  username:
    env:
      - name: VIX_USERNAME
  password:
    env:
      - name: VIX_PASSWORD
  sources:
    description:
      - Sources in which to search for VMs. The results are merged.
      - V(running) lists the running VMs that are visible to the user, with VIX.
      - V(registered) lists the VMs in the inventory of the host. Only remote products have an inventory.
      - V(library) lists the VMs in VMware's lists of the current user on the controller, and those of the OpenVIX
        world that E(OPENVIX_WORLD) names.
      - V(scan) lists the VMs in directories on the controller, see O(scan_folders).
      - V(library) and V(scan) do not need a VIX library. They determine the power state of a VM by the locks of its
        files.
    type: list
    elements: str
    choices: [running, registered, library, scan]
    default: [running]
  hosts:
    description:
      - The hosts to query with VIX.
      - If not set, the host is O(hostname), or the controller.
      - For suboptions that are not set, the option of the same name is used, except for O(hosts[].hostname). An entry
        without O(hosts[].hostname) is the controller.
      - Values can be encrypted with Ansible Vault, or be templates such as C({{ lookup('ansible.builtin.env',
        'LAB_PASSWORD') }}).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the host in RV(ignore:vix_host). If not set, the name in O(hosts[].hostname), or
          V(localhost).
        type: str
      library:
        description: See O(library).
        type: path
      provider:
        description: See O(provider).
        type: str
        choices: [default, workstation, player, workstation_shared, vi_server]
      hostname:
        description: See O(hostname).
        type: str
      port:
        description: See O(port).
        type: int
      username:
        description: See O(username).
        type: str
      password:
        description: See O(password).
        type: str
      validate_certs:
        description: See O(validate_certs).
        type: bool
      timeout:
        description: See O(timeout).
        type: int
      sources:
        description: Sources to query for this host, instead of V(running) and V(registered) of O(sources).
        type: list
        elements: str
        choices: [running, registered]
  timeout:
    description:
      - Time limit in seconds for each host, and for reading the files on the controller.
  concurrency:
    description:
      - Number of VMs of a host to query at the same time.
    type: int
    default: 16
  vm_timeout:
    description:
      - Time limit in seconds for one VM.
      - A VM that exceeds it is listed like a VM that cannot be opened.
    type: int
    default: 30
seealso:
  - plugin: vmlab.vix.vmx_files
    plugin_type: inventory
  - module: vmlab.vix.vm_info
"""

EXAMPLES = r"""
# lab.vix.yml: the running VMs of the controller
plugin: vmlab.vix.vms

---
# All VMs of the controller, in groups by guest operating system, power state and lab, where a lab is a directory of VMs
plugin: vmlab.vix.vms
sources: [running, library, scan]
scan_folders: [/srv/labs]
scan_exclude: [templates]
set_ansible_host: true
address_networks: [192.168.8.0/24]
keyed_groups:
  - key: vix_guest_os
    prefix: os
  - key: vix_power
    separator: ''
  - key: vix_path.split('/')[3]
    prefix: lab
filters:
  - exclude: vix_stale
  - exclude: vix_name is match('template')

---
# The controller and two hosts with shared VMs, with a cache
plugin: vmlab.vix.vms
hosts:
  - name: here
  - name: upstairs
    provider: workstation_shared
    hostname: https://upstairs.example.com/sdk
    username: lab
    password: "{{ lookup('ansible.builtin.env', 'UPSTAIRS_PASSWORD') }}"
    sources: [running, registered]
  - name: cellar
    provider: vi_server
    hostname: https://cellar.example.com/sdk
    username: lab
    password: "{{ lookup('ansible.builtin.env', 'CELLAR_PASSWORD') }}"
    timeout: 20
hostnames:
  - vix_host ~ '-' ~ vix_name
compose:
  is_large: vix_memory >= 4096
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/vmlab
"""

from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.vmlab.vix.plugins.plugin_utils import _inventory, _vm_sources


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "vmlab.vix.vms"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("vix.yml", "vix.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        _inventory.fill(self, path, cache, _vm_sources.all_sources)
