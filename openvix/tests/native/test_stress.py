# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many at once: threads on one handle, processes on one VM."""

from __future__ import annotations

import subprocess

import programs

# Under valgrind one thread runs at a time, and slowly.
THREADS, ROUNDS, PROCESSES = (6, 3, 2) if programs.WATCHED else (16, 8, 6)


def ended(*running: subprocess.Popen) -> list:
    return [(process.communicate(timeout=250)[1], process.returncode) for process in running]


def start(vmx: str) -> subprocess.Popen:
    return subprocess.Popen(programs.command("stress", vmx, THREADS, ROUNDS), stderr=subprocess.PIPE, text=True)


def test_threads_share_one_handle(openvix):
    assert ended(start(openvix.add_vm("web", power="powered_on"))) == [("", 0)]
    assert openvix.handles() == []
    assert len(openvix.calls("VixHost_Connect")) == 1


def test_processes_share_one_vm(openvix):
    web = openvix.add_vm("web", power="powered_on")
    running = [start(web) for _ in range(PROCESSES)]

    assert ended(*running) == [("", 0)] * PROCESSES
    assert openvix.handles() == []
    # What its last power operation left, and it still works.
    assert openvix.vms[web] in ("powered_on", "powered_off", "suspended")
    assert subprocess.run(programs.command("drive", "connect", f"open={web}", "properties", "release", "disconnect"), timeout=60, check=False).returncode == 0
