# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The root directory of guests that run VMware's vmtoolsd: a small Debian with its package open-vm-tools, installed once and kept in the cache.

Packages are found and downloaded by apt with the machine's own sources. Their scripts run as root in separate namespaces, with this directory as root;
nothing is installed on the host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from openvix.system import c_build, debian_packages, process_locks
from openvix.system.c_build import CannotBuild

TOOLS = "open-vm-tools"
# Without usr-is-merged, apt would choose usrmerge, which needs all of Perl.
PACKAGES = ("?essential", "usr-is-merged", TOOLS)
# What every system has; mount, ps and the like are there because essential packages need them.
MERGED = ("bin", "sbin", "lib", "lib64")
# No guest reads them, and they are half of the files.
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt", "packages")

# What Debian's installer does: the accounts of the system first, and then all packages, whose scripts need them. Nothing is to be started.
INSTALL = """
set -e
mount --make-rprivate /
cd "$1"
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/urandom c 1 9
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot . /bin/sh -c '
    set -e
    printf "#!/bin/sh\\nexit 101\\n" >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    ln -sf mawk /usr/bin/awk
    install="dpkg --force-depends --force-unsafe-io --install"
    $install /packages/base-passwd_*.deb
    $install /packages/base-files_*.deb
    $install /packages/*.deb
    dpkg --audit
'
"""


class WrongVersion(CannotBuild):
    """Debian has open-vm-tools in a version whose behaviour nobody has observed."""


class Root(NamedTuple):
    """A root directory, and the exact version of Debian's package open-vm-tools in it."""

    path: Path
    version: str


def upstream(version: str) -> str:
    """Return the part of a version of Debian's that is VMware's: 12.2.0 of 2:12.2.0-1+deb12u4."""
    return version.rpartition(":")[2].rpartition("-")[0] or version


def find(releases: Sequence[str], say: Callable[[str], None]) -> Root:
    """Return the root with one of these releases of VMware's Tools, such as 12.2, made where the cache has none.

    Args:
        releases: The beginnings of VMware's versions whose behaviour is known, the preferred one first.
        say: Takes a line about what takes long.

    Raises:
        WrongVersion: apt has another release.
        CannotBuild: apt has no package, or it cannot be installed here; not root.
    """
    if os.geteuid() != 0:
        raise CannotBuild("a guest with VMware's own Tools needs root: start the world as root, or choose other tools for the VM")
    place = c_build.cache() / "vmtoolsd"
    place.mkdir(mode=0o700, exist_ok=True)
    with process_locks.alone(place / "lock"):
        for release in releases:
            kept = [path for path in place.glob("*.root") if _is_release(path.name.removesuffix(".root"), [release])]
            if kept:
                newest = max(kept, key=lambda path: path.stat().st_mtime)
                break
        else:
            newest = _make(releases, place, say)
    return Root(newest, newest.name.removesuffix(".root"))


def kept(version: str) -> Root:
    """Return the root with exactly this version of Debian's package. Raises CannotBuild if the cache has it no longer."""
    path = c_build.cache() / "vmtoolsd" / f"{version}.root"
    if not path.is_dir():
        raise CannotBuild(f"the root directory with {TOOLS} {version}, to which the disk of this VM belongs, is missing: {path}")
    return Root(path, version)


def _is_release(version: str, releases: Sequence[str]) -> bool:
    return any(f"{upstream(version)}.".startswith(f"{release}.") for release in releases)


def _make(releases: Sequence[str], place: Path, say: Callable[[str], None]) -> Path:
    """Install a root below a directory, and return its path."""
    with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        (tools,) = debian_packages.find([TOOLS], scratch)
        if not _is_release(tools.version, releases):
            raise WrongVersion(f"apt has {TOOLS} {tools.version}; how it behaves is known of {' and '.join(releases)} alone")
        wanted = debian_packages.find(debian_packages.closure([*PACKAGES], scratch), scratch)
        files = debian_packages.download(wanted, place / "packages", scratch, say)
        say(f"installing {len(files)} packages for a guest with {TOOLS} {tools.version}")
        root = scratch / "root"
        _unpack(files, root)
        _install(root)
        for path in LEFT_OUT:
            shutil.rmtree(root / path, ignore_errors=True)
        kept = place / f"{tools.version}.root"
        os.rename(root, kept)
    return kept


def _unpack(files: list[Path], root: Path) -> None:
    """Lay the files of packages into a new directory, so that their own scripts have what they run on."""
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for file in files:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as unpacked:
            _run(["tar", "--extract", "--keep-directory-symlink", "--directory", str(root)], f"unpacking {file.name}", stdin=unpacked.stdout)
    (root / "packages").mkdir()
    for file in files:
        os.link(file, root / "packages" / file.name)
    (root / "var/lib/dpkg/status").touch()


def _install(root: Path) -> None:
    """Have the packages in a root directory installed by its own dpkg."""
    spaces = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
    _run([*spaces, "sh", "-c", INSTALL, "install", str(root)], "installing packages")


def _run(command: list[str], doing: str, stdin: IO[bytes] | int | None = subprocess.DEVNULL) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, stdin=stdin)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"it ended with {done.returncode}"]
        raise CannotBuild(f"{doing} failed: {said[-1]}")
