# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import threading

import pytest
from guest_program_cases import (  # noqa: F401
    ACCOUNTS,
    BECOMING,
    PROGRAM,
    ann,
    code,
    lab,
    needs_sandbox,
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
from simulated_guest import Guest
from waiting import eventually

from openvix.guest import disks
from openvix.guest.errors import as_vix_errors
from openvix.vix import constants
from openvix.vix.errors import VixError


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    disks.create(place, hostname="web", accounts=ACCOUNTS, files={"/opt/plain": PROGRAM, "/root/program": PROGRAM})
    (place / "root/program").chmod(0o755)
    return place


@pytest.fixture
def guest(tmp_path, disk):
    guest = Guest(tmp_path / "run", accounts=ACCOUNTS, processes=[])
    guest.boot(disk)
    yield guest
    guest.halt()


# Errors


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([errno.EPERM, errno.EACCES], 13),
        ([errno.EAGAIN, errno.EBUSY], 5),
        ([errno.EEXIST], 12),
        ([errno.EFBIG], 21),
        ([errno.ENOTEMPTY], 20006),
        ([errno.ENOTDIR], 20002),
        ([errno.ENOENT, errno.ENODEV], 4),
        ([errno.ENOSPC], 8),
        ([errno.EISDIR], 20001),
        ([errno.ESRCH], 20003),
        ([errno.ENAMETOOLONG], 20004),
        ([errno.EINVAL, errno.EMSGSIZE], 3),
        ([errno.ENOMEM, errno.ELOOP], 2),
        ([errno.EIO, errno.EMFILE, errno.ENFILE, errno.EMLINK, errno.EROFS, errno.ETIMEDOUT], 7),
        ([errno.EXDEV, errno.ETXTBSY, errno.ENXIO], 1),
    ],
)
def test_errno_has_its_code(numbers, expected):
    for number in numbers:
        with pytest.raises(VixError) as caught, as_vix_errors():
            raise OSError(number, os.strerror(number))
        assert caught.value.code == expected


# Login


# Programs


@needs_sandbox
def test_halt_ends_the_wait(guest, lab):
    seen = []

    def run():
        try:
            guest.run_program(lab, "/bin/sleep", "60", wait=True)
        except VixError as failure:
            seen.append(failure.code)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: [process for process in guest.processes() if process.name == "sleep"])
    guest.halt()
    thread.join(60)
    assert seen == [constants.VIX_E_VM_NOT_RUNNING]


def test_stopped_guest_rejects_operations(guest, lab, tmp_path):
    guest.halt()
    guest.halt()
    guest.freeze()
    guest.thaw()
    assert guest.disk is None
    calls = [
        (guest.processes,),
        (guest.kill, lab, 1),
        (guest.file_exists, lab, "/etc/hostname"),
        (guest.create_temp_file, lab),
        (guest.copy_in, lab, str(tmp_path), "/tmp/x"),
    ]
    assert {code(*call) for call in calls} == {constants.VIX_E_VM_NOT_RUNNING}
    assert code(guest.run_program, lab, "/bin/true", None, wait=True) == constants.VIX_E_VM_NOT_RUNNING


# Killing


@needs_sandbox
def test_only_administrator_kills_processes_of_others(guest, lab, ann):
    mine, _, _ = guest.run_program(ann, "/bin/sleep", "60", wait=False)
    hers, _, _ = guest.run_program(lab, "/bin/sleep", "60", wait=False)
    assert code(guest.kill, ann, hers) == constants.VIX_E_GUEST_USER_PERMISSIONS
    guest.kill(ann, mine)
    guest.kill(lab, hers)
    eventually(lambda: not {mine, hers} & {process.pid for process in guest.processes()})
    assert code(guest.kill, ann, mine) == constants.VIX_E_NO_SUCH_PROCESS
    for pid in (0, -1, 2**40, 2**64 - 1):
        assert code(guest.kill, lab, pid) == constants.VIX_E_NO_SUCH_PROCESS
    for account in (lab, ann):
        assert code(guest.kill, account, 1) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert [process.name for process in guest.processes()] == ["init"]
