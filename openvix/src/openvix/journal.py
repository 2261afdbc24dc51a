# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that change as a whole or not at all, whatever moment the daemon is killed in."""

from __future__ import annotations

import json
import os
from pathlib import Path

NAME = "journal.json"


def replace(path: Path, content: bytes):
    """Put this content in the place of a file: readers see the old or the new one, never a part."""
    beside = path.with_name(f".{path.name}.new")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def commit(folder: Path, changes: dict[Path, bytes | None]):
    """Change several files at once (None removes one); the journal in this folder is the moment from which all are changed."""
    journal = folder / NAME
    if len(changes) > 1:
        replace(journal, json.dumps({str(path.relative_to(folder.parent)): _text(content) for path, content in changes.items()}).encode())
    carry_out(changes)
    journal.unlink(missing_ok=True)


def recover(folder: Path):
    """Finish a commit that was interrupted."""
    journal = folder / NAME
    if journal.exists():
        changes = json.loads(journal.read_bytes())
        carry_out({folder.parent / name: None if text is None else text.encode("latin-1") for name, text in changes.items()})
        journal.unlink()


def carry_out(changes: dict[Path, bytes | None]):
    for path, content in changes.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            replace(path, content)


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("latin-1")
