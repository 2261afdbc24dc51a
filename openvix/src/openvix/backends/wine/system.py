# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system of a Windows guest: its disk, and its processes, which are listed only or run by Wine."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import threading
import time
from pathlib import Path

from openvix.backends.simulated import sandbox, system
from openvix.backends.wine import accounts, base, powershell, wine
from openvix.backends.wine.accounts import SYSTEM
from openvix.backends.wine.requests import INVALID_PARAMETER, NAME, PROGRAM, Listed, Request, block
from openvix.guest import disks, paths, trees, windows_paths
from openvix.guest.errors import as_vix_errors
from openvix.guest.processes import Process
from openvix.vix import constants
from openvix.vix.errors import VixError

# Windows gives multiples of 4 as process ids; that of its kernel, which is listed as a process.
STEP = KERNEL = 4
# How long a halt waits for Wine to write its registry.
SAVE_SECONDS = 3


class WindowsSystem(system.System):
    """The system of one Windows guest. Its processes are those that the world file declares; they are listed, and can be killed."""

    @property
    def hostname(self) -> str:
        return self._hostname

    def has_sandbox(self) -> bool:
        return False

    def made_up(self) -> list[dict]:
        return listed(self.declared)


def listed(declared: list[dict]) -> list[dict]:
    """Return the declared processes and the kernel as the list of a guest that runs no programs."""
    start, kernel = int(time.time()), {"name": "System", "command": "System", "owner": SYSTEM}
    return [
        {"name": process["name"], "pid": pid, "owner": owner_of(process), "command": system.command_of(process), "start_time": start}
        for pid, process in zip(itertools.count(KERNEL, STEP), [kernel, *declared])
    ]


def owner_of(process: dict) -> str:
    """Return the owner of a declared process. The usual owner of the world file is root, which Windows has not."""
    owner = process.get("owner") or SYSTEM
    return SYSTEM if owner == "root" else owner


class WineSystem(WindowsSystem):
    """The system of a Windows guest whose programs Wine runs in a sandbox. Wine starts at the first use of programs or processes."""

    def __init__(self, runtime: Path, *, hostname: str, declared: list[dict]):
        # The sandbox itself has no declared process: those of Windows are started by Wine.
        super().__init__(runtime, hostname=hostname, declared=[])
        self._services, self._ready, self._starting = declared, runtime / "wine.json", threading.Lock()

    def has_sandbox(self) -> bool:
        return not wine.missing()

    def made_up(self) -> list[dict]:
        return listed(self._services)

    def shown(self) -> dict[str, str]:
        directory = powershell.find()
        return {base.POWERSHELL: str(directory)} if directory else {}

    def request(self, user: str, *strings: str) -> Request:
        """Return a request to the tools in the guest, where Wine runs. Raises VixError."""
        init, disk = self.init(), self.running()
        with self._starting, as_vix_errors():
            if self._started_in() != str(init):
                self._start_services(disk, init)
                self._ready.write_text(json.dumps(str(init)), encoding="ascii")
        with as_vix_errors():
            return Request(disk, init, user, *strings)

    def _started_in(self) -> str | None:
        try:
            return json.loads(self._ready.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _start_services(self, disk: Path, init: sandbox.Init) -> None:
        """Start the tools in the guest, and the declared processes. Raises OSError, VixError."""
        tools, own = wine.tools().read_bytes(), Path(f"{disk}{base.REQUESTS}")
        place = windows_paths.resolve(disk, PROGRAM)
        disks.make_directories(disk, place.rpartition("/")[0], 0o755)
        with paths.find(disk, place) as found, trees.opened(found.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, found.directory, 0o755) as file:
            trees.write(file, tools)
        # Requests of an earlier run.
        with contextlib.suppress(FileNotFoundError):
            trees.remove(None, str(own))
        own.mkdir(parents=True)
        services: list[tuple[str, str, str, dict[str, str]]] = [(SYSTEM, PROGRAM, f'"{PROGRAM}"', {})]
        for number, process in enumerate(self._services):
            # The name of a process is that of the file of its program.
            program = own / f"services{number}" / process["name"].rpartition("\\")[2]
            program.parent.mkdir()
            program.write_bytes(tools)
            path = f"\\\\?\\unix{base.REQUESTS}/services{number}/{program.name}"
            services.append((owner_of(process), path, system.command_of(process), {"OPENVIX_IDLE": "1"}))
        for owner, program, line, more in services:
            environment = accounts.environment_of_system(self.hostname) | more
            request = Request(disk, init, owner, "serve", program, line, "C:\\windows\\system32", *block(environment))
            answer = request.perform()
            if answer.pid is None:
                raise VixError(constants.VIX_E_CANNOT_CONNECT_TO_VM, f"Wine did not start {line} (error {answer.error})")

    def processes(self) -> list[Process]:
        if not self.has_sandbox():
            return super().processes()
        found = {each.pid: each for each in self.request(SYSTEM, "list").perform().processes}
        if not found:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        shown = [each for each in found.values() if not is_request(each)]
        return sorted((Process(each.name, each.pid, _owner(found, each), each.command or each.name, each.start) for each in shown), key=lambda each: each.pid)

    def terminate(self, pid: int) -> None:
        """End a process of Windows, and wait until it has ended. Raises VixError, OSError."""
        error = self.request(SYSTEM, "kill", str(pid)).perform().error
        if error == INVALID_PARAMETER:
            raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing {pid}")
        if error is not None:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"killing {pid}")

    def _end(self) -> None:
        # Within the lock: a program that this ends reports that the guest does not run.
        self._save_registry()
        super()._end()

    def _save_registry(self) -> None:
        """Let Wine end and write its registry, which it otherwise does every 30 s."""
        init = self.current_init()
        if init is None or self._started_in() != str(init):
            return
        self._ready.unlink(missing_ok=True)
        # A halt is not delayed for long: after that, Wine ends without.
        with contextlib.suppress(OSError):
            sandbox.kill(init, -1, signal.SIGCONT)
            run = sandbox.run(init, wine.ENVIRONMENT, "/usr/bin/timeout", ["timeout", str(SAVE_SECONDS), wine.SERVER, "--kill"])
            run.exit_code()


def is_request(process: Listed) -> bool:
    """Return whether a process carries out a request. The tools themselves have no argument."""
    return process.name.casefold() == "vmtoolsd.exe" and NAME.search(process.command) is not None


def _owner(found: dict[int, Listed], process: Listed) -> str:
    """Return the owner of a process, that of its parent if it has none."""
    seen: set[int] = set()
    while not process.owner and process.parent in found and process.parent not in seen:
        seen.add(process.parent)
        process = found[process.parent]
    return process.owner or SYSTEM
