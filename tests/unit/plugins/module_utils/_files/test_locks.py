# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import locks


@pytest.fixture
def vm(tmp_path):
    """A VM, on a machine where process 4711 is alive since jiffy 1000."""
    (tmp_path / "proc" / "4711").mkdir(parents=True)
    fields = ["S", *["0"] * 18, "1000", "0"]
    (tmp_path / "proc" / "4711" / "stat").write_text(f"4711 (vmware (x) vmx) {' '.join(fields)}\n")

    class VM:
        path, root = str(tmp_path / "web.vmx"), str(tmp_path)

        def hold(self, text, name="M41432.lck"):
            os.makedirs(f"{self.path}.lck", exist_ok=True)
            with open(os.path.join(f"{self.path}.lck", name), "wb") as file:
                file.write(text.encode("utf-8").ljust(512, b"\0"))

        def is_run(self):
            return locks.is_run(self.path, self.root)

    return VM()


def test_unlocked_vm_not_running(vm):
    assert (locks.is_held(vm.path), vm.is_run()) == (False, False)


@pytest.mark.parametrize(
    ("text", "is_run"),
    [
        ("uuid=56-4d-9d 4711-1000(vmware-vmx) 0 X [ lc=abc", True),
        ("uuid=56-4d-9d 4711-1000(vmware-vmx-debug) 0 X [ lc=abc", True),
        ("uuid=56-4d-9d 4711-999(vmware-vmx) 0 X [ lc=abc", None),  # another process has its number now
        ("uuid=56-4d-9d 4712-1000(vmware-vmx) 0 X [ lc=abc", None),  # it died, or lives on another machine
        ("uuid=56-4d-9d 4711-1000(vmware) 0 X [ lc=abc", None),  # the window has it open
        ("uuid=56-4d-9d 4711-1000 0 X [ lc=abc", None),  # macOS does not name the program
        ("openvix web\n", None),
        ("", None),
    ],
)
def test_lock_of_living_vmx_process_runs(vm, text, is_run):
    vm.hold(text)

    assert locks.is_held(vm.path)
    assert vm.is_run() is is_run


def test_one_running_holder_suffices(vm):
    vm.hold("uuid=1 4711-1000(vmware) 0 S [ lc=abc", "M00001.lck")
    vm.hold("uuid=1 4711-1000(vmware-vmx) 0 S [ lc=abc", "M00002.lck")
    vm.hold("uuid=1 4711-1000(vmware-vmx) 0 S [ lc=abc", "E00003.lck")

    assert vm.is_run() is True


def test_entering_process_does_not_hold(vm):
    vm.hold("uuid=1 4711-1000(vmware-vmx) 0 X [ lc=abc", "E00003.lck")

    assert vm.is_run() is None


def test_incomplete_process_info_ignored(vm):
    with open(os.path.join(vm.root, "proc", "4711", "stat"), "w") as file:
        file.write("4711 (vmware-vmx) S 0")
    vm.hold("uuid=56-4d-9d 4711-1000(vmware-vmx) 0 X [ lc=abc")

    assert vm.is_run() is None


def test_lock_as_file_holds_nothing(vm):
    with open(f"{vm.path}.lck", "w"):
        pass

    assert (locks.is_held(vm.path), vm.is_run()) == (False, False)


def test_own_process_seen_alive(tmp_path):
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("this machine has no /proc")
    with open("/proc/self/stat") as file:
        start = file.read().rpartition(")")[2].split()[19]
    path = tmp_path / "web.vmx"
    (tmp_path / "web.vmx.lck").mkdir()
    (tmp_path / "web.vmx.lck" / "M1.lck").write_text(f"uuid=1 {os.getpid()}-{start}(vmware-vmx) 0 X [ lc=abc")

    assert locks.is_run(str(path)) is True
