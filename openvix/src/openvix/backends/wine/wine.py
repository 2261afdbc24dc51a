# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wine of this computer: whether it can run the programs of Windows guests, and its environment."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from openvix.backends.simulated import sandbox
from openvix.guest import windows_paths
from openvix.system import c_build
from openvix.system.c_build import CannotBuild

# The programs of the distribution's packages; guests see the host's /usr.
WINE, SERVER = "/usr/bin/wine", "/usr/bin/wineserver"
INSTALL = "on Debian: apt install --no-install-recommends wine wine64"
MACHINE = "x86_64"
# The environment of Wine itself, which programs of Windows do not see. Menus are not made: they would be files of a Linux desktop.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "WINEPREFIX": windows_paths.PREFIX,
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mshtml=;winemenubuilder.exe=",
    "DISPLAY": "",
}
# Time limit for Wine's version, in seconds.
SECONDS = 30


def missing() -> str:
    """Return why Windows guests cannot run programs on this computer, "" if they can."""
    if os.uname().machine != MACHINE:
        return f"Wine runs Windows guests on {MACHINE} only; this computer is {os.uname().machine}"
    for path in (WINE, SERVER):
        if not os.access(path, os.X_OK):
            return f"{path} not found; {INSTALL}"
    if not sandbox.is_allowed():
        return "namespaces are not permitted for this user (see openvix doctor)"
    try:
        tools()
    except CannotBuild as error:
        return str(error)
    return ""


def tools() -> Path:
    """Return the path of the part of the guest tools that runs in Windows guests, compiled at first use. Raises CannotBuild."""
    return c_build.compile_windows(c_build.source_directory("windows_tools") / "tools.c", "vmtoolsd.exe")


@functools.cache
def version() -> str:
    """Return the version of Wine, such as "wine-8.0 (Debian 8.0~repack-4)". Raises CannotBuild."""
    try:
        done = subprocess.run([WINE, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, errors="replace", check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(f"{WINE} does not report its version: {error}") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("wine-")]
    if done.returncode or not lines:
        raise CannotBuild(f"{WINE} does not report its version: {done.stderr.strip()[-200:]}")
    return lines[0]
