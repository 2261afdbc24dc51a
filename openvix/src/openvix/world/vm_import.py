# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import of VMs that VMware created: their configuration is copied into a world. The original directories are only read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from openvix.config.errors import ConfigError
from openvix.vmware import vmsd, vmx

# A directory with one directory for each VM, or directories of such directories.
DEEPEST = 3
# The files that are copied with the .vmx. The data of disks are not copied, as the guest is a different one; descriptors of disks are small.
KINDS = (".vmsd", ".vmxf", ".nvram", ".vmdk")
LARGEST = 256 * 1024


def find_vms(directory: Path) -> list[Path]:
    """Return the .vmx files below a directory, in the order of their paths."""
    paths = []
    for parent, directories, files in os.walk(directory):
        directories[:] = [] if len(Path(parent).relative_to(directory).parts) >= DEEPEST else sorted(directories)
        paths += [Path(parent, name) for name in files if name.endswith(".vmx") and not name.startswith(".")]
    return sorted(paths)


def readable(paths: list[Path]) -> tuple[list[Path], list[str]]:
    """Return the .vmx files of VMs that can be imported, and the reason for each other one that VMware would not open either."""
    good, problems = [], []
    for path in paths:
        file = path
        try:
            raw = path.read_bytes()
            if vmx.is_foreign(raw):
                raise ValueError("it is not a file of VMware's")
            vmx.read(raw)
            file = path.with_suffix(".vmsd")
            vmsd.read(file.read_bytes() if file.exists() else b"")
        except ValueError as error:
            problems.append(f"{file}: {error}")
        except OSError as error:
            problems.append(f"{file}: {error.strerror}")
        else:
            good.append(path)
    return good, problems


def import_vms(paths: list[Path], world: Path) -> None:
    """Copy readable VMs into a world without a daemon; VMs whose names exist there are skipped. Raises ConfigError and OSError."""
    names = [path.stem for path in paths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        both = " and ".join(str(path) for path in paths if path.stem == twice)
        raise ConfigError(f"cannot import two VMs with the same name: {both}; rename one of the .vmx files")
    for path in paths:
        target = world / "vms" / path.stem
        if not target.exists():
            _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    # Copied under another name first: the daemon removes the remains of an interrupted copy.
    temporary = target.with_name(f".new.{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700)
    for each in sorted(path.parent.iterdir()):
        if each == path or (each.suffix in KINDS and each.is_file() and each.stat().st_size <= LARGEST):
            shutil.copyfile(each, temporary / each.name)
    temporary.rename(target)
