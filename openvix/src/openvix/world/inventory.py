# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of a world: VMs outside its directory, VMs that are being created or deleted, and unregistered VMs."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from openvix.system import atomic_files

NAME = "inventory.json"


class Inventory:
    """The inventory, stored in a file so that the next daemon can finish or roll back interrupted operations."""

    def __init__(self, directory: Path):
        self._path, self._lock = directory / NAME, threading.Lock()
        saved = json.loads(self._path.read_bytes()) if self._path.exists() else {}
        # All by the paths of .vmx files. creating: the new directories, deleting: the files to remove.
        self.elsewhere: list[str] = saved.get("elsewhere", [])
        self.creating: dict[str, list[str]] = saved.get("making", {})
        # The snapshot that is being taken for a new linked clone: .vmx of its VM, and uid.
        self.taking: dict[str, list] = saved.get("taking", {})
        self.deleting: dict[str, list[str]] = saved.get("deleting", {})
        self.unregistered: list[str] = saved.get("unregistered", [])

    def begin_creating(self, path: str, made: list[str], taking: tuple[str, int] | None = None) -> bool:
        """Record that a VM is being created.

        made: the new directories; taking: the snapshot that is taken for it. Returns False if another call works in the same directory.
        """
        with self._lock:
            if Path(path).parent in {Path(each).parent for each in (*self.creating, *self.deleting)}:
                return False
            self.creating[path] = made
            if taking:
                self.taking[path] = [*taking]
            self._save()
            return True

    def end_creating(self, path: str, done: bool) -> None:
        """Record that a VM has been created, or that its creation has been rolled back."""
        with self._lock:
            self.creating.pop(path)
            self.taking.pop(path, None)
            if done:
                self.elsewhere.append(path)
            self._save()

    def begin_deleting(self, path: str, files: list[str]) -> None:
        with self._lock:
            self.deleting[path] = files
            self._save()

    def end_deleting(self, path: str) -> None:
        with self._lock:
            self.deleting.pop(path)
            for listed in (self.elsewhere, self.unregistered):
                if path in listed:
                    listed.remove(path)
            self._save()

    def register(self, path: str, registered: bool) -> None:
        with self._lock:
            if registered == (path in self.unregistered):
                self.unregistered.remove(path) if registered else self.unregistered.append(path)
                self._save()

    def _save(self):
        content = {
            "elsewhere": self.elsewhere,
            "making": self.creating,
            "taking": self.taking,
            "deleting": self.deleting,
            "unregistered": self.unregistered,
        }
        atomic_files.replace(self._path, json.dumps(content, indent=2).encode())


def outside_directories(directory: Path) -> set[Path]:
    """Return the directories of the VMs of a world that are outside its directory."""
    path = directory / NAME
    return {Path(each).parent for each in json.loads(path.read_bytes()).get("elsewhere", [])} if path.exists() else set()
