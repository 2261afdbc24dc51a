# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory that another QEMU has saved: what this one cannot load is refused before anything is lost. A made-up machine type stands for the other QEMU."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import real_machines
from protocol_client import Client
from real_machines import ACCOUNTS, OFF, READY, SECONDS, SUSPENDED, Machine
from waiting import eventually

from openvix.daemon import control
from openvix.vix import constants

pytestmark = real_machines.NEEDED

REFUSED = constants.VIX_E_CANNOT_POWER_ON_VM
REASON = "the memory was saved by QEMU 99.0 and needs its machine type pc-i440fx-99.0, which QEMU "


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def machine(openvix, client):
    found = Machine(openvix, client, openvix.add_vm("web", hypervisor="qemu", memory=128, accounts=ACCOUNTS))
    found.boot()
    client.log_in(found.path, "lab", "secret")
    return found


def pretend(machine) -> None:
    """Change what is recorded of each saved memory, as if another QEMU had saved it."""
    for path in (Path(machine.path).parent / "openvix" / "disks").glob("*.json"):
        saved = json.loads(path.read_bytes())
        if saved["hardware"]:
            path.write_text(json.dumps({"hardware": ["pc-i440fx-99.0", *saved["hardware"][1:]], "qemu": "99.0"}))


def damage(machine) -> None:
    """Change the memory size that is recorded of each saved memory: QEMU accepts the machine and refuses the memory."""
    for path in (Path(machine.path).parent / "openvix" / "disks").glob("*.json"):
        saved = json.loads(path.read_bytes())
        if saved["hardware"]:
            path.write_text(json.dumps({**saved, "hardware": [saved["hardware"][0], 192, *saved["hardware"][2:]]}))


def command(openvix, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-P", "-m", "openvix.cli", *arguments], capture_output=True, text=True, timeout=200, check=False)


def test_suspended_vm_reports_why_and_starts_from_disk(machine, openvix):
    assert machine.run("echo kept > /root/kept; sync") == 0
    assert machine.Suspend(0) == 0
    pretend(machine)

    assert machine.PowerOn(0, []) == REFUSED

    assert machine.power == SUSPENDED
    assert REASON in machine.log()
    assert openvix.calls("VixVM_PowerOn")[-1]["reason"].startswith(REASON)
    assert command(openvix, "discard", "web").returncode == 0
    assert machine.power == OFF
    machine.boot()
    machine.client.log_in(machine.path, "lab", "secret")
    assert machine.run("grep -q kept /root/kept") == 0
    refused = command(openvix, "discard", "web")
    assert (refused.returncode, refused.stderr) == (1, "openvix: web is powered_on, not suspended: it has no memory to discard\n")


def test_running_vm_goes_on_when_its_snapshot_cannot(machine, client):
    snapshot = client.take(machine.path, memory=True)
    assert machine.run("echo later > /run/later") == 0
    pretend(machine)

    assert client.revert(machine.path, snapshot) == REFUSED

    assert machine.power == READY
    assert machine.run("grep -q later /run/later") == 0
    assert REASON in machine.log()
    # Without its memory, it can.
    assert client.revert(machine.path, snapshot, constants.VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON) == 0
    assert machine.power == OFF


def test_disk_survives_a_memory_that_is_refused_late(machine, client):
    snapshot = client.take(machine.path, memory=True)
    assert machine.run("echo later > /root/later; sync") == 0
    damage(machine)

    assert client.revert(machine.path, snapshot) == REFUSED

    assert machine.power == OFF
    assert "; " in machine.log() or "memory" in machine.log().lower()
    machine.boot()
    client.log_in(machine.path, "lab", "secret")
    assert machine.run("grep -q later /root/later") == 0


def test_vm_that_was_on_stays_suspended_and_is_named(machine, openvix):
    assert machine.run("echo kept > /root/kept; sync") == 0
    machine.client.connection.close()
    control.end(openvix.directory)
    pretend(machine)

    started = command(openvix, "start", str(openvix.directory))

    assert started.returncode == 0
    line = next(line for line in started.stderr.splitlines() if "stays suspended" in line)
    assert line.startswith(f"openvix: web stays suspended: {REASON}")
    assert line.endswith("; give the memory up and start from the disk with: openvix discard web")
    assert openvix.vms == {machine.path: "suspended"}
    assert command(openvix, "discard", "web").returncode == 0
    assert openvix.status()["notices"] == []
    assert openvix.vms == {machine.path: "powered_off"}


def test_first_machine_type_is_used_again(machine, openvix, monkeypatch):
    kept = Path(machine.path).parent / "openvix" / "machine-type"
    first = kept.read_text()
    assert first.startswith("pc-i440fx-")
    [older] = [each for each in ("pc-i440fx-5.2",) if each != first]
    assert machine.PowerOff(0) == 0
    kept.write_text(older)
    machine.boot()
    assert json.loads((kept.parent / "guest" / "hardware.json").read_bytes())[0] == older
    assert machine.PowerOff(0) == 0
    # A type that this QEMU does not have.
    kept.write_text("pc-i440fx-99.0")
    machine.boot()
    assert kept.read_text() == first


@pytest.mark.parametrize("act", ["Suspend", "pause and snapshot"])
def test_copy_does_not_hold_up_a_stop(machine, openvix, tmp_path, act):
    """The request under way ends, and then the guest stands still."""
    assert machine.run("head -c 60000000 /dev/zero > /root/large") == 0
    ended = []

    def copy():
        with Client(openvix.directory) as other:
            other.log_in(machine.path, "lab", "secret")
            ended.append(other.code("VixVM_CopyFileFromGuestToHost", machine.path, "/root/large", str(tmp_path / "large"), 0, []))

    copying = threading.Thread(target=copy)
    copying.start()
    eventually(lambda: any(each["error"] is None for each in openvix.calls("VixVM_CopyFileFromGuestToHost")))
    began = time.monotonic()
    if act == "Suspend":
        assert machine.Suspend(0) == 0
    else:
        assert machine.Pause(0, []) == 0
        machine.client.take(machine.path, memory=True)
    # It waited for a minute, until the guest that stood still was given up.
    assert time.monotonic() - began < 40
    if act != "Suspend":
        assert machine.Unpause(0, []) == 0
        copying.join(SECONDS)
        assert ended == [0]
        assert (tmp_path / "large").stat().st_size == 60_000_000
    copying.join(SECONDS)
    assert not copying.is_alive()
