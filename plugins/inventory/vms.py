# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vms
short_description: VMs of VMware hosts as inventory
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Lists the VMs of this machine and of any number of remote hosts, with what is known of them.
  - VIX is asked in a process of its own for each host, all of them at the same time. A library that hangs or crashes costs that host only.
  - The name of its file ends in C(vix.yml) or C(vix.yaml).
extends_documentation_fragment:
  - vmlab.vix._host
  - vmlab.vix._inventory
  - constructed
  - inventory_cache
options:
  plugin:
    description: The name of this plugin.
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
      - Where VMs are looked for. What several have is put together.
      - V(running) are the VMs that run and that the user may see, as VIX lists them.
      - V(registered) are those in the inventory of the host, which remote products have and desktop ones do not.
      - V(library) are those in VMware's own lists of the user who runs Ansible, on this machine.
      - V(scan) are those in folders of this machine, see O(scan_folders).
      - V(library) and V(scan) need no VIX library, and see the power of a VM by what holds its files.
    type: list
    elements: str
    choices: [running, registered, library, scan]
    default: [running]
  hosts:
    description:
      - The hosts that VIX is asked about. Without it that is the one of O(hostname), or this machine.
      - What an entry does not say is as in the option of the same name, but for O(hosts[].hostname). An entry without that is this machine.
      - Values may be vaulted, or templates as in C({{ lookup('ansible.builtin.env', 'LAB_PASSWORD') }}).
    type: list
    elements: dict
    suboptions:
      name:
        description: What the host is called in RV(ignore:vix_host). Without it that is the name in O(hosts[].hostname), or V(localhost).
        type: str
      library:
        description: As O(library).
        type: path
      provider:
        description: As O(provider).
        type: str
        choices: [default, workstation, player, workstation_shared, vi_server]
      hostname:
        description: As O(hostname).
        type: str
      port:
        description: As O(port).
        type: int
      username:
        description: As O(username).
        type: str
      password:
        description: As O(password).
        type: str
      validate_certs:
        description: As O(validate_certs).
        type: bool
      timeout:
        description: As O(timeout).
        type: int
      sources:
        description: Which of V(running) and V(registered) the host is asked for, where these are not those of O(sources).
        type: list
        elements: str
        choices: [running, registered]
  timeout:
    description:
      - Seconds that a host may take to answer, and that the files of this machine may take to be read.
  concurrency:
    description:
      - How many VMs of a host are asked about at once.
    type: int
    default: 16
  vm_timeout:
    description:
      - Seconds that the answers about one VM may take. A VM that takes longer is listed as one that cannot be opened.
    type: int
    default: 30
seealso:
  - plugin: vmlab.vix.vmx_files
    plugin_type: inventory
  - module: vmlab.vix.vm_info
"""

EXAMPLES = r"""
# lab.vix.yml: the running VMs of this machine
plugin: vmlab.vix.vms

---
# All that this machine has, in groups by guest operating system, power state and lab, where a lab is a folder of VMs
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
# Two hosts with shared VMs beside this machine, and the answers cached
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
