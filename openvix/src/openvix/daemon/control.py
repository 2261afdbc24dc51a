# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of the command line and the pytest plugin (openvix/docs/protocol.md, "Control"): how the daemon answers them, and the client that asks."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from openvix.config import worldfile
from openvix.config.errors import ConfigError
from openvix.protocol import frames
from openvix.system import process_locks
from openvix.system.clock import SteppedClock
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm.machine import Machine
from openvix.world import layout
from openvix.world.registry import Asleep
from openvix.world.world import World

# How long a daemon may take to answer for the first time.
START_SECONDS = 30.0
# How long an orderly end may take before the daemon is killed.
STOP_SECONDS = 15.0


class Client(Protocol):
    """Who asks: a client of the daemon."""

    @property
    def world(self) -> World:
        """What the daemon serves."""

    @property
    def stop(self) -> Callable[[], None]:
        """Ends the daemon."""

    def send(self, *values: object) -> None:
        """Send a frame with these values."""


def answer(client: Client, number: int, function: str, arguments: list) -> None:
    """Answer a control call of a client of the daemon."""
    if function not in TABLE or len(arguments) != 1 or not isinstance(arguments[0], str):
        raise frames.ProtocolError(f"no such control call: {function}")
    error, result = constants.VIX_OK, None
    try:
        result = TABLE[function](client.world, json.loads(arguments[0]))
    except ConfigError as mistake:
        error, result = constants.VIX_E_INVALID_ARG, str(mistake)
    except VixError as failure:
        error, result = failure.code, str(failure)
    except OSError as failure:
        error, result = constants.VIX_E_FILE_ERROR, str(failure)
    except json.JSONDecodeError:
        raise frames.ProtocolError(f"{function} without JSON") from None
    client.send(number, frames.DONE, error, [[constants.VIX_PROPERTY_NONE, json.dumps(result)]], "")
    if function == "OpenVIX_Stop":
        client.stop()


def status(world: World, _: object) -> dict:
    vms = [
        {"name": vm.name, "vmx": vm.path, "power": vm.power, "tools": _tools(vm), "snapshots": _snapshots(vm)} | _host(vm)
        for vm in sorted(world.machines.values(), key=lambda vm: vm.name)
    ]
    return {"pid": os.getpid(), "world": str(world.directory), "product": world.product, "vms": vms}


def _snapshots(vm: Machine | Asleep) -> int:
    return vm.snapshots if isinstance(vm, Asleep) else len(vm.tree.snapshots)


def _host(vm: Machine | Asleep) -> dict:
    return {"host": f"{vm.host.name}:{vm.host.port}"} if vm.host.name else {}


def _tools(vm: Machine | Asleep) -> str:
    return {constants.VIX_TOOLSSTATE_RUNNING: "running", constants.VIX_TOOLSSTATE_NOT_INSTALLED: "not_installed"}.get(vm.tools_state(), "unknown")


def calls(world: World, said: Any) -> list[dict]:
    """Return the calls in the order in which they began; with {"since": n} those from number n on, each with its number."""
    first, records = world.calls.kept()
    rows = [{"client": pid, "call": function, "vm": path, "error": error} for pid, function, path, error in records]
    if said is None:
        return rows
    since = worldfile.table(said, {"since": (0, worldfile.NUMBER)}, "a question for calls")["since"]
    return [{"number": number, **row} for number, row in enumerate(rows, start=first) if number >= since]


def handles(world: World, _: object) -> list[dict]:
    return world.ledgers.report()


def forget_handles(world: World, _: object) -> None:
    world.ledgers.forget()


def add_vm(world: World, said: Any) -> str:
    if not isinstance(said, dict):
        raise ConfigError("a VM must be a table with its name")
    settings = {key: value for key, value in said.items() if key not in ("name", "host")}
    name: Any = said.get("name")
    return world.add(name, worldfile.vm(name, settings, world.defaults), world.host(said.get("host"))).path


def add_herd(world: World, said: Any) -> None:
    """Make many VMs at once."""
    said = worldfile.table(said, {"count": (0, worldfile.COUNT), "running": (0, worldfile.COUNT)}, "a herd")
    world.add_herd(said["count"], said["running"])


def add_host(world: World, said: Any) -> None:
    """Have one more host that is reached by name; its VMs come one by one."""
    host = worldfile.host(said, world.defaults)
    if host["vm"]:
        raise ConfigError("the VMs of a host are added one by one")
    world.add_host(host)


def change_vm(world: World, said: Any) -> dict:
    """Change settings of a VM, named by the path of its .vmx; return all that can be changed, as they are now."""
    path: Any = said.get("vmx") if isinstance(said, dict) else None
    if path not in world.machines:
        raise ConfigError("a change must say of which VM of this world: vmx")
    vm = world.machines[path]
    vm.change_settings(worldfile.changes({key: value for key, value in said.items() if key != "vmx"}))
    return {key: vm.settings[key] for key in worldfile.LIVE}


def add_fault(world: World, said: Any) -> None:
    world.faults.add(worldfile.fault(said))


def faults(world: World, _: object) -> list[dict]:
    return world.faults.told()


def clear_faults(world: World, number: object) -> None:
    """Remove all faults, or the one of this number in the list."""
    if number is not None and type(number) is not int:
        raise ConfigError("a fault is named by its number")
    world.faults.clear(number)


def advance(world: World, seconds: object) -> float:
    """Move the world's time on, and return what it is now."""
    if not isinstance(world.clock, SteppedClock):
        raise ConfigError('the time of this world is real: clock = "stepped" in its [world] is for tests that move it on')
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        raise ConfigError(f"time moves on by a number of seconds, not by {seconds!r}")
    world.clock.advance(seconds)
    return world.clock.now()


def stop(world: World, _: object) -> None:
    layout.stopped(world.directory).touch()


TABLE = {
    "OpenVIX_Status": status,
    "OpenVIX_Calls": calls,
    "OpenVIX_Handles": handles,
    "OpenVIX_ForgetHandles": forget_handles,
    "OpenVIX_AddVM": add_vm,
    "OpenVIX_AddHerd": add_herd,
    "OpenVIX_AddHost": add_host,
    "OpenVIX_ChangeVM": change_vm,
    "OpenVIX_AddFault": add_fault,
    "OpenVIX_Faults": faults,
    "OpenVIX_ClearFaults": clear_faults,
    "OpenVIX_Advance": advance,
    "OpenVIX_Stop": stop,
}


class Unserved(Exception):
    """No daemon answers for a world; the message is one sentence."""


class Connection:
    """A client of the daemon that keeps no ledger. Not for several threads at once."""

    def __init__(self, socket: socket.socket, ledger: str = ""):
        self._socket, self._frames = socket, frames.frames(socket)
        self._number = -1
        self._received: dict[int, list] = {}
        self.wait(self.begin("hello", 1, os.getpid(), ledger))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._frames.close()
        self._socket.close()

    def begin(self, function: str, *arguments: object) -> int:
        """Send a request and return its number."""
        self._number += 1
        self._socket.sendall(frames.encode(self._number, function, *arguments))
        return self._number

    def receive(self, number: int, kind: int) -> list:
        """Return the next frame of this kind for a request: what follows the kind."""
        received = self._received.setdefault(number, [])
        while True:
            for frame in received:
                if frame[0] == kind:
                    received.remove(frame)
                    return frame[1:]
            arrived = next(self._frames, None)
            if arrived is None:
                raise Unserved("the daemon of the world has ended")
            self._received.setdefault(arrived[0], []).append(arrived[1:])

    def wait(self, number: int) -> tuple[int, list, str]:
        """Return the outcome of a request: error, items and directive."""
        error, items, directive = self.receive(number, frames.DONE)
        return error, items, directive

    def call(self, function: str, *arguments: object) -> tuple[int, list, str]:
        """Send a request and return its outcome."""
        return self.wait(self.begin(function, *arguments))

    def ask(self, function: str, argument: object = None) -> Any:
        """Return the answer to a control call, or raise ConfigError."""
        error, items, _ = self.call(function, json.dumps(argument))
        result = json.loads(items[0][1])
        if error:
            raise ConfigError(result)
        return result


def connect(world: Path, ledger: str = "", seconds: float | None = None) -> Connection | None:
    """Return a connection to the daemon of this world whose answers may take so many seconds, or None when there is none."""
    try:
        socket = layout.dial(world)
        socket.settimeout(seconds)
        return Connection(socket, ledger)
    except (OSError, Unserved):
        return None


def serve(world: Path) -> int:
    """Start the daemon of a world and return its process id; the world must be prepared."""
    arguments = [os.fsdecode(each) for each in (world / "run" / "serve").read_bytes().split(b"\0")[:-1]]
    nothing = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    return os.posix_spawn(arguments[0], arguments, os.environ, file_actions=nothing, setsid=True)


def start(world: Path, serve: Callable[[Path], int] = serve) -> tuple[Connection, int | None]:
    """Start the daemon of a prepared world, by serve() or by another that does the same, or raise Unserved.

    Returns a connection and the process id of the new daemon, None when another was quicker.
    """
    pid, ended = serve(world), None
    end = time.monotonic() + START_SECONDS
    # It is tried once at least, however long this thread had to wait before.
    while True:
        connection = connect(world)
        if connection:
            return connection, pid if ended is None else None
        if ended or time.monotonic() > end:
            raise Unserved(f"no daemon answers for {world}; {world / 'run' / 'log'} may tell why")
        if ended is None:
            ended = exit_code(pid)
            time.sleep(0.002)
        else:
            # One that ends well has found another one serving. If that does not answer, it was on its way out and has let go of the world by now.
            time.sleep(0.05)
            pid, ended = serve(world), None


def exit_code(pid: int) -> int | None:
    """Return the wait status of a daemon that has ended, 0 for one that is not our child, and None while it runs."""
    try:
        gone, code = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None if Path("/proc", str(pid)).exists() else 0
    return code if gone else None


def end(directory: Path) -> None:
    """Leave no process of a world, nor anyone who would start it again."""
    layout.stopped(directory).touch()
    connection = connect(directory, seconds=STOP_SECONDS)
    if connection:
        with connection, contextlib.suppress(Unserved, OSError):
            connection.ask("OpenVIX_Stop")
    lock = layout.lock_within(directory, STOP_SECONDS)
    if lock is None:
        process_locks.end(lambda: _holding(directory), layout.END_SECONDS)
        lock = layout.lock_within(directory, layout.END_SECONDS)
    if lock is None:
        raise Unserved(f"process {layout.holder(directory)} serves {directory} and cannot be ended")
    try:
        # A daemon that ended in order has removed it, and ended the guests.
        if (directory / "run" / "socket").exists():
            layout.end_sandboxed(directory)
            layout.end_emulating(directory)
            (directory / "run" / "socket").unlink()
    finally:
        os.close(lock)


def _holding(directory: Path) -> set[int]:
    """Return the process id of the daemon that holds the lock of a world; that of a process that has nothing to do with the world is left out."""
    holder = layout.holder(directory)
    return set() if holder is None else {holder} & layout.processes(directory).keys()
