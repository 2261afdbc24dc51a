# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistakes in the use of VIX that no other test would notice; tests/contract/quirks.toml says which test is for which."""

from __future__ import annotations

import ctypes
import gc
import os
import pathlib
import sys
import threading
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._system import captured, linux
from ansible_collections.vmlab.vix.plugins.module_utils._system.guest_session import GuestSession
from ansible_collections.vmlab.vix.plugins.module_utils._vix import capi
from ansible_collections.vmlab.vix.plugins.module_utils._vix import constants as vix
from ansible_collections.vmlab.vix.plugins.module_utils._vix.deadline import Deadline
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import AlreadyExists, TimedOut, VixError
from ansible_collections.vmlab.vix.plugins.module_utils._vix.guest import LONGEST_SCRIPT

from openvix.cli import install
from openvix.system import c_build

stepped = pytest.mark.openvix(clock="stepped")
ROOT = pathlib.Path(__file__).resolve().parents[5]
ACCOUNTS = [{"name": "lab", "password": "secret", "administrator": True}]
SIZES = {
    vix.VIX_PROPERTYTYPE_INTEGER: [4],
    vix.VIX_PROPERTYTYPE_STRING: [8],
    vix.VIX_PROPERTYTYPE_BOOL: [1],
    vix.VIX_PROPERTYTYPE_HANDLE: [4],
    vix.VIX_PROPERTYTYPE_INT64: [8],
    vix.VIX_PROPERTYTYPE_BLOB: [4, 8],
}


@pytest.fixture
def in_guest(openvix, on_host):
    """Do some work in the guest of a running VM, logged in, and return the result."""
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)

    def run(work):
        def on(host):
            with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
                return work(guest)

        return on_host(on)

    run.vm = web
    return run


# -- types and calling


def test_property_cells_have_size():
    assert {kind: [ctypes.sizeof(cell) for cell in cells] for kind, cells in capi.CELLS.items()} == SIZES


def test_error_with_code_zero():
    with pytest.raises(VixError) as caught:
        capi.no_error(capi.Library(str(c_build.build()), lambda *call: None), 1 << 40, None, ())
    assert (caught.value.code, caught.value.raw) == (0, 1 << 40)


def test_job_arguments_kept_alive(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on")

    def work(host):
        with host.open_vm(web) as vm:
            name = "role".join(["", ""]).encode()
            before = sys.getrefcount(name)
            with vm.start("VixVM_ReadVariable", "reading", vix.VIX_VM_GUEST_VARIABLE, name, 0) as job:
                during = sys.getrefcount(name)
                job.wait()
            return during > before

    assert on_host(work)


@stepped
def test_python_runs_during_library_call(openvix, on_host):
    """A library that keeps Python's lock would stand still with the callback that it waits for, and here with who has the library wait."""
    web = openvix.add_vm("web")
    openvix.fault(call="Vix_GetProperties", delay=1)

    def work(host):
        with host.open_vm(web) as vm:
            read = threading.Thread(target=lambda: vm.name)
            read.start()
            while not openvix.calls("Vix_GetProperties"):
                time.sleep(0.01)
            waits = read.is_alive()
            openvix.advance(1)
            read.join()
            return waits

    assert on_host(work)


# -- properties


def test_size_beyond_32_bits(openvix, in_guest):
    with open(openvix.disk(in_guest.vm) / "tmp" / "large", "wb") as file:
        file.truncate((5 << 32) + 7)

    assert in_guest(lambda guest: guest.file_info("/tmp/large")["size"]) == (5 << 32) + 7


def test_time_is_utc_on_any_host(openvix, in_guest, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    place = openvix.disk(in_guest.vm) / "tmp" / "dated"
    place.touch()
    os.utime(str(place), (86400, 86400))

    try:
        assert in_guest(lambda guest: guest.file_info("/tmp/dated")["modified"]) == 86400
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_null_text_is_empty():
    """VIX may leave a string out."""
    assert capi._value(vix.VIX_PROPERTYTYPE_STRING, [ctypes.c_void_p(None)]) == ""


def test_missing_team_is_empty(openvix, on_host):
    """What VMware has for a VM without a team is not known; OpenVIX has an empty text."""
    web = openvix.add_vm("web")

    def work(host):
        with host.open_vm(web) as vm:
            return vm.read(vix.VIX_PROPERTY_VM_VMTEAM_PATHNAME, "reading")

    assert on_host(work) == ""


def test_unknown_power_bits_ignored(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", extra_power_bits=0x1400)

    def work(host):
        with host.open_vm(web) as vm:
            return vm.power, vm.power_bits & 0x1400

    assert on_host(work) == ["powered_on", 0x1400]


# -- handles


@pytest.fixture
def wrapper(tmp_path, monkeypatch):
    """A library that does what VMware's wrapper does, and where it looks for the product."""
    (tmp_path / ".vmware").mkdir()
    (tmp_path / ".vmware" / "config").write_text('product.version = "17.6.3"\nvix.libdir = "{}"\n'.format(tmp_path / "libdir"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    install.install(c_build.build(), tmp_path / "libdir")
    return str(c_build.compile_wrapper(ROOT / "openvix" / "tests" / "native" / "c" / "wrapper.c")), tmp_path / "libdir"


def test_wrapper_drives_product(openvix, on_host, wrapper):
    web = openvix.add_vm("web", power="powered_on", snapshots=[{"name": "base", "children": [{"name": "leaf"}]}])

    def work(host):
        with host.open_vm(web) as vm:
            return host.running(), vm.name, [node.path for node in vm.snapshot_tree()[0].children]

    assert on_host(work, library=wrapper[0]) == [[web], "web", ["base/leaf"]]


def test_wrapper_error_is_not_job(openvix, on_host, wrapper):
    (wrapper[1] / install.DIRECTORY / "64bit" / "libvix.so").unlink()

    with pytest.raises(_worker.Failure) as caught:
        on_host(lambda host: None, library=wrapper[0])
    assert caught.value.code == 22002


def test_no_handle_is_no_job(openvix, on_host):
    """The library has a limited number of handles; when all are in use it starts nothing."""
    openvix.forgive_leaks("so many handles are not given back one by one")

    def work(host):
        for _each in range(1 << 17):
            try:
                capi.alloc_text_property(host._library, host, vix.VIX_PROPERTY_VM_NAME, "")
            except VixError:
                break
        return host.running()

    with pytest.raises(_worker.Failure, match=r"^listing the running VMs: the library returned no handle$"):
        on_host(work)


# -- callbacks


def hasty(host):
    """The host as somebody sees it who has little time, from now on."""
    return type(host)(host._library, host._number, Deadline(0.05))


@stepped
def test_callback_kept_alive(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_FindItems", delay=1, times=1)

    def work(host):
        with pytest.raises(TimedOut):
            hasty(host).running()
        gc.collect()
        # This search begins when the callback of the other one has still to come.
        found = host.running()
        openvix.advance(1)
        while len(openvix_calls()) < 2 or None in openvix_calls():
            time.sleep(0.02)
        return found + host.running()

    def openvix_calls():
        return [call["error"] for call in openvix.calls("VixHost_FindItems")]

    assert on_host(work) == [web, web]


def test_endless_search_times_out(openvix, on_host):
    openvix.fault(call="VixHost_FindItems", hang=True, where="job")

    with pytest.raises(_worker.Failure, match=r"^listing the running VMs: timed out after 0.05 s"):
        on_host(lambda host: hasty(host).running())


# -- connecting


REMOTE = {"provider": "vi_server", "hostname": "https://esx.example.com/sdk", "username": "root", "password": "s3cret"}


@pytest.mark.openvix(product="vi_server", needs_host_option=0x4000)
def test_certificate_verified_by_default(openvix, on_host):
    assert on_host(lambda host: host.describe()["provider"], **REMOTE) == "vi_server"
    with pytest.raises(_worker.Failure):
        on_host(lambda host: None, validate_certs=False, **REMOTE)


@pytest.mark.openvix(product="vi_server")
@pytest.mark.parametrize("missing", ["username", "password"])
def test_remote_host_without_login_fails(openvix, on_host, missing):
    """VMware's library would hang, and so would be ended at the deadline."""
    with pytest.raises(_worker.Failure) as caught:
        on_host(lambda host: None, **{**REMOTE, missing: None})
    assert caught.value.code == 35


@pytest.mark.openvix(product="vi_server")
def test_empty_password_is_password(openvix, on_host):
    assert on_host(lambda host: host.describe()["provider"], **{**REMOTE, "password": ""}) == "vi_server"


@pytest.mark.openvix(product="fusion", needs_host_option=0x200)
def test_fusion_gets_its_option(openvix, on_host):
    assert on_host(lambda host: host.running()) == []


# -- the guest


def test_booting_guest_awaited_before_login(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", boot_seconds=1.0, accounts=ACCOUNTS)

    assert run_module("guest_process_info", vm=web, guest_username="lab", guest_password="secret")["_rc"] == 0


ARGUMENTS = ["two words", "it's", 'say "x"', "$HOME", "a;b", "*", ""]


def test_arguments_passed_unchanged(in_guest):
    checks = " && ".join(f'[ "${number + 1}" = {linux.quote(text)} ]' for number, text in enumerate(ARGUMENTS))

    assert in_guest(lambda guest: guest.run(linux.SHELL, linux.line(["-c", checks, "sh", *ARGUMENTS]))) == 0


def test_program_output_fetched(in_guest, tmp_path):
    def work(guest):
        code, said = captured.run(GuestSession(guest, workdir=str(tmp_path)), "echo said; exit 3", "running a script")
        return code, said.decode()

    assert in_guest(work) == [3, "said\n"]


def test_started_program_not_awaited(in_guest):
    def work(guest):
        pid = guest.start("/bin/sleep", "1000")
        there = pid in [process["pid"] for process in guest.processes()]
        guest.kill(pid)
        return there

    assert in_guest(work)


def script_of(length):
    """A script that succeeds and has, together with the path of its interpreter, so many bytes."""
    begin = "exit 0\n#"
    return begin + "x" * (length - len(linux.SHELL) - len(begin))


def test_longest_script_runs(in_guest):
    assert in_guest(lambda guest: guest.run_script(linux.SHELL, script_of(LONGEST_SCRIPT))) == 0


def test_longer_script_fails(in_guest):
    with pytest.raises(_worker.Failure) as caught:
        in_guest(lambda guest: guest.run_script(linux.SHELL, script_of(LONGEST_SCRIPT + 1)))
    assert caught.value.code == 44


def test_directory_over_file_fails(in_guest):
    def work(guest):
        with pytest.raises(AlreadyExists):
            guest.create_directory("/etc/passwd")
        return guest.directory_exists("/etc/passwd")

    assert in_guest(work) is False


def test_rename_into_directory_refused(in_guest):
    def work(guest):
        guest.create_directory("/tmp/a")
        guest.create_directory("/tmp/b")
        with pytest.raises(AlreadyExists):
            guest.rename("/tmp/a", "/tmp/b")
        return guest.directory_exists("/tmp/b/a"), guest.directory_exists("/tmp/a")

    assert in_guest(work) == [False, True]
