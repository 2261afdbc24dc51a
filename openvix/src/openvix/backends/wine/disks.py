# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks of Windows guests: directories with drive C: and, for programs, what Wine needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from openvix.backends.wine import accounts as windows_accounts
from openvix.guest import disks, paths, trees, windows_paths
from openvix.guest.errors import as_vix_errors

# The directories of drive C: in a guest that runs no programs.
DIRECTORIES = (
    "Program Files\\Common Files",
    "Program Files (x86)",
    "ProgramData",
    "Users\\Default",
    "Windows\\System32\\config",
    "Windows\\System32\\drivers\\etc",
    "Windows\\Temp",
)
HOSTS = "C:\\Windows\\System32\\drivers\\etc\\hosts"


def create(place: Path, *, hostname: str, accounts: list[dict], files: dict[str, str], base: Callable[[Path], None] | None = None) -> None:
    """Create a disk with a profile for each account.

    Args:
        place: A path that does not exist.
        hostname: The name of the computer.
        accounts: As in the world file.
        files: {path in the guest: content}.
        base: Creates the directory of the disk with what Wine needs, for a guest that runs programs.

    Raises:
        VixError: Also for a file that cannot exist in the guest; then nothing is left.
    """

    def fill(disk: Path) -> None:
        if base:
            base(disk)
        else:
            disk.mkdir()
            for each in DIRECTORIES:
                _make(disk, f"C:\\{each}")
        for profile in (windows_accounts.PUBLIC, *map(windows_accounts.profile_of, accounts)):
            for folder in windows_accounts.FOLDERS:
                _make(disk, f"{profile}\\{folder}")
        texts = {HOSTS: f"127.0.0.1 localhost\r\n127.0.0.1 {hostname}\r\n", **files}
        for path, text in texts.items():
            _make(disk, path.replace("/", "\\").rpartition("\\")[0] + "\\")
            with paths.find(disk, windows_paths.resolve(disk, path)) as target:
                target.must_change()
                with trees.opened(target.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, target.directory, 0o644) as file:
                    trees.write(file, text.encode())

    with as_vix_errors():
        disks.create_atomically(place, fill)


def are_windows(directory: Path) -> bool:
    """Return whether the disks in the directory of a VM are those of a Windows guest."""
    return any((place / windows_paths.DRIVE[1:]).is_dir() for place in directory.iterdir())


def _make(disk: Path, path: str) -> None:
    disks.make_directories(disk, windows_paths.resolve(disk, path), 0o755)
