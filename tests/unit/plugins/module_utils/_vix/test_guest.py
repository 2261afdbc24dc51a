# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker

ACCOUNTS = [{"name": "lab", "password": "secret", "administrator": True}]
PROCESSES = [{"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"}]


@pytest.fixture
def in_guest(openvix, on_host):
    """Do some work in the guest of a running VM, logged in as its administrator, and return the result."""
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/srv/note": "Hello\n"}, processes=PROCESSES)

    def run(work):
        def on(host):
            with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
                return work(guest)

        return on_host(on)

    run.vm = web
    return run


@pytest.mark.parametrize("code", [0, 1, 77])
def test_run_returns_exit_code(in_guest, code):
    assert in_guest(lambda guest: guest.run("/bin/sh", f"-c 'exit {code}'")) == code


def test_killed_process_is_gone(in_guest):
    def named(guest):
        return [process for process in guest.processes() if process["name"] == "cron"]

    def work(guest):
        [cron] = named(guest)
        guest.kill(cron["pid"])
        while named(guest):
            time.sleep(0.05)
        return cron

    cron = in_guest(work)
    assert (cron["owner"], cron["command"]) == ("root", "/usr/sbin/cron -f")


def test_old_tools_list_no_command_line(openvix, on_host):
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=PROCESSES, process_commands=False)

    def work(host):
        with host.open_vm(web) as vm, vm.log_in("lab", "secret") as guest:
            return guest.processes()

    found = {process["name"]: process for process in on_host(work)}
    assert (found["cron"]["command"], found["cron"]["owner"]) == ("", "root")
    assert found["cron"]["start_time"] > 0


def test_files_inspected_renamed_deleted(openvix, in_guest):
    def work(guest):
        info = guest.file_info("/srv/note")
        there = [guest.file_exists("/srv/note"), guest.file_exists("/srv"), guest.file_info("/srv")["is_directory"]]
        guest.rename("/srv/note", "/srv/other")
        moved = [guest.file_exists("/srv/note"), guest.file_exists("/srv/other")]
        guest.delete_file("/srv/other")
        return info, there, moved

    info, there, moved = in_guest(work)

    assert info.pop("modified") == pytest.approx(time.time(), abs=60)
    assert info == {"size": 6, "is_directory": False, "is_link": False}
    assert there == [True, False, True]
    assert moved == [False, True]
    assert os.listdir(openvix.disk(in_guest.vm) / "srv") == []


def test_copied_file_returns_unchanged(openvix, in_guest, tmp_path):
    (tmp_path / "there").write_bytes(bytes(range(256)))

    def work(guest):
        guest.copy_in(str(tmp_path / "there"), "/tmp/file")
        guest.copy_out("/tmp/file", str(tmp_path / "back"))

    in_guest(work)

    assert (tmp_path / "back").read_bytes() == bytes(range(256))


def test_exit_logs_out_keeps_first_error(openvix, in_guest):
    in_guest(lambda guest: None)
    assert len(openvix.calls("VixVM_LogoutFromGuest")) == 1

    with pytest.raises(_worker.Failure, match=r"^looking at /none in the guest of .* as lab: .*VIX_E_FILE_NOT_FOUND, 4\)"):
        in_guest(lambda guest: guest.file_info("/none"))


def test_nul_text_not_passed_to_library(openvix, in_guest):
    with pytest.raises(_worker.Failure, match="text for VIX cannot contain a NUL character"):
        in_guest(lambda guest: guest.file_info("/srv\0/note"))
    assert openvix.calls("VixVM_GetFileInfoInGuest") == []


def test_script_failure_names_purpose_once(openvix, in_guest):
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    with pytest.raises(_worker.Failure, match=r"^reading the clock of web: [^:]*\(VIX_E_UNRECOGNIZED_COMMAND_IN_GUEST, 3025\)"):
        in_guest(lambda guest: guest.run_script("/bin/sh", "date", "reading the clock of web"))
    with pytest.raises(_worker.Failure, match=f"^running a script in the guest of {in_guest.vm} as lab: "):
        in_guest(lambda guest: guest.run_script("/bin/sh", "date"))
