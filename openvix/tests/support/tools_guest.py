# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent of QEMU's guests, run without QEMU: on a root directory of its own, among processes of its own, with a socket for a port."""

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
from openvix.guest import disks, paths, programs
from openvix.guest.link import Link
from openvix.system import c_build

SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
# A child of the agent ends by 1 for what it was refused: a sanitizer's find has to be something else.
FOUND = {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99"}

# The guest's init: it buries whom nobody else does. What the agent serves is in 3, as a shell gives what it starts behind itself no input.
INIT = r"""
set -e
exec 3<&0 </dev/null
cd "$1"
shift
for place in "$@"; do
    mount --rbind "/$place" "$place"
    # Root of a namespace cannot lift what the host forbids there, and has no need to: root of the host could do harm.
    mount -o remount,bind,ro "$place" 2>/dev/null || test "$(cat /proc/self/uid_map | tr -s ' ')" != " 0 0 4294967295"
done
mount -t proc proc proc
touch dev/null
mount --bind /dev/null dev/null
chroot . /openvix-tools - <&3 3<&- &
exec 3<&-
wait
"""

# The passwords of the accounts of the tests, by crypt().
HASHES = {
    "": "",
    "lab": "$6$rounds=1000$openvix$djCsOP.M3qGrxJe8FybTeMJM4cC95.2OWtuocRLrD3pjbOauVuyR0jE953ZlLxWzOxMmlfQf8uFggE3hXJmXr/",
    "a": "$6$rounds=1000$openvix$bSCrrLqe5x54hOl16cqHnuAK5ei5V17NLKu6Ww7bHKRSnT0p5sZuJG2C5KCxFBlbqu8iImLqBLT/O19c6UzV/.",
    "b": "$6$rounds=1000$openvix$fk14LmmK5Jcr8wzr1j8vvUhWkSoGoAUfeSD6s0r/Ataro1xU8oJCA.CD55FActM9KJv3vZ3UMH4S3rAOMfkSR1",
    "päss": "$6$rounds=1000$openvix$L6D7AertWFkzriJRPOWNDmzH9aNLvX.vVB.Jq8qh1jl0r28ErzFgMxy.DyIMjA4NltPH/StdMim0.8VA9t2O/.",
}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")


def build(flags: list[str] = ()) -> Path:
    """Return the path of the agent, compiled with these flags besides."""
    folder = c_build.source_directory("guest_tools")
    sources = sorted(folder.glob("*.c"))
    return c_build._compiled("openvix-tools", sorted(folder.glob("*.[ch]")), [*c_build.FLAGS, *flags, *map(str, sources), "-lcrypt"])


def make_disk(place: Path, accounts: list[dict], files: dict[str, str]):
    """Make the root directory of a guest whose administrators are root, with a user for each other account."""
    disks.create(place, hostname="web", accounts=accounts, files=files)
    passwd, shadow = ["root:x:0:0:root:/root:/bin/sh\n"], ["root:*:::::::\n"]
    for number, account in enumerate(accounts, start=1000):
        name, home = account["name"], account.get("home", f"/home/{account['name']}")
        user = 0 if account.get("administrator") else number
        passwd.append(f"{name}:x:{user}:{user}:{name}:{home}:/bin/sh\n")
        shadow.append(f"{name}:{HASHES[account['password']]}:::::::\n")
        if os.geteuid() == 0:
            os.chown(place / home[1:], user, user)
    (place / "etc/passwd").write_text("".join(passwd), encoding="utf-8")
    (place / "etc/shadow").write_text("".join(shadow), encoding="utf-8")


@contextlib.contextmanager
def serving(disk: Path, flags: list[str] = (), shown: tuple[str, ...] = paths.SHOWN) -> Iterator[socket.socket]:
    """Run the agent on a root directory, and give the host's end of its port; what a sanitizer says fails the test."""
    shutil.copy(build(flags), disk / "openvix-tools")
    shown = [path[1:] for path in shown if os.path.isdir(path) and not os.path.islink(path)]
    ours, theirs = socket.socketpair()
    # Whatever ends this process ends the agent, which would serve for ever. Without root, it is that of a namespace, and can be no other user.
    alone = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    spaces = ["setpriv", "--pdeathsig", "KILL", "unshare", *alone, "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    with ours, open(disk.with_name(f"{disk.name}.said"), "w+b") as said:
        with theirs:
            # Where chroot lies is not in the path of every user.
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


class Told(AgentTools):
    """The Tools over one channel, which stays."""

    def __init__(self, channel: Channel):
        super().__init__(Link(dial=lambda: None, runs=lambda: True, settle=lambda: None, changed=lambda: None))
        self._channel = channel

    def lost(self, channel: Channel):
        pass
