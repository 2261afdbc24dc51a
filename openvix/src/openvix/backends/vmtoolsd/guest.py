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
from typing import IO

from openvix.backends.vmtoolsd.root import Root
from openvix.guest import programs
from openvix.system import c_build, sockets
from openvix.system.c_build import CannotBuild

# How long the namespaces take to go once their init is killed.
END_SECONDS = 30
# What the guest and its host share: the socket, the transport, and how the guest begins. The guest cannot write there.
SHARED = "run/openvix"
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
# What root in the guest may not do, since it is root on the host: all that reaches beyond its namespaces.
WITHHELD = ("sys_admin", "sys_module", "sys_rawio", "sys_boot", "sys_time", "syslog", "mknod", "mac_admin", "mac_override", "bpf", "perfmon")
# Printed once the guest has its files; then its init begins.
BEGUN = b"begun\n"

# Arguments: a directory for the mounts, the root, the host name, and the layer, or "" for one in memory.
# A directory of the cache may have a name that means something to overlay, so it is mounted under another one. Standard input is the lock of the guest: it
# stays with the process that waits for the namespaces. The host's files are unmounted, so that root in the guest does not reach them.
NAMESPACES = f"""
set -e
exec </dev/null 3>&2
umask 022
mount --make-rprivate /
cd "$1"
hostname "$3"
mkdir -p lower layer root
mount --bind "$2" lower
if [ "$4" ]; then
    mount --bind "$4" layer
else
    mount -t tmpfs -o mode=755 tmpfs layer
    mkdir layer/upper layer/work
fi
mount -t overlay -o lowerdir=lower,upperdir=layer/upper,workdir=layer/work,redirect_dir=on,index=off,metacopy=off overlay root
mount -t proc proc root/proc
[ "$4" ] || mount -t tmpfs -o mode=1777 tmpfs root/tmp
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=755 tmpfs root/dev
{chr(10).join(f"mknod -m 666 root/dev/{name} c 1 {number}" for name, number in DEVICES.items())}
mknod -m 666 root/dev/tty c 5 0
mkdir root/dev/pts root/dev/shm root/run/host root/run/lock root/{SHARED}
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts root/dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs root/dev/shm
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
ln -s /proc/self/fd/0 root/dev/stdin
ln -s /proc/self/fd/1 root/dev/stdout
ln -s /proc/self/fd/2 root/dev/stderr
mount --bind shared root/{SHARED}
mount -o remount,bind,ro root/{SHARED}
cd root
pivot_root . run/host
export PATH={programs.PATH}
/{SHARED}/detach /run/host
rmdir /run/host
echo begun
exec >&3 2>&3 3>&-
exec env -i PATH={programs.PATH} LANG=C.UTF-8 setpriv --bounding-set={",".join(f"-{name}" for name in WITHHELD)} /bin/bash /{SHARED}/begin
"""

# The environment of vmtoolsd is that which systemd gives to a service. Its init ends what vmtoolsd leaves behind, and starts one anew that has ended.
SERVE = f"""
cd /
ends=
trap 'ends=halt' USR1
trap 'ends=restart' USR2
/usr/bin/VGAuthService &
while [ -z "$ends" ]; do
    env -i LANG=C.UTF-8 PATH={programs.PATH} LD_PRELOAD=/{SHARED}/transport.so OPENVIX_GUESTRPC=/{SHARED}/guestrpc /usr/bin/vmtoolsd &
    tools=$!
    while [ -z "$ends" ] && kill -0 $tools 2>/dev/null; do
        wait $tools
    done
    sleep 0.3
done
kill -TERM -1
sleep 0.3
kill -KILL -1
if [ $ends = restart ]; then
    /{SHARED}/rpctool openvix.restarted >/dev/null
    exec /bin/bash /{SHARED}/begin
fi
"""


class Guest:
    """One guest with these accounts of a world file, whose layer is in memory, in a new directory.

    prepare: a script for the guest's bash, which runs before vmtoolsd does.
    """

    def __init__(self, root: Root, place: Path, *, hostname: str = "guest", accounts: Sequence[dict] = (), prepare: str = ""):
        self._root, self._place, self._hostname = root, place, hostname
        self._begin = f"{accounts_script(accounts)}\n{prepare}\n{SERVE}"
        self._process: subprocess.Popen | None = None

    def start(self) -> socket.socket:
        """Start the guest, and return the listening socket that its vmtoolsd connects to. Raises CannotBuild, OSError."""
        lay_shared(self._place, self._begin)
        listener = listen(self._place)
        # Whatever ends this process ends the guest.
        self._process = start(self._root.path, self._place, None, self._hostname, subprocess.DEVNULL, "setpriv", "--pdeathsig", "KILL")
        return listener

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def disk(self) -> Path:
        """The root directory of the guest that runs, as its host sees it. An absolute link in it leads to the host's files."""
        if self._process is None:
            raise FileNotFoundError(f"the guest in {self._place} has not been started")
        return Path(f"/proc/{self._process.pid}/root")

    @property
    def log(self) -> str:
        """What the guest has written to its standard output and error."""
        return log(self._place)

    def stop(self) -> None:
        """End the guest and every process in it, and forget its layer."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)


def lay_shared(place: Path, begin: str) -> Path:
    """Write what a guest gets of its host anew, with the script of its init, and return its directory. Raises CannotBuild, OSError."""
    shared = place / "shared"
    if shared.exists():
        shutil.rmtree(shared)
    shared.mkdir(parents=True)
    shared.chmod(0o755)
    for program in (compile_transport(), *map(_compile, ("detach", "idle", "rpctool"))):
        shutil.copy(program, shared / program.name)
        (shared / program.name).chmod(0o755)
    (shared / "begin").touch(mode=0o600)
    (shared / "begin").write_text(begin, encoding="utf-8", errors="surrogateescape")
    return shared


def listen(place: Path) -> socket.socket:
    """Return a new listening socket that the vmtoolsd of a guest connects to."""
    listener = sockets.listen(place / "shared" / "guestrpc", 16)
    (place / "shared" / "guestrpc").chmod(0o666)
    return listener


def start(root: Path, place: Path, layer: Path | None, hostname: str, lock: IO[bytes] | int, *before: str) -> subprocess.Popen:
    """Start the init of a guest, and return the process that waits for its namespaces. Killing it ends the guest.

    Args:
        root: The root directory that guests share.
        place: The directory of the guest, with what it gets of its host.
        layer: The directory with what the guest has changed of the root, None for one in memory.
        hostname: The name of the guest.
        lock: An open file that this process holds as long as the guest runs.
        before: A command before that of the namespaces.

    Raises:
        CannotBuild: This host does not let a guest have its namespaces or files.
    """
    spaces = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child"]
    command = [*before, *spaces, "sh", "-c", NAMESPACES, "guest", str(place), str(root), hostname, str(layer or "")]
    with open(place / "log", "wb") as written:
        process = subprocess.Popen(
            command, stdin=lock, stdout=subprocess.PIPE, stderr=written, env={**os.environ, "PATH": programs.PATH}, start_new_session=True
        )
    assert process.stdout is not None, "it is a pipe"
    with process.stdout as answer:
        if answer.readline() == BEGUN:
            return process
    process.kill()
    process.wait(END_SECONDS)
    said = log(place).strip().splitlines() or [f"its namespaces ended with {process.returncode}"]
    raise CannotBuild(f"this host cannot run a guest with open-vm-tools: {said[-1]}")


def log(place: Path) -> str:
    """Return what the guest in a directory has written to its standard output and error."""
    return (place / "log").read_text(encoding="utf-8", errors="replace")


def compile_transport() -> Path:
    """Return the path of the library that vmtoolsd is started with, compiled. Raises CannotBuild."""
    return c_build.compile_preload([c_build.source_directory("vmtoolsd_transport") / "transport.c"], "transport.so")


def _compile(name: str) -> Path:
    """Return the path of a program for guests, compiled. Raises CannotBuild."""
    return c_build.compile_program([c_build.source_directory("vmtoolsd_transport") / f"{name}.c"], name)


def accounts_script(accounts: Sequence[dict]) -> str:
    """Return the commands that create the accounts of a world file in a Debian."""
    commands, passwords = [], []
    for account in accounts:
        name, password = account["name"], account.get("password", "")
        shell = account.get("shell") or "/bin/bash"
        if name == "root":
            commands.append(shlex.join(["usermod", "--shell", shell, name]))
        else:
            home = ["--home-dir", account["home"]] if account.get("home") else []
            same = ["--non-unique", "--uid", "0", "--gid", "0"] if account.get("administrator") else []
            commands.append(shlex.join(["useradd", "--badname", "--create-home", "--shell", shell, *home, *same, name]))
        if password:
            passwords.append(f"{name}:{password}")
        else:
            commands.append(shlex.join(["passwd", "--quiet", "--delete", name]))
    locks = [shlex.join(["passwd", "--quiet", "--lock", account["name"]]) for account in accounts if account.get("locked")]
    return "\n".join([*commands, *([f"chpasswd <<<{shlex.quote(chr(10).join(passwords))}"] if passwords else []), *locks])


def processes_script(processes: Sequence[dict]) -> str:
    """Return the commands that start the processes of a world file, which do nothing, in a Debian."""
    commands = []
    for process in processes:
        owner, words = shlex.quote(process.get("owner") or "root"), (process.get("command") or process["name"]).split(" ")
        user = f'setpriv --reuid="$(id -u {owner})" --regid="$(id -g {owner})" --init-groups'
        named = f'bash -c \'exec -a "$0" /{SHARED}/idle "$@"\' {shlex.join(words)}'
        commands.append(f"{user} {named} </dev/null >/dev/null 2>&1 &")
    return "\n".join(commands)
