# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PowerShell for Windows guests, which the user brings: kept in the cache, and shown to all guests read-only."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

from openvix.system import c_build
from openvix.system.c_build import CannotBuild

PROGRAM = "pwsh.exe"
# The name that Windows PowerShell has, in the same directory.
WINDOWS_PROGRAM = "powershell.exe"
MISSING = "this guest has no PowerShell: bring one with 'openvix guest powershell PATH', a directory or archive such as PowerShell-7.x-win-x64.zip"


def find() -> Path | None:
    """Return the directory of PowerShell, None if the user has brought none."""
    place = (c_build.cache() / "powershell" / "current").resolve()
    return place if (place / WINDOWS_PROGRAM).is_file() else None


def bring(source: Path) -> Path:
    """Copy PowerShell from a directory or an archive into the cache, and return its directory there. Raises CannotBuild.

    Another one stays in the cache: guests that run have it.
    """
    kept = c_build.cache() / "powershell"
    kept.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept, prefix=".new-") as scratch:
        unpacked = Path(scratch, "unpacked")
        try:
            _unpack(source, unpacked)
        except (OSError, shutil.Error, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise CannotBuild(f"{source} cannot be read: {error}") from None
        found = sorted(unpacked.rglob(PROGRAM), key=lambda path: len(path.parts))
        if not found:
            raise CannotBuild(f"{source} has no {PROGRAM}: pass the directory or archive of PowerShell 7 for Windows x64")
        directory = found[0].parent
        program = directory / PROGRAM
        if not _is_for_machine(program):
            raise CannotBuild(f"{PROGRAM} in {source} is not a program for Windows x64")
        (directory / WINDOWS_PROGRAM).unlink(missing_ok=True)
        os.link(program, directory / WINDOWS_PROGRAM)
        for each in (directory, *directory.rglob("*")):
            each.chmod(0o755 if each.is_dir() or each.suffix.lower() in (".exe", ".dll") else 0o644)
        place = kept / _key(directory)
        if not place.exists():
            os.rename(directory, place)
        link = Path(scratch, "link")
        link.symlink_to(place.name)
        os.replace(link, kept / "current")
    return place.resolve()


def _key(directory: Path) -> str:
    """Return a name for this PowerShell: another one has another name."""
    key = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            key.update(f"{path.relative_to(directory)} ".encode("utf-8", "surrogateescape"))
            with open(path, "rb") as file:
                key.update(hashlib.file_digest(file, "sha256").digest())
    return key.hexdigest()[:16]


def _unpack(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif zipfile.is_zipfile(source):
        target.mkdir()
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    else:
        target.mkdir()
        with tarfile.open(source) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                place = Path(os.path.normpath(target / member.name))
                # PowerShell has nothing but files; an archive may be anything.
                if content and place.is_relative_to(target):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with open(place, "wb") as file:
                        shutil.copyfileobj(content, file)


def _is_for_machine(program: Path) -> bool:
    """Return whether a file is a program for Windows x64."""
    with open(program, "rb") as file:
        head = file.read(4096)
    at = int.from_bytes(head[0x3C:0x40], "little")
    return head[:2] == b"MZ" and head[at : at + 6] == b"PE\0\0\x64\x86"
