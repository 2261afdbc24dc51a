# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker

ACCOUNTS = [{"name": "lab", "password": "secret", "administrator": True}]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)


@pytest.mark.parametrize("kind", ["guest_variable", "guest_environment"])
def test_variable_read_as_set_or_empty(on_host, web, kind):
    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "secret"):
            before = vm.read_variable(kind, "ROLE")
            vm.write_variable(kind, "ROLE", "zwölf = 12")
            return before, vm.read_variable(kind, "ROLE")

    assert on_host(work) == ["", "zwölf = 12"]


def test_config_read_as_stored(on_host, web):
    def work(host):
        with host.open_vm(web) as vm:
            vm.write_variable("runtime_config", "displayName", "other")
            return vm.read_variable("runtime_config", "displayName")

    assert on_host(work) == "web"


def test_environment_needs_login(on_host, web):
    def work(host):
        with host.open_vm(web) as vm:
            return vm.read_variable("guest_environment", "HOME")

    with pytest.raises(_worker.Failure, match=r"^reading the variable HOME of .*, 3018\); give guest_username and guest_password"):
        on_host(work)
