# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared folders of a guest with VMware's Tools: directories of the host, mounted in the guest's namespace.

The guest does not have the host's files. So a program of the host makes a mount that is nowhere, enters the namespace and attaches it there:
"python shares.py PID", with the shares as JSON on its standard input, for the process with this id and its namespace.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys

# Where a guest has them, as VMware's guests do.
PLACE = "/mnt/hgfs"
SECONDS = 30

# System calls without a function in the C library of Debian 12; their numbers are the same on every machine.
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442
HERE, CLONE, EMPTY_PATH = -100, 1, 0x1000
MOVE_EMPTY_PATH = 4
READ_ONLY, NOSUID, NODEV = 1, 2, 4
NEW_NAMESPACE, DETACH = 0x20000, 2


def share(pid: int, shares: dict[str, tuple[str, bool]]) -> None:
    """Have the guest of a process see these directories of the host, and no others. Raises OSError.

    shares: {name: (directory of the host, writable)}. A directory that is missing on the host is left out.
    """
    command = [sys.executable, "-I", "-S", os.path.abspath(__file__), str(pid)]
    done = subprocess.run(command, input=json.dumps(shares), capture_output=True, text=True, timeout=SECONDS, check=False, env={})
    if done.returncode:
        raise OSError(f"mounting the shared folders failed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")


def _main() -> None:
    shares = json.load(sys.stdin)
    made = {name: _detached(source, writable) for name, (source, writable) in shares.items() if os.path.isdir(source)}
    namespace = os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY)
    _must(_libc.setns(namespace, NEW_NAMESPACE))
    # From here on this process has the guest's root directory, and so no module of Python to import.
    with open("/proc/1/mounts", "rb") as mounts:
        paths = [line.split(b" ")[1] for line in mounts]
    for path in paths:
        if not path.startswith(f"{PLACE}/".encode()):
            continue
        path = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), path)
        _must(_libc.umount2(path, DETACH))
        os.rmdir(path)
    for name, tree in made.items():
        os.makedirs(f"{PLACE}/{name}", exist_ok=True)
        _must(_libc.syscall(MOVE_MOUNT, tree, b"", HERE, os.fsencode(f"{PLACE}/{name}"), MOVE_EMPTY_PATH))


def _detached(source: str, writable: bool) -> int:
    """Return a descriptor of a mount of a directory that is attached nowhere. Nothing in it has a user's rights, and no device works."""
    tree = _must(_libc.syscall(OPEN_TREE, HERE, os.fsencode(source), CLONE | os.O_CLOEXEC))
    attributes = (ctypes.c_uint64 * 4)(NOSUID | NODEV | (0 if writable else READ_ONLY), 0, 0, 0)
    _must(_libc.syscall(MOUNT_SETATTR, tree, b"", EMPTY_PATH, ctypes.byref(attributes), ctypes.sizeof(attributes)))
    return tree


def _must(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


_libc = ctypes.CDLL(None, use_errno=True)

if __name__ == "__main__":
    _main()
