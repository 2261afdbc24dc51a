# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest without a machine: Debian's vmtoolsd in separate namespaces, on a layer over a root directory that all such guests share. Needs root."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from openvix.backends.vmtoolsd.root import Root
from openvix.guest import programs
from openvix.system import c_build, sockets

# How long the namespaces take to go once their init is killed.
END_SECONDS = 30
# What the guest and its host share: the socket, the transport, and how the guest begins.
SHARED = "run/openvix"
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}

# A directory of the cache may have a name that means something to overlay, so it is mounted under another one.
NAMESPACES = f"""
set -e
mount --make-rprivate /
cd "$1"
hostname "$3"
mkdir lower layer root
mount --bind "$2" lower
mount -t tmpfs -o mode=755 tmpfs layer
mkdir layer/upper layer/work
mount -t overlay -o lowerdir=lower,upperdir=layer/upper,workdir=layer/work overlay root
mount -t proc proc root/proc
mount -t tmpfs -o mode=1777 tmpfs root/tmp
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=755 tmpfs root/dev
{chr(10).join(f"mknod -m 666 root/dev/{name} c 1 {number}" for name, number in DEVICES.items())}
mkdir root/{SHARED}
mount --bind shared root/{SHARED}
cd root
exec env -i PATH={programs.PATH} LANG=C.UTF-8 chroot . /bin/bash /{SHARED}/begin
"""

# The environment of vmtoolsd is that which systemd gives to a service. Its init ends what vmtoolsd leaves behind.
SERVE = f"""
cd /
/usr/bin/VGAuthService &
env -i LANG=C.UTF-8 PATH={programs.PATH} LD_PRELOAD=/{SHARED}/transport.so OPENVIX_GUESTRPC=/{SHARED}/guestrpc /usr/bin/vmtoolsd &
while :; do
    wait
    sleep 0.1
done
"""


class Guest:
    """One guest with these accounts of a world file, in a new directory.

    prepare: a script for the guest's bash, which runs before vmtoolsd does.
    """

    def __init__(self, root: Root, place: Path, *, hostname: str = "guest", accounts: Sequence[dict] = (), prepare: str = ""):
        self._root, self._place, self._hostname = root, place, hostname
        self._begin = f"{_accounts(accounts)}\n{prepare}\n{SERVE}"
        self._process: subprocess.Popen | None = None

    def start(self) -> socket.socket:
        """Start the guest, and return the listening socket that its vmtoolsd connects to. Raises CannotBuild, OSError."""
        shared = self._place / "shared"
        shared.mkdir(parents=True)
        shutil.copy(compile_transport(), shared / "transport.so")
        (shared / "begin").write_text(self._begin, encoding="utf-8")
        (shared / "begin").chmod(0o600)
        listener = sockets.listen(shared / "guestrpc", 16)
        (shared / "guestrpc").chmod(0o666)
        spaces = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child"]
        # Whatever ends this process ends the guest.
        command = ["setpriv", "--pdeathsig", "KILL", *spaces, "sh", "-c", NAMESPACES, "guest", str(self._place), str(self._root.path), self._hostname]
        with open(self._place / "log", "wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PATH": programs.PATH})
        return listener

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def disk(self) -> Path:
        """The root directory of the guest that runs, as its host sees it. An absolute link in it leads to the host's files."""
        if self._process is None:
            raise FileNotFoundError(f"the guest in {self._place} has not been started")
        return Path(f"/proc/{self._process.pid}/root{self._place}/root")

    @property
    def log(self) -> str:
        """What the guest has written to its standard output and error."""
        return (self._place / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End the guest and every process in it, and forget its layer."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)


def compile_transport() -> Path:
    """Return the path of the library that vmtoolsd is started with, compiled. Raises CannotBuild."""
    return c_build.compile_preload([c_build.source_directory("vmtoolsd_transport") / "transport.c"], "transport.so")


def _accounts(accounts: Sequence[dict]) -> str:
    """Return the commands that make the accounts of a world file in a Debian."""
    commands, passwords = [], []
    for account in accounts:
        name, password = account["name"], account.get("password", "")
        if name != "root":
            home = ["--home-dir", account["home"]] if account.get("home") else []
            same = ["--non-unique", "--uid", "0"] if account.get("administrator") else []
            commands.append(shlex.join(["useradd", "--create-home", "--shell", "/bin/bash", *home, *same, name]))
        if password:
            passwords.append(f"{name}:{password}")
        else:
            commands.append(shlex.join(["passwd", "--quiet", "--delete", name]))
    return "\n".join([*commands, f"chpasswd <<<{shlex.quote(chr(10).join(passwords))}"])
