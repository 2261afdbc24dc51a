# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system of a simulated guest: a disk, and processes in a sandbox of the host.

Its processes outlive the daemon: what is needed to find them again lies in the guest's runtime directory.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

from openvix.backends.simulated import files, processes, sandbox
from openvix.guest import paths, programs
from openvix.guest.errors import as_vix_errors
from openvix.guest.processes import Process
from openvix.vix import constants
from openvix.vix.errors import VixError


class System:
    """The system of one guest. runtime: the directory for data of one run; declared: the processes that run after each boot."""

    def __init__(self, runtime: Path, *, hostname: str, declared: list[dict]):
        self.disk: Path | None = None
        # The shared folders: {name: (directory of the host, writable)}.
        self._shares: dict[str, tuple[str, bool]] = {}
        self._hostname, self.declared = hostname, declared
        self._record, self._lock = runtime / "guest.json", threading.Lock()

    # Run

    def boot(self, disk: Path) -> None:
        """Start the guest from this disk, with its declared processes. Raises VixError."""
        with self._lock, as_vix_errors():
            self._end()
            self._record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write({"disk": str(disk), "init": None})
            self.disk = disk
            if not self.has_sandbox():
                self._write({"disk": str(disk), "init": None, "processes": self.made_up()})
            elif self.declared:
                try:
                    self._start(disk)
                except OSError as refused:
                    self._end()
                    raise VixError(constants.VIX_E_CANNOT_POWER_ON_VM, f"starting the guest: {refused}") from refused

    def attach(self, disk: Path) -> bool:
        """Take over the guest that an earlier daemon started from this disk; return False if it no longer runs."""
        with self._lock, as_vix_errors():
            record = self._read()
            init = _init_of(record)
            if record.get("disk") != str(disk) or (init and not (record["complete"] and sandbox.is_alive(init))):
                self._end()
                return False
            self.disk = disk
            return True

    def halt(self) -> None:
        """End the guest and all its processes; ignored if it does not run."""
        with self._lock, as_vix_errors():
            self._end()

    def freeze(self) -> None:
        """Pause all processes of the guest. thaw() also resumes those that a program of the guest had stopped itself."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume all processes of the guest."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        with self._lock, as_vix_errors():
            init = _init_of(self._read())
            if init and sandbox.is_alive(init):
                try:
                    sandbox.kill(init, -1, number)
                except ProcessLookupError:
                    # Only init is left.
                    return

    def _start(self, disk: Path) -> sandbox.Init:
        names = [*map(_link, self.declared), *(f"{path}={directory}" for path, directory in self.shown().items())]
        record = {"disk": str(disk), "complete": False}
        init = sandbox.start(disk, self._hostname, names, lambda init: self._write({**record, "init": [init.pid, init.start]}))
        try:
            for process in self.declared:
                environment = {"PATH": programs.PATH, "USER": process.get("owner") or "root"}
                # Splitting and joining with one space preserves the declared command line.
                sandbox.launch(init, environment, f"{sandbox.HIDDEN}/{_link(process)}", command_of(process).split(" "), service=True)
            self._write({**record, "init": [init.pid, init.start], "complete": True})
        except OSError:
            sandbox.stop(init)
            raise
        return init

    def has_sandbox(self) -> bool:
        """Return whether processes of the guest run in a sandbox. Otherwise they are only listed."""
        return sandbox.is_allowed()

    def shown(self) -> dict[str, str]:
        """Return the directories of the host that the guest sees read-only, besides those of every guest: {directory of the guest: that of the host}."""
        return {}

    def init(self) -> sandbox.Init:
        """Return the sandbox of the running guest; it is started at first use. Raises VixError."""
        with self._lock:
            disk = self.running()
            init = _init_of(self._read())
            if init and sandbox.is_alive(init):
                return init
            try:
                return self._start(disk)
            except OSError as refused:
                raise VixError(constants.VIX_E_CANNOT_CONNECT_TO_VM, f"starting the guest: {refused}") from refused

    def current_init(self) -> sandbox.Init | None:
        """Return the sandbox of the running guest, None if it is not started."""
        init = _init_of(self._read())
        return init if init and sandbox.is_alive(init) else None

    def running(self) -> Path:
        """Return the disk of the guest. Raises VixError if the guest does not run."""
        if self.disk is None:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        return self.disk

    def _end(self):
        init = _init_of(self._read())
        if init:
            sandbox.stop(init)
        self._record.unlink(missing_ok=True)
        self.disk = None

    def _read(self) -> dict:
        try:
            return json.loads(self._record.read_bytes())
        except (FileNotFoundError, ValueError):
            # After a power failure of the host the file may be incomplete; the processes of the guest have ended then, too.
            return {}

    def _write(self, record: dict) -> None:
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps(record), encoding="utf-8")
        os.replace(beside, self._record)

    # Processes

    def processes(self) -> list[Process]:
        """Return all processes in the order of process ids. Raises VixError."""
        if not self.has_sandbox():
            self.running()
            return [Process(**process) for process in self._read().get("processes", [])]
        init = self.init()
        try:
            return processes.listed(init)
        except OSError:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING) from None

    def send_signal(self, pid: int, number: int) -> None:
        """Send a signal that ends a process. Raises OSError, VixError."""
        if self.has_sandbox():
            sandbox.kill(self.init(), pid, number)
            return
        with self._lock:
            record = self._read()
            left = [process for process in record.get("processes", []) if process["pid"] != pid]
            self._write({**record, "processes": left})

    def has_process(self, pid: int) -> bool:
        """Return whether there is a process with this id, even if it has ended and was not reaped. Raises VixError if the guest does not run."""
        if self.has_sandbox():
            return processes.is_there(self.init(), pid)
        self.running()
        return any(process["pid"] == pid for process in self._read().get("processes", []))

    def runs_in(self, init: sandbox.Init) -> bool:
        """Return whether the guest still runs in this sandbox, after any halt in progress is over."""
        with self._lock:
            return _init_of(self._read()) == init and sandbox.is_alive(init)

    def made_up(self) -> list[dict]:
        """Return the declared processes as the list for a guest without a sandbox."""
        declared = [{"name": "init", "command": "/sbin/init", "owner": "root"}, *self.declared]
        start = int(time.time())
        return [
            {"name": process["name"], "pid": pid, "owner": process.get("owner") or "root", "command": command_of(process), "start_time": start}
            for pid, process in enumerate(declared, start=1)
        ]

    # Files

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Share these directories of the host: file operations see their content, programs see empty directories. Raises VixError."""
        with self._lock, as_vix_errors():
            files.make_share_points(self.running(), set(shares))
            self._shares = shares

    def view(self) -> paths.View:
        """Return the files of the running guest with its shared folders. Raises VixError."""
        return paths.View(self.running(), self._shares, self.shown())


def _init_of(record: dict) -> sandbox.Init | None:
    return sandbox.Init(*record["init"]) if record.get("init") else None


def _link(process: dict) -> str:
    """Return the file name of the program for a declared process, which determines the name of the process."""
    return process["name"].rpartition("/")[2]


def command_of(process: dict) -> str:
    """Return the command line of a declared process."""
    return process.get("command") or process["name"]
