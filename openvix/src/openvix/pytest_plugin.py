# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world of its own for each test that asks for the fixture "openvix", and a failure for what the test leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openvix.config import worldfile
from openvix.daemon import control
from openvix.daemon.forkserver import ForkServer
from openvix.system import process_locks
from openvix.world import layout
from openvix.world.ledger import Ledgers

# How long the end of a client may take to arrive at the daemon, and a daemon to be gone.
BOOK_SECONDS = 30.0
BOOT_SECONDS = 120.0


class ServedWorld:
    """A world that a daemon of its own serves; directory is where it lies, environment what a client needs to find it."""

    def __init__(self, directory: Path, library: str, settings: dict, serve: Callable[[Path], int] = control.serve, hypervisor: str = "simulated"):
        self.directory, self._serve, self._hypervisor = directory, serve, hypervisor
        self.environment = {"VIX_LIBRARY": library, "OPENVIX_WORLD": str(directory)}
        self._forgiven = False
        self._daemons: list[int] = []
        layout.prepare(directory)
        worldfile.keep(directory, worldfile.check({"world": settings}, hypervisor))
        self._connection = self._start()

    def add_vm(self, name: str, **settings: object) -> str:
        """Make a VM with the keys of a VM in the world file; return the path of its .vmx. A real one that is on has booted then, where it has Tools."""
        path = self._ask("OpenVIX_AddVM", {"name": name, **settings})
        if settings.get("hypervisor", self._hypervisor) != "simulated" and settings.get("tools", "installed") == "installed":
            end = time.monotonic() + BOOT_SECONDS
            while self._boots(path) and time.monotonic() < end:
                time.sleep(0.02)
        return path

    def _boots(self, path: str) -> bool:
        [vm] = [vm for vm in self.status()["vms"] if vm["vmx"] == path]
        return vm["power"] == "powered_on" and vm["tools"] != "running"

    def add_vms(self, count: int, running: int = 0) -> None:
        """Have many VMs, named vm00001 and so on, the first ones running."""
        self._ask("OpenVIX_AddHerd", {"count": count, "running": running})

    def add_host(self, name: str, users: dict[str, str], **settings: object) -> None:
        """Have one more host, reached as https://NAME[:port]/sdk by these users with these passwords; its VMs are made by add_vm(name, host=...)."""
        self._ask("OpenVIX_AddHost", {"name": name, "users": [{"name": user, "password": password} for user, password in users.items()], **settings})

    def change_vm(self, path: str, **settings: object) -> None:
        """Change some of the settings of the VM with this .vmx while it runs: see "Changing a VM" in openvix/docs/world-file.md."""
        self._ask("OpenVIX_ChangeVM", {"vmx": path, **settings})

    def fault(self, **rule: object) -> None:
        """Add a fault with the keys of a fault in the world file ("from" may be written from_)."""
        self._ask("OpenVIX_AddFault", {key.rstrip("_"): value for key, value in rule.items()})

    def faults(self) -> list[dict]:
        """Return the rules in force, each with how many calls it has "matched" and "struck"."""
        return self._ask("OpenVIX_Faults")

    def clear_faults(self, number: int | None = None) -> None:
        """Remove the fault of this number in faults(), counted from 1, or all."""
        self._ask("OpenVIX_ClearFaults", number)

    def advance(self, seconds: float) -> float:
        """Move the time of a world with @pytest.mark.openvix(clock="stepped") on, and return what it is now."""
        return self._ask("OpenVIX_Advance", seconds)

    def calls(self, name: str | None = None) -> list[dict]:
        """Return the calls that clients made, of the function of this name or all: {"client":, "call":, "vm":, "error":}."""
        return [call for call in self._ask("OpenVIX_Calls") if name in (None, call["call"])]

    @property
    def vms(self) -> dict[str, str]:
        """The power state of each VM by the path of its .vmx."""
        return {vm["vmx"]: vm["power"] for vm in self.status()["vms"]}

    def status(self) -> dict:
        return self._ask("OpenVIX_Status")

    def handles(self) -> list[dict]:
        """Return a row for each client that has handles or buffers open, those of ended clients included."""
        return self._ask("OpenVIX_Handles")

    def forgive_leaks(self, reason: str) -> None:
        """Let the test pass although its clients leave handles or buffers open; the reason is for the reader of the test."""
        if not reason:
            raise ValueError("a reason is needed")
        self._forgiven = True

    def disk(self, path: str) -> Path:
        """Return the root of the guest's current disk, for the VM with this .vmx."""
        own = Path(path).parent / "openvix"
        return own / "disks" / str(json.loads((own / "state.json").read_bytes())["disk"])

    def kill_daemon(self):
        """End the daemon by SIGKILL; the next client, or the next question asked here, starts another."""
        pid = self.status()["pid"]
        self._connection.close()
        os.kill(pid, signal.SIGKILL)
        self._reap(pid)
        # Its lock goes with it, even when it is not our child.
        lock = layout.lock_within(self.directory, BOOK_SECONDS)
        if lock is None:
            raise control.Unserved(f"process {pid} does not end")
        os.close(lock)

    def leaks(self) -> list[str]:
        """Return a line for each client that has anything open, once those that have ended are booked."""
        if self._forgiven:
            return []
        end = time.monotonic() + BOOK_SECONDS
        rows = self._rows()
        while any(not row["ended"] and not Path("/proc", str(row["client"])).exists() for row in rows) and time.monotonic() < end:
            time.sleep(0.005)
            rows = self._rows()
        return [
            f"process {row['client']}{'' if row['ended'] else ' (still connected)'} left {row['buffers']} buffers and these handles: {row['open']}"
            + (f"; {row['too_often']} it released too often" if row["too_often"] else "")
            for row in rows
        ]

    def end(self) -> list[str]:
        """Stop everything; return a line for each process that would not end, which is killed."""
        self._connection.close()
        control.end(self.directory)
        for pid in [*self._daemons]:
            self._reap(pid)
        left = self._left()
        if left:
            process_locks.end(lambda: layout.processes(self.directory), layout.END_SECONDS)
        return [f"process {pid} was left running: {command}" for pid, command in left.items()]

    def _left(self) -> dict[int, str]:
        """Return the processes that are left. A daemon that a client started beside another, and that has not yet come to see it, goes by itself."""
        server, until = " ".join(layout.server(self.directory)), time.monotonic() + BOOK_SECONDS
        while server in (left := layout.processes(self.directory)).values() and time.monotonic() < until:
            time.sleep(0.005)
        return left

    def _rows(self) -> list[dict]:
        connection = control.connect(self.directory)
        if connection is None:
            # Stopped or killed: the books still lie there.
            return Ledgers(self.directory / "run" / "clients").report()
        with connection:
            return connection.ask("OpenVIX_Handles")

    def _ask(self, function: str, argument: object = None) -> Any:
        try:
            return self._connection.ask(function, argument)
        except (OSError, control.Unserved):
            self._connection = control.connect(self.directory) or self._start()
            return self._connection.ask(function, argument)

    def _start(self) -> control.Connection:
        connection, pid = control.start(self.directory, self._serve)
        self._daemons += [pid] if pid else []
        return connection

    def _reap(self, pid: int) -> None:
        if pid in self._daemons:
            end = time.monotonic() + BOOK_SECONDS
            while control.exit_code(pid) is None and time.monotonic() < end:
                time.sleep(0.001)
            self._daemons.remove(pid)


def pytest_addoption(parser):
    brief = "what the VMs of the worlds of tests run on, unless the test says it (default: simulated)"
    parser.getgroup("openvix").addoption("--hypervisor", default="simulated", choices=worldfile.HYPERVISORS, help=brief)


def pytest_configure(config):
    config.addinivalue_line("markers", 'openvix(**settings): what [world] of a world file would say, for the world of this test: openvix(product="player")')


@pytest.fixture(scope="session")
def openvix_library() -> str:
    """The path of libvix.so."""
    from openvix.system.c_build import build

    return str(build())


@pytest.fixture(scope="session")
def openvix_forkserver():
    """What starts the daemons of worlds quickly."""
    with ForkServer() as forkserver:
        yield forkserver


@pytest.fixture
def openvix(request, tmp_path_factory, monkeypatch, openvix_library, openvix_forkserver):
    """A world of this test alone: see ServedWorld."""
    marked = request.node.get_closest_marker("openvix")
    directory, hypervisor = tmp_path_factory.mktemp("openvix") / "world", request.config.getoption("--hypervisor")
    world = ServedWorld(directory, openvix_library, marked.kwargs if marked else {}, openvix_forkserver.serve, hypervisor)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    leaks = []
    try:
        yield world
        leaks = world.leaks()
    finally:
        left = world.end()
    if leaks or left:
        pytest.fail("\n".join(["the test left something behind in its world", *leaks, *left]), pytrace=False)
    # What failed keeps its world and its log.
    shutil.rmtree(world.directory, ignore_errors=True)
