# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Atomic changes of files, also if the daemon is killed meanwhile."""

from __future__ import annotations

import json
import os
from pathlib import Path

from openvix.system import fault_context

NAME = "journal.json"


def replace(path: Path, content: bytes) -> None:
    """Replace the content of a file atomically."""
    os.replace(_written(path, content), path)


def commit(directory: Path, changes: dict[Path, bytes | None]) -> None:
    """Change several files atomically; None removes a file. Once the journal has been written to the directory, the change is permanent."""
    journal, done = directory / NAME, False
    try:
        # Write all new contents first: if the disk is full, nothing has changed.
        for path, content in changes.items():
            if content is not None:
                _written(path, content)
        if len(changes) > 1:
            replace(journal, json.dumps({str(path.relative_to(directory.parent)): content is not None for path, content in changes.items()}).encode())
        done = True
    finally:
        if not done:
            for path in (journal, *changes):
                _temporary(path).unlink(missing_ok=True)
    _carry_out({path: content is not None for path, content in changes.items()})
    if len(changes) > 1:
        journal.unlink()


def recover(directory: Path) -> None:
    """Finish a commit that was interrupted."""
    journal = directory / NAME
    if journal.exists():
        _carry_out({directory.parent / name: stays for name, stays in json.loads(journal.read_bytes()).items()})
        journal.unlink()


def _carry_out(changes: dict[Path, bool]) -> None:
    for path, stays in changes.items():
        if not stays:
            path.unlink(missing_ok=True)
        elif _temporary(path).exists():
            os.replace(_temporary(path), path)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _written(path: Path, content: bytes) -> Path:
    temporary = _temporary(path)
    try:
        with open(temporary, "wb") as file:
            fault_context.use_space(len(content))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # On a full disk, its space is given back.
        temporary.unlink(missing_ok=True)
        raise
    return temporary
