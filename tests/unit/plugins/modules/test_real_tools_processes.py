# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes and programs of a guest in which VMware's own Tools run."""

from __future__ import annotations

import time

import pytest
from real_tools import NEEDED, RealGuest
from waiting import eventually

pytestmark = NEEDED

PERL = "#!/usr/bin/perl\n$SIG{TERM} = sub { open F, '>/srv/asked'; exit }; sleep 1 while 1;\n"


@pytest.fixture
def guest(openvix, run_module):
    """Run a module on the guest as the administrator; guest.real is the guest itself."""
    real_guest = RealGuest(openvix)

    def run(module, **options):
        return run_module(module, vm=real_guest.vmx, **{**real_guest.lab, **options})

    run.real = real_guest
    return run


@pytest.fixture
def started(guest):
    """Start a program past the Tools, as a daemon; return its process as guest_process_info lists it, when it does."""

    def start(script, command):
        guest.real.run(f"setsid bash -c '{script}' </dev/null >/dev/null 2>&1 & sleep 0.2")
        [process] = eventually(lambda: guest("guest_process_info", command=command)["processes"])
        return process

    return start


@pytest.mark.parametrize(
    ("script", "command", "name", "line"),
    [
        ('exec -a "/opt/my app/run" sleep 701', " 701$", "run", "/opt/my app/run 701"),
        ('exec -a "sshd: root@pts/1 [x]" sleep 702', " 702$", "sshd: root@pts/1 [x]", "sshd: root@pts/1 [x] 702"),
        ("exec -a rel/ative/name sleep 703", " 703$", "rel/ative/name", "rel/ative/name 703"),
        ('exec -a "" sleep 704', " 704$", "", " 704"),
    ],
)
@pytest.mark.parametrize("process_name", ["first_argument", "command_line"])
def test_name_is_first_argument(openvix, guest, started, process_name, script, command, name, line):
    openvix.change_vm(guest.real.vmx, tools_options={"process_name": process_name})
    process = started(script, command)

    assert (process["name"], process["command"]) == (name, line)
    choice = {"name": name} if name else {"command": command}
    done = guest("guest_process", state="absent", **choice)
    assert (done["changed"], done["found"], done["processes"]) == (True, [process], [])


def test_script_has_name_of_interpreter(guest, started):
    guest.real.run(f"cat > /srv/daemon.pl <<'END'\n{PERL}END\nchmod +x /srv/daemon.pl")
    process = started("exec /srv/daemon.pl", "daemon[.]pl")
    assert process["name"] == "perl"

    missed = guest("guest_process", state="absent", name="daemon.pl")
    assert (missed["changed"], missed["found"]) == (False, [])
    assert "no process has the name daemon.pl, but its command line shows that process" in str(missed["warnings"])

    done = guest("guest_process", state="absent", name="perl", command="/daemon[.]pl", stop="hard")
    assert (done["changed"], done["stopped"], done["processes"]) == (True, "hard", [])
    assert guest.real.run("ls /srv/asked"), "VMware Tools ask before they kill"


def test_deaf_process_killed(guest, started):
    started('trap "" TERM; while :; do sleep 0.1; done # deaf', "# deaf$")

    done = guest("guest_process", state="absent", command="# deaf$", soft_timeout=1)

    assert (done["stopped"], done["processes"]) == ("hard", [])


@pytest.mark.parametrize("stop", ["soft", "hard"])
def test_unreaped_process_is_absent(guest, started, stop):
    """Its parent does not reap it, so VMware Tools go on listing it, by the name that the kernel has."""
    process = started("sleep 711 & exec sleep 712", "^sleep 711$")

    done = guest("guest_process", state="absent", pid=process["pid"], stop=stop, wait_timeout=15, timeout=120)
    again = guest("guest_process", state="absent", pid=process["pid"], stop=stop)

    assert (done["changed"], done["processes"]) == (True, [])
    assert (again["changed"], again["found"]) == (False, [])
    assert guest("guest_process", pid=process["pid"], count=0, wait_timeout=20)["fulfilled"]
    listed = guest("guest_process_info", pid=process["pid"])["processes"]
    assert [(each["name"], each["command"]) for each in listed] == [("sleep", "sleep")]


def test_both_lists_agree(guest, started):
    """More processes than the list of VMware Tools has room for: the shell lists the rest, with the same names and times."""
    guest.real.run("for i in $(seq 700); do setsid sleep $((10000 + i)) </dev/null >/dev/null 2>&1 & done; sleep 1", check=True)
    began = time.time()

    result = guest("guest_process_info", name="sleep", timeout=120)

    assert not result["truncated"]
    assert len(result["processes"]) >= 700
    assert {process["owner"] for process in result["processes"]} == {"root"}
    assert all(abs(process["start_time"] - began) < 120 for process in result["processes"])


def test_killed_program_and_wrapper(guest):
    killed = guest("guest_command", argv=["sh", "-c", "kill -9 $$"])
    wrapper = guest("guest_command", argv=["sh", "-c", "kill -9 $PPID; sleep 0.2"])

    assert killed["rc"] == 137
    assert "the script that runs it ended with exit code 0 before it wrote a result; it may have been killed" in wrapper["msg"]


def test_environment_of_program(guest):
    result = guest("guest_command", argv=["sh", "-c", 'echo "$HOME:$USER:$SHELL:${LOGNAME-none}"; yes | head -n 1'])

    assert result["stdout"].splitlines() == ["/home/lab:lab:/bin/bash:none", "y"]
    assert "Broken pipe" in result["stderr"]


def test_old_leftovers_removed_and_young_kept(guest):
    guest.real.run("mkdir /tmp/vmlab.vix-3-old /tmp/vmlab.vix-3-young; touch -d '1 hour ago' /tmp/vmlab.vix-3-old; chown lab /tmp/vmlab.vix-3-*")

    guest("guest_command", argv=["true"])

    assert guest.real.run("cd /tmp && echo vmlab.vix-*").split() == ["vmlab.vix-3-young"]


@pytest.mark.parametrize(
    "change",
    ["usermod -s /usr/sbin/nologin lab", "usermod -s /usr/bin/python3 lab", "passwd -l lab", "usermod -e 2001-01-01 lab"],
)
def test_refused_account_explained(guest, change):
    guest.real.run(change)

    result = guest("guest_stat", path="/etc")

    assert result["vix_code"] == 3015
    assert "accounts that are locked or expired, or whose shell is not in /etc/shells (pam_shells)" in result["msg"]


def test_account_without_password(guest):
    guest.real.run("passwd -d lab")

    assert guest("guest_stat", path="/etc", guest_password="anything")["stat"]["exists"]
