# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest, listed by a program there, in case VIX's list has no room for all."""

from __future__ import annotations

import base64
import re
import secrets
from contextlib import suppress

from .._vix.errors import VixError
from . import captured, leftovers, windows
from .exit_codes import DONE

TICKS = 100  # per second, the unit of start times in Linux
ENDED = (b"Z", b"X")
ENDED_SCRIPT = f"cd /proc 2> /dev/null && [ -r self/status ] || exit 3; grep -l '^State:[[:space:]]*[ZX]' [0-9]*/status; exit {DONE}"
# What /proc/PID/stat holds. The name in brackets may contain anything, but it is too short for that many numbers.
STAT = re.compile(rb"(\d+) \((.{0,64}?)\) ([A-Za-z])((?: -?\d+){40,})\n", re.DOTALL)
PARENT, STARTED = 0, 18  # which of those numbers


def listed(session):
    """Return the processes as dictionaries of pid, name, owner, command and start_time, without the program that listed them.

    This takes three VIX calls, in Windows four. Raises VixError if the guest has no program that can list them.
    """
    doing = session.doing("listing the processes by a program in")
    if not session.is_linux:
        return parse_windows(_run_windows(session, doing))
    mark = secrets.token_hex(16)
    code, answer = captured.run(session, linux_script(mark), doing)
    if code != DONE:
        raise VixError(f"the guest's shell could not read /proc (exit code {code})", doing=doing)
    return parse_linux(answer, mark)


def ended(session):
    """Return the ids of the processes of a Linux guest that have ended and that their parents have not reaped, as far as the user can see them.

    This takes three VIX calls. Raises VixError if the guest has no program that can list them.
    """
    doing = session.doing("looking for ended processes by a program in")
    code, answer = captured.run(session, ENDED_SCRIPT, doing)
    if code != DONE:
        raise VixError(f"the guest's shell could not read /proc (exit code {code})", doing=doing)
    return parse_ended(answer)


def parse_ended(answer):
    """Return the process ids in the output of ENDED_SCRIPT."""
    return {int(number) for number in re.findall(rb"^([0-9]{1,10})/status$", answer, re.MULTILINE)}


def linux_script(mark):
    """Return a script that writes its own process id, the boot time, the owners, and then the files of each process in /proc, each after the mark."""
    return (
        "cd /proc 2> /dev/null && [ -r self/stat ] || exit 3\n"
        "echo $$; grep '^btime ' stat; stat -c '%n %u %U' [0-9]* 2> /dev/null\n"
        f"for pid in [0-9]*; do printf '{mark}'; cat $pid/stat $pid/cmdline 2> /dev/null; done\n"
        f"exit {DONE}"
    )


def parse_linux(answer, mark):
    """Return the processes in the output of linux_script. Malformed records are skipped."""
    head, *records = answer.split(mark.encode())
    own, boot, owners = _parse_head(head)
    rows = {}
    for record in records:
        found = STAT.match(record)
        if found and found.group(3) not in ENDED:
            numbers = found.group(4).split()
            rows[int(found.group(1))] = (int(numbers[PARENT]), int(numbers[STARTED]), found.group(2), record[found.end() :])
    for pid in _looking(rows, own):
        del rows[pid]
    found = []
    for pid, (_parent, ticks, kernel_name, line) in rows.items():
        name, command = _texts(line, kernel_name)
        found.append({"pid": pid, "name": _text(name), "owner": owners.get(pid, ""), "command": _text(command), "start_time": boot + ticks // TICKS})
    return found


def windows_script(path):
    """Return a PowerShell script that writes a line for each process to a new file: process id, start, name, owner and command line, texts in Base64."""
    return (
        "$ErrorActionPreference = 'Stop'; "
        "function Pack($text) { [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([string]$text)) }; "
        "$zero = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc); "
        f"$file = New-Object IO.StreamWriter ([IO.File]::Open({windows.quote(path)}, 'CreateNew', 'Write', 'None')); "
        "try { Get-WmiObject Win32_Process | Where-Object { $_.ProcessId -ne $PID } | ForEach-Object { "
        "$owner = ''; try { $who = $_.GetOwner(); if ($who.User) { $owner = $who.Domain + '\\' + $who.User } } catch { }; "
        "$start = 0; if ($_.CreationDate) { "
        "$start = [int64][Math]::Floor(($_.ConvertToDateTime($_.CreationDate).ToUniversalTime() - $zero).TotalSeconds) }; "
        "$file.WriteLine(('{0} {1} {2} {3} {4}' -f $_.ProcessId, $start, (Pack $_.Name), (Pack $owner), (Pack $_.CommandLine))) "
        f"}} }} finally {{ $file.Close() }}; exit {DONE}"
    )


def parse_windows(answer):
    """Return the processes in the output of windows_script. Malformed lines are skipped."""
    found = []
    for line in answer.decode("ascii", "replace").splitlines():
        with suppress(ValueError):  # also for invalid Base64
            pid, start, *texts = line.split(" ")
            name, owner, command = (_text(base64.b64decode(text, validate=True)) for text in texts)
            found.append({"pid": int(pid), "name": name, "owner": owner, "command": command, "start_time": int(start)})
    return found


def _parse_head(head):
    """The process id of the script, the time of the boot, and the owners by process id."""
    lines = head.decode("utf-8", "replace").splitlines()
    rows = [line.split(" ", 2) for line in lines]
    own = next((int(row[0]) for row in rows[:1] if row[0].isdecimal()), 0)
    boot = next((int(row[1]) for row in rows if row[0] == "btime" and len(row) == 2 and row[1].isdecimal()), 0)
    owners = {int(row[0]): row[1] if row[2] == "UNKNOWN" else row[2] for row in rows if row[0].isdecimal() and len(row) == 3}
    return own, boot, owners


def _texts(line, kernel_name):
    """Name and command line of a process, both as VMware Tools return them, from its arguments; a kernel thread has none."""
    first = line.split(b"\0")[0]
    name = first.rpartition(b"/")[2] if first.startswith(b"/") else first
    return (name, line.rstrip(b"\0").replace(b"\0", b" ")) if line else (kernel_name, kernel_name)


def _looking(rows, own):
    """The process that made the list, and those above it that were started for it a moment before."""
    found, started = [], rows[own][1] if own in rows else 0
    while own > 1 and own in rows and rows[own][1] > started - TICKS:
        found.append(own)
        own = rows[own][0]
    return found


def _run_windows(session, doing):
    """Let PowerShell write the list into a file of the guest, and return the content of that file."""
    guest = session.guest
    target = windows.join(windows.temporary_folder(guest), leftovers.name(leftovers.minutes(guest)))
    try:
        code = session.run(windows_script(target))
        if code != DONE:
            raise VixError(f"PowerShell could not list the processes (exit code {code})", doing=doing)
        return session.content(target, doing)
    finally:
        with suppress(VixError):  # the first failure is reported, not that its leftovers could not be removed
            guest.delete_file(target)


def _text(text):
    return text.decode("utf-8", "replace")
