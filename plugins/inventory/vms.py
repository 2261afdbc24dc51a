# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vms
short_description: Running VMs of a VMware host as inventory
version_added: 0.1.0
author: vmlab (@vmlab)
description:
  - Lists the running VMs of this machine, or of a remote host, through VIX.
  - Its file ends in C(vix.yml) or C(vix.yaml).
extends_documentation_fragment:
  - vmlab.vix._host
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
"""

EXAMPLES = r"""
# lab.vix.yml: the running VMs, grouped by guest operating system
plugin: vmlab.vix.vms
keyed_groups:
  - key: vix_guest_os
    prefix: os
compose:
  is_large: vix_memory >= 4096
"""

from functools import partial

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.vmlab.vix.plugins.module_utils._state import vms
from ansible_collections.vmlab.vix.plugins.plugin_utils import _session


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "vmlab.vix.vms"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("vix.yml", "vix.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for vm in self._vms(self.get_cache_key(path), cache and self.get_option("cache")):
            if "error" in vm:
                self.display.warning(f"left out of the inventory: {vm['error']}")
            else:
                self._add(vm)

    def _vms(self, key, use_cache):
        if not use_cache:
            found = _session.run(vms.running, self)
            if self.get_option("cache"):
                self._cache[key] = found
            return found
        try:
            return self._cache[key]
        except KeyError:
            return self._vms(key, use_cache=False)

    def _add(self, vm):
        name = vm["name"]
        if name in self.inventory.hosts:
            raise AnsibleParserError(f"two running VMs are called {name}: {self.inventory.get_host(name).get_vars()['vix_path']} and {vm['path']}; rename one")
        self.inventory.add_host(name)
        variables = {f"vix_{key}": value for key, value in vm.items()}  # which ansible-core does not trust as templates
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        for construct in (
            partial(self._set_composite_vars, self.get_option("compose")),
            partial(self._add_host_to_composed_groups, self.get_option("groups")),
            partial(self._add_host_to_keyed_groups, self.get_option("keyed_groups")),
        ):
            construct(variables, name, strict=strict)
