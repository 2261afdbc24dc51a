# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ANN = {"guest_username": "ann", "guest_password": "s3cret-ann"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "ann", "password": "s3cret-ann"}]
SERVICES = [
    {"name": "apache2", "command": "/usr/sbin/apache2 -k start", "owner": "root"},
    {"name": "apache2", "command": "/usr/sbin/apache2 -k start", "owner": "www-data"},
    {"name": "mysqld", "command": "/usr/sbin/mysqld --port=3306", "owner": "mysql"},
    {"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"},
]
NAMES = ["apache2", "apache2", "cron", "init", "mysqld"]


def vm(openvix, *more, **settings):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=[*SERVICES, *more], **settings)


@pytest.fixture
def web(openvix):
    return vm(openvix)


@pytest.fixture
def names(run_module):
    """The names of all processes in a guest, sorted."""

    def names(vm):
        return sorted(process["name"] for process in run_module("guest_process_info", vm=vm, **LOGIN)["processes"])

    return names


CHOICES = [
    ({"name": "mysqld"}, ["apache2", "apache2", "cron", "init"]),
    ({"name": "apache2"}, ["cron", "init", "mysqld"]),
    ({"pattern": "apache|mysql"}, ["cron", "init"]),
    ({"owner": "www-data"}, ["apache2", "cron", "init", "mysqld"]),
    ({"command": "--port[ =]3306"}, ["apache2", "apache2", "cron", "init"]),
    ({"pattern": "^a", "owner": "root"}, ["apache2", "cron", "init", "mysqld"]),
]


@pytest.mark.parametrize("text", ["first_argument", "command_line"])
def test_either_text_of_tools_is_the_name(openvix, names, run_module, text):
    """Which of their two texts VIX reports as the name of a process is not known."""
    web = vm(openvix, {"name": "worker", "command": "perl /srv/worker.pl 5"}, tools_options={"process_name": text})
    assert names(web) == sorted([*NAMES, "perl"])

    done = run_module("guest_process", vm=web, state="absent", name="perl", **LOGIN)

    assert [(process["name"], process["command"]) for process in done["found"]] == [("perl", "perl /srv/worker.pl 5")]
    assert names(web) == NAMES


@pytest.mark.parametrize("stop", ["soft", "hard", "soft_then_hard"])
@pytest.mark.parametrize(("choice", "left"), CHOICES)
def test_matching_processes_terminated(ladder, names, web, choice, left, stop):
    done = ladder("guest_process", lambda: names(web), ["stopped"], vm=web, state="absent", stop=stop, **choice, **LOGIN)

    assert names(web) == left
    assert sorted([*left, *(process["name"] for process in done["found"])]) == NAMES
    assert done["diff"] == {"before": {"processes": done["found"]}, "after": {"processes": []}}
    assert (done["processes"], done["fulfilled"], done["stopped"]) == ([], True, "hard" if stop == "hard" else "soft")


def test_process_terminated_by_pid(ladder, run_module, names, web):
    second = run_module("guest_process_info", vm=web, name="apache2", **LOGIN)["processes"][1]

    done = ladder("guest_process", lambda: names(web), ["stopped"], vm=web, state="absent", pid=second["pid"], **LOGIN)

    assert done["found"] == [second]
    assert names(web) == ["apache2", "cron", "init", "mysqld"]


def test_no_match_needs_one_call(openvix, run_module, web):
    run_module("guest_process", vm=web, name="nginx", state="absent", **LOGIN)

    calls = [call["call"] for call in openvix.calls() if call["call"].endswith("InGuest")]
    assert calls == ["VixVM_WaitForToolsInGuest", "VixVM_LoginInGuest", "VixVM_ListProcessesInGuest"]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("vital", "choice"),
    [
        (None, {"pid": 1}),
        (None, {"name": "init"}),
        (None, {"owner": "root"}),
        (None, {"pattern": ".*"}),
        ("vmtoolsd", {"name": "vmtoolsd"}),
        ("vmtoolsd", {"command": "apache|vmtools"}),
        ("VGAuthService", {"name": "VGAuthService"}),
        ("vmware-vmblock-fuse", {"pattern": "^vmware"}),
    ],
)
def test_critical_process_refused(openvix, run_module, names, vital, choice, check_mode):
    web = vm(openvix, *([{"name": vital, "command": f"/usr/bin/{vital} -n vmusr", "owner": "lab"}] if vital else []))

    result = run_module("guest_process", vm=web, state="absent", check_mode=check_mode, stop="hard", **choice, **LOGIN)

    assert result["error"] == "Refused"
    assert f"({vital or 'init'} of {'lab' if vital else 'root'}) would be terminated as well, but the guest or its VMware Tools need it" in result["msg"]
    assert names(web) == sorted([*NAMES, *([vital] if vital else [])])
    assert openvix.calls("VixVM_KillProcessInGuest") == openvix.calls("VixVM_RunProgramInGuest") == []


@pytest.mark.parametrize("vital", ["lsass.exe", "CSRSS.EXE", "vmtoolsd.exe", "VGAuthService.exe", "System"])
def test_critical_windows_process_refused(openvix, run_module, vital):
    windows = vm(openvix, {"name": vital, "command": vital, "owner": "SYSTEM"}, guest_os="windows11-64")

    result = run_module("guest_process", vm=windows, state="absent", name=vital, **LOGIN)

    assert f"({vital} of SYSTEM) would be terminated as well" in result["msg"]


def test_linux_process_with_windows_name_allowed(openvix, ladder):
    web = vm(openvix, {"name": "services", "command": "/opt/services", "owner": "lab"})

    ladder("guest_process", lambda: None, ["stopped"], vm=web, state="absent", name="services", **LOGIN)


@pytest.mark.parametrize("options", [{}, {"name": ""}, {"pattern": "", "command": ""}])
def test_empty_selection_refused(openvix, run_module, names, web, options):
    result = run_module("guest_process", vm=web, state="absent", **options, **LOGIN)

    assert "name, pattern, owner, pid, command" in result["msg"] or "state=absent requires at least one of" in result["msg"]
    assert names(web) == NAMES


@pytest.mark.parametrize("options", [{"pattern": "(a"}, {"command": "(a"}])
def test_invalid_regex_reported(run_module, web, options):
    result = run_module("guest_process", vm=web, state="absent", **options, **LOGIN)

    assert result["msg"].startswith("choosing processes: (a is not a regular expression: ")


def test_soft_stop_on_windows_refused(openvix, run_module, names):
    windows = vm(openvix, guest_os="windows11-64")

    result = run_module("guest_process", vm=windows, state="absent", name="cron", stop="soft", **LOGIN)

    assert result["msg"] == (
        f"ending processes with name cron in the guest of {windows}: stop=soft is not supported for Windows guests: use stop=hard or stop=soft_then_hard"
    )
    assert names(windows) == sorted(["System", *NAMES[:3], NAMES[4]])


def test_process_of_other_user_named(openvix, run_module, names, web):
    result = run_module("guest_process", vm=web, state="absent", name="mysqld", stop="hard", secrets=["s3cret-ann"], **ANN)

    assert result["vix_code"] == 3015
    assert f" (mysqld of mysql) in the guest of {web} as ann: " in result["msg"]
    assert names(web) == NAMES


def test_vix_fault_reported(openvix, run_module, names, web):
    openvix.fault(call="VixVM_ListProcessesInGuest", error=3016)

    assert run_module("guest_process", vm=web, name="cron", **LOGIN)["error"] == "NoToolsInGuest"


def test_timeout_reported(openvix, run_module, web):
    openvix.fault(call="VixVM_KillProcessInGuest", delay=60)

    def passed():
        return bool(openvix.calls("VixVM_KillProcessInGuest"))

    result = run_module("guest_process", vm=web, state="absent", name="cron", stop="hard", timeout=1, passed=passed, seconds=50, **LOGIN)

    assert result["error"] == "TimedOut"
    assert f" (cron of root) in the guest of {web}" in result["msg"]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"name": "cron"}, 1),
        ({"name": "apache2", "count": 2}, 2),
        ({"name": "nginx", "count": 0}, 0),
        ({"name": "apache2", "min_count": 2}, 2),
        ({"pattern": "apache|mysql", "min_count": 2, "max_count": 3}, 3),
        ({"name": "nginx", "max_count": 1}, 0),
    ],
)
def test_requested_count_unchanged(run_module, web, options, count):
    result = run_module("guest_process", vm=web, **options, **LOGIN)

    assert (result["changed"], result["fulfilled"], len(result["processes"])) == (False, True, count)
    assert result["found"] == result["processes"]
    assert run_module("guest_process", vm=web, check_mode=True, **options, **LOGIN) == result


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "nginx"}, "found 0 after 1 s, expected at least 1"),
        ({"name": "apache2", "count": 3}, "found 2 after 1 s, expected exactly 3"),
        ({"name": "apache2", "min_count": 3, "max_count": 4}, "found 2 after 1 s, expected at least 3 and at most 4"),
        ({"name": "apache2", "max_count": 1}, "found 2 after 1 s, expected at most 1"),
    ],
)
def test_other_count_fails_check_mode_reports(openvix, run_module, names, web, options, words):
    seen = run_module("guest_process", vm=web, check_mode=True, **options, **LOGIN)
    assert (seen["_rc"], seen["changed"], seen["fulfilled"]) == (0, False, False)
    assert len(openvix.calls("VixVM_ListProcessesInGuest")) == 1, "check mode does not wait"

    result = run_module("guest_process", vm=web, wait_timeout=1, **options, **LOGIN)

    assert result["error"] == "TimedOut"
    assert result["msg"] == f"waiting for processes with name {options['name']} in the guest of {web}: {words}"
    assert names(web) == NAMES


SCRIPT = {"name": "perl", "command": "/usr/bin/perl /srv/daemon.pl"}


@pytest.mark.parametrize("options", [{"state": "absent"}, {"state": "absent", "check_mode": True}, {"count": 0}])
def test_script_name_warned(openvix, run_module, options):
    """VMware Tools call a script by its interpreter. A task that finds nothing under its own name must not look as if it had ended."""
    web = vm(openvix, SCRIPT)

    result = run_module("guest_process", vm=web, name="daemon.pl", **options, **LOGIN)

    assert (result["changed"], result["found"]) == (False, [])
    warning = str(result["warnings"])
    assert f"the guest of {web}: no process has the name daemon.pl, but its command line shows that process " in warning
    assert " (perl of root) may be meant; VMware Tools name a process by the start of its command line: select it by command" in warning


def test_script_name_in_timeout(openvix, run_module):
    result = run_module("guest_process", vm=vm(openvix, SCRIPT), name="daemon.pl", wait_timeout=1, **LOGIN)

    assert "found 0 after 1 s, expected at least 1; no process has the name daemon.pl, but its command line" in result["msg"]


def test_script_ended_by_command(openvix, ladder):
    web = vm(openvix, SCRIPT)

    ladder("guest_process", lambda: None, ["stopped"], vm=web, state="absent", command=r"/daemon\.pl", **LOGIN)


@pytest.mark.parametrize("options", [{"count": 1, "min_count": 1}, {"count": 1, "max_count": 1}])
def test_count_and_range_exclusive(run_module, web, options):
    assert "mutually exclusive" in run_module("guest_process", vm=web, name="cron", **options, **LOGIN)["msg"]


MANY = [{"name": f"worker{number}", "command": f"/usr/bin/worker{number} {'x' * 300}"} for number in range(200)]


def test_process_missing_in_vix_list_terminated(openvix, ladder):
    """The lesson of open-vm-tools, whose list of processes ends without a word where its message is full."""
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=MANY)

    done = ladder("guest_process", lambda: None, ["stopped"], vm=web, state="absent", name="worker199", **LOGIN)

    assert [process["name"] for process in done["found"]] == ["worker199"]


def test_truncated_list_warned(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=MANY)
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    result = run_module("guest_process", vm=web, name="worker1", **LOGIN)

    assert result["truncated"]
    assert "VMware Tools truncate a list of processes at 65536 bytes" in str(result["warnings"])
