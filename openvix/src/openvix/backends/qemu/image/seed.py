# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The individual files of a VM: an archive after the initrd, which the first boot of the guest unpacks to its disk.

It contains seed.tar, which always unpacks without conflicts, and seed.sh, which creates files that may fail. Failures of the script are logged in the
guest and ignored. openvix/native/guest_rootfs/init uses both.
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
# Directories that are not on the disk.
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
    """A file on the disk of a guest: its content (the target of a link), mode, owner and type."""

    text: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    kind: bytes = tarfile.REGTYPE


def archive(hostname: str, accounts: list[dict], files: dict[str, str], processes: list[dict]) -> bytes:
    """Return the archive for a VM; the arguments are its host name and settings of the world file. Raises ConfigError."""
    owners = [process.get("owner") or "root" for process in processes]
    users = _users(accounts, owners)
    homes = {rights.home_of(account): users[account["name"]] for account in accounts}
    for path in files:
        if any(path == each or rights.is_below(path, each) for each in MOUNTED):
            raise ConfigError(f"the file {path!r} cannot be created in the guest: {', '.join(MOUNTED)} are not on its disk; choose another directory")
    laid = own(hostname, users, accounts) | _started(processes, users) | _directories(files, homes)
    return cpio.archive([cpio.file("seed.tar", _tar(laid), 0o600), cpio.file("seed.sh", _script(files, homes).encode(), 0o600)])


def own(hostname: str, users: dict[str, User], accounts: list[dict]) -> dict[str, File]:
    """Return the files with the host name and the users of a guest."""
    given = {account["name"]: account.get("password", "") for account in accounts}
    groups = {name: int(gid) for name, _, gid, _ in _lines("group")}
    groups |= {user.name: user.gid for user in users.values() if user.gid not in groups.values()}
    # An account without a password has an empty one, with which every password is right.
    secrets = {name: given[name] and passwords.hashed(given[name]) if name in given else "*" for name in users}
    secrets |= {account["name"]: f"!{secrets[account['name']]}" for account in accounts if account.get("locked")}
    return {
        "/etc/hostname": File(f"{hostname}\n"),
        "/etc/hosts": File(f"127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n"),
        "/etc/passwd": File("".join(f"{user.name}:x:{user.uid}:{user.gid}:{user.name}:{user.home}:{user.shell}\n" for user in users.values())),
        "/etc/group": File("".join(f"{name}:x:{gid}:\n" for name, gid in groups.items())),
        "/etc/shells": File(rights.shells_file()),
        "/etc/shadow": File("".join(f"{name}:{secret}:::::::\n" for name, secret in secrets.items()), 0o640, 0, SHADOW_GROUP),
    }


def everyone() -> dict[str, User]:
    """Return the users of every guest."""
    return {name: User(name, int(uid), int(gid), home, shell) for name, _, uid, gid, _, home, shell in _lines("passwd")}


def _users(accounts: list[dict], owners: list[str]) -> dict[str, User]:
    """Return the users of a guest: those of every guest, its accounts, and owners of declared processes."""
    users = everyone()
    for number, account in enumerate(accounts, start=FIRST_ACCOUNT):
        name = account["name"]
        # The guest has no sudo, so an administrator has user id 0.
        uid = 0 if account.get("administrator") or name == "root" else users[name].uid if name in users else number
        users[name] = User(name, uid, uid, rights.home_of(account), rights.shell_of(account))
    for name in owners:
        if name not in users:
            if set(":/\n") & set(name) or not name.isprintable():
                raise ConfigError(f"the owner {name!r} of a process is not a valid user name")
            uid = next(uid for uid in range(FIRST_OWNER, FIRST_ACCOUNT) if uid not in {user.uid for user in users.values()})
            users[name] = User(name, uid, uid, "/nonexistent", "/usr/sbin/nologin")
    return users


def _lines(name: str) -> list[list[str]]:
    text = (c_build.source_directory("guest_rootfs") / name).read_text(encoding="utf-8")
    return [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]


def _started(processes: list[dict], users: dict[str, User]) -> dict[str, File]:
    """Return the script that starts the declared processes at each boot, and the links that determine the names of the processes."""
    laid, lines = {}, ["#!/bin/sh\n"]
    for number, process in enumerate(processes, start=1):
        name = process["name"].rpartition("/")[2].encode()[:LONGEST_NAME].decode(errors="ignore")
        link = f"{LINKS}/{number}/{name if name.strip('.') else 'process'}"
        laid[link] = File(TOOLS, kind=tarfile.SYMTYPE)
        user = users[process.get("owner") or "root"]
        # Splitting and joining with one space preserves the declared command line.
        first, *rest = map(shlex.quote, (process.get("command") or process["name"]).split(" "))
        start = f"start-stop-daemon -S -b -c {user.uid}:{user.gid} -x {shlex.quote(link)} -a {first} -- {' '.join(rest)}"
        lines.append(f"USER={shlex.quote(user.name)} {start}\n")
    return {**laid, PROCESSES: File("".join(lines), 0o755)} if processes else {}


def _script(files: dict[str, str], homes: dict[str, User]) -> str:
    """Return the script that creates homes, unless they exist in the image, and files, which in a home belong to its user."""
    lines = [f"make {user.uid}:{user.gid} {shlex.quote(home)}\n" for home, user in homes.items() if not rights.is_below(home, HOMES)]
    for path, text in files.items():
        owner = next((f"{user.uid}:{user.gid}" for home, user in homes.items() if rights.is_below(path, home)), "0:0")
        lines.append(f"lay {owner} {shlex.quote(path)} {shlex.quote(text)}\n")
    return SCRIPT + "".join(lines)


def _directories(files: dict[str, str], homes: dict[str, User]) -> dict[str, File]:
    """Return the directories that belong to users and do not exist in the image."""
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
