# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of logins, programs and processes for all kinds of guest. Each kind imports them and provides the fixture guest."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time

import pytest
from waiting import eventually

from openvix.backends.simulated import sandbox
from openvix.guest.programs import LONGEST_SCRIPT, PATH
from openvix.guest.tools_options import ToolsOptions
from openvix.vix import constants
from openvix.vix.errors import VixError

ACCOUNTS = [
    {"name": "lab", "password": "lab", "administrator": True},
    {"name": "ann", "password": "päss"},
    {"name": "open", "password": ""},
    {"name": "locked", "password": "a", "locked": True},
    {"name": "service", "password": "a", "shell": "/usr/sbin/nologin"},
]


PROGRAM = "#!/bin/sh\n"


needs_sandbox = pytest.mark.skipif(not sandbox.is_allowed(), reason="this machine allows no user namespaces")


@pytest.fixture
def lab(guest):
    return guest.login("lab", "lab")


@pytest.fixture
def ann(guest):
    return guest.login("ann", "päss")


def code(call, *arguments, **options):
    with pytest.raises(VixError) as caught:
        call(*arguments, **options)
    return caught.value.code


def test_login_requires_the_right_password(guest):
    account = guest.login("ann", "päss")
    assert (account.name, account.administrator, account.home) == ("ann", False, "/home/ann")
    assert guest.login("lab", "lab").administrator
    for name, password in [("ann", "wrong"), ("ann", ""), ("ann", "PÄSS"), ("nobody-here", "x"), ("nobody-here", ""), ("ANN", "päss"), ("lab", "päss")]:
        assert code(guest.login, name, password) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert code(guest.login, "", "") == constants.VIX_E_INVALID_ARG


def test_account_without_password_takes_any(guest):
    assert [guest.login("open", password).name for password in ("", "x")] == ["open", "open"]


def test_locked_account_cannot_log_in(guest):
    assert code(guest.login, "locked", "a") == constants.VIX_E_GUEST_USER_PERMISSIONS


def test_login_needs_a_shell_of_etc_shells(guest, disk):
    assert code(guest.login, "service", "a") == constants.VIX_E_GUEST_USER_PERMISSIONS
    shells = disk / "etc/shells"
    shells.write_text(shells.read_text() + "/usr/sbin/nologin\n")
    account = guest.login("service", "a")
    assert (account.name, account.shell) == ("service", "/usr/sbin/nologin")
    shells.write_text("# /bin/bash\n")
    assert code(guest.login, "lab", "lab") == constants.VIX_E_GUEST_USER_PERMISSIONS
    shells.unlink()
    assert guest.login("lab", "lab").shell == "/bin/bash"


@needs_sandbox
def test_program_returns_its_exit_code(guest, lab, disk):
    pid, _, status = guest.run_program(lab, "/bin/sh", '-c \'echo $$ "$HOME" "$USER" $(pwd) > /tmp/out; exit 7\'', wait=True)
    assert status == 7
    assert (disk / "tmp/out").read_text().split() == [str(pid), "/home/lab", "lab", "/"]


@needs_sandbox
def test_elapsed_time_is_in_seconds(guest, lab):
    begun = time.monotonic()
    _, elapsed, status = guest.run_program(lab, "/bin/sleep", "1.1", wait=True)
    assert 1 <= elapsed <= time.monotonic() - begun
    assert status == 0


@needs_sandbox
def test_shell_parses_arguments_not_program(guest, lab, disk):
    name = "opt/it's a program; true"
    (disk / name).write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (disk / name).chmod(0o755)
    assert guest.run_program(lab, f"/{name}", "a 'b c' $USER > /tmp/out && echo end >> /tmp/out", wait=True)[2] == 0
    assert (disk / "tmp/out").read_text() == "a|b c|lab|end\n"
    assert guest.run_program(lab, "/bin/true", None, wait=True)[2] == 0
    assert guest.run_program(lab, "/bin/false", "", wait=True)[2] == 1


@needs_sandbox
def test_line_of_a_program_is_for_bash(guest, lab, disk):
    (disk / "opt/$HOME").write_text("#!/bin/sh\nexit 8\n")
    (disk / "opt/$HOME").chmod(0o755)
    assert guest.run_program(lab, "/opt/$HOME", None, wait=True)[2] == 127
    assert guest.run_program(lab, "/opt", None, wait=True)[2] == 126
    assert guest.run_program(lab, "bin/true", "; exit 3", wait=True)[2] == 3
    assert guest.run_program(lab, " /bin/true", None, wait=True)[2] == 127
    assert guest.run_program(lab, "/bin/echo", "{a,b}c >/tmp/out; test $BASH_VERSION", wait=True)[2] == 0
    assert (disk / "tmp/out").read_text() == "ac bc\n"


@needs_sandbox
def test_environment_is_that_of_a_service(guest, ann, disk):
    guest.environment = {"ANSWER": "ä 42", "HOME": "/opt", "LANG": "C"}
    assert guest.run_program(ann, "/usr/bin/env", "| sort >/tmp/out", wait=True)[2] == 0
    said = dict(line.split("=", 1) for line in (disk / "tmp/out").read_text(encoding="utf-8").splitlines())
    of_bash = {name: said.pop(name) for name in ("PWD", "SHLVL", "_")}
    assert of_bash["PWD"] == "/"
    assert said == {"ANSWER": "ä 42", "HOME": "/home/ann", "LANG": "C", "PATH": PATH, "SHELL": "/bin/bash", "USER": "ann"}


@needs_sandbox
def test_program_is_in_the_session_of_tools(guest, lab, disk):
    line = 'set -- $(cat /proc/$$/stat); test "$5" != $$ && test "$6" != $$ && grep SigIgn /proc/self/status | tail -c 6 >/tmp/out; umask >>/tmp/out'
    assert guest.run_program(lab, "/bin/sh", f"-c '{line}'", wait=True)[2] == 0
    assert (disk / "tmp/out").read_text() == "01000\n0022\n"


@needs_sandbox
def test_signaled_program_has_an_exit_code(guest, lab):
    assert guest.run_program(lab, "/bin/sh", "-c 'kill -9 $$'", wait=True)[2] == 0
    assert guest.run_script(lab, "", "kill -15 $$", wait=True)[2] == 0
    # Of this signal only a shell of the program knew.
    assert guest.run_program(lab, "/bin/sh", "-c 'sh -c \"kill -9 \\$\\$\"; exit'", wait=True)[2] == 128 + signal.SIGKILL
    guest._options = lambda: ToolsOptions(killed_exit_code="signal")
    assert guest.run_program(lab, "/bin/sh", "-c 'kill -9 $$'", wait=True)[2] == 128 + signal.SIGKILL


TRAPS = "trap 'echo handled >/tmp/out; exit 9' TERM; echo >/tmp/ready; while :; do sleep 0.1; done"
IGNORES = "trap '' TERM; echo >/tmp/ready; while :; do sleep 0.1; done"


def started(guest, account, disk, line):
    """Start a shell with a line that makes /tmp/ready, and return its process id after that."""
    pid = guest.run_program(account, "/bin/bash", f"-c {shlex.quote(line)}", wait=False)[0]
    eventually((disk / "tmp/ready").exists)
    return pid


@needs_sandbox
def test_kill_lets_a_process_handle_sigterm(guest, lab, disk):
    guest.kill(lab, started(guest, lab, disk, TRAPS))
    assert (disk / "tmp/out").read_text() == "handled\n"


@needs_sandbox
def test_kill_ends_a_process_that_ignores_sigterm(guest, lab, disk):
    guest._options = lambda: ToolsOptions(term_seconds=0.5)
    pid, begun = started(guest, lab, disk, IGNORES), time.monotonic()
    guest.kill(lab, pid)
    assert time.monotonic() - begun >= 0.5
    assert pid not in [process.pid for process in guest.processes()]


@needs_sandbox
def test_kill_of_an_unreaped_process_fails(guest, ann, disk):
    pid, _, _ = guest.run_program(ann, "/bin/bash", f"-c '{UNREAPED}'", wait=False)
    eventually(lambda: (disk / "tmp/child").exists() and (disk / "tmp/child").read_text().strip())
    child = int((disk / "tmp/child").read_text())
    eventually(lambda: [process.command for process in guest.processes() if process.pid == child] == ["sh"])
    guest._options = lambda: ToolsOptions(term_seconds=0.1, kill_seconds=0.2)
    begun = time.monotonic()
    assert code(guest.kill, ann, child) == constants.VIX_E_FAIL
    assert time.monotonic() - begun >= 0.3
    guest.kill(ann, pid)


@needs_sandbox
def test_process_id_is_that_of_the_program(guest, lab):
    pid, elapsed, status = guest.run_program(lab, "/bin/sleep", "60", wait=False)
    assert (elapsed, status) == (0, 0)
    found = next(process for process in guest.processes() if process.pid == pid)
    assert (found.name, found.command, found.owner) == ("sleep", "/bin/sleep 60", "lab")
    assert abs(found.start_time - time.time()) < 30
    slow, _, _ = guest.run_program(lab, "/bin/sleep", "$(sleep 0.2)60", wait=False)
    assert [process.command for process in guest.processes() if process.pid == slow] == ["/bin/sleep 60"]


# While the kernel copies so many arguments, a process that executes another program has no arguments and no environment.
BECOMING = "exec /bin/sleep 60 $(seq 100000)"


@needs_sandbox
def test_process_during_exec_is_listed_as_old_or_new(guest, ann):
    pid, _, _ = guest.run_program(ann, "/bin/sh", f"-c '{BECOMING}'", wait=False)
    seen = set()

    def has_become():
        found = next(process for process in guest.processes() if process.pid == pid)
        seen.add((found.name, found.command.split(" ", 1)[0], found.owner))
        return found.name == "sleep"

    eventually(has_become)
    assert seen <= {("sh", "/bin/sh", "ann"), ("sleep", "/bin/sleep", "ann")}


@needs_sandbox
def test_only_executable_file_is_run(guest, lab, ann, disk):
    expected = {
        "": constants.VIX_E_INVALID_ARG,
        "true": constants.VIX_E_FILE_NOT_FOUND,
        "/bin/true -x": constants.VIX_E_FILE_NOT_FOUND,
        "/nowhere/true": constants.VIX_E_FILE_NOT_FOUND,
        "/opt/plain/x": constants.VIX_E_FILE_NOT_FOUND,
        "/opt/plain": constants.VIX_E_GUEST_USER_PERMISSIONS,
    }
    assert {path: code(guest.run_program, lab, path, None, wait=True) for path in expected} == expected
    assert code(guest.run_script, lab, "/usr/bin/env -i", "true", wait=True) == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.run_script, lab, "/opt/plain", "true", wait=True) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert guest.run_program(lab, "/root/program", None, wait=True)[2] == 0
    assert code(guest.run_program, ann, "/root/program", None, wait=True) == constants.VIX_E_FILE_NOT_FOUND
    assert os.listdir(disk / "tmp") == []


@needs_sandbox
@pytest.mark.parametrize("wait", [True, False])
def test_too_long_command_line_is_not_started(guest, lab, wait):
    assert guest.run_program(lab, "/bin/false", "x" * 300_000, wait=wait)[2] == 0


@needs_sandbox
@pytest.mark.parametrize("interpreter", [None, "", "/bin/sh"])
def test_script_file_is_removed_afterwards(guest, ann, disk, interpreter):
    text = 'stat -c "%a %n" "$0" > /home/ann/out; printf "%s" "ä" >> /home/ann/out; exit 3\n'
    assert guest.run_script(ann, interpreter, text, wait=True)[2] == 3
    said, rest = (disk / "home/ann/out").read_text(encoding="utf-8").split("\n")
    assert re.fullmatch(r"600 /tmp/vmware-ann_\d+-\d+/vixScript0", said)
    assert rest == "ä"
    [folder] = os.listdir(disk / "tmp")
    assert (os.listdir(disk / "tmp" / folder), (disk / "tmp" / folder).stat().st_mode & 0o777) == ([], 0o700)


@needs_sandbox
def test_scripts_of_an_account_share_a_directory(guest, ann, disk):
    os.mkfifo(disk / "tmp/pipe", 0o666)
    (disk / "tmp/pipe").chmod(0o666)
    guest.run_script(ann, None, "echo $0 >/home/ann/first; read line </tmp/pipe", wait=False)
    eventually(lambda: (disk / "home/ann/first").exists() and (disk / "home/ann/first").read_text())
    guest.run_script(ann, None, "echo $0 >/home/ann/second", wait=True)
    (disk / "tmp/pipe").write_text("go\n")
    first, second = ((disk / "home/ann" / name).read_text().strip().rpartition("/") for name in ("first", "second"))
    assert (first[0], first[2], second[2]) == (second[0], "vixScript0", "vixScript1")
    # A directory that was removed is made again.
    eventually(lambda: os.listdir(disk / first[0][1:]) == [])
    (disk / first[0][1:]).rmdir()
    guest.run_script(ann, None, "echo $0 >/home/ann/third", wait=True)
    third = (disk / "home/ann/third").read_text().rpartition("/")[0]
    assert third.startswith("/tmp/vmware-ann_")
    (disk / third[1:]).rmdir()
    # Without /tmp it is in the home.
    (disk / "tmp/pipe").unlink()
    (disk / "tmp").rmdir()
    guest.run_script(ann, None, "echo $0 >/home/ann/fourth", wait=True)
    assert (disk / "home/ann/fourth").read_text().startswith("/home/ann/vmware-ann_")


@needs_sandbox
def test_script_runs_by_its_interpreter(guest, lab, disk):
    (disk / "opt/mine").write_text('#!/bin/sh\ncp "$1" /tmp/text\necho $# > /tmp/count\n')
    (disk / "opt/mine").chmod(0o755)
    text = "one\r\ntwo\n\tthree"
    assert guest.run_script(lab, "/opt/mine", text, wait=True)[2] == 0
    assert (disk / "tmp/text").read_bytes() == text.encode()
    assert (disk / "tmp/count").read_text() == "1\n"


@needs_sandbox
def test_script_without_wait_removes_its_file(guest, lab, disk):
    os.mkfifo(disk / "opt/pipe")
    pid, elapsed, status = guest.run_script(lab, None, "read line < /opt/pipe; echo $line > /opt/out", wait=False)
    assert (elapsed, status) == (0, 0)
    assert pid in [process.pid for process in guest.processes()]
    [folder] = os.listdir(disk / "tmp")
    assert len(os.listdir(disk / "tmp" / folder)) == 1
    (disk / "opt/pipe").write_text("go\n")
    eventually(lambda: os.listdir(disk / "tmp" / folder) == [])
    assert (disk / "opt/out").read_text() == "go\n"


@needs_sandbox
def test_script_has_a_maximum_length(guest, lab, disk):
    room = LONGEST_SCRIPT - len("/bin/sh")
    assert guest.run_script(lab, None, "exit 9".ljust(room), wait=True)[2] == 9
    assert code(guest.run_script, lab, None, "exit 9".ljust(room + 1), wait=True) == constants.VIX_E_ARGUMENT_TOO_BIG
    assert [os.listdir(disk / "tmp" / folder) for folder in os.listdir(disk / "tmp")] == [[]]


@needs_sandbox
def test_owner_is_the_login_without_environment(guest, ann):
    pid, _, _ = guest.run_program(ann, "/bin/sh", "-c '/usr/bin/env -i /bin/sleep 60; true'", wait=False)

    def owners():
        return {process.name: process.owner for process in guest.processes()}

    eventually(lambda: owners().get("sleep"))
    assert owners()["sleep"] == "ann"
    guest.kill(ann, pid)


NAMES = {
    "exec -a relative/name sleep 61": ("relative/name", "relative/name 61"),
    'exec -a "sshd: root@pts/1 [x]" sleep 61': ("sshd: root@pts/1 [x]", "sshd: root@pts/1 [x] 61"),
    'exec -a "" sleep 61': ("", " 61"),
    'exec -a "/opt/my app/run" sleep 61': ("run", "/opt/my app/run 61"),
}


@needs_sandbox
@pytest.mark.parametrize("line", NAMES)
def test_process_name_is_its_first_argument(guest, lab, line):
    pid, _, _ = guest.run_program(lab, "/bin/bash", f"-c '{line}'", wait=False)

    def texts():
        return next((process.name, process.command) for process in guest.processes() if process.pid == pid)

    eventually(lambda: "exec" not in texts()[1])
    assert texts() == NAMES[line]
    guest.kill(lab, pid)


@needs_sandbox
def test_process_of_a_script_has_its_interpreter(guest, lab, disk):
    (disk / "opt/daemon").write_text("#!/bin/bash\nsleep 60\n:\n")
    (disk / "opt/daemon").chmod(0o755)
    pid, _, _ = guest.run_program(lab, "/opt/daemon", None, wait=False)
    assert [(process.name, process.command) for process in guest.processes() if process.pid == pid] == [("bash", "/bin/bash /opt/daemon")]
    guest.kill(lab, pid)


# The child ends once its parent, which would reap it, has become another program.
UNREAPED = r"""sh -c "while read name </proc/\$PPID/comm && [ \$name = bash ]; do :; done" & echo $! >/tmp/child; exec /bin/sleep 60"""


@needs_sandbox
def test_process_that_is_not_reaped_is_listed(guest, ann, disk):
    pid, _, _ = guest.run_program(ann, "/bin/bash", f"-c '{UNREAPED}'", wait=False)
    eventually(lambda: (disk / "tmp/child").exists() and (disk / "tmp/child").read_text().strip())
    child = int((disk / "tmp/child").read_text())

    def listed():
        return [(process.name, process.command, process.owner) for process in guest.processes() if process.pid == child]

    eventually(lambda: "while" not in str(listed()))
    assert listed() == [("sh", "sh", "ann")]
    guest.kill(ann, pid)
    eventually(lambda: listed() == [])


@needs_sandbox
def test_long_process_name_is_complete(guest, lab, disk):
    (disk / "opt/quite-a-long-name-for-a-program").symlink_to("/bin/sleep")
    pid, _, _ = guest.run_program(lab, "/opt/quite-a-long-name-for-a-program", "60", wait=False)
    assert [process.name for process in guest.processes() if process.pid == pid] == ["quite-a-long-name-for-a-program"]
