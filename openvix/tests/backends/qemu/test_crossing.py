# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world that goes to a computer with another QEMU and comes back: nothing is lost, and what the other cannot load is refused with the reason.

By hand, since it fetches the QEMU of another Debian: nox -s qemu_versions. test_other_qemu.py has the refusals with a made-up machine type.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import other_qemu
import pytest
import real_machines
from protocol_client import Client
from real_machines import ACCOUNTS, OFF, READY, SECONDS, SUSPENDED, Machine

from openvix.daemon import control
from openvix.pytest_plugin import ServedWorld
from openvix.vix import constants
from openvix.world import layout

pytestmark = [*real_machines.NEEDED, pytest.mark.skipif("OPENVIX_OTHER_QEMU" not in os.environ, reason="it fetches another QEMU: nox -s qemu_versions")]

REFUSED = constants.VIX_E_CANNOT_POWER_ON_VM


class Travelling(ServedWorld):
    """A world that is served with one QEMU or the other."""

    def move(self, path: str) -> str:
        """Stop it, and start it with the QEMU that is first in this PATH; return what the start prints for the user."""
        self._connection.close()
        control.end(self.directory)
        os.environ["PATH"] = path
        version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
        started = subprocess.run(
            [sys.executable, "-P", "-m", "openvix.cli", "start", str(self.directory)], capture_output=True, text=True, timeout=200, check=True
        )
        print(f"-- {version}\n{started.stderr}", end="")
        return started.stderr


def add(world, client, name) -> Machine:
    """Create a VM and boot it, with a file on its disk and one in its memory."""
    machine = Machine(world, client, world.add_vm(name, hypervisor="qemu", memory=128, accounts=ACCOUNTS))
    machine.boot()
    client.log_in(machine.path, "lab", "secret")
    assert machine.run(f"echo {name} > /root/disk; sync; echo {name} > /run/memory") == 0
    return machine


def has(machine, file) -> bool:
    assert machine.WaitForToolsInGuest(SECONDS) == 0
    machine.client.log_in(machine.path, "lab", "secret")
    return machine.run(f"grep -q {Path(machine.path).stem} {file}") == 0


def discard(world, name) -> None:
    subprocess.run([sys.executable, "-P", "-m", "openvix.cli", "discard", name, "--world", str(world.directory)], check=True)


def test_world_crosses_to_another_qemu_and_back(tmp_path, openvix_library, monkeypatch, capsys):
    here = os.environ["PATH"]
    there = f"{other_qemu.find()}:{here}"
    monkeypatch.setenv("PATH", here)
    world = Travelling(tmp_path / "world", openvix_library, {})
    with capsys.disabled():
        try:
            cross(world, here, there)
        finally:
            assert world.end() == []


def cross(world, here, there):
    with Client(world.directory) as client:
        first = add(world, client, "first")
        old = client.take(first.path, "old", memory=True)
        print(f"\nfirst: made here, {(Path(first.path).parent / 'openvix/machine-type').read_text()}, with a snapshot, on")

    assert "stays suspended" not in world.move(there)
    with Client(world.directory) as client:
        first.client = client
        assert has(first, "/run/memory")
        print("first: goes on there, with its memory")
        assert first.Reset(0) == 0
        assert has(first, "/root/disk")
        assert not has(first, "/run/memory")
        assert first.run("echo first > /run/memory") == 0
        asleep, running, kept = (add(world, client, name) for name in ("asleep", "running", "kept"))
        new = client.take(kept.path, "new", memory=True)
        assert asleep.Suspend(0) == 0
        assert kept.PowerOff(0) == 0
        print(f"asleep, running, kept: made there, {(Path(asleep.path).parent / 'openvix/machine-type').read_text()}: suspended, on, off with a snapshot")

    printed = world.move(here)
    [line] = [line for line in printed.splitlines() if "stays suspended" in line]
    assert line.startswith("openvix: running stays suspended: the memory was saved by QEMU ")
    with Client(world.directory) as client:
        for machine in (first, asleep, running, kept):
            machine.client = client
        assert has(first, "/run/memory")
        print("first: goes on here, with its memory, after a reset there")
        for machine in (asleep, running):
            assert machine.power == SUSPENDED
            assert machine.PowerOn(0, []) == REFUSED
            print(f"{Path(machine.path).stem}: {machine.log().splitlines()[-1]}")
            discard(world, Path(machine.path).stem)
            assert machine.power == OFF
            assert machine.PowerOn(0, []) == 0
            assert has(machine, "/root/disk")
            print(f"{Path(machine.path).stem}: starts here from its disk, with the file that was written there")
        assert kept.PowerOn(0, []) == 0
        assert has(kept, "/root/disk")
        assert kept.run("echo kept > /run/memory") == 0
        assert client.revert(kept.path, new) == REFUSED
        assert kept.power == READY
        assert has(kept, "/run/memory")
        print("kept: goes on while its snapshot is refused, with its memory")
        assert client.revert(first.path, old) == 0
        assert has(first, "/run/memory")
        print("first: back to its snapshot from before the journey, with its memory")

    # Once more there: what was saved there is loaded there.
    assert "stays suspended" not in world.move(there)
    with Client(world.directory) as client:
        for machine in (first, kept):
            machine.client = client
            assert has(machine, "/run/memory")
        assert client.revert(kept.path, new) == 0
        assert has(kept, "/run/memory")
        print("kept: back to its snapshot, there")
    assert layout.processes(world.directory)
