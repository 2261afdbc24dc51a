# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import threading

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_processes
from ansible_collections.vmlab.vix.plugins.module_utils._state.guest_processes import Choice, Ending, Waiting, Watch
from ansible_collections.vmlab.vix.plugins.module_utils._system import processes
from ansible_collections.vmlab.vix.plugins.module_utils._system.guest_session import GuestSession
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused
from waiting import eventually

ACCOUNTS = [{"name": "lab", "password": "s3cret", "administrator": True}, {"name": "ann", "password": "s3cret"}]
CRON = {"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"}


@pytest.fixture
def in_guest(openvix, on_host, tmp_path):
    """Do some work with the processes of a running VM, as work(guest, watch), and return the result."""

    def run(work, user="lab", guest_family="linux", timeout=120, shell=None, **settings):
        web = openvix.add_vm("web", **{"power": "powered_on", "accounts": ACCOUNTS, "processes": [CRON], **settings})
        run.vm = web
        if shell:  # in the place of the one that the guest has
            folder = openvix.disk(web) / "bin"
            folder.unlink()
            folder.mkdir()
            (folder / "sh").write_text(f'#!/usr/bin/sh\n{shell}\nexec /usr/bin/sh "$@"\n')
            (folder / "sh").chmod(0o755)

        def on(host):
            with host.open_vm(web) as vm, vm.log_in(user, "s3cret") as guest:
                run.machine = vm
                return work(guest, Watch(GuestSession(guest, guest_family, str(tmp_path))))

        return on_host(on, timeout=timeout)

    return run


def shell(guest, script):
    """Start a script in the guest; return its process id."""
    return guest.start("/bin/sh", f"-c '{script}'")


def sleep(guest, watch, seconds):
    """Start a process that ends by itself, and return its process id when it is listed."""
    pid = shell(guest, f"exec sleep {seconds}")
    eventually(lambda: watch.look(Choice(pid=pid, name="sleep")))
    return pid


# What the guest reports


@pytest.mark.parametrize(
    ("name", "command", "tidy"),
    [
        ("cron", "/usr/sbin/cron -f", ("cron", "/usr/sbin/cron -f")),
        ("/usr/sbin/cron -f", "cron", ("cron", "/usr/sbin/cron -f")),
        ("/usr/sbin/cron -f", "", ("cron", "/usr/sbin/cron -f")),
        ("", "/usr/sbin/cron", ("cron", "/usr/sbin/cron")),
        ("(null)", "nginx: worker process", ("nginx", "nginx: worker process")),
        ("kworker/0:1", "kworker/0:1", ("kworker/0:1", "kworker/0:1")),
        ("notepad.exe", '"C:\\Program Files\\x y\\notepad.exe" a', ("notepad.exe", '"C:\\Program Files\\x y\\notepad.exe" a')),
        ('"C:\\Program Files\\x y\\notepad.exe" a', "notepad.exe", ("notepad.exe", '"C:\\Program Files\\x y\\notepad.exe" a')),
        ("C:\\Program Files\\x y\\Notepad.EXE a.txt", "", ("Notepad.EXE", "C:\\Program Files\\x y\\Notepad.EXE a.txt")),
        ("notepad.exe", "notepad a.txt", ("notepad.exe", "notepad a.txt")),
        ("notepad.exe", "notepad", ("notepad.exe", "notepad")),
        ("c:\\windows\\NOTEPAD.EXE a", "notepad.exe", ("notepad.exe", "c:\\windows\\NOTEPAD.EXE a")),
        ("System", "", ("System", "System")),
        ("perl /srv/daemon.pl 5", "perl", ("perl", "perl /srv/daemon.pl 5")),
        ("run", "/opt/my app/run 701", ("run", "/opt/my app/run 701")),
        ("/opt/my app/run 701", "run", ("run", "/opt/my app/run 701")),
        ("/srv/my prog 701", "my prog", ("my prog", "/srv/my prog 701")),
        ("sshd: root@pts/1 [x] 604", "sshd: root@pts/1 [x]", ("sshd: root@pts/1 [x]", "sshd: root@pts/1 [x] 604")),
        ("rel/ative/name a", "rel/ative/name", ("rel/ative/name", "rel/ative/name a")),
        ("nginx: worker process", "nginx: worker process", ("nginx: worker process", "nginx: worker process")),
        ("kthreadd", "kthreadd", ("kthreadd", "kthreadd")),
        (" 601", "", ("", " 601")),
        ("", " 601", ("", " 601")),
        ("/", "", ("/", "/")),
        ("", "", ("", "")),
    ],
)
def test_name_and_command_of_any_tools(name, command, tidy):
    process = guest_processes._tidy({"name": name, "command": command, "pid": 5})

    assert (process["name"], process["command"]) == tidy


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a", "/opt/my app/a\0b"),
        ("sshd: root@pts/1", "sshd: root@pts/1\0x"),
        ("-bash", "-bash"),
        ("bin/x", "bin/x\0/y"),
        ("", "\x00601"),
        ("", "\0\0\0"),
        ("perl", "/usr/bin/perl\0/srv/a b.pl\0"),
    ],
)
def test_shell_and_tools_agree(name, arguments, swapped):
    """A process has one name and one command line, whether VMware Tools list it or the shell of the guest does."""
    listed = processes._texts(arguments.encode(), b"kernel name")
    first = arguments.split("\0")[0]
    tools = [first.rpartition("/")[2] if first.startswith("/") else first, arguments.rstrip("\0").replace("\0", " ")]
    if swapped:
        tools.reverse()

    process = guest_processes._tidy({"name": tools[0], "command": tools[1]})

    assert (process["name"], process["command"]) == tuple(map(bytes.decode, listed))
    assert process["name"] == name


@pytest.mark.parametrize(
    ("name", "command", "shows"),
    [
        ("daemon.pl", "/usr/bin/perl /srv/daemon.pl 5", True),
        ("daemon.pl", "perl -w daemon.pl", True),
        ("app.jar", "java -Xmx5m -jar /opt/app.jar", True),
        ("sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", True),
        ("nginx", "nginx: worker process", True),
        ("daemon.pl", "grep -r x daemon.pl", False),
        ("daemon", "perl /srv/daemon.pl", False),
        ("daemon.pl", "", False),
    ],
)
def test_script_and_status_shown(name, command, shows):
    process = {"pid": 7, "name": "other", "owner": "root", "command": command}
    found = guest_processes._meant(name, [process])

    listed = "its command line shows that process 7 (other of root) may be meant; VMware Tools name a process by the start of its command line"
    assert found == (f"no process has the name {name}, but {listed}: select it by command" if shows else None)
    assert guest_processes._meant(name, [process, {**process, "name": name}]) is None


# Programs whose first argument is not a plain path: what runs, and its name and command line.
ODD = [
    ('exec -a "/opt/my app/run" sleep 701', "run", "/opt/my app/run 701"),
    ('exec -a "sshd: root@pts/1 [x]" sleep 702', "sshd: root@pts/1 [x]", "sshd: root@pts/1 [x] 702"),
    ("exec -a rel/ative/name sleep 703", "rel/ative/name", "rel/ative/name 703"),
    ('exec -a "" sleep 704', "", " 704"),
    ("exec /srv/daemon.sh 705", "sh", "/bin/sh /srv/daemon.sh 705"),
]


@pytest.mark.parametrize("process_name", ["first_argument", "command_line"])
def test_odd_names_whichever_text_is_first(in_guest, process_name):
    def work(guest, watch):
        guest.run("/bin/chmod", "+x /srv/daemon.sh")
        pids = [guest.start("/bin/bash", f"-c '{script}'") for script, name, command in ODD]
        commands = {command for script, name, command in ODD}
        eventually(lambda: {process["command"] for process in watch.look(Choice())} >= commands)
        found = []
        for pid, name in zip(pids, (name for script, name, command in ODD)):
            chosen = Choice(name=name, pid=pid) if name else Choice(pid=pid, command="^ 704$")
            result = guest_processes.absent(watch, chosen, Ending("soft_then_hard")).carry_out(False)
            found += [[process["name"], process["command"]] for process in result["found"]]
            assert result["diff"]["after"]["processes"] == []
        return found

    found = in_guest(work, files={"/srv/daemon.sh": "#!/bin/sh\nsleep 60\n"}, tools_options={"process_name": process_name})

    assert found == [[name, command] for script, name, command in ODD]


MANY = [{"name": f"worker{number}", "command": f"/usr/bin/worker{number} {'x' * 300}", "owner": "www"} for number in range(200)]


def test_overflow_listed_by_program(openvix, in_guest):
    """The lesson of open-vm-tools, whose list of processes ends without a word where its message is full."""

    def work(guest, watch):
        listed = len(guest.processes())
        return listed, watch.look(Choice()), watch.report(), guest.list_directory("/tmp")

    listed, found, truncated, left = in_guest(work, processes=MANY)

    assert listed < len(MANY)
    assert [process["owner"] for process in found[1:listed]] == ["www"] * (listed - 1), "owners from VIX are kept"
    assert [process["name"] for process in found if process["name"] != "init"] == [process["name"] for process in MANY]
    assert {process["command"] for process in found if process["pid"] != 1} == {process["command"] for process in MANY}
    assert max(process["start_time"] for process in found) - min(process["start_time"] for process in found) < 60
    assert truncated == {"truncated": False, "warnings": []}
    assert [entry["name"] for entry in left if not entry["name"].startswith("vmware-")] == []


@pytest.mark.parametrize(("seen", "times"), [({}, [100, 150, 205]), ({1: 3700}, [3700, 3750, 3805]), ({1: 98, 2: 148, 3: 205}, [98, 148, 203])])
def test_start_times_of_both_lists_comparable(seen, times):
    """The clock of a guest has changed since VMware Tools started: a process has the same time in either list."""
    rest = {pid: {"start_time": time} for pid, time in ((1, 100), (2, 150), (3, 205))}

    found = guest_processes._on_clock_of({pid: {"start_time": time} for pid, time in seen.items()}, rest)

    assert [found[pid]["start_time"] for pid in sorted(found)] == times


def test_short_list_believed(openvix, in_guest):
    assert len(in_guest(lambda guest, watch: watch.look(Choice()))) == 2
    assert [call["call"] for call in openvix.calls()].count("VixVM_ListProcessesInGuest") == 1
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_long_command_line_makes_list_doubtful(openvix, in_guest):
    """The first process without room may be of any length: here one of 40,000 bytes ends a list of 34,000."""
    processes = [*MANY[:85], {"name": "java", "command": f"/usr/bin/java -cp {'y' * 40000}"}]

    found = in_guest(lambda guest, watch: [len(guest.processes()), watch.look(Choice(name="java"))], processes=processes)

    assert found[0] == 86
    assert [process["name"] for process in found[1]] == ["java"]


@pytest.mark.parametrize("guest_family", ["linux", "windows"])
def test_no_program_list_reported_truncated(openvix, in_guest, guest_family):
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    found, report = in_guest(lambda guest, watch: [watch.look(Choice()), watch.report()], guest_family=guest_family, processes=MANY)

    assert 100 < len(found) < len(MANY)
    assert report["truncated"]
    [warning] = report["warnings"]
    assert warning.startswith(
        f"the guest of {in_guest.vm} may have more processes: VMware Tools truncate a list of processes at 65536 bytes; this one has about "
    )
    how = "listing the processes by a program in" if guest_family == "linux" else "running C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe in"
    assert f", and the guest has no program that can list them: {how} the guest of {in_guest.vm} as lab: " in warning
    assert "\n" not in warning


def test_guest_without_proc_reported(in_guest):
    shell = 'case $1 in */vixScript*) sed -i s,/proc,/nowhere, "$1";; esac'

    report = in_guest(lambda guest, watch: watch.look(Choice()) and watch.report(), shell=shell, processes=MANY)

    assert "the guest's shell could not read /proc (exit code 3)" in report["warnings"][0]


def test_list_by_shell_has_names_of_tools(in_guest):
    """When both lists are needed, a process has the same name in either."""

    def work(guest, watch):
        pid = guest.start("/bin/bash", "-c 'exec -a \"/opt/my app/run\" sleep 706'")
        eventually(lambda: watch.look(Choice(pid=pid, name="run")))
        here = {process["pid"]: process for process in map(guest_processes._tidy, guest.processes())}
        there = {process["pid"]: process for process in processes.listed(watch.session)}
        guest.kill(pid)
        return [[here[number][key], there[number][key]] for number in sorted(set(here) & set(there)) for key in ("name", "command")]

    pairs = in_guest(work)

    assert ["run", "run"] in pairs
    assert ["/opt/my app/run 706"] * 2 in pairs
    assert all(here == there for here, there in pairs)


def test_list_of_killed_script_not_used(in_guest):
    """Its output looks whole, but a script that a signal ended has exit code 0 too."""
    shell = 'case $1 in */vixScript*) /usr/bin/sh "$@"; exit 0;; esac'

    report = in_guest(lambda guest, watch: watch.look(Choice()) and watch.report(), shell=shell, processes=MANY)

    assert "the guest's shell could not read /proc (exit code 0)" in report["warnings"][0]


def test_powershell_list_in_temp_directory(openvix, in_guest):
    in_guest(lambda guest, watch: watch.look(Choice()), guest_family="windows", processes=MANY)

    calls = [(call["call"], call["error"]) for call in openvix.calls()]
    assert calls[-6:-2] == [
        ("VixVM_ListProcessesInGuest", 0),
        ("VixVM_ReadVariable", 0),
        ("VixVM_RunProgramInGuest", 4),
        ("VixVM_DeleteFileInGuest", 4),
    ]


def test_deadline_holds_while_listing(openvix, in_guest):
    openvix.fault(call="VixVM_RunScriptInGuest", delay=60)
    openvix.forgive_leaks("a process that is late itself is ended")

    with pytest.raises(_worker.Failure) as caught:
        in_guest(lambda guest, watch: watch.look(Choice()), timeout=3, processes=MANY)

    assert caught.value.kind == "TimedOut"


# Which are meant


PROCESS = {"pid": 812, "name": "apache2", "owner": "www-data", "command": "/usr/sbin/apache2 -k start", "start_time": 0}


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({}, True),
        ({"name": "apache2"}, True),
        ({"name": "apache"}, False),
        ({"name": ""}, True),
        ({"pattern": "apache|mysql"}, True),
        ({"pattern": "sbin"}, False),
        ({"owner": "www-data"}, True),
        ({"owner": "www"}, False),
        ({"pid": 812}, True),
        ({"pid": 81}, False),
        ({"pid": 0}, False),
        ({"command": "-k start$"}, True),
        ({"command": "^apache"}, False),
        ({"name": "apache2", "owner": "root"}, False),
        ({"name": "apache2", "command": "stop"}, False),
        ({"pattern": "^a", "owner": "www-data", "pid": 812, "command": "^/"}, True),
    ],
)
def test_choice_matches_all_values(given, fits):
    assert Choice(**given).fits(PROCESS) is fits


@pytest.mark.parametrize("given", [{"pattern": "(a"}, {"command": "(a"}])
def test_invalid_expression_refused(given):
    with pytest.raises(Refused, match=r"choosing processes: \(a is not a regular expression: "):
        Choice(**given)


# Ending them


def test_reused_pid_not_killed(openvix, in_guest):
    def work(guest, watch):
        [cron] = watch.look(Choice(name="cron"))
        plan = guest_processes.absent(watch, Choice(pid=cron["pid"]), Ending("hard"))

        def another():
            in_guest.machine.power_off()
            in_guest.machine.power_on()
            in_guest.machine.wait_for_tools(60)
            in_guest.machine.log_in("lab", "s3cret")
            [now] = watch.look(Choice(name="cron"))
            return now["start_time"] > cron["start_time"] + 1 and now

        now = eventually(another)
        return cron, now, plan.carry_out(False), watch.look(Choice(name="cron"))

    cron, now, result, left = in_guest(work)

    assert cron["pid"] == now["pid"], "the world gives the same id again"
    assert left == [now]
    assert openvix.calls("VixVM_KillProcessInGuest") == []
    assert result["diff"]["after"]["processes"] == [now]


def test_changed_program_not_killed(openvix, in_guest):
    def work(guest, watch):
        pid = shell(guest, "until [ -e /tmp/go ]; do sleep 0.1; done; exec sleep 600")
        plan = guest_processes.absent(watch, Choice(pid=pid, name="sh"), Ending("hard"))
        guest.create_directory("/tmp/go")
        eventually(lambda: watch.look(Choice(pid=pid, name="sleep")))
        plan.carry_out(False)
        left = watch.look(Choice(pid=pid))
        guest.kill(pid)
        return left

    assert [process["name"] for process in in_guest(work)] == ["sleep"]
    assert len(openvix.calls("VixVM_KillProcessInGuest")) == 1


def test_process_ended_before_kill(openvix, in_guest):
    def work(guest, watch):
        pid = sleep(guest, watch, 600)
        plan = guest_processes.absent(watch, Choice(name="sleep"), Ending("hard"))
        guest.kill(pid)
        return plan.carry_out(False)["diff"]["after"]

    assert in_guest(work) == {"processes": []}
    assert len(openvix.calls("VixVM_KillProcessInGuest")) == 1


@pytest.mark.openvix(clock="stepped")
def test_process_ended_during_kill(openvix, in_guest):
    openvix.fault(call="VixVM_KillProcessInGuest", error=20003, delay=5)

    def work(guest, watch):
        pid = shell(guest, "until [ -e /tmp/go ]; do sleep 0.1; done")

        def end_it():
            eventually(lambda: openvix.calls("VixVM_KillProcessInGuest"))
            guest.create_directory("/tmp/go")
            eventually(lambda: pid not in [process["pid"] for process in guest.processes()])
            openvix.advance(5)

        meanwhile = threading.Thread(target=end_it)
        meanwhile.start()
        try:
            return guest_processes.absent(watch, Choice(pid=pid), Ending("hard")).carry_out(False)["diff"]
        finally:
            meanwhile.join()

    diff = in_guest(work)

    assert (len(diff["before"]["processes"]), diff["after"]) == (1, {"processes": []})
    assert [call["error"] for call in openvix.calls("VixVM_KillProcessInGuest")] == [20003]


# VMware Tools wait 20 s for a process that they kill, and report error 1 if it has not gone by then. It may be dead, or die a moment later.
LINGERS = 'trap "" TERM; until [ -e /tmp/go ]; do sleep 0.1; done; sleep 1'


def test_stalled_kill_of_dead_process(openvix, in_guest):
    openvix.fault(call="VixVM_KillProcessInGuest", error=1, where="after")

    result = in_guest(lambda guest, watch: guest_processes.absent(watch, Choice(name="cron"), Ending("hard")).carry_out(False))

    assert (result["changed"], result["stopped"], result["diff"]["after"]) == (True, "hard", {"processes": []})
    assert [call["error"] for call in openvix.calls("VixVM_KillProcessInGuest")] == [1]


def test_stalled_kill_of_ending_process(openvix, in_guest):
    openvix.fault(call="VixVM_KillProcessInGuest", error=1)

    def work(guest, watch):
        pid = shell(guest, LINGERS)
        plan = guest_processes.absent(watch, Choice(pid=pid), Ending("hard"))
        meanwhile = threading.Thread(target=lambda: eventually(lambda: openvix.calls("VixVM_KillProcessInGuest")) and guest.create_directory("/tmp/go"))
        meanwhile.start()
        try:
            result = plan.carry_out(False)
            return result["stopped"], result["diff"]["after"]
        finally:
            meanwhile.join()

    assert in_guest(work) == ["hard", {"processes": []}]


def test_stalled_kill_of_running_process(openvix, in_guest):
    openvix.fault(call="VixVM_KillProcessInGuest", error=1)

    with pytest.raises(_worker.Failure) as caught:
        in_guest(lambda guest, watch: guest_processes.absent(watch, Choice(name="cron"), Ending("hard", timeout=1)).carry_out(False))

    sentence = str(caught.value)
    assert f" (cron of root) in the guest of {in_guest.vm} as lab: " in sentence
    assert sentence.endswith("(VIX_E_FAIL, 1); it still exists 1 s after it was killed: it may be waiting for a device")


def orphan(guest, watch):
    """Start a process whose parent does not reap it; return its process id and that of the parent."""
    parent = shell(guest, "sleep 611 & exec sleep 612")
    eventually(lambda: watch.look(Choice(pid=parent, command="612")) and watch.look(Choice(command="^sleep 611$")))
    return watch.look(Choice(command="^sleep 611$"))[0]["pid"], parent


@pytest.mark.parametrize("stop", ["soft", "hard"])
def test_unreaped_process_is_absent(openvix, in_guest, stop):
    def work(guest, watch):
        pid, parent = orphan(guest, watch)
        first, second = (guest_processes.absent(watch, Choice(pid=pid), Ending(stop, 60, 60)).carry_out(False) for dummy in range(2))
        waited = guest_processes.present(watch, Choice(pid=pid), Waiting(0, 0, 60)).carry_out(False)
        guest.kill(parent)
        return first["changed"], first["diff"]["after"]["processes"], second["changed"], second["found"], waited["fulfilled"]

    assert in_guest(work, timeout=50, tools_options={"kill_seconds": 1}) == [True, [], False, [], True]


def test_title_changed_process_is_ended(in_guest):
    """A program that shows its status in its command line has a new name each time, as a PostgreSQL server."""
    busy = 'exec -a "db: idle" bash -c "trap : USR1; until [ -e /tmp/go ]; do sleep 0.1; done; exec -a db:busy sleep 600"'

    def work(guest, watch):
        pid = guest.start("/bin/bash", f"-c '{busy}'")
        eventually(lambda: watch.look(Choice(pid=pid, command="^db: idle")))
        plan = guest_processes.absent(watch, Choice(pid=pid, command="^db:"), Ending("hard"))
        guest.create_directory("/tmp/go")
        eventually(lambda: watch.look(Choice(pid=pid, command="^db:busy")))
        return plan.carry_out(False)["stopped"], watch.look(Choice(pid=pid, command="^db:busy"))

    assert in_guest(work) == ["hard", []]


def test_kill_failure_names_owner(openvix, in_guest):
    def work(guest, watch):
        guest_processes.absent(watch, Choice(name="cron"), Ending("hard")).carry_out(False)

    with pytest.raises(_worker.Failure) as caught:
        in_guest(work, user="ann")

    assert [call["error"] for call in openvix.calls("VixVM_KillProcessInGuest")] == [3015]
    sentence = str(caught.value)
    assert sentence.startswith("ending process ")
    assert f" (cron of root) in the guest of {in_guest.vm} as ann: " in sentence
    assert "(VIX_E_GUEST_USER_PERMISSIONS, 3015); check guest_username" in sentence


ASKED = 'trap "echo asked >> /tmp/asked; exit" TERM; : > /tmp/ready; while :; do sleep 0.1; done'
DEAF = 'trap "echo asked >> /tmp/asked" TERM; : > /tmp/ready; while :; do sleep 0.1; done'


# VMware Tools ask a process too before they kill it.
@pytest.mark.parametrize(
    ("script", "stop", "stopped"), [(ASKED, "soft", "soft"), (ASKED, "soft_then_hard", "soft"), (ASKED, "hard", "hard"), (DEAF, "soft_then_hard", "hard")]
)
def test_process_asked_before_kill(openvix, in_guest, script, stop, stopped):
    def work(guest, watch):
        pid = shell(guest, script)
        eventually(lambda: guest.file_exists("/tmp/ready"))
        ending = Ending(stop, soft_timeout=30 if script == ASKED else 1)
        result = guest_processes.absent(watch, Choice(pid=pid), ending).carry_out(False)
        return result["diff"]["after"], result["stopped"]

    assert in_guest(work) == [{"processes": []}, stopped]
    assert len(openvix.calls("VixVM_KillProcessInGuest")) == (stopped == "hard")
    assert (openvix.disk(in_guest.vm) / "tmp/asked").exists()


@pytest.mark.parametrize("stop", ["soft", "soft_then_hard"])
def test_no_permission_to_ask_names_owner(openvix, in_guest, stop):
    with pytest.raises(_worker.Failure, match=r"ending process \d+ \(cron of root\) in the guest of .*: the guest user ann has no permission to end it"):
        in_guest(
            lambda guest, watch: guest_processes.absent(watch, Choice(name="cron"), Ending(stop)).carry_out(False),
            user="ann",
            shell='case $2 in *"kill -0"*) exit 1;; esac',
        )

    assert openvix.calls("VixVM_KillProcessInGuest") == []


def test_deaf_process_named(openvix, in_guest):
    def work(guest, watch):
        pid = shell(guest, DEAF)
        eventually(lambda: guest.file_exists("/tmp/ready"))
        guest_processes.absent(watch, Choice(pid=pid), Ending("soft", soft_timeout=1)).carry_out(False)

    with pytest.raises(_worker.Failure, match=r" of lab\) in the guest of .*: it still exists 1 s after it was asked to end; use stop=hard to kill it"):
        in_guest(work)

    assert openvix.calls("VixVM_KillProcessInGuest") == []


@pytest.mark.parametrize("error", [4, 3003])
def test_no_shell_killed_unless_soft(openvix, in_guest, error):
    openvix.fault(call="VixVM_RunProgramInGuest", error=error)

    def work(guest, watch):
        return guest_processes.absent(watch, Choice(name="cron"), Ending("soft_then_hard")).carry_out(False)["stopped"]

    assert in_guest(work) == "hard"


def test_no_shell_soft_stop_fails(openvix, in_guest):
    openvix.fault(call="VixVM_RunProgramInGuest", error=4)

    with pytest.raises(_worker.Failure, match=r"\(VIX_E_FILE_NOT_FOUND, 4\)"):
        in_guest(lambda guest, watch: guest_processes.absent(watch, Choice(name="cron"), Ending("soft")).carry_out(False))

    assert openvix.calls("VixVM_KillProcessInGuest") == []


def test_windows_processes_not_asked(openvix, in_guest):
    def work(guest, watch):
        return guest_processes.absent(watch, Choice(name="cron"), Ending("soft_then_hard")).carry_out(False)["stopped"]

    assert in_guest(work, guest_family="windows") == "hard"
    assert openvix.calls("VixVM_RunProgramInGuest") == []


# Asked to end, it starts another of its kind, and ends when that one is ready for the same.
PHOENIX = """\
#!/bin/sh
trap '{limit}; rm /tmp/ready; /opt/phoenix & until [ -e /tmp/ready ]; do sleep 0.05; done; exit' TERM
: > /tmp/ready
while :; do sleep 0.1; done
"""


def end_phoenix(in_guest, limit):
    """The processes that are left, after all of them are ended."""
    phoenix = Choice(command="/opt/phoenix")

    def work(guest, watch):
        guest.rename("/opt/text", "/opt/phoenix")
        guest.run("/bin/chmod", "+x /opt/phoenix")
        guest.start("/opt/phoenix")
        eventually(lambda: guest.file_exists("/tmp/ready"))
        try:
            return guest_processes.absent(watch, phoenix, Ending("soft", soft_timeout=60)).carry_out(False)["diff"]["after"]["processes"]
        finally:
            for process in watch.look(phoenix):
                guest.kill(process["pid"])

    return in_guest(work, files={"/opt/text": PHOENIX.format(limit=limit)})


def test_respawning_processes_reported(openvix, in_guest):
    with pytest.raises(_worker.Failure, match=r"new matching processes keep starting \(process \d+ \(.* of lab\)\): stop the service or program"):
        end_phoenix(in_guest, "true")

    chmod_and_start = 2
    assert len(openvix.calls("VixVM_RunProgramInGuest")) == chmod_and_start + guest_processes.ROUNDS


def test_processes_started_meanwhile_ended(openvix, in_guest):
    assert end_phoenix(in_guest, "[ ! -e /tmp/again ] || exit; : > /tmp/again") == []


def test_truncated_list_not_absent(openvix, in_guest):
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    with pytest.raises(
        _worker.Failure, match=r"looking for processes with name worker3 in the guest of .*: VMware Tools truncate a list of processes at 65536 bytes"
    ):
        in_guest(lambda guest, watch: guest_processes.absent(watch, Choice(name="worker3"), Ending("hard")), processes=MANY)


@pytest.mark.parametrize(("kill", "there", "code"), [("true", True, 64), ("false", False, 64), ("false", True, 1)])
def test_none_asked_unless_all_permitted(tmp_path, kill, there, code):
    kill = f'kill() {{ echo "$*" >> {tmp_path}/calls; {kill}; }}'
    if there:
        (tmp_path / "11").mkdir()
    script = guest_processes.ask_script([11, 12]).replace("/proc", str(tmp_path))
    script = f"{kill}\n{script}"

    assert subprocess.run(["/bin/sh", "-c", script], check=False).returncode == code
    asked = (tmp_path / "calls").read_text().splitlines()
    assert asked == (["-0 11"] if code == 1 else ["-0 11", "-0 12", "-TERM 11 12"])


# Waiting for them


def test_wait_for_process(in_guest):
    def work(guest, watch):
        shell(guest, "until [ -e /tmp/go ]; do sleep 0.1; done; sleep 1; exec sleep 612")
        plan = guest_processes.present(watch, Choice(command="^sleep 612$"), Waiting(least=1))
        guest.create_directory("/tmp/go")
        result = plan.carry_out(False)
        guest.kill(result["processes"][0]["pid"])
        return result

    result = in_guest(work)

    assert (result["changed"], result["diff"]["before"]) == (False, {"processes": []})
    assert [process["command"] for process in result["processes"]] == ["sleep 612"]


def test_wait_for_end_of_process(in_guest):
    def work(guest, watch):
        pid = shell(guest, "until [ -e /tmp/go ]; do sleep 0.1; done; sleep 1")
        plan = guest_processes.present(watch, Choice(pid=pid), Waiting(0, 0))
        guest.create_directory("/tmp/go")
        return plan.carry_out(False)

    result = in_guest(work)

    assert (len(result["diff"]["before"]["processes"]), result["processes"]) == (1, [])


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [(2, None, "at least 2"), (None, 0, "at most 0"), (2, 2, "exactly 2"), (2, 3, "at least 2 and at most 3")],
)
def test_wait_timeout_reports_numbers(in_guest, least, most, words):
    with pytest.raises(_worker.Failure) as caught:
        in_guest(lambda guest, watch: guest_processes.present(watch, Choice(name="cron"), Waiting(least, most, 1)).carry_out(False))

    assert str(caught.value) == f"waiting for processes with name cron in the guest of {in_guest.vm}: found 1 after 1 s, expected {words}"


def test_truncated_list_suffices_for_present(openvix, in_guest):
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    def work(guest, watch):
        guest_processes.present(watch, Choice(name="worker3"), Waiting(least=1)).carry_out(False)
        with pytest.raises(Refused, match="VMware Tools truncate a list of processes"):
            guest_processes.present(watch, Choice(name="worker3"), Waiting(most=1))
        guest_processes.present(watch, Choice(name="worker199"), Waiting(least=1, timeout=1)).carry_out(False)

    with pytest.raises(_worker.Failure, match="found 0 after 1 s, expected at least 1; VMware Tools truncate a list of processes at 65536 bytes"):
        in_guest(work, processes=MANY)
