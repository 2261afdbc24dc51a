# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a world keeps what: its directory, its socket, its lock and its marks (openvix/docs/protocol.md, "Where")."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from openvix.config.errors import ConfigError
from openvix.system import atomic_files, process_locks, sockets
from openvix.world import inventory

# The daemon must find its package in any environment, since clients start it.
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); "

# The most bytes of the file "serve" that are read, as libvix does.
COMMAND_LIMIT = 64 << 10

# Time limit for the exit of a killed process.
END_SECONDS = 15.0
# In the directory of a VM, the locks of the processes that run its machine, unless they are found by their root directory.
MACHINE_LOCKS = "openvix/guest/*.lock"


def named() -> Path:
    """Return the world of the environment: OPENVIX_WORLD, or the default world."""
    world = os.environ.get("OPENVIX_WORLD")
    if world:
        return Path(world)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "openvix" / "default"


def prepare(world: Path) -> None:
    """Create the directories of a world with mode 0700, and the file with the command line of its daemon. Raises ConfigError if it is another user's."""
    for directory in (world, world / "vms", world / "run", world / "run" / "clients", scratch(world)):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_owner(directory, directory.stat().st_uid)
        directory.chmod(0o700)
    serve = b"".join(os.fsencode(argument) + b"\0" for argument in server(world))
    atomic_files.replace(world / "run" / "serve", serve)


@contextlib.contextmanager
def opened(world: Path) -> Iterator[int]:
    """Open the directory "run" of a world within the block.

    Whoever controls a world runs programs as its clients and reads what they send. So the world must belong to the user of this process, root included, and
    nobody else may write to it. Raises ConfigError otherwise, OSError if there is no such world.
    """
    with _owned(world, os.O_PATH | os.O_DIRECTORY) as outer, _owned(world / "run", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, outer) as run:
        yield run


def command(world: Path) -> list[str]:
    """Return the argument vector in the file "serve" of a world. Raises ConfigError if that is not from this user, OSError."""
    # Not blocking, so that a pipe in its place is refused.
    with opened(world) as run, _owned(world / "run" / "serve", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, run) as file:
        return [os.fsdecode(each) for each in os.read(file, COMMAND_LIMIT).split(b"\0")[:-1]]


def require_own(world: Path) -> None:
    """Raise ConfigError if a world exists and belongs to another user."""
    with contextlib.suppress(OSError), opened(world):
        pass


@contextlib.contextmanager
def _owned(path: Path, flags: int, parent: int | None = None) -> Iterator[int]:
    """Open a directory or a file within the block, below an open directory if one is given. Raises ConfigError if it is not ours alone."""
    file = os.open(path if parent is None else path.name, flags | os.O_CLOEXEC, dir_fd=parent)
    try:
        found = os.fstat(file)
        _require_owner(path, found.st_uid)
        if stat.S_ISDIR(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ConfigError(f"other users may write to {path}; permit it to its owner only (chmod go-w)")
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path} is not a regular file")
        yield file
    finally:
        os.close(file)


def _require_owner(what: Path | str, owner: int) -> None:
    if owner != os.geteuid():
        raise ConfigError(f"{what} belongs to user {owner}, not to user {os.geteuid()} who runs this command")


def server(world: Path) -> list[str]:
    """Return the argument vector of the daemon of this world."""
    return [*python("from openvix.daemon.server import main; sys.exit(main())"), os.path.abspath(world)]


def python(code: str) -> list[str]:
    """Return the argument vector of an isolated Python that runs code with this package and sys imported."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [sys.executable, "-I", "-S", "-c", START + code, package]


def is_world(world: Path) -> bool:
    return (world / "run" / "serve").is_file()


def scratch(world: Path) -> Path:
    """Return the directory for temporary files of the daemon; after a kill, the next daemon removes them."""
    return world / "run" / "tmp"


def stopped(world: Path) -> Path:
    return world / "run" / "stopped"


def handover(world: Path) -> Path:
    """Return the file in which a daemon that is killed by a fault leaves its calls and faults for the next daemon."""
    return world / "run" / "handover.json"


def lock(world: Path) -> int | None:
    """Take the lock of the daemon; return its descriptor, whose close() releases the lock, or None if another process holds it."""
    descriptor = os.open(world / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if process_locks.take(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def lock_within(world: Path, seconds: float) -> int | None:
    """As lock(), but wait so many seconds for the daemon to exit."""
    until = time.monotonic() + seconds
    while True:
        taken = lock(world)
        if taken is not None or time.monotonic() > until:
            return taken
        time.sleep(0.005)


def holder(world: Path) -> int | None:
    """Return the process id in the lock file, which its holder writes there."""
    text = (world / "run" / "lock").read_text(encoding="ascii")
    return int(text) if text.isdigit() else None


def processes(world: Path) -> dict[int, str]:
    """Return {process id: command line} of all processes that serve a world, have its path as an argument, or run in its guests."""
    mark, found = os.fsencode(world.absolute()), {}
    known = {*sandboxed(world), *emulating(world), _serving(world)}
    for pid in _running():
        # A process may exit, or belong to another user.
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if pid in known or mark in command.split(b"\0"):
                found[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def _serving(world: Path) -> int | None:
    """Return the process id of the daemon of a world, which has the lock file open."""
    with contextlib.suppress(OSError):
        pid, lock = holder(world), os.stat(world / "run" / "lock")
        if any(os.path.samestat(os.stat(each), lock) for each in Path(f"/proc/{pid}/fd").iterdir()):
            return pid
    return None


def sandboxed(directory: Path) -> set[int]:
    """Return the ids of guest processes: those whose root directory is below this directory."""
    # As the kernel writes paths in mountinfo.
    homes = [directory.absolute(), *inventory.outside_directories(directory)]
    marks = tuple(b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in os.fsencode(home)) + b"/" for home in homes)
    disks = (*directory.glob("vms/*/openvix/disks/*"), *directory.glob("hosts/*/vms/*/openvix/disks/*"), *directory.glob("*/disk"))
    roots = {_identity(path) for path in disks}
    roots.update(_identity(path) for home in homes[1:] for path in home.glob("openvix/disks/*"))
    ours, found = os.readlink("/proc/self/ns/mnt"), set()
    for pid in _running():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/mnt") == ours:
                continue
            # The root is identified by its inode, or if it was removed or is on another file system, by the path that it was mounted from.
            mounts = [line.split(b" ") for line in Path(f"/proc/{pid}/mountinfo").read_bytes().splitlines()]
            if _identity(Path(f"/proc/{pid}/root")) in roots or any(mount[4] == b"/" and mount[3].startswith(marks) for mount in mounts):
                found.add(pid)
    return found


def emulating(directory: Path) -> set[int]:
    """Return the ids of the QEMU processes of VMs below this directory, and of those that hold guests with VMware's Tools."""
    return {pid for lock in _machine_locks(directory) if process_locks.is_held(lock) for pid in process_locks.holders(lock)}


def end_emulating(directory: Path) -> None:
    """Kill the processes that emulating() returns, and wait until they have exited."""
    for lock in _machine_locks(directory):
        process_locks.end_holders(lock)


def _machine_locks(directory: Path) -> list[Path]:
    inside = (*directory.glob(f"vms/*/{MACHINE_LOCKS}"), *directory.glob(f"hosts/*/vms/*/{MACHINE_LOCKS}"))
    return [*inside, *(path for home in inventory.outside_directories(directory) for path in home.glob(MACHINE_LOCKS))]


def end_sandboxed(directory: Path) -> None:
    """Kill the processes that sandboxed() returns, and wait until they have exited."""
    process_locks.end(lambda: sandboxed(directory), END_SECONDS)


def _running() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def listen(world: Path) -> socket.socket:
    """Return a listening socket of this world. The lock must be held."""
    return sockets.listen(world / "run" / "socket", 128)


def dial(world: Path) -> socket.socket:
    """Return a connection to the daemon of this world. Raises OSError without one, ConfigError if the world or its daemon belongs to another user."""
    with opened(world) as run:
        connection = sockets.dial(Path(f"/proc/self/fd/{run}/socket"))
    try:
        _require_owner(f"the process that serves {world}", sockets.peer(connection))
    except ConfigError:
        connection.close()
        raise
    return connection
