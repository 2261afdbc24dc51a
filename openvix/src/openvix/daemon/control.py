# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Control calls of the command line and the pytest plugin: the answers of the daemon, and the client (openvix/docs/protocol.md, "Control")."""

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
from openvix.vm import power
from openvix.vm.machine import SUSPENDED, Machine
from openvix.world import layout
from openvix.world.registry import UnloadedVM
from openvix.world.world import World

# Time limit for the first answer of a new daemon.
START_SECONDS = 30.0
# Time limit for an orderly stop; then the daemon is killed.
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
        raise frames.ProtocolError(f"{function} is not a control call, or its argument is not one string")
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
        raise frames.ProtocolError(f"the argument of {function} is not JSON") from None
    client.send(number, frames.DONE, error, [[constants.VIX_PROPERTY_NONE, json.dumps(result)]], "")
    if function == "OpenVIX_Stop":
        client.stop()


def status(world: World, _: object) -> dict:
    vms = [
        {"name": vm.name, "vmx": vm.path, "power": vm.power, "tools": _tools(vm), "snapshots": _snapshots(vm)} | _host(vm)
        for vm in sorted(world.machines.values(), key=lambda vm: vm.name)
    ]
    return {"pid": os.getpid(), "world": str(world.directory), "product": world.product, "vms": vms, "notices": world.notices}


def _snapshots(vm: Machine | UnloadedVM) -> int:
    return vm.snapshots if isinstance(vm, UnloadedVM) else len(vm.tree.snapshots)


def _host(vm: Machine | UnloadedVM) -> dict:
    return {"host": f"{vm.host.name}:{vm.host.port}"} if vm.host.name else {}


def _tools(vm: Machine | UnloadedVM) -> str:
    return {constants.VIX_TOOLSSTATE_RUNNING: "running", constants.VIX_TOOLSSTATE_NOT_INSTALLED: "not_installed"}.get(vm.tools_state(), "unknown")


def calls(world: World, selection: Any) -> list[dict]:
    """Return the calls in the order in which they began: {"client":, "call":, "vm":, "error":}, with "reason" if the error has one.

    With {"since": n} only those from number n on, each with its "number".
    """
    first, records = world.calls.recorded()
    rows = [
        {"client": pid, "call": function, "vm": path, "error": error, **({"reason": reason[0]} if reason else {})}
        for pid, function, path, error, *reason in records
    ]
    if selection is None:
        return rows
    since = worldfile.table(selection, {"since": (0, worldfile.NUMBER)}, "the argument of OpenVIX_Calls")["since"]
    return [{"number": number, **row} for number, row in enumerate(rows, start=first) if number >= since]


def handles(world: World, _: object) -> list[dict]:
    return world.ledgers.report()


def forget_handles(world: World, _: object) -> None:
    world.ledgers.forget()


def add_vm(world: World, content: Any) -> str:
    """Create a VM and return the path of its .vmx; content: its settings with "name" and optionally "host"."""
    if not isinstance(content, dict):
        raise ConfigError("adding a VM requires a table with the key name")
    settings = {key: value for key, value in content.items() if key not in ("name", "host")}
    name: Any = content.get("name")
    return world.add(name, worldfile.vm(name, settings, world.defaults), world.host(content.get("host"))).path


def add_vms(world: World, content: Any) -> None:
    """Create numbered VMs."""
    content = worldfile.table(content, {"count": (0, worldfile.COUNT), "running": (0, worldfile.COUNT)}, "the argument of OpenVIX_AddVMs")
    world.add_numbered(content["count"], content["running"])


def add_host(world: World, content: Any) -> None:
    """Add a remote host without VMs."""
    host = worldfile.host(content, world.defaults)
    if host["vm"]:
        raise ConfigError("the key vm is not accepted here; add the host first, then each of its VMs")
    world.add_host(host)


def change_vm(world: World, content: Any) -> dict:
    """Change settings of the VM with the path "vmx" and return all settings that can be changed."""
    path: Any = content.get("vmx") if isinstance(content, dict) else None
    if path not in world.machines:
        raise ConfigError("changing a VM requires the key vmx: the path of the .vmx of a VM of this world")
    vm = world.machines.get(path)
    if vm is None:
        raise ConfigError(f"the files of the VM {path} cannot be read; see the log of the daemon: {world.directory / 'run' / 'log'}")
    vm.change_settings(worldfile.changes({key: value for key, value in content.items() if key != "vmx"}, vm.settings))
    return {key: vm.settings[key] for key in worldfile.LIVE}


def discard_memory(world: World, path: Any) -> None:
    """Give up the memory of the suspended VM with this path."""
    vm = world.machines.get(path) if isinstance(path, str) else None
    if vm is None:
        raise ConfigError("discarding the memory of a VM requires the path of the .vmx of a VM of this world")
    try:
        power.discard_memory(vm)
    except VixError as error:
        raise ConfigError(f"{vm.name} is {vm.power}, not suspended: it has no memory to discard" if vm.power != SUSPENDED else str(error)) from None
    world.notices[:] = [each for each in world.notices if each["vm"] != path]


def add_fault(world: World, content: Any) -> None:
    world.faults.add(worldfile.fault(content))


def faults(world: World, _: object) -> list[dict]:
    return world.faults.report()


def clear_faults(world: World, number: object) -> None:
    """Remove the fault with this number in the list, or all faults."""
    if number is not None and type(number) is not int:
        raise ConfigError(f"the number of a fault must be an integer, not {number!r}")
    world.faults.clear(number)


def advance(world: World, seconds: object) -> float:
    """Advance the time of the world by a number of seconds; return the new time."""
    if not isinstance(world.clock, SteppedClock):
        raise ConfigError('cannot advance the time of this world: it requires clock = "stepped" in [world] of the world file')
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        raise ConfigError(f"the time to advance must be a number of seconds, not {seconds!r}")
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
    "OpenVIX_AddVMs": add_vms,
    "OpenVIX_AddHost": add_host,
    "OpenVIX_ChangeVM": change_vm,
    "OpenVIX_DiscardMemory": discard_memory,
    "OpenVIX_AddFault": add_fault,
    "OpenVIX_Faults": faults,
    "OpenVIX_ClearFaults": clear_faults,
    "OpenVIX_Advance": advance,
    "OpenVIX_Stop": stop,
}


class Unserved(Exception):
    """The daemon of a world does not answer."""


class Connection:
    """A client of the daemon without handle accounting, unless it is given a ledger. Not thread-safe."""

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
        """Return the values of the next frame of this kind for a request, without number and kind. Raises Unserved."""
        received = self._received.setdefault(number, [])
        while True:
            for frame in received:
                if frame[0] == kind:
                    received.remove(frame)
                    return frame[1:]
            arrived = next(self._frames, None)
            if arrived is None:
                raise Unserved("the daemon of the world closed the connection")
            self._received.setdefault(arrived[0], []).append(arrived[1:])

    def wait(self, number: int) -> tuple[int, list, str]:
        """Return the outcome of a request: error, items and directive."""
        error, items, directive = self.receive(number, frames.DONE)
        return error, items, directive

    def call(self, function: str, *arguments: object) -> tuple[int, list, str]:
        """Send a request and return its outcome."""
        return self.wait(self.begin(function, *arguments))

    def ask(self, function: str, argument: object = None) -> Any:
        """Return the result of a control call. Raises ConfigError, Unserved."""
        error, items, _ = self.call(function, json.dumps(argument))
        result = json.loads(items[0][1])
        if error:
            raise ConfigError(result)
        return result


def connect(world: Path, ledger: str = "", seconds: float | None = None) -> Connection | None:
    """Return a connection to the daemon of this world, None if there is none; seconds: the time limit for each answer.

    Raises ConfigError if the world belongs to another user.
    """
    try:
        socket = layout.dial(world)
        socket.settimeout(seconds)
        return Connection(socket, ledger)
    except (OSError, Unserved):
        return None


def serve(world: Path) -> int:
    """Start the daemon of a prepared world and return its process id. Raises ConfigError if the world belongs to another user."""
    arguments = layout.command(world)
    nothing = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    return os.posix_spawn(arguments[0], arguments, os.environ, file_actions=nothing, setsid=True)


def start(world: Path, serve: Callable[[Path], int] = serve) -> tuple[Connection, int | None]:
    """Start the daemon of a prepared world; serve: the function that starts the process.

    Returns a connection, and the process id of the new daemon or None if another daemon was faster. Raises Unserved.
    """
    pid, ended = serve(world), None
    end = time.monotonic() + START_SECONDS
    # At least one attempt is made, even if this thread was suspended for longer than the time limit.
    while True:
        connection = connect(world)
        if connection:
            return connection, pid if ended is None else None
        if ended or time.monotonic() > end:
            raise Unserved(f"the daemon of {world} does not answer; see its log: {world / 'run' / 'log'}")
        if ended is None:
            ended = exit_code(pid)
            time.sleep(0.002)
        else:
            # A daemon exits at once if another one serves the world. If that one does not answer, it was stopping and has released the lock by now.
            time.sleep(0.05)
            pid, ended = serve(world), None


def exit_code(pid: int) -> int | None:
    """Return the wait status of a daemon that has exited, 0 if it is not a child of this process, None while it runs."""
    try:
        ended, code = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None if Path("/proc", str(pid)).exists() else 0
    return code if ended else None


def end(directory: Path) -> None:
    """Stop a world: end all its processes, and mark it so that clients do not start it again. Raises Unserved, ConfigError."""
    layout.require_own(directory)
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
        raise Unserved(f"cannot stop {directory}: its daemon, process {layout.holder(directory)}, did not exit")
    try:
        # After an orderly stop the socket is removed and the guests have ended.
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
