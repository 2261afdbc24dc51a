# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixture "openvix": a separate world for each test, which fails if the test leaves handles, buffers or processes behind."""

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

# Time limit for the daemon to record the end of a client, and for the exit of a daemon.
SETTLE_SECONDS = 30.0
BOOT_SECONDS = 120.0


class ServedWorld:
    """A world with its own daemon. directory: its path; environment: the environment variables for its clients."""

    def __init__(self, directory: Path, library: str, settings: dict, serve: Callable[[Path], int] = control.serve, hypervisor: str = "simulated"):
        self.directory, self._serve = directory, serve
        self.environment = {"VIX_LIBRARY": library, "OPENVIX_WORLD": str(directory)}
        self._forgiven = False
        self._daemons: list[int] = []
        layout.prepare(directory)
        content = worldfile.check({"world": settings}, hypervisor)
        self._hypervisor, self._tools = content["defaults"]["hypervisor"], content["defaults"]["tools"]
        worldfile.save(directory, content)
        self._connection = self._start()

    def add_vm(self, name: str, **settings: object) -> str:
        """Create a VM; settings: keys of a VM in the world file. Return the path of its .vmx.

        With QEMU or VMware's own Tools, a VM that is powered on and has guest tools has booted when this returns.
        """
        path = self._ask("OpenVIX_AddVM", {"name": name, **settings})
        tools = settings.get("tools", self._tools)
        if tools == worldfile.VMWARES_TOOLS or (settings.get("hypervisor", self._hypervisor) != "simulated" and tools == "installed"):
            end = time.monotonic() + BOOT_SECONDS
            while self._boots(path) and time.monotonic() < end:
                time.sleep(0.02)
        return path

    def _boots(self, path: str) -> bool:
        [vm] = [vm for vm in self.status()["vms"] if vm["vmx"] == path]
        return vm["power"] == "powered_on" and vm["tools"] != "running"

    def add_vms(self, count: int, running: int = 0) -> None:
        """Create VMs until there are count, named vm00001, vm00002, ..., the first ones powered on."""
        self._ask("OpenVIX_AddVMs", {"count": count, "running": running})

    def add_host(self, name: str, users: dict[str, str], **settings: object) -> None:
        """Add a remote host https://NAME[:port]/sdk. Its VMs are created with add_vm(name, host=...).

        users: passwords by user name; settings: other keys of [[host]].
        """
        self._ask("OpenVIX_AddHost", {"name": name, "users": [{"name": user, "password": password} for user, password in users.items()], **settings})

    def change_vm(self, path: str, **settings: object) -> dict:
        """Change settings of the VM with this .vmx while it runs: see "Changing a VM" in openvix/docs/world-file.md. Return all that can be changed."""
        return self._ask("OpenVIX_ChangeVM", {"vmx": path, **settings})

    def fault(self, **rule: object) -> None:
        """Add a fault with the keys of a fault in the world file ("from" may be written from_)."""
        self._ask("OpenVIX_AddFault", {key.rstrip("_"): value for key, value in rule.items()})

    def faults(self) -> list[dict]:
        """Return the rules in force; "matched" and "applied" are the numbers of calls that matched and to which the fault was applied."""
        return self._ask("OpenVIX_Faults")

    def clear_faults(self, number: int | None = None) -> None:
        """Remove the fault with this number in faults(), the first being 1, or all faults."""
        self._ask("OpenVIX_ClearFaults", number)

    def advance(self, seconds: float) -> float:
        """Advance the time of a world with @pytest.mark.openvix(clock="stepped") by seconds; return the new time."""
        return self._ask("OpenVIX_Advance", seconds)

    def calls(self, name: str | None = None) -> list[dict]:
        """Return the calls of all clients, or only those of one function: {"client":, "call":, "vm":, "error":}."""
        return [call for call in self._ask("OpenVIX_Calls") if name in (None, call["call"])]

    @property
    def vms(self) -> dict[str, str]:
        """The power states of all VMs, by the paths of their .vmx files."""
        return {vm["vmx"]: vm["power"] for vm in self.status()["vms"]}

    def status(self) -> dict:
        return self._ask("OpenVIX_Status")

    def handles(self) -> list[dict]:
        """Return a row for each client with open handles or buffers, including clients that have ended."""
        return self._ask("OpenVIX_Handles")

    def forgive_leaks(self, reason: str) -> None:
        """Let the test pass although its clients leave handles or buffers open; reason: an explanation for readers of the test."""
        if not reason:
            raise ValueError("forgive_leaks() requires a reason")
        self._forgiven = True

    def disk(self, path: str) -> Path:
        """Return the root directory of the guest's current disk, for the VM with this .vmx.

        With VMware's own Tools, the guest must run, and an absolute link in it leads to the files of the host.
        """
        own = Path(path).parent / "openvix"
        disk = own / "disks" / str(json.loads((own / "state.json").read_bytes())["disk"])
        if not (disk / "upper").is_dir():
            return disk
        return Path(f"/proc/{json.loads((own / 'guest' / 'vmtoolsd.json').read_bytes())['pid']}/root")

    def kill_daemon(self):
        """Kill the daemon with SIGKILL. The next client, or the next call of a method here, starts another one."""
        pid = self.status()["pid"]
        self._connection.close()
        os.kill(pid, signal.SIGKILL)
        self._reap(pid)
        # The lock is released when the daemon has exited, also if it is not a child of this process.
        lock = layout.lock_within(self.directory, SETTLE_SECONDS)
        if lock is None:
            raise control.Unserved(f"the daemon, process {pid}, did not exit after SIGKILL")
        os.close(lock)

    def leaks(self) -> list[str]:
        """Return a message for each client with open handles or buffers, after the ends of all clients have been recorded."""
        if self._forgiven:
            return []
        end = time.monotonic() + SETTLE_SECONDS
        rows = self._rows()
        while any(not row["ended"] and not Path("/proc", str(row["client"])).exists() for row in rows) and time.monotonic() < end:
            time.sleep(0.005)
            rows = self._rows()
        return [
            f"process {row['client']}{'' if row['ended'] else ' (still connected)'} left {row['buffers']} buffers and these handles open: {row['open']}"
            + (f"; it released {row['too_often']} handles that it did not own" if row["too_often"] else "")
            for row in rows
        ]

    def end(self) -> list[str]:
        """Stop the world; return a message for each process that did not exit and was killed."""
        self._connection.close()
        control.end(self.directory)
        for pid in [*self._daemons]:
            self._reap(pid)
        left = self._left()
        if left:
            process_locks.end(lambda: layout.processes(self.directory), layout.END_SECONDS)
        return [f"process {pid} was still running after the stop of the world: {command}" for pid, command in left.items()]

    def _left(self) -> dict[int, str]:
        """Return the processes that are left. A second daemon, started by a client at the same time, is given time to exit by itself."""
        server, until = " ".join(layout.server(self.directory)), time.monotonic() + SETTLE_SECONDS
        while server in (left := layout.processes(self.directory)).values() and time.monotonic() < until:
            time.sleep(0.005)
        return left

    def _rows(self) -> list[dict]:
        connection = control.connect(self.directory)
        if connection is None:
            # The daemon was stopped or killed; the ledgers are still there.
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
            end = time.monotonic() + SETTLE_SECONDS
            while control.exit_code(pid) is None and time.monotonic() < end:
                time.sleep(0.001)
            self._daemons.remove(pid)


def pytest_addoption(parser):
    brief = f"hypervisor of VMs in tests for which the test sets none (default: simulated); {worldfile.VMWARES_TOOLS}: simulated, with VMware's own Tools"
    choices = (*worldfile.HYPERVISORS, worldfile.VMWARES_TOOLS)
    parser.getgroup("openvix").addoption("--hypervisor", default="simulated", choices=choices, help=brief)


def pytest_configure(config):
    config.addinivalue_line("markers", 'openvix(**settings): keys of [world] in the world file, for the world of this test: openvix(product="player")')


@pytest.fixture(scope="session")
def openvix_library() -> str:
    """The path of libvix.so."""
    from openvix.system.c_build import build

    return str(build())


@pytest.fixture(scope="session")
def openvix_forkserver():
    """A process that starts daemons quickly."""
    with ForkServer() as forkserver:
        yield forkserver


@pytest.fixture
def openvix(request, tmp_path_factory, monkeypatch, openvix_library, openvix_forkserver):
    """A separate world for this test: see ServedWorld."""
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
        pytest.fail("\n".join(["the test left handles, buffers or processes behind in its world", *leaks, *left]), pytrace=False)
    # The world of a failed test is kept, with its log.
    shutil.rmtree(world.directory, ignore_errors=True)
