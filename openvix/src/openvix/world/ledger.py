# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handle accounting: the ledger in which each client records its handles and buffers (openvix/docs/protocol.md, "The ledger")."""

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
    """Return the content of a ledger, None if it is missing or invalid.

    {"disconnected":, "buffers":, "too_often":, "open": [{"handle":, "type":, "references":}]}
    """
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
    """The ledgers of a world: those of connected clients, and the leaks of clients that have ended."""

    def __init__(self, directory: Path):
        self._directory, self._lock = directory, threading.Lock()
        self._connections: dict[str, int] = {}
        # Of clients that go on without a connection.
        self._lost: set[str] = set()
        # Stored in a file, so that leaks are still known after the daemon was killed.
        self._file = directory.parent / "left.json"
        self._leaks: list[dict] = json.loads(self._file.read_bytes()) if self._file.exists() else []

    def begin(self, name: str) -> None:
        """Register the connection of a client with this ledger."""
        with self._lock:
            self._connections[name] = self._connections.get(name, 0) + 1

    def end(self, name: str, is_lost: bool = False) -> None:
        """Register the end of a connection. With the last one of a client, record its leaks and remove its ledger.

        is_lost: the client goes on, and its ledger is read when its process has ended.
        """
        with self._lock:
            self._connections[name] -= 1
            if not self._connections[name]:
                del self._connections[name]
                if is_lost:
                    self._lost.add(name)
                else:
                    self._record(name)

    def report(self) -> list[dict]:
        """Return a row for each client with open handles or buffers, ended clients first."""
        with self._lock:
            self._sweep()
            rows = [*self._leaks]
            for name in (*self._connections, *self._lost):
                row = _row(name, read(self._directory / name), ended=False)
                rows += [row] if row else []
            return rows

    def forget(self):
        """Forget the leaks of ended clients."""
        with self._lock:
            self._leaks = []
            self._file.unlink(missing_ok=True)

    def _record(self, name: str) -> None:
        row = _row(name, read(self._directory / name), ended=True)
        if row:
            self._leaks.append(row)
            # On a full disk this daemon still knows them.
            with contextlib.suppress(OSError):
                atomic_files.replace(self._file, json.dumps(self._leaks).encode())
        (self._directory / name).unlink(missing_ok=True)
        self._lost.discard(name)

    def _sweep(self):
        # A client may end while no daemon runs; its ledger file is then the only record of it.
        for path in self._directory.iterdir():
            named = NAME.fullmatch(path.name)
            if named and path.name not in self._connections and not _runs(named[1]):
                self._record(path.name)


def _runs(pid: str) -> bool:
    """Return whether a process runs; one that its parent has not waited for has ended."""
    with contextlib.suppress(OSError):
        return Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return False


def _row(name: str, ledger: dict | None, ended: bool) -> dict | None:
    if ledger is None or not (ledger["open"] or ledger["buffers"] or ledger["too_often"]):
        return None
    return {"client": int(name.partition("-")[0]), "ended": ended, **ledger}
