# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One QEMU process: it outlives the daemon, and the next daemon finds and ends it.

Its directory contains a lock that it holds while it runs, its sockets (one client each), and its error output.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

from openvix.system import atomic_files, process_locks, sockets

PROGRAM = "qemu-system-x86_64"
LOCK, HARDWARE, COMPLAINTS = "qemu.lock", "hardware.json", "qemu.log"
# Its sockets. The guest has a port for each except the first.
QMP, TOOLS, SHARES = "qmp", "tools", "shares"
SOCKETS, PORTS = (QMP, TOOLS, SHARES), (TOOLS, SHARES)
END_SECONDS, LOOK_SECONDS = 10, 0.5
# The guest does not boot with less memory, in megabytes.
LEAST_MEMORY = 96
# Of its error output, the most lines that are reported.
COMPLAINT_LINES = 20


class CannotStart(Exception):
    """QEMU cannot start; the message contains the reason."""


class Hardware(NamedTuple):
    """The hardware that must be the same when saved memory is restored."""

    type: str
    memory: int
    cpus: int
    network: bool
    accelerator: str


class Software(NamedTuple):
    """The kernel, initial RAM disk and kernel command line of a VM."""

    kernel: Path
    initrd: Path
    append: str


def version() -> str:
    """Return the version of the QEMU of this computer, "" if it has none."""
    found = re.search(r"version (\d[\w.]*)", _asked("--version"))
    return found[1] if found else ""


def machine_types() -> set[str]:
    """Return the machine types of the QEMU of this computer."""
    return {line.split()[0] for line in _asked("-M", "help").splitlines()[1:] if line.strip()}


def _asked(*arguments: str) -> str:
    path = shutil.which(PROGRAM)
    return _answer(path, os.stat(path).st_mtime_ns, *arguments) if path else ""


@functools.lru_cache(maxsize=16)
def _answer(path: str, changed: int, *arguments: str) -> str:
    """Return what QEMU prints. changed: when the file was changed, for another version at the same path."""
    return subprocess.run([path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False).stdout


class Emulator:
    """The QEMU process of one VM, with this directory for its files."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, hardware: Hardware, software: Software, disk: Path, *, tag: str | None, paused: bool) -> None:
        """Start QEMU with a disk, from the memory that is saved there under a tag, or None to boot. Raises CannotStart."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with contextlib.ExitStack() as held:
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, lock)
            # is_held() of another process takes the lock for an instant.
            if not process_locks.take(lock, LOOK_SECONDS):
                raise CannotStart(f"cannot start {PROGRAM}: another QEMU process already runs this VM ({self._folder})")
            complaints = held.enter_context(open(self._folder / COMPLAINTS, "wb"))
            listening = {name: held.enter_context(sockets.listen(self._folder / name, 1)).fileno() for name in SOCKETS}
            # Written first, so that the hardware is known even if the daemon is killed now.
            self.remember(hardware)
            command = self._command(hardware, software, disk, listening)
            command += ["-loadvm", tag] if tag else []
            command += ["-S"] if paused else []
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=complaints,
                    stderr=complaints,
                    # The lock and the listening sockets are inherited and kept until QEMU exits.
                    pass_fds=[lock, *listening.values()],
                    start_new_session=True,
                    cwd="/",
                )
            except FileNotFoundError:
                raise CannotStart(f"cannot start {PROGRAM}: it is not installed; run 'openvix doctor' to see how to install it") from None
            except OSError as error:
                raise CannotStart(f"cannot start {PROGRAM}: {error.strerror}") from None

    def hardware(self) -> Hardware:
        """Return the hardware of the last start."""
        return Hardware(*json.loads((self._folder / HARDWARE).read_bytes()))

    def remember(self, hardware: Hardware) -> None:
        """Correct the hardware of the last start."""
        atomic_files.replace(self._folder / HARDWARE, json.dumps(hardware).encode())

    def has_run(self) -> bool:
        """Return whether QEMU was ever started."""
        return (self._folder / COMPLAINTS).exists()

    def is_left(self) -> bool:
        """Return whether QEMU runs or has exited by itself."""
        return (self._folder / LOCK).exists()

    def is_alive(self) -> bool:
        return process_locks.is_held(self._folder / LOCK)

    def dial(self, name: str) -> socket.socket:
        """Return a connection to one of its sockets. Raises OSError."""
        return sockets.dial(self._folder / name)

    def end(self):
        """Kill QEMU if it runs, and wait until it has exited; its error output is kept."""
        process_locks.end_holders(self._folder / LOCK)
        # The directory may have been removed, and the lock with it.
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self.reap()
        for name in (LOCK, HARDWARE, *SOCKETS):
            (self._folder / name).unlink(missing_ok=True)

    def reap(self):
        """Wait until a QEMU process that was asked to quit, or killed, has exited."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        # A process that an earlier daemon started is not a child of this one.
        process_locks.await_end(self._folder / LOCK, END_SECONDS)

    def complaint(self) -> str:
        """Return the last lines of its error output as one, "" without any. The reason is often in the first of them."""
        with contextlib.suppress(OSError):
            return "; ".join((self._folder / COMPLAINTS).read_text(errors="replace").strip().splitlines()[-COMPLAINT_LINES:])
        return ""

    def _command(self, hardware: Hardware, software: Software, disk: Path, listening: dict[str, int]) -> list[str]:
        drive = {
            "driver": "qcow2",
            "node-name": "disk0",
            "discard": "unmap",
            # A flush writes to the host's cache only. This survives the end of every process, and makes snapshots ten times faster.
            "file": {"driver": "file", "filename": str(disk), "cache": {"no-flush": True}},
        }
        chardevs = [("-chardev", f"socket,id={name},fd={number},server=on,wait=off") for name, number in listening.items()]
        ports = [("-device", f"virtserialport,chardev={name},name=openvix.{name}") for name in PORTS]
        accelerator = "tcg,tb-size=32" if hardware.accelerator == "tcg" else hardware.accelerator
        return [
            *(PROGRAM, "-no-user-config", "-nodefaults", "-display", "none", "-vga", "std"),
            *("-M", hardware.type, "-accel", accelerator, "-m", str(hardware.memory), "-smp", str(hardware.cpus)),
            *("-kernel", str(software.kernel), "-initrd", str(software.initrd), "-append", software.append),
            *("-blockdev", json.dumps(drive), "-device", "virtio-blk-pci,drive=disk0"),
            *(argument for pair in chardevs for argument in pair),
            *("-mon", f"chardev={QMP},mode=control", "-device", "virtio-serial-pci"),
            *(argument for pair in ports for argument in pair),
            *(("-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile=") if hardware.network else ()),
            *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        ]
