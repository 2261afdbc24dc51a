# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The daemon of one world: "python -m openvix.daemon.server WORLD"."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from openvix.config.errors import ConfigError
from openvix.config.hosts import Host
from openvix.daemon import control
from openvix.daemon.call import Call
from openvix.protocol import frames
from openvix.system import sockets
from openvix.vix import constants
from openvix.vm.machine import Machine
from openvix.world import layout
from openvix.world.ledger import NAME
from openvix.world.world import World, log

PROTOCOL = 1
# How often the daemon looks whether its world is still there.
LOOK_SECONDS = 2.0


class Client:
    """One connection of a client, with its hosts and guest logins."""

    def __init__(self, world: World, connection: socket.socket, stop: Callable[[], None]):
        self.world, self.stop = world, stop
        self.pid, self.is_disconnected, self._is_lost = 0, False, False
        self.hosts: dict[str, Host] = {}
        self.logins: dict[str, tuple] = {}
        self._opened: dict[str, str | None] = {}
        self._connection, self._sending = connection, threading.Lock()

    def send(self, *values):
        frame = frames.encode(*values)
        # The client may have disconnected without waiting for the answer; serve() handles that.
        with contextlib.suppress(OSError), self._sending:
            self._connection.sendall(frame)

    def lose(self):
        """Close the connection like a network failure. The client goes on, and may still release what it owns."""
        self._is_lost = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def new_host(self, host: Host) -> str:
        reference = f"host-{next(self.world.host_numbers)}"
        self.hosts[reference] = host
        return reference

    def opened(self, machine: Machine, host: str | None) -> None:
        self._opened[machine.path] = host

    def opener(self, machine: Machine) -> str | None:
        """Return the host through which this client opened a VM."""
        return self._opened.get(machine.path)

    def serve(self):
        """Answer the requests of this client until it disconnects."""
        ledger = None
        try:
            if not self._is_ours():
                return
            arriving = frames.frames(self._connection)
            ledger = self._greet(next(arriving, None))
            if ledger:
                self.world.ledgers.begin(ledger)
            for frame in arriving if ledger is not None else ():
                self._take(frame)
        except frames.ProtocolError as error:
            log(f"closing the connection of client {self.pid}: protocol error: {error}")
        except ConnectionError:
            # A client may exit at any moment.
            pass
        finally:
            self._leave(ledger)

    def _is_ours(self) -> bool:
        user = sockets.peer(self._connection)
        if user != os.geteuid():
            log(f"refusing the connection of user {user}: the world belongs to user {os.geteuid()}")
        return user == os.geteuid()

    def _greet(self, hello: list | None) -> str | None:
        """Answer the first frame; return the name of the client's ledger ("" for none), or None if the connection must be closed."""
        match hello:
            case None:
                return None
            case [0, "hello", version, int(), str()] if version != PROTOCOL:
                self.send(0, frames.DONE, constants.VIX_E_WRAPPER_VERSION_NOT_FOUND, [], "")
                return None
            case [0, "hello", _, int(pid), str(ledger)] if not ledger or NAME.fullmatch(ledger):
                self.pid = pid
                self.send(0, frames.DONE, constants.VIX_OK, [], "")
                return ledger
        raise frames.ProtocolError("the first frame of a client is not a valid hello request")

    def _take(self, frame: list) -> None:
        match frame:
            case [int(_), "OpenVIX_ReleaseVM", str(machine)]:
                self.logins.pop(machine, None)
            case [int(_), "OpenVIX_ReleaseHost", str(host)]:
                self.leave_host(host)
            case [int(number), str(function), *arguments] if function.startswith("OpenVIX_"):
                control.answer(self, number, function, arguments)
            case [int(number), str(function), *arguments] if number > 0:
                Call(self, number, function, arguments).start()
            case _:
                raise frames.ProtocolError("a frame is not a valid request")

    def leave_host(self, host: str) -> None:
        """Forget a host, and the guest logins of the VMs that were opened through it."""
        self.hosts.pop(host, None)
        for path in [path for path, opener in self._opened.items() if opener == host]:
            del self._opened[path]
            self.logins.pop(path, None)

    def _leave(self, ledger: str | None) -> None:
        self.is_disconnected = True
        if ledger:
            self.world.ledgers.end(ledger, self._is_lost)
        self._connection.close()
        # Wake up calls that wait on a VM for this client.
        for machine in self.world.machines.loaded():
            with machine.changed:
                machine.changed.notify_all()


def main() -> int:
    """Serve the world named by the first argument until it is stopped; return the exit code."""
    directory = Path(sys.argv[1]).absolute()
    if not layout.is_world(directory):
        print(f"openvix: {directory} is not a world; create one with 'openvix start'", file=sys.stderr)
        return 1
    try:
        layout.require_own(directory)
    except ConfigError as error:
        print(f"openvix: {error}", file=sys.stderr)
        return 1
    _leave_parent(directory)
    lock = layout.lock(directory)
    if lock is None or layout.stopped(directory).exists():
        return 0
    _write_pid(lock)
    # Temporary files are kept in the world, where the next daemon finds them after a kill.
    os.environ["TMPDIR"] = str(layout.scratch(directory))
    # Listen before a large world is loaded: clients then wait for an answer and do not start another daemon.
    listener = layout.listen(directory)
    world = World(directory)
    log(f"serving {directory}")
    _serve(world, listener, lambda: _is_there(directory, lock))
    world.close()
    # If the world was removed, the files that identify its guests are gone too, so these calls find nothing.
    layout.end_sandboxed(directory)
    layout.end_emulating(directory)
    (directory / "run" / "socket").unlink(missing_ok=True)
    log("stopped")
    # Threads that wait for a guest or a client would keep the process alive.
    os._exit(0)


def _write_pid(lock: int) -> None:
    """Write the id of this process to the lock file. Over the earlier one, since that takes no space: a daemon starts on a full disk too."""
    text = str(os.getpid()).encode()
    try:
        os.ftruncate(lock, os.pwrite(lock, text, 0))
    except OSError as error:
        log(f"writing the process id to the lock file failed: {error}")


def _leave_parent(directory: Path) -> None:
    """Close all inherited descriptors: an inherited pipe that stays open would block a parent that reads it to the end."""
    os.umask(0o077)
    os.chdir("/")
    if os.getsid(0) != os.getpid():
        os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            _close(int(name))
    nothing = os.open(os.devnull, os.O_RDWR)
    log_file = os.open(directory / "run" / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for descriptor, kept in enumerate((nothing, nothing, log_file)):
        os.dup2(kept, descriptor)
    for descriptor in {nothing, log_file} - {0, 1, 2}:
        os.close(descriptor)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def _close(descriptor: int) -> None:
    # The descriptor of the listing itself is already closed.
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _is_there(directory: Path, lock: int) -> bool:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return os.path.samestat(os.stat(directory / "run" / "lock"), os.fstat(lock))
    return False


def _serve(world: World, listener: socket.socket, is_there: Callable[[], bool]) -> None:
    """Accept connections until the world is stopped or its directory is removed."""

    wake = os.eventfd(0, os.EFD_CLOEXEC)

    def stop():
        world.closing.set()
        os.eventfd_write(wake, 1)

    # An end of the session or of the computer is an orderly stop; the next client starts the daemon again.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
    listener.setblocking(False)
    while True:
        ready, _, _ = select.select([listener.fileno(), wake], [], [], LOOK_SECONDS)
        if world.closing.is_set():
            return
        if not ready:
            if is_there():
                continue
            log("stopping: the directory of the world was removed")
            world.closing.set()
            return
        try:
            connection, _ = listener.accept()
        except OSError as error:
            # The client may have disconnected already, or there are too many connections.
            log(f"accepting a connection failed: {error}")
            if world.closing.wait(0.1):
                return
            continue
        connection.setblocking(True)
        threading.Thread(target=Client(world, connection, stop).serve, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
