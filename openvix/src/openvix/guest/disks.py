# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks of simulated guests: directories with all their files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

from openvix.guest import paths, rights, trees
from openvix.guest.errors import as_vix_errors

# The directories of a Linux system, besides those of the host that are visible in the guest.
DIRECTORIES = {
    **dict.fromkeys(("dev", "etc", "etc/alternatives", "home", "media", "mnt", "opt", "proc", "run", "srv", "usr", "var", "var/lib", "var/log"), 0o755),
    "root": 0o700,
    "tmp": 0o1777,
    "var/tmp": 0o1777,
}
EXACT = trees.CopyOptions(source_forced=True, target_forced=True, exact=True)


def create(place: Path, *, hostname: str, accounts: list[dict], files: dict[str, str]) -> None:
    """Create a disk with the files of a small Linux system and a home for each account.

    place: a path that does not exist; accounts: as in the world file; files: {path in the guest: content}.
    Raises VixError, also for a file that cannot exist in the guest; then nothing is left.
    """
    with as_vix_errors():
        create_atomically(place, lambda disk: _fill(disk, hostname, accounts, files))


def copy(source: Path, target: Path) -> None:
    """Copy a disk atomically to a path that does not exist; the guest may be running. Raises VixError."""
    with as_vix_errors():
        create_atomically(target, lambda disk: trees.copy(None, str(source), None, str(disk), "", EXACT))


def remove(place: Path) -> None:
    """Remove a disk, or the remains of one; a missing disk is ignored. Raises VixError."""
    with as_vix_errors():
        partial = _partial(place)
        if not partial.exists() and place.exists():
            os.rename(place, partial)
        for each in (partial, place):
            if each.exists():
                trees.remove(None, str(each))


def _partial(place: Path) -> Path:
    return place.with_name(f".{place.name}.partial")


def create_atomically(place: Path, fill: Callable[[Path], None]) -> None:
    """Create a directory atomically: fill(path) writes it under another name, then it is renamed. Remains of an interrupted call are removed."""
    partial = _partial(place)
    if partial.exists():
        trees.remove(None, str(partial))
    try:
        fill(partial)
        os.rename(partial, place)
    finally:
        if partial.exists():
            trees.remove(None, str(partial))


def _fill(disk: Path, hostname: str, accounts: list[dict], files: dict[str, str]) -> None:
    disk.mkdir()
    disk.chmod(0o755)
    for name, mode in DIRECTORIES.items():
        (disk / name).mkdir()
        (disk / name).chmod(mode)
    for path in paths.SHOWN:
        name = path[1:]
        if "/" not in name and os.path.islink(path):
            (disk / name).symlink_to(os.readlink(path))
        elif os.path.isdir(path):
            (disk / name).mkdir(exist_ok=True)
            (disk / name).chmod(0o755)
        elif os.path.isfile(path):
            (disk / name).touch()

    users = {"root": ("0", "/root", rights.SHELL)}
    for number, account in enumerate(accounts, start=1000):
        users[account["name"]] = ("0" if account["name"] == "root" else str(number), rights.home_of(account), rights.shell_of(account))
    texts = {
        "hostname": f"{hostname}\n",
        "hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "passwd": "".join(f"{name}:x:{number}:{number}:{name}:{home}:{shell}\n" for name, (number, home, shell) in users.items()),
        "group": "".join(f"{name}:x:{number}:\n" for name, (number, _, _) in users.items()),
        "shells": rights.shells_file(),
        "os-release": f'ID=openvix\nNAME="OpenVIX guest"\nPRETTY_NAME={shlex.quote(f"OpenVIX guest {hostname}")}\n',
    }
    for name, text in texts.items():
        (disk / "etc" / name).write_text(text, encoding="utf-8")
        (disk / "etc" / name).chmod(0o644)
    # Passwords are checked against the world's settings; the guest contains none.
    shadow = disk / "etc" / "shadow"
    shadow.touch(mode=0o600)
    shadow.write_text("".join(f"{name}:*:::::::\n" for name in users), encoding="utf-8")
    for _, home, _ in users.values():
        if home != "/root":
            make_directories(disk, home, 0o700)
    for path, text in files.items():
        make_directories(disk, os.path.dirname(path), 0o755)
        with paths.find(disk, path) as place:
            place.must_change()
            with trees.opened(place.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, place.directory, 0o644) as file:
                os.fchmod(file, 0o644)
                trees.write(file, text.encode())


def make_directories(disk: Path, path: str, mode: int) -> None:
    """Create a directory of the guest and its parents if they are missing."""
    above = ""
    for name in path.strip("/").split("/"):
        above = f"{above}/{name}"
        with paths.find(disk, above) as place:
            try:
                place.stat()
            except FileNotFoundError:
                place.must_change()
                os.mkdir(place.name, dir_fd=place.directory)
                # Whatever the umask of this process.
                os.chmod(place.name, mode if above == path else 0o755, dir_fd=place.directory)
