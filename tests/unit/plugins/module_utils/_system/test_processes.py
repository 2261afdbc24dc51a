# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script for Linux is run by the shell of this machine, which is one of those that a guest may have."""

from __future__ import annotations

import base64
import os
import pathlib
import pwd
import subprocess
import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import processes
from ansible_collections.vmlab.vix.plugins.module_utils._system.exit_codes import DONE

MARK = "0123456789abcdef0123456789abcdef"


def look(*shell):
    """The processes of this machine that the script lists, by process id."""
    with subprocess.Popen([*(shell or ["/bin/sh"]), "-c", processes.linux_script(MARK)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        answer = run.stdout.read()
    assert run.returncode == DONE
    return {process["pid"]: process for process in processes.parse_linux(answer, MARK)}


@pytest.fixture
def start():
    started = []

    def start(argv, executable=None):
        process = subprocess.Popen(argv, executable=executable, stdin=subprocess.PIPE)
        started.append(process)
        line = b"\0".join(map(os.fsencode, argv)) + b"\0"
        end = time.monotonic() + 60
        while pathlib.Path("/proc", str(process.pid), "cmdline").read_bytes() != line:
            assert time.monotonic() < end
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()


def answer(*records, head="1\nbtime 1000\n5 0 root\n6 1001 UNKNOWN\n7 1002 LAB\\ann smith\n"):
    return b"".join([head.encode(), *(MARK.encode() + record for record in records)])


def numbers(parent=1, ticks=1234):
    return " ".join([str(parent), *["0"] * 17, str(ticks), *["0"] * 30])


def stat(pid, name=b"cron", state=b"S", **other):
    return b"%d (%b) %b %b\n" % (pid, name, state, numbers(**other).encode())


def test_process_facts_listed(start):
    pid = start(["/nowhere/idle", "-c", "read line", "two words"], executable="/bin/sh")

    found = look()

    process = found[pid]
    assert process.pop("start_time") == pytest.approx(time.time(), abs=60)
    assert process == {"pid": pid, "name": "idle", "owner": pwd.getpwuid(os.geteuid()).pw_name, "command": "/nowhere/idle -c read line two words"}


def test_lister_not_listed():
    for shell in ([], ["/bin/sh", "-c", '/bin/sh "$@"; exit $?', "wrapper"]):
        assert [process for process in look(*shell).values() if MARK in process["command"]] == []


def test_children_of_lister_not_listed():
    lines = [stat(5, parent=6, ticks=9005), stat(6, parent=7, ticks=9000), stat(7, parent=1, ticks=8000), stat(8, parent=7, ticks=9005)]

    found = processes.parse_linux(answer(*lines, head="5\nbtime 1000\n"), MARK)

    assert [process["pid"] for process in found] == [7, 8]


def test_names_like_records_add_no_process(tmp_path, start):
    program = tmp_path / "x) S 1 2\n9 (y"
    program.symlink_to("/bin/sh")
    forged = f"\n99999999 (evil) S {numbers()}\n"
    pid = start([str(program), "-c", "read line", forged], executable=str(program))

    found = look()

    assert found[pid]["command"] == f"{program} -c read line {forged}"
    assert found[pid]["name"] == program.name
    assert 99999999 not in found
    assert "evil" not in {process["name"] for process in found.values()}


def test_no_command_line_kernel_name():
    [process] = processes.parse_linux(answer(stat(5, b"kworker/0:1)")), MARK)

    assert process == {"pid": 5, "name": "kworker/0:1)", "owner": "root", "command": "kworker/0:1)", "start_time": 1012}


@pytest.mark.parametrize(("pid", "owner"), [(5, "root"), (6, "1001"), (7, "LAB\\ann smith"), (8, "")])
def test_unnamed_owner_is_number(pid, owner):
    [process] = processes.parse_linux(answer(stat(pid) + b"cron\0"), MARK)

    assert process["owner"] == owner


@pytest.mark.parametrize(
    ("line", "name", "command"),
    [
        (b"/usr/bin/perl\0/srv/daemon.pl\0", "perl", "/usr/bin/perl /srv/daemon.pl"),
        (b"/opt/my app/run\0x\0", "run", "/opt/my app/run x"),
        (b"sshd: root@pts/1 [x]\x00604\0", "sshd: root@pts/1 [x]", "sshd: root@pts/1 [x] 604"),
        (b"rel/ative/name\0", "rel/ative/name", "rel/ative/name"),
        (b"nginx: worker process\0\0\0", "nginx: worker process", "nginx: worker process"),
        (b"\x00601\0", "", " 601"),
        (b"\0\0\0", "", ""),
        (b"", "cron", "cron"),
    ],
)
def test_name_from_first_argument(line, name, command):
    [process] = processes.parse_linux(answer(stat(5) + line), MARK)

    assert (process["name"], process["command"]) == (name, command)


def test_ended_processes_found(start):
    runs = start(["/nowhere/idle", "-c", "read line"], executable="/bin/sh")
    with subprocess.Popen(["/bin/sh", "-c", "exit 3"]) as child:
        end = time.monotonic() + 60
        while b"\nState:\tZ" not in pathlib.Path("/proc", str(child.pid), "status").read_bytes():
            assert time.monotonic() < end

        run = subprocess.run(["/bin/sh", "-c", processes.ENDED_SCRIPT], stdout=subprocess.PIPE, check=False)

    assert run.returncode == DONE
    found = processes.parse_ended(run.stdout)
    assert child.pid in found
    assert runs not in found


@pytest.mark.parametrize("answer", [b"", b"x/status\n", b"5/stat\n", b"5 5/status", b" 5/status\n", b"12345678901/status\n", b"\xff5/status\n"])
def test_malformed_ended_answer_skipped(answer):
    assert processes.parse_ended(answer + b"\n6/status\n") == {6}


def test_ended_process_not_listed():
    assert processes.parse_linux(answer(stat(5, state=b"Z"), stat(6, state=b"X")), MARK) == []


@pytest.mark.parametrize("record", [b"", b"5", b"5 (cron) S 1 2 3\n", b"5 cron S " + numbers().encode() + b"\n", b"\xff\xfe", stat(5)[:-1]])
def test_malformed_record_skipped(record):
    assert [process["pid"] for process in processes.parse_linux(answer(record, stat(6)), MARK)] == [6]


@pytest.mark.parametrize("head", ["", "\n", "x\ny z\n5 0\n", "\xff"])
def test_malformed_head_costs_owners_only(head):
    [process] = processes.parse_linux(answer(stat(6), head=head), MARK)

    assert (process["pid"], process["owner"]) == (6, "")


def test_non_utf8_command_line_listed():
    [process] = processes.parse_linux(answer(stat(5) + b"/bin/\xe4\0-x\0"), MARK)

    assert (process["name"], process["command"]) == ("\ufffd", "/bin/\ufffd -x")


def test_exit_3_without_proc(tmp_path):
    script = processes.linux_script(MARK).replace("/proc", str(tmp_path))

    run = subprocess.run(["/bin/sh", "-c", script], stdout=subprocess.PIPE, check=False)

    assert (run.returncode, run.stdout) == (3, b"")


def test_powershell_writes_new_file():
    assert processes.windows_script(r"C:\Users\o'hara\Temp\list") == (
        r"$ErrorActionPreference = 'Stop'; "
        r"function Pack($text) { [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([string]$text)) }; "
        r"$zero = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc); "
        r"$file = New-Object IO.StreamWriter ([IO.File]::Open('C:\Users\o''hara\Temp\list', 'CreateNew', 'Write', 'None')); "
        r"try { Get-WmiObject Win32_Process | Where-Object { $_.ProcessId -ne $PID } | ForEach-Object { "
        r"$owner = ''; try { $who = $_.GetOwner(); if ($who.User) { $owner = $who.Domain + '\' + $who.User } } catch { }; "
        r"$start = 0; if ($_.CreationDate) { "
        r"$start = [int64][Math]::Floor(($_.ConvertToDateTime($_.CreationDate).ToUniversalTime() - $zero).TotalSeconds) }; "
        r"$file.WriteLine(('{0} {1} {2} {3} {4}' -f $_.ProcessId, $start, (Pack $_.Name), (Pack $owner), (Pack $_.CommandLine))) "
        r"} } finally { $file.Close() }; exit 64"
    )


def packed(*texts):
    return b" ".join(base64.b64encode(text.encode()) for text in texts)


def test_powershell_output_read():
    lines = [
        b"0 0 " + packed("System Idle Process", "", ""),
        b"812 1789000000 " + packed("notepad.exe", "LAB\\änn", '"C:\\Program Files\\x y\\notepad.exe" a.txt'),
    ]

    assert processes.parse_windows(b"\r\n".join([*lines, b""])) == [
        {"pid": 0, "name": "System Idle Process", "owner": "", "command": "", "start_time": 0},
        {"pid": 812, "name": "notepad.exe", "owner": "LAB\\änn", "command": '"C:\\Program Files\\x y\\notepad.exe" a.txt', "start_time": 1789000000},
    ]


@pytest.mark.parametrize("line", [b"", b"5", b"5 6 7", b"x 0 " + packed("a", "b", "c"), b"5 0 a b c", b"5 0 " + packed("a", "b", "c", "d"), b"\xff\xfe"])
def test_foreign_lines_skipped(line):
    good = b"6 0 " + packed("a", "b", "c")

    assert [process["pid"] for process in processes.parse_windows(line + b"\r\n" + good + b"\r\n")] == [6]
