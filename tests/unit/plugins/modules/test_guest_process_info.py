# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "lab"}
SERVICES = [
    {"name": "apache2", "command": "/usr/sbin/apache2 -k start", "owner": "www-data"},
    {"name": "mysqld", "command": "/usr/sbin/mysqld", "owner": "mysql"},
    {"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"},
]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=[{"name": "lab", "password": "lab"}], processes=SERVICES)


def test_processes_are_told_with_owner_and_command(run_module, web):
    result = run_module("guest_process_info", vm=web, **LOGIN)

    found = {process["name"]: process for process in result["processes"]}
    assert not result["changed"]
    for service in SERVICES:
        assert {key: found[service["name"]][key] for key in service} == service
        assert found[service["name"]]["pid"] > 1
        assert found[service["name"]]["start_time"] > 1_600_000_000
    assert [process["pid"] for process in result["processes"]] == sorted(process["pid"] for process in result["processes"])


def test_a_pattern_is_found_in_the_name_and_not_in_the_command(run_module, web):
    assert {process["name"] for process in run_module("guest_process_info", vm=web, pattern="apache|mysql", **LOGIN)["processes"]} == {"apache2", "mysqld"}
    assert run_module("guest_process_info", vm=web, pattern="sbin", **LOGIN)["processes"] == []


def test_check_mode_reads_all_the_same(run_module, web):
    assert run_module("guest_process_info", vm=web, check_mode=True, **LOGIN) == run_module("guest_process_info", vm=web, **LOGIN)


def test_what_is_no_pattern_is_told_so(run_module, web):
    result = run_module("guest_process_info", vm=web, pattern="(apache", **LOGIN)

    assert result["msg"].startswith("choosing processes: (apache is not a regular expression: ")
