# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of disks on which Wine runs programs: made once by Wine for each of its versions, and kept in the cache.

Wine's own files are links of the disk into the host's /usr, which every sandbox shows read-only. So all guests share them, a new disk takes a few MB on
any file system, and no guest can change those of another.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
from collections import defaultdict
from pathlib import Path

from openvix.backends.simulated import sandbox
from openvix.backends.wine import accounts, wine
from openvix.guest import disks, trees, windows_paths
from openvix.guest.errors import as_vix_errors
from openvix.system import c_build, process_locks
from openvix.system.c_build import CannotBuild

# Change it with the content of the base.
FORMAT = 1
# Directories of the host with files that Wine copies into a new prefix.
SHARED = ("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", "/usr/share/wine/nls", "/usr/share/wine/winmd", "/usr/share/wine/fonts")
# A link takes as much space as a small file.
SMALLEST = 4096
# Where PowerShell is: one directory of the host, which Windows has at two places.
POWERSHELL = "/opt/powershell"
POWERSHELL_PLACES = ("windows/system32/WindowsPowerShell/v1.0", "Program Files/PowerShell/7")
# Requests to the part of the tools that runs in the guest, and the names of users for Wine.
REQUESTS, USERS = "/run/openvix", "/run/openvix/users"
PASSWD = "{name}:x:0:0::/root:/bin/sh\n"


def lay(disk: Path) -> None:
    """Create the directory of a disk with the base. Raises OSError, VixError."""
    trees.copy(None, str(require()), None, str(disk), "", disks.EXACT)


def require() -> Path:
    """Return the directory of the base. Raises OSError with what is missing."""
    try:
        return base()
    except CannotBuild as error:
        raise FileNotFoundError(f"a Windows guest with programs needs Wine: {error}") from None


def base() -> Path:
    """Return the directory of the base; it is made if it is missing, which takes some 10 s. Raises CannotBuild, OSError."""
    missing = wine.missing()
    if missing:
        raise CannotBuild(missing)
    above = c_build.cache() / "wine"
    above.mkdir(mode=0o700, exist_ok=True)
    place = above / hashlib.sha256(f"{FORMAT} {wine.version()}".encode()).hexdigest()[:16]
    if not place.is_dir():
        with process_locks.alone(above / "lock"):
            if not place.is_dir():
                with as_vix_errors():
                    disks.create_atomically(place, _make)
    return place


def _make(place: Path) -> None:
    disks.create(place, hostname="base", accounts=[], files={})
    for path in (windows_paths.PREFIX, POWERSHELL, USERS):
        os.makedirs(f"{place}{path}")
    (place / "etc" / "passwd").write_text(PASSWD.format(name=accounts.SYSTEM), encoding="utf-8")
    init = sandbox.start(place, "base", [], lambda init: None)
    try:
        line = f"wineboot --init >/tmp/log 2>&1 && {wine.SERVER} --wait"
        code = sandbox.run(init, wine.ENVIRONMENT, "/bin/sh", ["sh", "-c", line]).exit_code()
    finally:
        sandbox.stop(init)
    if code or not (place / "windows" / "drive_c" / "windows" / "system32" / "cmd.exe").exists():
        said = (place / "tmp" / "log").read_text(encoding="utf-8", errors="replace").strip()
        raise CannotBuild(f"Wine could not make the files of a Windows guest (exit code {code}): {said[-500:]}")
    _share(place / "windows")
    _arrange(place / "windows")
    for each in (place / "tmp").iterdir():
        trees.remove(None, str(each)) if each.is_dir() else each.unlink()


def _share(prefix: Path) -> None:
    """Replace copies of the host's files by links to them."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for shared in filter(os.path.isdir, SHARED):
        for name in sorted(os.listdir(shared)):
            other = f"{shared}/{name}"
            if os.path.isfile(other) and os.stat(other).st_size >= SMALLEST:
                by_size[os.stat(other).st_size].append(other)
    for directory, _, names in os.walk(prefix):
        for name in names:
            path = Path(directory, name)
            if path.is_symlink():
                continue
            found = by_size.get(path.stat().st_size, ())
            same = next((each for each in found if filecmp.cmp(path, each, shallow=False)), None)
            if same:
                path.unlink()
                path.symlink_to(same)


def _arrange(prefix: Path) -> None:
    """Make of Wine's drive what Windows has, without ways to the files of Linux."""
    drive = prefix / "drive_c"
    (drive / "users").rename(drive / "Users")
    (prefix / "dosdevices" / "z:").unlink(missing_ok=True)
    # Wine would write its files anew when the host's are newer.
    (prefix / ".update-timestamp").write_text("disable\n", encoding="ascii")
    for directory, folders, names in os.walk(drive):
        for name in (*folders, *names):
            path = Path(directory, name)
            # Directories of a profile, which Wine links to those of the user's desktop.
            if path.is_symlink() and not os.readlink(path).startswith("/usr/"):
                path.unlink()
                path.mkdir()
    for each in POWERSHELL_PLACES:
        # Wine has a powershell.exe that does nothing.
        path = drive / each
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(POWERSHELL)
    for each in ("windows/system32/config", "windows/system32/drivers/etc", "windows/temp", "ProgramData"):
        (drive / each).mkdir(parents=True, exist_ok=True)
