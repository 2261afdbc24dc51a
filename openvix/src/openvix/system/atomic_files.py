# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that change as a whole or not at all, whatever moment the daemon is killed in."""

from __future__ import annotations

import json
import os
from pathlib import Path

from openvix.system import fault_context

NAME = "journal.json"


def replace(path: Path, content: bytes) -> None:
    """Put this content in the place of a file: readers see the old or the new one, never a part."""
    os.replace(_written(path, content), path)


def commit(folder: Path, changes: dict[Path, bytes | None]) -> None:
    """Change several files at once (None removes one); the journal in this folder is the moment from which all are changed."""
    journal, whole = folder / NAME, False
    try:
        # What needs room on the disk comes first: where there is none, nothing has happened.
        for path, content in changes.items():
            if content is not None:
                _written(path, content)
        if len(changes) > 1:
            replace(journal, json.dumps({str(path.relative_to(folder.parent)): content is not None for path, content in changes.items()}).encode())
        whole = True
    finally:
        if not whole:
            for path in (journal, *changes):
                _beside(path).unlink(missing_ok=True)
    _carry_out({path: content is not None for path, content in changes.items()})
    if len(changes) > 1:
        journal.unlink()


def recover(folder: Path) -> None:
    """Finish a commit that was interrupted."""
    journal = folder / NAME
    if journal.exists():
        _carry_out({folder.parent / name: stays for name, stays in json.loads(journal.read_bytes()).items()})
        journal.unlink()


def _carry_out(changes: dict[Path, bool]) -> None:
    for path, stays in changes.items():
        if not stays:
            path.unlink(missing_ok=True)
        elif _beside(path).exists():
            os.replace(_beside(path), path)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _written(path: Path, content: bytes) -> Path:
    beside = _beside(path)
    with open(beside, "wb") as file:
        fault_context.need(len(content))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return beside
