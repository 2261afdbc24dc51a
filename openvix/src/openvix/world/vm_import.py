# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs that VMware made: what tells of them is copied into a world, and their own folders are only read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from openvix.config.errors import ConfigError
from openvix.vmware import vmsd, vmx

# A folder of VMs, one for each with what belongs to it, and folders of such folders.
DEEPEST = 3
# What is taken besides the .vmx. A disk is not: the guest in it is another one. What describes one is small.
KINDS = (".vmsd", ".vmxf", ".nvram", ".vmdk")
LARGEST = 256 * 1024


def found(directory: Path) -> list[Path]:
    """Return the .vmx files below a directory, in the order of their paths."""
    paths = []
    for folder, folders, files in os.walk(directory):
        folders[:] = [] if len(Path(folder).relative_to(directory).parts) >= DEEPEST else sorted(folders)
        paths += [Path(folder, name) for name in files if name.endswith(".vmx") and not name.startswith(".")]
    return sorted(paths)


def adopt(paths: list[Path], world: Path) -> None:
    """Copy VMs into a world that nobody serves; one whose name it has already is left as it is."""
    names = [path.stem for path in paths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        both = " and ".join(str(path) for path in paths if path.stem == twice)
        raise ConfigError(f"two VMs have the same name: {both}")
    for path in paths:
        place = world / "vms" / path.stem
        if not place.exists():
            _copy(path, place)


def _copy(path: Path, place: Path) -> None:
    try:
        vmx.read(path.read_bytes())
        metadata = path.with_suffix(".vmsd")
        vmsd.read(metadata.read_bytes() if metadata.exists() else b"")
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} cannot be taken for a VM: {error}") from None
    # The world clears away what is left of one that was not copied to its end.
    beside = place.with_name(f".new.{place.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    for each in sorted(path.parent.iterdir()):
        if each == path or (each.suffix in KINDS and each.is_file() and each.stat().st_size <= LARGEST):
            shutil.copyfile(each, beside / each.name)
    beside.rename(place)
