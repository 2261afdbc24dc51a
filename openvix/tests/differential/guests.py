# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guests that the differential test compares: a simulated one, one with the agent of QEMU's guests, and one in which VMware's own vmtoolsd runs.

Each has the same accounts and the same files, and its disk is a directory of the host.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import simulated_guest
import tools_guest
from waiting import eventually

from openvix.backends.qemu.channel import Channel
from openvix.backends.vmtoolsd import guest as vmtoolsd_guest
from openvix.backends.vmtoolsd.root import Root
from openvix.backends.vmtoolsd.tools import VmtoolsdTools
from openvix.guest import disks
from openvix.guest.guest_tools import GuestTools
from openvix.guest.rights import Account
from openvix.vm import variables

ACCOUNTS = [
    {"name": "root", "password": "lab", "administrator": True},
    {"name": "ann", "password": "a"},
    {"name": "open", "password": ""},
    {"name": "shut", "password": "b", "shell": "/usr/sbin/nologin"},
    {"name": "locked", "password": "b", "locked": True},
]
PASSWORDS = {account["name"]: account["password"] for account in ACCOUNTS}
# For the guest that is not made from a world file: a shell that no login may have, and a locked password.
PREPARE = "usermod --shell /usr/sbin/nologin shut; passwd --quiet --lock locked"
# The second of 2001 in which every file was last changed.
TIME = 1_000_000_000
# Where the files of a case are, and where else one may leave some.
PLAY, HOME, TMP = "srv/play", "home/ann", "tmp"
PLACES = (PLAY, HOME, TMP)


class Guest:
    """One of the guests.

    name: which kind it is; owners: whether its files belong to users of the guest; outside: a directory of the host, for what is copied.
    """

    def __init__(self, name: str, tools: GuestTools, disk: Path, outside: Path, *, owners: bool):
        self.name, self.tools, self.disk, self.outside, self.owners = name, tools, disk, outside, owners
        outside.mkdir()
        self._accounts: dict[str, Account] = {}
        self.users = {0: "root", self._uid("ann"): "ann"} if owners else {}

    def _uid(self, name: str) -> int:
        return int(re.search(rf"^{name}:[^:]*:(\d+):", (self.disk / "etc/passwd").read_text(encoding="utf-8"), re.MULTILINE)[1])

    def account(self, name: str) -> Account:
        """Return the account of this name, logged in once."""
        if name not in self._accounts:
            self._accounts[name] = self.tools.login(name, PASSWORDS[name])
        return self._accounts[name]

    def write_environment(self, account: Account, name: str, value: str):
        """Write a variable of the environment as VixVM_WriteVariable does, whose rights no Tools of OpenVIX decide on."""
        if isinstance(self.tools, VmtoolsdTools):
            with self.tools._asking() as commands:
                commands.write_environment(self.tools._login(account), name, value)
        else:
            vm = SimpleNamespace(set_variable=lambda kind, name, value: self.tools.environment.__setitem__(name, value))
            variables.write_environment(vm, account, name, value)

    def lay_files(self):
        """Make the files that every case begins with, and nothing beside them."""
        for place in PLACES:
            for path in (self.disk / place).glob("*"):
                # The directory of an earlier script, which vmtoolsd goes on to use.
                if not path.name.startswith("vmware-"):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        play, home = self.disk / PLAY, self.disk / HOME
        play.mkdir(exist_ok=True)
        play.chmod(0o755)
        for name, content in {"f": "one\n", "g": "two\n", "plain": "#!/bin/sh\n", "secret": "hidden\n"}.items():
            (play / name).write_text(content, encoding="utf-8")
        for name, content in SCRIPTS.items():
            (play / name).write_bytes(content)
            (play / name).chmod(0o755)
        for name in ("d", "d/inner", "e", "closed", "listed", "listed/dir"):
            (play / name).mkdir()
        for name in ("d/in", "closed/x", "listed/x", "d/inner/deep"):
            (play / name).write_text(name, encoding="utf-8")
        for name, target in {"lf": "f", "ld": "d", "dang": "nowhere", "loop": "loop", "d/up": "../f", "lg": "g", "le": "e"}.items():
            (play / name).symlink_to(target)
        os.mkfifo(play / "pipe")
        (home / "own").write_text("mine\n", encoding="utf-8")
        (home / "dir").mkdir()
        for path, mode in {"secret": 0o600, "closed": 0o700, "listed": 0o744, "g": 0o640}.items():
            (play / path).chmod(mode)
        for path in [*sorted(play.rglob("*")), home / "own", home / "dir", play]:
            if self.owners:
                os.chown(path, *(2 * [0 if play in (path, *path.parents) else self._uid("ann")]), follow_symlinks=False)
            os.utime(path, (TIME, TIME), follow_symlinks=False)

    def files(self) -> dict[str, str]:
        """Return every file of the places where a case may leave one: what it is, its mode, its owner, and its content or target."""
        found = {}
        for place in PLACES:
            for folder, directories, files in os.walk(self.disk / place):
                # Temporary files of Tools have names that nobody can foresee.
                directories[:] = sorted(name for name in directories if not name.startswith("vmware"))
                for name in sorted([*directories, *files]):
                    path = Path(folder, name)
                    if not name.startswith("vmware"):
                        found["/" + str(path.relative_to(self.disk))] = self._described(path)
        return found

    def _described(self, path: Path) -> str:
        info = path.lstat()
        owner = f" of {self.users.get(info.st_uid, info.st_uid)}" if self.owners else ""
        kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}[stat.S_IFMT(info.st_mode)]
        mode = "" if kind == "link" else f" {stat.S_IMODE(info.st_mode):o}"
        content = os.readlink(path) if kind == "link" else path.read_bytes() if kind == "file" else None
        if isinstance(content, bytes):
            content = content.decode("utf-8", "replace") if len(content) < 400 else f"{len(content)} bytes"
        return f"{kind}{mode}{owner}" + ("" if content is None else f" {content!r}")


# Programs of all sorts, by their names.
SCRIPTS = {
    "seven": b"#!/bin/sh\nexit 7\n",
    "no-shebang": b"exit 9\n",
    "bad-shebang": b"#!/nowhere/interpreter\n",
    "junk": b"MZ\x90\0\x03\0",
    "two words": b'#!/bin/sh\nfor each in "$0" "$@"; do printf "[%s]" "$each"; done >/tmp/out\n',
    "show": b'#!/bin/sh\nfor each; do printf "[%s]" "$each"; done >/tmp/out\n',
    "$HOME": b"#!/bin/sh\nexit 8\n",
    "sleeper": b"#!/bin/bash\nsleep 60\n:\n",
}


@contextlib.contextmanager
def simulated(place: Path) -> Iterator[Guest]:
    """Run a simulated guest in a new directory."""
    disks.create(place / "disk", hostname="guest", accounts=ACCOUNTS, files={})
    running = simulated_guest.Guest(place / "run", hostname="guest", accounts=ACCOUNTS, processes=[])
    running.boot(place / "disk")
    try:
        yield Guest("simulated", running, place / "disk", place / "outside", owners=False)
    finally:
        running.halt()


@contextlib.contextmanager
def agent(place: Path) -> Iterator[Guest]:
    """Run the agent of QEMU's guests, without QEMU, in a new directory."""
    disk = place / "disk"
    tools_guest.make_disk(disk, ACCOUNTS, {})
    with tools_guest.serving(disk, ["-DSILENCE_MILLISECONDS=60000"]) as port:
        yield Guest("agent", tools_guest.FixedTools(Channel(port)), disk, place / "outside", owners=True)


@contextlib.contextmanager
def vmtoolsd(place: Path, root: Root) -> Iterator[Guest]:
    """Run a guest with Debian's vmtoolsd in a new directory."""
    running = vmtoolsd_guest.Guest(root, place, accounts=ACCOUNTS, prepare=PREPARE)
    try:
        listener = running.start()
        tools = VmtoolsdTools(lambda: listener, running.runs, lambda: None)
        tools.begin()
        try:
            eventually(lambda: tools.ready_at(0, 0) is not None or not running.runs())
            assert running.runs(), running.log
            yield Guest("vmtoolsd", tools, running.disk, place / "outside", owners=True)
        finally:
            tools.end()
    finally:
        running.stop()
