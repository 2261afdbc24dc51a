# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest tools of QEMU guests without QEMU: in a root directory and a process namespace, with a socket for a port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openvix.backends.qemu.channel import Channel
from openvix.backends.qemu.tools import AgentTools
from openvix.guest import disks, paths, programs, rights
from openvix.guest.link import Link
from openvix.system import c_build

SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
# Children exit with 1 when an operation fails, so reports of sanitizers need another exit code.
FOUND = {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99"}

# The init of the guest, which reaps orphans. The port is descriptor 3, since a shell gives background processes no standard input.
INIT = r"""
set -e
exec 3<&0 </dev/null
cd "$1"
shift
for place in "$@"; do
    mount --rbind "/$place" "$place"
    # Root of a user namespace cannot lift restrictions of the host, and need not try. Root of the host could do damage.
    mount -o remount,bind,ro "$place" 2>/dev/null || test "$(cat /proc/self/uid_map | tr -s ' ')" != " 0 0 4294967295"
done
mount -t proc proc proc
# Renaming to another mount of the same file system is refused as to another file system.
mount --bind tmp tmp
touch dev/null
mount --bind /dev/null dev/null
chroot . /openvix-tools - <&3 3<&- &
exec 3<&-
wait
"""

# Password hashes of the test accounts, made with crypt().
HASHES = {
    "": "",
    "lab": "$6$rounds=1000$openvix$djCsOP.M3qGrxJe8FybTeMJM4cC95.2OWtuocRLrD3pjbOauVuyR0jE953ZlLxWzOxMmlfQf8uFggE3hXJmXr/",
    "a": "$6$rounds=1000$openvix$bSCrrLqe5x54hOl16cqHnuAK5ei5V17NLKu6Ww7bHKRSnT0p5sZuJG2C5KCxFBlbqu8iImLqBLT/O19c6UzV/.",
    "b": "$6$rounds=1000$openvix$fk14LmmK5Jcr8wzr1j8vvUhWkSoGoAUfeSD6s0r/Ataro1xU8oJCA.CD55FActM9KJv3vZ3UMH4S3rAOMfkSR1",
    "päss": "$6$rounds=1000$openvix$L6D7AertWFkzriJRPOWNDmzH9aNLvX.vVB.Jq8qh1jl0r28ErzFgMxy.DyIMjA4NltPH/StdMim0.8VA9t2O/.",
}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")


def build(flags: list[str] = ()) -> Path:
    """Return the path of the guest tools, compiled with additional flags."""
    folder = c_build.source_directory("guest_tools")
    sources = sorted(folder.glob("*.c"))
    return c_build._compiled("openvix-tools", sorted(folder.glob("*.[ch]")), [*c_build.FLAGS, *flags, *map(str, sources), "-lcrypt"])


def make_disk(place: Path, accounts: list[dict], files: dict[str, str]):
    """Create the root directory of a guest. Administrators are root, each other account has its own user."""
    disks.create(place, hostname="web", accounts=accounts, files=files)
    passwd, shadow = [], []
    if all(account["name"] != "root" for account in accounts):
        passwd, shadow = ["root:x:0:0:root:/root:/bin/bash\n"], ["root:*:::::::\n"]
    for number, account in enumerate(accounts, start=1000):
        name, home = account["name"], rights.home_of(account)
        user = 0 if account.get("administrator") else number
        passwd.append(f"{name}:x:{user}:{user}:{name}:{home}:{rights.shell_of(account)}\n")
        shadow.append(f"{name}:{'!' if account.get('locked') else ''}{HASHES[account['password']]}:::::::\n")
        if os.geteuid() == 0:
            os.chown(place / home[1:], user, user)
    (place / "etc/passwd").write_text("".join(passwd), encoding="utf-8")
    (place / "etc/shadow").write_text("".join(shadow), encoding="utf-8")


@contextlib.contextmanager
def serving(disk: Path, flags: list[str] = (), shown: tuple[str, ...] = paths.SHOWN) -> Iterator[socket.socket]:
    """Run the guest tools in a root directory; yield the host's end of the port. Reports of sanitizers fail the test."""
    shutil.copy(build(flags), disk / "openvix-tools")
    shown = [path[1:] for path in shown if os.path.isdir(path) and not os.path.islink(path)]
    ours, theirs = socket.socketpair()
    # When this process ends, the guest tools are killed. Without root privileges, they run in a user namespace and cannot switch users.
    alone = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    spaces = ["setpriv", "--pdeathsig", "KILL", "unshare", *alone, "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    with ours, open(disk.with_name(f"{disk.name}.said"), "w+b") as said:
        with theirs:
            # The directory of chroot is not in every user's PATH.
            init = subprocess.Popen(
                [*spaces, "sh", "-c", INIT, "init", str(disk), *shown],
                stdin=theirs,
                stdout=said,
                stderr=said,
                env={**os.environ, **FOUND, "PATH": programs.PATH},
            )
        try:
            yield ours
        finally:
            init.kill()
            init.wait()
            said.seek(0)
            assert said.read() == b""


class FixedTools(AgentTools):
    """Guest tools with one fixed channel."""

    def __init__(self, channel: Channel):
        super().__init__(Link(dial=lambda: None, runs=lambda: True, settle=lambda: None, changed=lambda: None))
        self._channel = channel

    def lost(self, channel: Channel):
        pass
