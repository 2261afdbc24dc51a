# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab"}]
SERVICES = [
    {"name": "apache2", "command": "/usr/sbin/apache2 -k start", "owner": "www-data"},
    {"name": "mysqld", "command": "/usr/sbin/mysqld --port=3306", "owner": "mysql"},
    {"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"},
]
MANY = [{"name": f"worker{number}", "command": f"/usr/bin/worker{number} {'x' * 300}"} for number in range(200)]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=SERVICES)


def test_owner_and_command_returned(run_module, web):
    result = run_module("guest_process_info", vm=web, **LOGIN)

    found = {process["name"]: process for process in result["processes"]}
    assert (result["changed"], result["truncated"]) == (False, False)
    for service in SERVICES:
        assert {key: found[service["name"]][key] for key in service} == service
        assert found[service["name"]]["pid"] > 1
        assert found[service["name"]]["start_time"] > 1_600_000_000
    assert [process["pid"] for process in result["processes"]] == sorted(process["pid"] for process in result["processes"])


def test_pattern_matches_name_not_command(run_module, web):
    assert {process["name"] for process in run_module("guest_process_info", vm=web, pattern="apache|mysql", **LOGIN)["processes"]} == {"apache2", "mysqld"}
    assert run_module("guest_process_info", vm=web, pattern="sbin", **LOGIN)["processes"] == []


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"name": "apache2"}, ["apache2"]),
        ({"name": "apache"}, []),
        ({"owner": "root"}, ["init", "cron"]),
        ({"pid": 1}, ["init"]),
        ({"command": "--port[ =]3306"}, ["mysqld"]),
        ({"owner": "root", "command": "-f$"}, ["cron"]),
        ({"name": "cron", "owner": "mysql"}, []),
    ],
)
def test_process_must_match_all_options(run_module, web, choice, names):
    assert [process["name"] for process in run_module("guest_process_info", vm=web, **choice, **LOGIN)["processes"]] == names


def test_check_mode_reads_too(run_module, web):
    assert run_module("guest_process_info", vm=web, check_mode=True, **LOGIN) == run_module("guest_process_info", vm=web, **LOGIN)


@pytest.mark.parametrize("option", ["pattern", "command"])
def test_invalid_pattern_reported(run_module, web, option):
    result = run_module("guest_process_info", vm=web, **{option: "(apache"}, **LOGIN)

    assert result["msg"].startswith("choosing processes: (apache is not a regular expression: ")


def test_list_needs_one_call(openvix, run_module, web):
    run_module("guest_process_info", vm=web, **LOGIN)

    calls = [call["call"] for call in openvix.calls() if call["call"].endswith("InGuest")]
    assert calls == ["VixVM_WaitForToolsInGuest", "VixVM_LoginInGuest", "VixVM_ListProcessesInGuest"]


def test_long_list_complete(openvix, run_module):
    """The lesson of open-vm-tools, whose list of processes ends without a word where its message is full."""
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=MANY)

    result = run_module("guest_process_info", vm=web, pattern="^worker", **LOGIN)

    assert [process["name"] for process in result["processes"]] == [process["name"] for process in MANY]
    assert (result["truncated"], "warnings" in result) == (False, False)


def test_truncated_list_warned(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, processes=MANY)
    openvix.fault(call="VixVM_RunScriptInGuest", error=3025)

    result = run_module("guest_process_info", vm=web, **LOGIN)

    assert result["truncated"]
    assert len(result["processes"]) < len(MANY)
    # What a warning is made of differs between the versions of ansible-core.
    assert len(result["warnings"]) == 1
    assert f"the guest of {web} may have more processes: VMware Tools truncate a list of processes at 65536 bytes" in str(result["warnings"])
    assert "deprecations" not in result


def test_process_without_command_has_name(openvix, run_module):
    """Old VMware Tools report processes like this; the list must not fail."""
    web = openvix.add_vm("old", power="powered_on", accounts=ACCOUNTS, processes=[{"name": "cron", "command": "/usr/sbin/cron -f"}], process_commands=False)

    (cron,) = run_module("guest_process_info", vm=web, name="cron", **LOGIN)["processes"]

    assert (cron["name"], cron["command"], cron["owner"]) == ("cron", "cron", "root")
