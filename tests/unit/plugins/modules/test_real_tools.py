# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules on a guest in which VMware's own Tools run, with real users and rights: real_tools.py says how such a test is written."""

from __future__ import annotations

import time

import pytest
from real_tools import NEEDED

pytestmark = NEEDED


@pytest.fixture
def task(run_module, real_guest):
    """Run a module on the guest, as an ordinary user or an administrator; it must succeed."""

    def run(module, user="ann", /, **options):
        result = run_module(module, vm=real_guest.vmx, **options, **getattr(real_guest, user))
        assert result["_rc"] == 0, result
        return result

    return run


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("guest_file", {"path": "/srv/shut/x", "state": "absent"}),
        ("guest_stat", {"path": "/srv/shut/x"}),
        ("guest_copy", {"content": "new\n", "dest": "/srv/shut/x"}),
        ("guest_fetch", {"src": "/srv/shut/x", "dest": "/nowhere", "flat": True, "fail_on_missing": False}),
    ],
)
def test_path_out_of_reach_not_absent(run_module, real_guest, module, options):
    real_guest.run("mkdir /srv/shut; echo hidden >/srv/shut/x; chmod 700 /srv/shut")

    result = run_module(module, vm=real_guest.vmx, **options, **real_guest.ann)

    assert result["error"] == "Inaccessible", result
    assert "not accessible to ann" in result["msg"]
    assert real_guest.text("/srv/shut/x") == "hidden\n"


def test_command_runs_as_its_user(task):
    result = task("guest_command", argv=["sh", "-c", "id -un; pwd; cat; echo no >&2"], stdin="in", chdir="/home/ann")

    assert (result["rc"], result["stdout"], result["stderr"]) == (0, "ann\n/home/ann\nin", "no")


def test_copy_has_owner_and_mode(task, real_guest):
    options = {"content": "new\n", "dest": "/srv/new", "mode": "0640", "owner": "ann", "group": "ann"}

    assert task("guest_copy", "lab", **options)["changed"]
    assert not task("guest_copy", "lab", **options)["changed"]
    assert real_guest.run("stat -c '%a %U %G' /srv/new; cat /srv/new") == "640 ann ann\nnew\n"


def test_user_may_not_overwrite_file_of_root(run_module, real_guest):
    before = real_guest.text("/etc/passwd")

    result = run_module("guest_copy", vm=real_guest.vmx, content="x\n", dest="/etc/passwd", **real_guest.ann)

    assert result["failed"]
    assert real_guest.text("/etc/passwd") == before
    assert real_guest.run("ls -A /home/ann | grep -v '^[.]' || true") == ""


def test_size_of_unreadable_file_is_unknown(task):
    result = task("guest_stat", path="/etc/shadow")

    assert result["stat"]["exists"]
    assert result["stat"].get("size") is None


def test_find_reports_what_it_could_not_enter(run_module, real_guest):
    real_guest.run("mkdir -p /srv/data/listed; echo x >/srv/data/listed/x; chmod 744 /srv/data/listed")

    result = run_module("guest_find", vm=real_guest.vmx, paths=["/srv/data"], recurse=True, **real_guest.ann)

    assert "/srv/data/listed" in str(result.get("skipped_paths")), result


def test_fetch_brings_content_back(task, real_guest, tmp_path):
    real_guest.run("printf 'a\\0b' >/home/ann/data; chown ann /home/ann/data")

    assert task("guest_fetch", src="/home/ann/data", dest=f"{tmp_path}/data", flat=True)["changed"]
    assert (tmp_path / "data").read_bytes() == b"a\0b"


def test_process_of_script_is_found_by_its_command(task, real_guest):
    real_guest.run("printf '#!/usr/bin/perl\\nsleep 600;\\n' >/srv/daemon.pl; chmod 755 /srv/daemon.pl")
    task("guest_command", "lab", argv=["/srv/daemon.pl"], no_wait=True)

    ended = task("guest_process", "lab", command="daemon[.]pl", state="absent")

    assert ended["changed"]
    assert task("guest_process_info", "lab", command="daemon[.]pl")["processes"] == []


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0])
def test_task_whose_tools_are_killed_is_right_again(run_module, real_guest, delay):
    options = {"content": "new\n", "dest": "/srv/new", "mode": "0600", **real_guest.lab}

    def kill(_pid):
        time.sleep(delay)
        real_guest.kill_tools()

    result = run_module("guest_copy", vm=real_guest.vmx, meanwhile=kill, **options)

    # It may have been done before. A bug has a traceback.
    assert bool(result.get("failed")) == ("msg" in result), result
    assert "Traceback" not in result.get("msg", "") + result["_stderr"]
    assert real_guest.run("cat /srv/new 2>/dev/null || true") in ("", "new\n")
    again = run_module("guest_copy", vm=real_guest.vmx, tools_timeout=30, **options)
    assert not again.get("failed"), again
    assert real_guest.run("stat -c %a /srv/new; cat /srv/new") == "600\nnew\n"
