# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system of a simulated machine with VMware's Tools: a layer as its disk, and processes in separate namespaces.

Its processes outlive the daemon: what is needed to find them again is in the guest's runtime directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from openvix.backends.vmtoolsd import guest, layers
from openvix.backends.vmtoolsd import shares as mounts
from openvix.guest.errors import as_vix_errors
from openvix.system import process_locks
from openvix.system.c_build import CannotBuild
from openvix.vix import constants
from openvix.vix.errors import VixError

# How often freeze() looks for processes that were started meanwhile.
LOOKS = 20


class VmtoolsdSystem:
    """The system of one guest.

    Args:
        runtime: The directory for data of one run.
        hostname: The host name of the guest.
        declared: The processes that run after each boot.
        ended: Called, without a lock, when the guest has ended by itself.
    """

    def __init__(self, runtime: Path, *, hostname: str, declared: list[dict], ended: Callable[[], None]):
        self._place, self._hostname, self._declared, self._ended = runtime, hostname, declared, ended
        self._record, self._held, self._lock = runtime / "vmtoolsd.json", runtime / "vmtoolsd.lock", threading.RLock()
        # The disk, and the process that waits for the namespaces, with a handle of it.
        self._disk: Path | None = None
        self._pid, self._handle = 0, -1
        self._process: subprocess.Popen | None = None
        # Whether the guest may have shared folders: one that an earlier daemon started may.
        self._shared = False

    @property
    def disk(self) -> Path | None:
        """The disk of the guest, None if it does not run."""
        with self._lock:
            return self._disk if self._handle >= 0 and not _has_ended(self._handle) else None

    # Run

    def boot(self, disk: Path) -> None:
        """Start the guest from this disk, with its declared processes. Raises VixError."""
        with self._lock, as_vix_errors():
            self._end()
            self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                # Reset by an interrupted start of an earlier daemon.
                process_locks.end_holders(self._held)
                guest.lay_shared(self._place, f"{guest.processes_script(self._declared)}\n{guest.SERVE}")
                root = layers.root_of(disk)
                with open(self._held, "wb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    self._process = guest.start(root.path, self._place, disk, self._hostname, lock)
            except CannotBuild as reason:
                raise VixError(constants.VIX_E_CANNOT_POWER_ON_VM, str(reason)) from reason
            self._record.write_text(json.dumps({"disk": str(disk), "pid": self._process.pid}), encoding="utf-8")
            self._watch(disk, self._process.pid)

    def attach(self, disk: Path) -> bool:
        """Take over the guest that an earlier daemon started from this disk; return False if it no longer runs."""
        with self._lock, as_vix_errors():
            with contextlib.suppress(OSError, ValueError, KeyError):
                record = json.loads(self._record.read_bytes())
                # The process id alone may have been reused.
                if record["disk"] == str(disk) and record["pid"] in process_locks.holders(self._held) and process_locks.is_held(self._held):
                    self._watch(disk, record["pid"])
                    self._shared = True
                    return True
            process_locks.end_holders(self._held)
            self._forget()
            return False

    def _watch(self, disk: Path, pid: int) -> None:
        self._disk, self._pid, self._handle = disk, pid, os.pidfd_open(pid)
        threading.Thread(target=self._await_end, args=(self._handle, os.dup(self._handle)), name="vmtoolsd", daemon=True).start()

    def _await_end(self, run: int, handle: int) -> None:
        select.select([handle], [], [])
        os.close(handle)
        with self._lock:
            if self._handle != run:
                return
        self._ended()

    def halt(self) -> None:
        """End the guest and all its processes; ignored if it does not run."""
        with self._lock, as_vix_errors():
            self._end()

    def _end(self) -> None:
        if self._handle < 0:
            return
        # Its init first: the other process waits until the kernel has ended all that is in the namespaces.
        for pid in _children(self._pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not select.select([self._handle], [], [], guest.END_SECONDS)[0]:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            select.select([self._handle], [], [], guest.END_SECONDS)
        if self._process is not None:
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        handle, self._handle = self._handle, -1
        self._disk, self._pid, self._process = None, 0, None
        if handle >= 0:
            os.close(handle)
        for path in (self._record, self._held):
            path.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Pause all processes of the guest. thaw() also resumes those that a program of the guest had stopped itself."""
        with self._lock:
            paused: set[int] = set()
            for _ in range(LOOKS):
                new = self._processes() - paused
                if not new:
                    return
                _signal(new, signal.SIGSTOP)
                paused |= new

    def thaw(self) -> None:
        """Resume all processes of the guest."""
        with self._lock:
            _signal(self._processes(), signal.SIGCONT)

    def _processes(self) -> set[int]:
        """Return the process ids, on the host, of all processes of the guest."""
        found = set()
        for init in _children(self._pid) if self._pid else ():
            with contextlib.suppress(OSError):
                space = os.stat(f"/proc/{init}/ns/pid")
                found = {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_in(pid, space)}
        return found

    def listen(self) -> socket.socket:
        """Return a new listening socket that vmtoolsd connects to."""
        return guest.listen(self._place)

    # Files

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        """Mount these directories of the host in the guest, and no others. Raises VixError."""
        with self._lock, as_vix_errors():
            if self._handle >= 0 and (shares or self._shared):
                for init in _children(self._pid):
                    mounts.share(init, shares)
                self._shared = bool(shares)


def _has_ended(handle: int) -> bool:
    return bool(select.select([handle], [], [], 0)[0])


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []


def _is_in(pid: int, space: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(f"/proc/{pid}/ns/pid"), space)
    return False


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
