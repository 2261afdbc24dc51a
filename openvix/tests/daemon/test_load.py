# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many clients and many VMs at once on one world: each gets its answers, and the daemon is afterwards what it was before."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import programs
from protocol_client import Client
from waiting import eventually

from openvix.vix import constants

CLIENTS, VMS = 20, 100


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def log_of(openvix) -> str:
    return (openvix.directory / "run" / "log").read_text()


def test_twenty_clients_at_once(openvix):
    """Each has its VM, and all of them one more, on which one operation at a time is permitted."""
    openvix.add_vms(CLIENTS, CLIENTS // 2)
    own, shared = sorted(openvix.vms), openvix.add_vm("shared", power="powered_on")
    pid = openvix.status()["pid"]
    before = descriptors(pid)
    program = programs.command("drive")
    verbs = ("properties", "snapshot=one", "snapshots", "remove=one", "release")
    running = [
        subprocess.Popen(
            [*program, "connect", f"open={vm}", *verbs, f"open={shared}", "properties", "release", "disconnect"], stdout=subprocess.PIPE, text=True
        )
        for vm in own
    ]
    for client in running:
        said = client.communicate(timeout=200)[0].splitlines()
        assert client.returncode == 0
        answers = [line for line in said if line.rpartition(" ")[2].isdigit() and not line.startswith(("vm ", "root "))]
        assert [line.rpartition(" ")[2] for line in answers] == ["0"] * len(answers)
        assert [line for line in said if line.startswith("root ")] == ["root one"]
        assert len([line for line in said if line.startswith("vm ")]) == 2
    eventually(lambda: descriptors(pid) <= before)
    assert openvix.status()["pid"] == pid
    assert "Traceback" not in log_of(openvix)


def test_hundred_vms_at_once(openvix):
    openvix.add_vms(VMS, VMS // 2)
    paths = sorted(openvix.vms)
    with Client(openvix.directory) as client:
        connection = client.connection
        # All requests are sent before the first answer is read.
        numbers = [connection.begin("VixVM_PowerOff", path, 0) for path in paths]
        codes = [connection.wait(number)[0] for number in numbers]
        assert codes == [0] * (VMS // 2) + [constants.VIX_E_VM_NOT_RUNNING] * (VMS // 2)
        numbers = [connection.begin("VixVM_CreateSnapshot", path, "one", None, 0, []) for path in paths]
        assert [connection.wait(number)[0] for number in numbers] == [0] * VMS
    with ThreadPoolExecutor(CLIENTS) as threads:
        assert [*threads.map(lambda path: snapshots(openvix, path), paths)] == [1] * VMS
    assert set(openvix.vms.values()) == {"powered_off"}
    assert "Traceback" not in log_of(openvix)


def snapshots(openvix, path: str) -> int:
    with Client(openvix.directory) as client:
        return client.one("VixVM_GetNumRootSnapshots", path)
