# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins, programs and processes of QEMU guests through the guest tools: the cases of simulated guests, and those that depend on the guest's kernel."""

from __future__ import annotations

import threading
import time

import pytest
import tools_guest

# The same tests, on the fixtures of this file.
from guest_program_cases import (  # noqa: F401
    ACCOUNTS,
    PROGRAM,
    ann,
    code,
    lab,
    test_account_without_password_takes_any,
    test_elapsed_time_is_in_seconds,
    test_environment_is_that_of_a_service,
    test_kill_ends_a_process_that_ignores_sigterm,
    test_kill_lets_a_process_handle_sigterm,
    test_kill_of_an_unreaped_process_fails,
    test_line_of_a_program_is_for_bash,
    test_locked_account_cannot_log_in,
    test_login_needs_a_shell_of_etc_shells,
    test_login_requires_the_right_password,
    test_long_process_name_is_complete,
    test_only_executable_file_is_run,
    test_owner_is_the_login_without_environment,
    test_process_during_exec_is_listed_as_old_or_new,
    test_process_id_is_that_of_the_program,
    test_process_name_is_its_first_argument,
    test_process_of_a_script_has_its_interpreter,
    test_process_that_is_not_reaped_is_listed,
    test_program_is_in_the_session_of_tools,
    test_program_returns_its_exit_code,
    test_script_file_is_removed_afterwards,
    test_script_has_a_maximum_length,
    test_script_runs_by_its_interpreter,
    test_script_without_wait_removes_its_file,
    test_scripts_of_an_account_share_a_directory,
    test_shell_parses_arguments_not_program,
    test_signaled_program_has_an_exit_code,
    test_too_long_command_line_is_not_started,
)
from waiting import eventually

from openvix.backends.qemu.channel import Channel
from openvix.guest.processes import Process
from openvix.vix import constants
from openvix.vix.errors import VixError

pytestmark = tools_guest.needs_root


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    tools_guest.make_disk(place, ACCOUNTS, {"/opt/plain": PROGRAM, "/root/program": PROGRAM})
    (place / "root/program").chmod(0o755)
    return place


@pytest.fixture
def guest(disk):
    with tools_guest.serving(disk) as port:
        yield tools_guest.FixedTools(Channel(port))


def test_unsendable_login_is_a_wrong_login(guest):
    for name, password in (("lab", "lab\0"), ("lab\0", "lab"), ("lab", "x" * 5_000_000), ("l" * 300, "lab")):
        assert code(guest.login, name, password) == constants.VIX_E_GUEST_USER_PERMISSIONS


def test_only_executable_programs_run(guest, lab, ann, disk):
    (disk / "opt/mine").write_text(PROGRAM)
    (disk / "opt/mine").chmod(0o700)
    assert guest.run_program(lab, "/opt/mine", None, wait=True)[2] == 0
    assert code(guest.run_program, ann, "/opt/mine", None, wait=True) == constants.VIX_E_GUEST_USER_PERMISSIONS


def test_only_administrator_kills_others(guest, lab, ann):
    mine, _, _ = guest.run_program(ann, "/bin/sleep", "60", wait=False)
    hers, _, _ = guest.run_program(lab, "/bin/sleep", "60", wait=False)
    assert code(guest.kill, ann, hers) == constants.VIX_E_GUEST_USER_PERMISSIONS
    guest.kill(ann, mine)
    guest.kill(lab, hers)
    assert not {mine, hers} & {process.pid for process in guest.processes()}
    assert code(guest.kill, ann, mine) == constants.VIX_E_NO_SUCH_PROCESS
    for pid in (0, -1, 2**40, 2**64 - 1):
        assert code(guest.kill, lab, pid) == constants.VIX_E_NO_SUCH_PROCESS
    agent = next(process.pid for process in guest.processes() if process.name == "openvix-tools")
    for account in (lab, ann):
        assert code(guest.kill, account, 1) == constants.VIX_E_GUEST_USER_PERMISSIONS
        assert code(guest.kill, account, agent) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert [process.name for process in guest.processes()] == ["sh", "openvix-tools"]


def test_process_list_is_exact(guest, ann):
    pid, _, _ = guest.run_program(ann, "/bin/sleep", "60", wait=False)
    found = next(process for process in guest.processes() if process.pid == pid)
    assert found == Process("sleep", pid, "ann", "/bin/sleep 60", found.start_time)
    assert abs(found.start_time - time.time()) < 30


def test_waiting_for_programs_blocks_nobody(guest, ann, disk):
    codes = {}

    def run(number):
        codes[number] = guest.run_program(ann, "/bin/sh", f"-c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit {number}'", wait=True)[2]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: sum("/tmp/go" in process.command for process in guest.processes()) == 8)
    assert guest.file_exists(ann, "/etc/passwd")
    (disk / "tmp/go").touch()
    for thread in threads:
        thread.join(60)
    assert codes == {number: number for number in range(8)}


def test_halt_of_machine_ends_the_wait(disk):
    with tools_guest.serving(disk) as port:
        channel = Channel(port)

        class Machine(tools_guest.FixedTools):
            def channel(self):
                if channel.is_closed:
                    raise VixError(constants.VIX_E_VM_NOT_RUNNING)
                return channel

        guest, seen = Machine(channel), []
        lab = guest.login("lab", "lab")

        def run():
            try:
                guest.run_program(lab, "/bin/sleep", "60", wait=True)
            except VixError as failure:
                seen.append(failure.code)

        thread = threading.Thread(target=run)
        thread.start()
        eventually(lambda: [process for process in guest.processes() if process.name == "sleep"])
        channel.close()
        thread.join(60)
    assert seen == [constants.VIX_E_VM_NOT_RUNNING]


def test_closed_connection_means_tools_not_running(guest, ann):
    guest.channel().close()
    assert code(guest.file_exists, ann, "/etc/passwd") == constants.VIX_E_TOOLS_NOT_RUNNING
    assert code(guest.run_program, ann, "/bin/true", None, wait=True) == constants.VIX_E_TOOLS_NOT_RUNNING
