# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of a world: VMs outside its directory, VMs that are being created or deleted, and unregistered VMs."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Any

from openvix.system import atomic_files

NAME = "inventory.json"
# The keys of the file, and the attributes of Inventory that they store.
KEYS = {"elsewhere": "elsewhere", "making": "creating", "taking": "taking", "deleting": "deleting", "unregistered": "unregistered"}


class Inventory:
    """The inventory, stored in a file so that the next daemon can finish or roll back interrupted operations.

    An entry that begins something is written first: if the disk is full, nothing has changed. An entry that ends something holds even if it cannot be written:
    the file then lags behind until the next change, and the next daemon would end the same operation again.
    """

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
        self._lags = False

    def begin_creating(self, path: str, made: list[str], taking: tuple[str, int] | None = None) -> bool:
        """Record that a VM is being created.

        made: the new directories; taking: the snapshot that is taken for it. Returns False if another call works in the same directory.
        """
        with self._lock:
            if Path(path).parent in {Path(each).parent for each in (*self.creating, *self.deleting)}:
                return False
            self._change(creating={**self.creating, path: made}, taking={**self.taking, **({path: [*taking]} if taking else {})})
            return True

    def end_creating(self, path: str) -> None:
        """Record that a VM has been created. Raises OSError if it cannot be written: then it has not."""
        with self._lock:
            self._change(creating=_without(self.creating, path), taking=_without(self.taking, path), elsewhere=[*self.elsewhere, path])

    def cancel_creating(self, path: str, is_taking: bool = False) -> None:
        """Record that the creation of a VM has been rolled back; is_taking: the snapshot that was taken for it is still to be removed."""
        with self._lock:
            self._end(creating=_without(self.creating, path), taking=self.taking if is_taking else _without(self.taking, path))

    def begin_deleting(self, path: str, files: list[str]) -> None:
        with self._lock:
            self._change(deleting={**self.deleting, path: files})

    def end_deleting(self, path: str) -> None:
        with self._lock:
            left = {name: [each for each in getattr(self, name) if each != path] for name in ("elsewhere", "unregistered")}
            self._end(deleting=_without(self.deleting, path), **left)

    def register(self, path: str, registered: bool) -> None:
        with self._lock:
            if registered == (path in self.unregistered):
                others = [each for each in self.unregistered if each != path]
                self._change(unregistered=others if registered else [*others, path])

    def catch_up(self):
        """Write what could not be written before. Raises OSError: until then no VM may be created where one was deleted."""
        with self._lock:
            if self._lags:
                self._change()

    def _change(self, **changed: Any) -> None:
        """Write changed attributes, then adopt them."""
        content = {key: changed.get(name, getattr(self, name)) for key, name in KEYS.items()}
        atomic_files.replace(self._path, json.dumps(content, indent=2).encode())
        self._adopt(changed)
        self._lags = False

    def _end(self, **changed: Any) -> None:
        """Adopt changed attributes, whether or not they can be written."""
        self._adopt(changed)
        self._lags = True
        with contextlib.suppress(OSError):
            self._change()

    def _adopt(self, changed: dict[str, Any]) -> None:
        for name, value in changed.items():
            setattr(self, name, value)


def _without(entries: dict[str, Any], path: str) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key != path}


def outside_directories(directory: Path) -> set[Path]:
    """Return the directories of the VMs of a world that are outside its directory."""
    path = directory / NAME
    return {Path(each).parent for each in json.loads(path.read_bytes()).get("elsewhere", [])} if path.exists() else set()
