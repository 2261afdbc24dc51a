# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VMs a world has beside those in its own folder, which ones are being made or deleted, and which ones its product does not list."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from openvix.system import atomic_files

NAME = "inventory.json"


class Inventory:
    """Kept in a file of the world: what is under way is found again by the next daemon, and ended or taken back."""

    def __init__(self, directory: Path):
        self._path, self._lock = directory / NAME, threading.Lock()
        said = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        # Paths of .vmx files; those being made with the directories made for them, those being deleted with the files that go.
        self.elsewhere: list[str] = said.get("elsewhere", [])
        self.making: dict[str, list[str]] = said.get("making", {})
        # The snapshot that is taken for a linked clone which is being made: .vmx of its VM and uid.
        self.taking: dict[str, list] = said.get("taking", {})
        self.deleting: dict[str, list[str]] = said.get("deleting", {})
        self.unregistered: list[str] = said.get("unregistered", [])

    def begin_making(self, path: str, made: list[str], taking: tuple[str, int] | None = None) -> bool:
        """Note that a VM is being made, and a snapshot taken for it; False when another call is at work in its folder."""
        with self._lock:
            if Path(path).parent in {Path(each).parent for each in (*self.making, *self.deleting)}:
                return False
            self.making[path] = made
            if taking:
                self.taking[path] = [*taking]
            self._keep()
            return True

    def end_making(self, path: str, whole: bool) -> None:
        """Note that a VM is whole, or that nothing is left of it."""
        with self._lock:
            self.making.pop(path)
            self.taking.pop(path, None)
            if whole:
                self.elsewhere.append(path)
            self._keep()

    def begin_deleting(self, path: str, files: list[str]) -> None:
        with self._lock:
            self.deleting[path] = files
            self._keep()

    def end_deleting(self, path: str) -> None:
        with self._lock:
            self.deleting.pop(path)
            for listed in (self.elsewhere, self.unregistered):
                if path in listed:
                    listed.remove(path)
            self._keep()

    def register(self, path: str, registered: bool) -> None:
        with self._lock:
            if registered == (path in self.unregistered):
                self.unregistered.remove(path) if registered else self.unregistered.append(path)
                self._keep()

    def _keep(self):
        said = {"elsewhere": self.elsewhere, "making": self.making, "taking": self.taking, "deleting": self.deleting, "unregistered": self.unregistered}
        atomic_files.replace(self._path, json.dumps(said, indent=2).encode())


def folders(directory: Path) -> set[Path]:
    """Return the folders of the VMs of a world that lie elsewhere."""
    path = directory / NAME
    return {Path(each).parent for each in json.loads(path.read_bytes()).get("elsewhere", [])} if path.exists() else set()
