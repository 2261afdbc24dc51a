# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task leaves in a guest when it is killed has an age in its name, and the next task removes it when it is old."""

from __future__ import annotations

import os
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-of-lab"}
MANY = [{"name": f"worker{number}", "command": f"/usr/bin/worker{number} {'x' * 300}", "owner": "lab"} for number in range(120)]
# The call after which the process of the library crashes: the guest has written its answer, and nobody fetches it.
TASKS = {
    "guest_stat": {"path": "/srv", "details": True},
    "guest_find": {"paths": ["/srv"], "recurse": True},
    "guest_process_info": {},
    "guest_command": {"argv": ["true"]},
}


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=[{"name": "lab", "password": "s3cret-of-lab"}], files={"/srv/a/b": ""}, processes=MANY)


def ours(folder):
    """What a directory has, without the directory that VMware Tools keep for scripts."""
    return [path.name for path in folder.iterdir() if not path.name.startswith("vmware-") or os.listdir(path)]


@pytest.mark.parametrize("name", TASKS)
def test_left_by_crash_removed_later(openvix, run_module, web, name):
    openvix.fault(call="VixVM_CopyFileFromGuestToHost", crash=True, times=1)
    openvix.forgive_leaks("a process that crashed releases nothing")
    folder = openvix.disk(web) / "tmp"
    assert run_module(name, vm=web, timeout=60, **TASKS[name], **LOGIN)["error"] == "LibraryCrashed"
    [left] = ours(folder)
    assert left.startswith("vmlab.vix-3-")

    os.utime(folder / left, (time.time() - 3600,) * 2)  # as when the clock of the guest jumps an hour
    assert run_module(name, vm=web, **TASKS[name], **LOGIN)["_rc"] == 0
    assert ours(folder) == [left], "the start of the guest shows that it is young"

    process, since = (folder / left / "owner").read_text().split()
    (folder / left / "owner").write_text(f"{process} {max(1, int(since) - 3600)}\n")
    os.utime(folder / left, (time.time() - 3600,) * 2)
    assert run_module(name, vm=web, **TASKS[name], **LOGIN)["_rc"] == 0
    assert ours(folder) == []


def test_clock_jump_spares_running_program(openvix, run_module, web):
    """The lesson of a resumed VM: its clock jumps, and another task must not remove what the first one uses."""
    folder = openvix.disk(web) / "tmp"
    started = run_module("guest_script", vm=web, content="sleep 3; echo done > /srv/done", no_wait=True, **LOGIN)
    [left] = ours(folder)
    os.utime(folder / left, (1, 1))

    run_module("guest_command", vm=web, argv=["true"], **LOGIN)

    assert started["pid"] > 1
    assert ours(folder) == [left]
