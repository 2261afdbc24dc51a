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


def test_folders_added_changed_removed(on_host, web, tmp_path):
    def work(host):
        with host.open_vm(web) as vm:
            seen = [vm.shared_folders]
            vm.add_shared_folder("one", str(tmp_path), False)
            vm.add_shared_folder("two", "/tmp", True)
            seen.append(vm.shared_folders)
            vm.change_shared_folder("one", "/tmp", True)
            vm.remove_shared_folder("two")
            seen.append(vm.shared_folders)
            return seen

    assert on_host(work) == [
        [],
        [{"name": "one", "path": str(tmp_path), "writable": False}, {"name": "two", "path": "/tmp", "writable": True}],
        [{"name": "one", "path": "/tmp", "writable": True}],
    ]


def test_guest_sees_enabled_folders(on_host, web):
    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
            vm.add_shared_folder("one", "/tmp", False)
            path, seen = f"{vm.shared_folders_path}/one", []
            for enabled in (False, True, False):
                vm.enable_shared_folders(enabled)
                seen.append(guest.directory_exists(path))
            return path, seen

    assert on_host(work) == ["/mnt/hgfs/one", [False, True, False]]


def test_file_is_not_directory(on_host, web):
    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
            return guest.directory_exists("/etc"), guest.directory_exists("/etc/passwd"), guest.directory_exists("/none")

    assert on_host(work) == [True, False, False]


@pytest.mark.parametrize(
    ("call", "kind", "code"),
    [
        (lambda vm: [vm.add_shared_folder("one", "/tmp", False) for dummy in range(2)], "AlreadyExists", 23),
        (lambda vm: vm.change_shared_folder("one", "/tmp", False), "NotFound", 2000),
        (lambda vm: vm.remove_shared_folder("one"), "NotFound", 2000),
    ],
)
def test_existing_and_missing_folder_errors(on_host, web, call, kind, code):
    def work(host):
        with host.open_vm(web) as vm:
            call(vm)

    with pytest.raises(_worker.Failure) as caught:
        on_host(work)
    assert (caught.value.kind, caught.value.code) == (kind, code)
