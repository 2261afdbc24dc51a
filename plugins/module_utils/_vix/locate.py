# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding libvix where VMware's products, packages and OpenVIX install it (docs/vix-semantics.md, section 2)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from .errors import LibraryNotFound

if TYPE_CHECKING:
    from typing import Iterator

NAME = "libvixAllProducts.so"
FUSION = "/Applications/VMware Fusion.app/Contents/Public/libvixAllProducts.dylib"
# The user's own wins, as with VMware's wrapper.
CONFIGS = ("~/.vmware/config", "/etc/vmware/config")
PLACES = ("/usr/lib/vmware-vix", "/usr/lib", "/usr/lib64/vmware-vix", "/usr/lib/vmware-vix/lib", "/opt/vmware/lib/vmware-vix")
LIBDIR = re.compile(r'^\s*vix\.libdir\s*=\s*"(.*)"\s*$', re.MULTILINE)


def find(chosen: str | None = None, root: str = "/") -> str:
    """Return the path of libvix: the chosen one, or the first one that exists. Raises LibraryNotFound with every path tried.

    chosen: the option library or VIX_LIBRARY, the only path tried if it is set; root: root directory of the machine.
    """
    seen = places(chosen, root)
    found = [path for path, dummy, is_there in seen if is_there]
    if found:
        return found[0]
    tried = ", ".join(f"{path} ({why})" for path, why, dummy in seen)
    advice = "install VMware Workstation or Fusion, or set library or VIX_LIBRARY to its path"
    if _is_wsl(root):
        advice = "the Windows Subsystem for Linux cannot load the VIX library of VMware for Windows: run the task on a Linux or macOS VM host"
    raise LibraryNotFound(f"no VIX library was found; looked for {tried}; {advice}", doing="loading libvix")


def places(chosen: str | None = None, root: str = "/") -> list[tuple[str, str, bool]]:
    """Return path, reason, and whether it exists, for each possible path of libvix in order."""
    candidates = [("chosen", chosen)] if chosen else _candidates(root)
    return [(path, why, os.path.isfile(path)) for why, path in candidates]


def wrapper_logs() -> str:
    """Return the directory in which VMware's wrapper library writes its log, vmware-vixWrapper-PID.log. The user may own it, or the parent may not exist."""
    import pwd  # where users are: not on Windows, which has no worker either

    place = os.environ.get("TMPDIR") or "/tmp"
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = f"uid-{os.geteuid()}"
    return os.path.join(place if os.path.isdir(place) else "/tmp", f"vmware-{user}")


def _candidates(root: str) -> Iterator[tuple[str, str]]:
    for config in CONFIGS:
        for libdir in _libdirs(_under(root, os.path.expanduser(config))):
            yield f"vix.libdir of {config}", os.path.join(_under(root, libdir), NAME)
    for place in PLACES:
        yield "usual place", os.path.join(_under(root, place), NAME)
    yield "Fusion", _under(root, FUSION)


def _libdirs(config: str) -> list[str]:
    try:
        with open(config, encoding="utf-8", errors="replace") as lines:
            return LIBDIR.findall(lines.read())
    except OSError:  # VMware is not installed, or its configuration is not readable
        return []


def _is_wsl(root: str) -> bool:
    try:
        with open(_under(root, "/proc/version"), encoding="utf-8", errors="replace") as file:
            return "microsoft" in file.read().lower()
    except OSError:
        return False


def _under(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))
