# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine lacks for OpenVIX, and how to get it."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from openvix.backends.qemu.image import images, packages
from openvix.backends.simulated import sandbox
from openvix.system import c_build
from openvix.system.c_build import CannotBuild

# What OpenVIX does for its users, in the order in which it is told.
LIBRARY, PROGRAMS, QEMU, IMAGE = "libvix.so", "programs in simulated guests", "real guests", "the image of real guests"
# The snapshots of QEMU that keep memory are of this version.
OLDEST_QEMU = (7, 2)
COMPILER = ("gcc", "libc6-dev")


class Finding(NamedTuple):
    """One thing that OpenVIX needs: what for, whether it is there, else what is said of that and Debian's packages that have it.

    One that is not needed only makes things better.
    """

    purpose: str
    name: str
    fine: bool
    said: str = ""
    packages: tuple[str, ...] = ()
    needed: bool = True


def look() -> Iterator[Finding]:
    """Yield what OpenVIX needs, each found or not."""
    yield from _libvix()
    yield _sandbox()
    yield from real_guests()
    yield from _image()


def real_guests() -> Iterator[Finding]:
    """Yield what it takes to run real guests, once there is an image."""
    yield _qemu()
    yield _command(QEMU, "qemu-img", "qemu-utils")


def install(findings: list[Finding]) -> str:
    """Return the command that installs what is missing and can be installed on Debian, "" for nothing."""
    wanted = sorted({package for finding in findings if not finding.fine for package in finding.packages})
    return f"apt install --no-install-recommends {' '.join(wanted)}" if wanted else ""


def _libvix() -> Iterator[Finding]:
    try:
        yield Finding(LIBRARY, "C compiler", True, str(c_build.build()))
    except CannotBuild as error:
        # What a compiler says of its mistakes can be long.
        yield Finding(LIBRARY, "C compiler", False, str(error).splitlines()[0], COMPILER)


def _sandbox() -> Finding:
    try:
        sandbox.agent()
    except CannotBuild:
        return Finding(PROGRAMS, "namespaces", False, "are tried with a program that is compiled", COMPILER)
    said = "are not allowed to this user here; files and accounts of simulated guests work all the same"
    return Finding(PROGRAMS, "namespaces", sandbox.is_allowed(), "" if sandbox.is_allowed() else said)


def _command(purpose: str, name: str, package: str, said: str = "is not found", *, needed: bool = True) -> Finding:
    path = images.command(name)
    return Finding(purpose, name, path is not None, path or said, (package,), needed)


def _qemu() -> Finding:
    found = _command(QEMU, "qemu-system-x86_64", "qemu-system-x86")
    if not found.fine:
        return found
    told = subprocess.run([found.said, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False).stdout
    version = re.search(r"version (\d+)\.(\d+)", told)
    if version is None:
        return found._replace(fine=False, said=f"{found.said} does not say its version")
    if tuple(map(int, version.groups())) < OLDEST_QEMU:
        return found._replace(fine=False, said=f"{found.said} is older than {'.'.join(map(str, OLDEST_QEMU))}", packages=())
    return found


def _image() -> Iterator[Finding]:
    if os.uname().machine != images.MACHINE:
        yield Finding(IMAGE, "processor", False, f"the image is built on {images.MACHINE}, and this is {os.uname().machine}")
        return
    yield from (_command(IMAGE, name, package) for name, package in images.COMMANDS.items() if name not in ("apt-get", "apt-cache", "dpkg-deb", "qemu-img"))
    said = "is not found: guests boot and restart more slowly"
    yield _command(IMAGE, "lz4", "lz4", said, needed=False)
    yield _static()
    yield _debian()
    found = images.find()
    yield Finding(IMAGE, "image", found is not None, str(found.root.parent) if found else "is not built: openvix guest build", needed=False)
    old = images.unused()
    if old:
        # None is removed by itself: a machine may be made of one right now, and another OpenVIX that has this cache may need it.
        size = sum(file.stat().st_size for folder in old for file in folder.iterdir()) / 1e6
        names = " ".join(folder.name for folder in old)
        said = f"{len(old)} that no machine of this OpenVIX begins with, {size:.0f} MB: cd {shlex.quote(str(old[0].parent))} && rm -rf {names}"
        yield Finding(IMAGE, "old images", True, said, needed=False)


def _static() -> Finding:
    fault = c_build.lacks_static("crypt")
    return Finding(IMAGE, "static libcrypt", not fault, fault, () if not fault else (*COMPILER, "libcrypt-dev"))


def _debian() -> Finding:
    system = _system()
    if not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb"))):
        return Finding(IMAGE, "Debian's apt", False, f"the image is made of Debian's packages by its apt, and this is {system}")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return Finding(IMAGE, "Debian's apt", True, packages.dependency(images.KERNEL, images.KERNELS, Path(scratch)))
        except CannotBuild:
            why = "; 'apt-get update' (as root) fetches its lists" if system.startswith("Debian") else f": this is {system}"
            return Finding(IMAGE, "Debian's apt", False, f"apt knows no {images.KERNEL}{why}")


def _system() -> str:
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        return "another system"
    return told.get("NAME") or told["ID"]
