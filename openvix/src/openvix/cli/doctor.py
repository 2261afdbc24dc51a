# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements of OpenVIX: which are missing on this computer, and how to install them."""

from __future__ import annotations

import contextlib
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

from openvix.backends.qemu.image import images
from openvix.backends.simulated import sandbox
from openvix.backends.wine import powershell, wine
from openvix.system import c_build, debian_packages
from openvix.system.c_build import CannotBuild

# The parts of OpenVIX that have requirements, in the order of the report.
LIBRARY, PROGRAMS, QEMU, IMAGE = "libvix.so", "programs in simulated guests", "QEMU guests", "image of QEMU guests"
WINDOWS = "programs in Windows guests"
# Snapshots with memory require this version.
OLDEST_QEMU = (7, 2)
COMPILER = ("gcc", "libc6-dev")
# The first Debian whose kernels are packed by zstd.
ZSTD_SINCE = 13


class Finding(NamedTuple):
    """One requirement of OpenVIX.

    purpose: the part of OpenVIX that has the requirement; fine: whether it is met; message: a path if it is met, else a message; packages: Debian's packages
    that provide it; needed: False if it is optional.
    """

    purpose: str
    name: str
    fine: bool
    message: str = ""
    packages: tuple[str, ...] = ()
    needed: bool = True


def look() -> Iterator[Finding]:
    """Yield all requirements."""
    yield from _libvix()
    yield _sandbox()
    yield from windows_guests()
    yield from real_guests()
    yield from _image()


def windows_guests() -> Iterator[Finding]:
    """Yield the requirements for programs in simulated Windows guests. They are optional, and their packages are not part of the one command."""
    missing = wine.missing()
    yield Finding(WINDOWS, "Wine", not missing, missing or wine.WINE, needed=False)
    directory = powershell.find()
    message = str(directory) if directory else "not brought; take it from a directory or archive with: openvix guest powershell PATH"
    yield Finding(WINDOWS, "PowerShell", directory is not None, message, needed=False)


def real_guests() -> Iterator[Finding]:
    """Yield the requirements for running QEMU guests from an image that has been built."""
    yield _qemu()
    yield _command(QEMU, "qemu-img", "qemu-utils")


def install(findings: list[Finding]) -> str:
    """Return the command that installs the missing packages on Debian, "" if there are none."""
    wanted = sorted({package for finding in findings if not finding.fine for package in finding.packages})
    return f"apt install --no-install-recommends {' '.join(wanted)}" if wanted else ""


def _libvix() -> Iterator[Finding]:
    try:
        yield Finding(LIBRARY, "C compiler", True, str(c_build.build()))
    except CannotBuild as error:
        # The output of a compiler can be long.
        yield Finding(LIBRARY, "C compiler", False, str(error).splitlines()[0], COMPILER)


def _sandbox() -> Finding:
    try:
        sandbox.helper()
    except CannotBuild:
        return Finding(PROGRAMS, "namespaces", False, "cannot be tested: the test program needs a C compiler", COMPILER)
    message = "are not permitted for this user: programs cannot run in simulated guests; their files and accounts work"
    return Finding(PROGRAMS, "namespaces", sandbox.is_allowed(), "" if sandbox.is_allowed() else message)


def _command(purpose: str, name: str, package: str, message: str = "not found", *, needed: bool = True) -> Finding:
    path = images.command(name)
    return Finding(purpose, name, path is not None, path or message, (package,), needed)


def _qemu() -> Finding:
    found = _command(QEMU, "qemu-system-x86_64", "qemu-system-x86")
    if not found.fine:
        return found
    output = subprocess.run([found.message, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False).stdout
    version = re.search(r"version (\d+)\.(\d+)", output)
    if version is None:
        return found._replace(fine=False, message=f"no version number found in the output of {found.message} --version")
    if tuple(map(int, version.groups())) < OLDEST_QEMU:
        return found._replace(fine=False, message=f"{found.message} is older than {'.'.join(map(str, OLDEST_QEMU))}", packages=())
    return found


def _image() -> Iterator[Finding]:
    if os.uname().machine != images.MACHINE:
        yield Finding(IMAGE, "processor", False, f"the guest image can only be built on {images.MACHINE}; this computer is {os.uname().machine}")
        return
    yield from (_command(IMAGE, name, package) for name, package in images.COMMANDS.items() if name not in ("apt-get", "apt-cache", "dpkg-deb", "qemu-img"))
    unpacker = _unpacker()
    yield _command(IMAGE, unpacker, unpacker, "not found: guests boot and restart more slowly", needed=False)
    yield _static()
    yield _debian()
    found = images.find()
    yield Finding(IMAGE, "image", found is not None, str(found.root.parent) if found else "not built; build it with: openvix guest build", needed=False)
    old = images.unused()
    if old:
        # They are not removed automatically: a VM may be created from one at this moment, and another OpenVIX version may share this cache.
        size = sum(file.stat().st_size for directory in old for file in directory.iterdir()) / 1e6
        names = " ".join(directory.name for directory in old)
        command = f"cd {shlex.quote(str(old[0].parent))} && rm -rf {names}"
        message = f"{len(old)} images, which this version does not use, take {size:.0f} MB; remove them with: {command}"
        yield Finding(IMAGE, "old images", True, message, needed=False)


def _unpacker() -> str:
    """Return the command that unpacks the kernel of this computer's Debian."""
    with contextlib.suppress(OSError, ValueError):
        if int(platform.freedesktop_os_release().get("VERSION_ID", "")) >= ZSTD_SINCE:
            return "zstd"
    return "lz4"


def _static() -> Finding:
    fault = c_build.lacks_static("crypt")
    return Finding(IMAGE, "static libcrypt", not fault, fault, () if not fault else (*COMPILER, "libcrypt-dev"))


def _debian() -> Finding:
    system = _system()
    if not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb"))):
        return Finding(IMAGE, "Debian's apt", False, f"the image is built from Debian's packages with apt; this is {system}")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return Finding(IMAGE, "Debian's apt", True, debian_packages.dependency(images.KERNEL, images.KERNELS, Path(scratch)))
        except CannotBuild:
            is_debian = system.startswith("Debian")
            why = "; run 'apt-get update' as root to fetch the package lists" if is_debian else f": this is {system}, not Debian"
            return Finding(IMAGE, "Debian's apt", False, f"apt finds no package {images.KERNEL}{why}")


def _system() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "another system"
    return release.get("NAME") or release["ID"]
