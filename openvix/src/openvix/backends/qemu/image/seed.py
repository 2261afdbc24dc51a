# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a machine of the image its own: an archive that follows the initrd, and that the guest's first boot lays on its disk.

It holds seed.tar, what is certain to find its place, and seed.sh, which then lays what may not: what fails there is logged in the guest, and nothing else is
the worse for it. openvix/native/guest_rootfs/init uses them.
"""

from __future__ import annotations

import io
import posixpath
import shlex
import tarfile
import time
from typing import NamedTuple

from openvix.backends.qemu.image import cpio, passwords
from openvix.config.errors import ConfigError
from openvix.guest import rights
from openvix.system import c_build

FIRST_ACCOUNT, FIRST_OWNER = 1000, 101
SHADOW_GROUP = 42
# What is no part of the disk.
MOUNTED = ("/dev", "/proc", "/sys")
PROCESSES = "/etc/openvix/processes"
LINKS = "/usr/lib/openvix/processes"
TOOLS = "/usr/sbin/openvix-tools"
LONGEST_NAME = 255
HOMES = "/home"
SCRIPT = """\
umask 022
make() {
    [ -e "$2" ] || { mkdir -p "$2" && chmod 700 "$2" && chown "$1" "$2"; }
}
lay() {
    [ -d "${2%/*}/" ] || mkdir -p "${2%/*}"
    printf %s "$3" >"$2" || return
    [ "$1" = 0:0 ] || chown "$1" "$2"
}
"""


class User(NamedTuple):
    """A user of a guest, as in /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class File(NamedTuple):
    """A file that a guest's disk is given: its text (of a link, where it leads), its mode, whom it belongs to, and its kind."""

    text: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    kind: bytes = tarfile.REGTYPE


def archive(hostname: str, accounts: list[dict], files: dict[str, str], processes: list[dict]) -> bytes:
    """Return the archive of a machine with this name, and what a world file says of its guest. Raises ConfigError."""
    owners = [process.get("owner") or "root" for process in processes]
    users = _users(accounts, owners)
    homes = {rights.home_of(account): users[account["name"]] for account in accounts}
    for path in files:
        if any(path == each or rights.is_below(path, each) for each in MOUNTED):
            raise ConfigError(f"the file {path!r} cannot be created in the guest: {', '.join(MOUNTED)} are not on its disk; choose another directory")
    laid = own(hostname, users, accounts) | _started(processes, users) | _directories(files, homes)
    return cpio.archive([cpio.file("seed.tar", _tar(laid), 0o600), cpio.file("seed.sh", _script(files, homes).encode(), 0o600)])


def own(hostname: str, users: dict[str, User], accounts: list[dict]) -> dict[str, File]:
    """Return the files by which a guest knows its own name and its users."""
    given = {account["name"]: account.get("password", "") for account in accounts}
    groups = {name: int(gid) for name, _, gid, _ in _lines("group")}
    groups |= {user.name: user.gid for user in users.values() if user.gid not in groups.values()}
    # No password is one, too; it is the tools that refuse it.
    secrets = {name: given[name] and passwords.hashed(given[name]) if name in given else "*" for name in users}
    return {
        "/etc/hostname": File(f"{hostname}\n"),
        "/etc/hosts": File(f"127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n"),
        "/etc/passwd": File("".join(f"{user.name}:x:{user.uid}:{user.gid}:{user.name}:{user.home}:{user.shell}\n" for user in users.values())),
        "/etc/group": File("".join(f"{name}:x:{gid}:\n" for name, gid in groups.items())),
        "/etc/shadow": File("".join(f"{name}:{secret}:::::::\n" for name, secret in secrets.items()), 0o640, 0, SHADOW_GROUP),
    }


def everyone() -> dict[str, User]:
    """Return the users that every guest has."""
    return {name: User(name, int(uid), int(gid), home, shell) for name, _, uid, gid, _, home, shell in _lines("passwd")}


def _users(accounts: list[dict], owners: list[str]) -> dict[str, User]:
    """Return the users of a guest: those of every one, its accounts, and those that only own a process."""
    users = everyone()
    for number, account in enumerate(accounts, start=FIRST_ACCOUNT):
        name = account["name"]
        # In a guest without sudo, one who may do everything is root under another name.
        uid = 0 if account.get("administrator") or name == "root" else users[name].uid if name in users else number
        users[name] = User(name, uid, uid, rights.home_of(account), "/bin/bash")
    for name in owners:
        if name not in users:
            if set(":/\n") & set(name) or not name.isprintable():
                raise ConfigError(f"the owner {name!r} of a process is not a valid user name")
            uid = next(uid for uid in range(FIRST_OWNER, FIRST_ACCOUNT) if uid not in {user.uid for user in users.values()})
            users[name] = User(name, uid, uid, "/nonexistent", "/usr/sbin/nologin")
    return users


def _lines(name: str) -> list[list[str]]:
    text = (c_build.source_folder("guest_rootfs") / name).read_text(encoding="utf-8")
    return [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]


def _started(processes: list[dict], users: dict[str, User]) -> dict[str, File]:
    """Return the script that starts the declared processes after each boot, and the links under whose names they run."""
    laid, lines = {}, ["#!/bin/sh\n"]
    for number, process in enumerate(processes, start=1):
        name = process["name"].rpartition("/")[2].encode()[:LONGEST_NAME].decode(errors="ignore")
        link = f"{LINKS}/{number}/{name if name.strip('.') else 'process'}"
        laid[link] = File(TOOLS, kind=tarfile.SYMTYPE)
        user = users[process.get("owner") or "root"]
        # Split and joined again by one space, the command line is as it was declared.
        first, *rest = map(shlex.quote, (process.get("command") or process["name"]).split(" "))
        start = f"start-stop-daemon -S -b -c {user.uid}:{user.gid} -x {shlex.quote(link)} -a {first} -- {' '.join(rest)}"
        lines.append(f"USER={shlex.quote(user.name)} {start}\n")
    return {**laid, PROCESSES: File("".join(lines), 0o755)} if processes else {}


def _script(files: dict[str, str], homes: dict[str, User]) -> str:
    """Return the script that makes the homes that the image may have already, and are then left as they are, and the files, each its own user's in a home."""
    lines = [f"make {user.uid}:{user.gid} {shlex.quote(home)}\n" for home, user in homes.items() if not rights.is_below(home, HOMES)]
    for path, text in files.items():
        owner = next((f"{user.uid}:{user.gid}" for home, user in homes.items() if rights.is_below(path, home)), "0:0")
        lines.append(f"lay {owner} {shlex.quote(path)} {shlex.quote(text)}\n")
    return SCRIPT + "".join(lines)


def _directories(files: dict[str, str], homes: dict[str, User]) -> dict[str, File]:
    """Return the directories that belong to users, where the image has nothing; all others are made as they are needed, or are there."""
    wanted = {}
    for path in (*homes, *map(posixpath.dirname, files)):
        for home, user in homes.items():
            if rights.is_below(home, HOMES) and (path == home or rights.is_below(path, home)):
                wanted[home] = File("", 0o700, user.uid, user.gid, tarfile.DIRTYPE)
                between = path[len(home) :].strip("/").split("/")
                for number in range(1, len(between) + 1 if between[0] else 1):
                    wanted.setdefault("/".join((home, *between[:number])), File("", 0o755, user.uid, user.gid, tarfile.DIRTYPE))
    return wanted


def _tar(laid: dict[str, File]) -> bytes:
    whole, now = io.BytesIO(), time.time()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, file in laid.items():
            member = tarfile.TarInfo(path[1:])
            member.mode, member.uid, member.gid, member.mtime, member.type = file.mode, file.uid, file.gid, now, file.kind
            content = b"" if file.kind == tarfile.SYMTYPE else file.text.encode()
            member.linkname, member.size = "" if content else file.text, len(content)
            archive.addfile(member, io.BytesIO(content))
    return whole.getvalue()
