# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a world keeps what: its directory, its socket, its lock and its marks (openvix/docs/protocol.md, "Where")."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

from openvix.system import process_locks, sockets
from openvix.world import inventory

# The daemon is started by whoever needs it, from any environment: it finds its package without the help of that environment.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); "

# How long a killed process may take to be gone.
END_SECONDS = 15.0


def named() -> Path:
    """Return the world that the environment names: OPENVIX_WORLD, or the default one."""
    world = os.environ.get("OPENVIX_WORLD")
    if world:
        return Path(world)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "openvix" / "default"


def prepare(world: Path) -> None:
    """Make the directories of a world, each for its owner only, and say how to serve it."""
    for folder in (world, world / "vms", world / "run", world / "run" / "clients", scratch(world)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    serve = b"".join(os.fsencode(argument) + b"\0" for argument in server(world))
    (world / "run" / "serve").write_bytes(serve)


def server(world: Path) -> list[str]:
    """Return the argument vector of the daemon of this world."""
    return [*python("from openvix.daemon.server import main; sys.exit(main())"), os.path.abspath(world)]


def python(code: str) -> list[str]:
    """Return the argument vector of a Python that runs code of this package and needs nothing else; sys is imported."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [sys.executable, "-I", "-S", "-c", START + code, package]


def is_world(world: Path) -> bool:
    return (world / "run" / "serve").is_file()


def scratch(world: Path) -> Path:
    """Return where the daemon keeps what is to be gone with it: also after it was killed, the next one finds it here."""
    return world / "run" / "tmp"


def stopped(world: Path) -> Path:
    return world / "run" / "stopped"


def books(world: Path) -> Path:
    """Return where a daemon that dies by a fault leaves what the next one is to know."""
    return world / "run" / "books.json"


def lock(world: Path) -> int | None:
    """Take the lock that the daemon holds while it serves; None when another holds it. Closing the descriptor gives it back."""
    descriptor = os.open(world / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if process_locks.take(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def lock_within(world: Path, seconds: float) -> int | None:
    """Take the lock of a world, waiting for a daemon to end; None when it does not."""
    until = time.monotonic() + seconds
    while True:
        taken = lock(world)
        if taken is not None or time.monotonic() > until:
            return taken
        time.sleep(0.005)


def holder(world: Path) -> int | None:
    """Return the process id that the holder of the lock wrote down."""
    text = (world / "run" / "lock").read_text(encoding="ascii")
    return int(text) if text.isdigit() else None


def processes(world: Path) -> dict[int, str]:
    """Return the process ids and command lines of those that serve a world, have its path as an argument, or run in its guests, whoever started them."""
    mark, found = os.fsencode(world.absolute()), {}
    known = {*sandboxed(world), *emulating(world), _serving(world)}
    for pid in _running():
        # A process may end, or belong to somebody else.
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if pid in known or mark in command.split(b"\0"):
                found[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def _serving(world: Path) -> int | None:
    """Return the process id of the daemon of a world, whose lock it has open, whatever its command line is."""
    with contextlib.suppress(OSError):
        pid, lock = holder(world), os.stat(world / "run" / "lock")
        if any(os.path.samestat(os.stat(each), lock) for each in Path(f"/proc/{pid}/fd").iterdir()):
            return pid
    return None


def sandboxed(folder: Path) -> set[int]:
    """Return the ids of the processes whose root is a directory somewhere in this folder: those of guests."""
    # As the kernel writes paths in mountinfo.
    homes = [folder.absolute(), *inventory.folders(folder)]
    marks = tuple(b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in os.fsencode(home)) + b"/" for home in homes)
    roots = {_identity(path) for path in (*folder.glob("vms/*/openvix/disks/*"), *folder.glob("hosts/*/vms/*/openvix/disks/*"), *folder.glob("*/disk"))}
    roots.update(_identity(path) for home in homes[1:] for path in home.glob("openvix/disks/*"))
    ours, found = os.readlink("/proc/self/ns/mnt"), set()
    for pid in _running():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/mnt") == ours:
                continue
            # Its root is known by what it is, and where that is removed or of another file system, by the path that it was mounted from.
            mounts = [line.split(b" ") for line in Path(f"/proc/{pid}/mountinfo").read_bytes().splitlines()]
            if _identity(Path(f"/proc/{pid}/root")) in roots or any(mount[4] == b"/" and mount[3].startswith(marks) for mount in mounts):
                found.add(pid)
    return found


def emulating(folder: Path) -> set[int]:
    """Return the ids of the processes that real machines somewhere in this folder run in."""
    return {pid for lock in _machine_locks(folder) if process_locks.is_held(lock) for pid in process_locks.holders(lock)}


def end_emulating(folder: Path) -> None:
    """Kill the processes that emulating() finds, and return once they are gone."""
    for lock in _machine_locks(folder):
        process_locks.end_holders(lock)


def _machine_locks(folder: Path) -> list[Path]:
    inside = (*folder.glob("vms/*/openvix/guest/qemu.lock"), *folder.glob("hosts/*/vms/*/openvix/guest/qemu.lock"))
    return [*inside, *(path for home in inventory.folders(folder) for path in home.glob("openvix/guest/qemu.lock"))]


def end_sandboxed(folder: Path) -> None:
    """Kill the processes that sandboxed() finds, and return once they are gone."""
    process_locks.end(lambda: sandboxed(folder), END_SECONDS)


def _running() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def listen(world: Path) -> socket.socket:
    """Return a listening socket of this world; its lock must be held."""
    return sockets.listen(world / "run" / "socket", 128)


def dial(world: Path) -> socket.socket:
    """Return a connection to the daemon of this world, or raise OSError when there is none."""
    return sockets.dial(world / "run" / "socket")
