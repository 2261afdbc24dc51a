# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The books that each client keeps of its handles and buffers (openvix/docs/protocol.md, "The ledger"), read while it lives and after its end."""

from __future__ import annotations

import contextlib
import json
import re
import struct
import threading
from pathlib import Path

from openvix.system import atomic_files

MAGIC = b"OVLEDGR2"
HEAD = struct.Struct("<8sqqqq")
SLOT = struct.Struct("<iiii")
SLOTS = 65536
NAME = re.compile(r"(\d+)-[A-Za-z0-9_-]+\.ledger")


def read(path: Path) -> dict | None:
    """Return what a ledger says: {"disconnected":, "buffers":, "too_often":, "open": [{"handle":, "type":, "references":}]}; None when it says nothing."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        head = file.read(HEAD.size)
        if len(head) < HEAD.size:
            return None
        magic, buffers, used, disconnected, too_often = HEAD.unpack(head)
        if magic != MAGIC:
            return None
        slots = file.read(min(max(used, 0), SLOTS) * SLOT.size)
        whole = slots[: len(slots) // SLOT.size * SLOT.size]
        still = [{"handle": handle, "type": kind, "references": references} for handle, kind, references, _ in SLOT.iter_unpack(whole) if references]
        return {"disconnected": bool(disconnected), "buffers": buffers, "too_often": too_often, "open": still}
    return None


class Ledgers:
    """The ledgers of a world: those of clients that are connected, and what ended clients left open."""

    def __init__(self, folder: Path):
        self._folder, self._lock = folder, threading.Lock()
        self._connections: dict[str, int] = {}
        # Kept in a file: a leak is not forgotten when the daemon is killed.
        self._kept = folder.parent / "left.json"
        self._left: list[dict] = json.loads(self._kept.read_bytes()) if self._kept.exists() else []

    def begin(self, name: str) -> None:
        """A client that keeps this ledger has connected."""
        with self._lock:
            self._connections[name] = self._connections.get(name, 0) + 1

    def end(self, name: str) -> None:
        """A connection has ended: with the last one of a client its ledger is booked and removed."""
        with self._lock:
            self._connections[name] -= 1
            if not self._connections[name]:
                del self._connections[name]
                self._book(name)

    def report(self) -> list[dict]:
        """Return a row for every client that has anything open, the ended ones first."""
        with self._lock:
            self._sweep()
            rows = [*self._left]
            for name in self._connections:
                row = _row(name, read(self._folder / name), ended=False)
                rows += [row] if row else []
            return rows

    def forget(self):
        """Forget what ended clients left open."""
        with self._lock:
            self._left = []
            self._kept.unlink(missing_ok=True)

    def _book(self, name: str) -> None:
        row = _row(name, read(self._folder / name), ended=True)
        if row:
            self._left.append(row)
            atomic_files.replace(self._kept, json.dumps(self._left).encode())
        (self._folder / name).unlink(missing_ok=True)

    def _sweep(self):
        # A client may end while no daemon serves: its ledger is all that tells of it.
        for path in self._folder.iterdir():
            named = NAME.fullmatch(path.name)
            if named and path.name not in self._connections and not Path("/proc", named[1]).exists():
                self._book(path.name)


def _row(name: str, books: dict | None, ended: bool) -> dict | None:
    if books is None or not (books["open"] or books["buffers"] or books["too_often"]):
        return None
    return {"client": int(name.partition("-")[0]), "ended": ended, **books}
