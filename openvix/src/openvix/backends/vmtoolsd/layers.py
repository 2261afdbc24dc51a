# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks of guests with VMware's Tools: a layer over the root directory that all of them share, which contains what a guest has changed.

A disk is a directory with "upper", the layer of overlayfs, its "work", and "version", the version of the root.
"""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from openvix.backends.vmtoolsd import guest, root
from openvix.backends.vmtoolsd.root import Root
from openvix.guest import disks
from openvix.guest.errors import as_vix_errors
from openvix.system.c_build import CannotBuild
from openvix.vix import constants
from openvix.vix.errors import VixError

# VMware's releases whose behaviour has been observed (docs/vix-semantics.md, sections 16 to 20), the one that is preferred first.
RELEASES = ("12.2", "12.5")
# What vmtoolsd calls to shut the guest down, which has no init of Debian's; by the name of the program, the signal for the init of OpenVIX.
SHUTDOWN = """#!/bin/sh
case "$(basename "$0") $*" in
*reboot*|*-r*) kill -USR2 1 ;;
*) kill -USR1 1 ;;
esac
"""
SHUTDOWN_NAMES = ("shutdown", "poweroff", "halt", "reboot")


def create(place: Path, *, hostname: str, accounts: Sequence[dict], processes: Sequence[dict], files: dict[str, str]) -> None:
    """Create a disk with these accounts, owners of processes and files.

    Args:
        place: A path that does not exist.
        hostname: The name of the guest.
        accounts: As in the world file.
        processes: As in the world file; their owners become users of the guest.
        files: {path in the guest: content}.

    Raises:
        VixError: The message says why this host cannot run such a guest, or which file cannot exist in it.
    """
    try:
        found = root.find(RELEASES, lambda line: None)
        with as_vix_errors():
            disks.create_atomically(place, lambda disk: _fill(disk, found, hostname, _script(hostname, accounts, processes, files), list(files.values())))
    except CannotBuild as reason:
        raise VixError(constants.VIX_E_NOT_SUPPORTED, str(reason)) from reason


def copy(source: Path, target: Path) -> None:
    """Copy a disk atomically to a path that does not exist; the guest may be paused. Raises VixError."""
    with as_vix_errors():
        disks.create_atomically(target, lambda disk: _copy(source, disk))


def root_of(place: Path) -> Root:
    """Return the root of a disk. Raises CannotBuild if the cache has it no longer."""
    return root.kept((place / "version").read_text(encoding="utf-8"))


def _copy(source: Path, target: Path) -> None:
    _new(target, (source / "version").read_text(encoding="utf-8"))
    # Owners, extended attributes and the devices by which overlayfs marks what is deleted belong to a layer.
    command = ["cp", "--archive", "--reflink=auto", "--", f"{source}/upper", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise OSError(errno.ENOSPC if "No space left" in done.stderr else errno.EIO, f"copying a disk failed: {done.stderr.strip().splitlines()[-1:]}")


def _new(disk: Path, version: str) -> None:
    for path in (disk, disk / "upper", disk / "work"):
        path.mkdir()
        path.chmod(0o755)
    (disk / "version").write_text(version, encoding="utf-8")


def _fill(disk: Path, root: Root, hostname: str, script: str, contents: list[str]) -> None:
    _new(disk, root.version)
    with tempfile.TemporaryDirectory(prefix="layer-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        shared = guest.lay_shared(place, script)
        for number, content in enumerate(contents):
            (shared / f"file{number}").write_text(content, encoding="utf-8")
            (shared / f"file{number}").chmod(0o644)
        process = guest.start(root.path, place, disk, hostname, subprocess.DEVNULL)
        if process.wait():
            said = guest.log(place).strip().splitlines() or [f"it ended with {process.returncode}"]
            raise VixError(constants.VIX_E_FAIL, f"preparing the guest failed: {said[-1]}")


def _script(hostname: str, accounts: Sequence[dict], processes: Sequence[dict], files: dict[str, str]) -> str:
    """Return the script for the guest's bash that prepares a new disk."""
    hosts = f"127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n"
    owners = sorted({process.get("owner") or "root" for process in processes})
    return "\n".join(
        [
            "set -e",
            guest.accounts_script(accounts),
            *(f"id -u {shlex.quote(name)} >/dev/null 2>&1 || useradd --badname --shell /usr/sbin/nologin {shlex.quote(name)}" for name in owners),
            f"printf %s {shlex.quote(hosts)} >/etc/hosts",
            f"echo {hostname} >/etc/hostname",
            *(_program(f"/usr/local/sbin/{name}", SHUTDOWN) for name in SHUTDOWN_NAMES),
            *(f"[ -e /sbin/{name} ] || ln -s /usr/local/sbin/{name} /sbin/{name}" for name in SHUTDOWN_NAMES),
            # Before VMware's program of this name in the PATH, which has its transport built in.
            f"ln -s /{guest.SHARED}/rpctool /usr/local/bin/vmware-rpctool",
            *(f"install -D --mode=644 /{guest.SHARED}/file{number} {shlex.quote(path)}" for number, path in enumerate(files)),
        ]
    )


def _program(path: str, text: str) -> str:
    return f"printf %s {shlex.quote(text)} >{path}; chmod 755 {path}"
