# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world: its VMs, what befalls calls on them, and what clients did."""

from __future__ import annotations

import collections
import itertools
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from openvix import clones, deletion, place, products, snapshots, worldfile
from openvix.clock import RealClock, SteppedClock
from openvix.faults import Faults
from openvix.guest import disks
from openvix.inventory import Inventory
from openvix.ledger import Ledgers
from openvix.machine import Machine, remove_own
from openvix.making import make

# How many calls a world remembers.
CALLS = 100_000


class World:
    """What the daemon of one directory serves; its lock is held."""

    def __init__(self, directory: Path):
        self.directory = directory.resolve()
        said = worldfile.kept(directory)
        self.settings, self.defaults = said["world"], said["defaults"]
        self.faults = Faults(said["fault"])
        self.ledgers = Ledgers(self.directory / "run" / "clients")
        # [client's process id, function, .vmx or None, code or None while it runs]
        self.calls: collections.deque[list] = collections.deque(maxlen=CALLS)
        self.closing = threading.Event()
        self.clock = SteppedClock(self.directory / "clock.json") if self.settings["clock"] == "stepped" else RealClock()
        self.plays = products.of(self.settings["product"], self.settings["version"])
        self.inventory = Inventory(self.directory)
        self.machines: dict[str, Machine] = {}
        # The paths of those that clients still have handles of.
        self.deleted: set[str] = set()
        self.hosts = itertools.count(1)
        self._adding = threading.Lock()
        clear_scratch(directory)
        self._load()

    @property
    def product(self) -> str:
        return self.settings["product"]

    def _load(self):
        self._finish()
        paths = [Path(path) for path in self.inventory.elsewhere]
        listed = {path.parent for path in paths}
        for folder in sorted((self.directory / "vms").iterdir()):
            if folder.name.startswith(".new."):
                _clear(folder)
            elif folder not in listed and (folder / "openvix" / "state.json").exists():
                paths.append(folder / f"{folder.name}.vmx")
        for path in paths:
            try:
                machine = Machine(path, self.closing, self.clock)
            except (OSError, ValueError, KeyError) as error:
                note(f"{path} is no VM that can be read: {error!r}")
            else:
                self.machines[machine.path] = machine
        self._tie()
        for machine in self.machines.values():
            threading.Thread(target=machine.settle, daemon=True).start()

    def _finish(self):
        """Take back or end what a killed daemon was at."""
        for path, made in list(self.inventory.making.items()):
            clones.take_back(Path(path), made)
            # The snapshot that was taken for it goes once its VM is read.
            if path not in self.inventory.taking:
                self.inventory.end_making(path, False)
        for path in self.inventory.elsewhere:
            if Path(path).parent.is_dir():
                clones.put(Path(path))
        for path, files in list(self.inventory.deleting.items()):
            if Path(path).parent.is_dir():
                deletion.remove(Path(path), files)
            self.inventory.end_deleting(path)

    def _tie(self):
        """Have the snapshots of VMs name their linked clones: a daemon may be killed just before it writes that down."""
        for path, (base, uid) in list(self.inventory.taking.items()):
            if base in self.machines:
                snapshots.drop(self.machines[base], {uid})
            self.inventory.end_making(path, False)
        for machine in list(self.machines.values()):
            clones.disown(machine, {path for snapshot in machine.tree.snapshots for path in snapshot.clones if not Path(path).exists()})
            base = machine.state.get("base", {})
            if base.get("vmx") in self.machines:
                clones.adopt(self.machines[base["vmx"]], base["uid"], machine.path)

    def take_in(self, path: Path) -> Machine:
        """Return the VM with this .vmx as one of this world; it must be settled."""
        machine = Machine(path, self.closing, self.clock)
        self.deleted.discard(machine.path)
        self.machines[machine.path] = machine
        return machine

    def forget(self, machine: Machine):
        """Have a VM that is being deleted no longer, though clients may have handles of it."""
        self.deleted.add(machine.path)
        del self.machines[machine.path]
        with machine.changed:
            machine.is_deleted = True
            machine.changed.notify_all()

    def add(self, name: str, settings: dict) -> Machine:
        """Make a VM with settings as worldfile.vm() returns them, or raise Mistake when there is one of this name."""
        with self._adding:
            folder = self.directory / "vms" / name
            if folder.exists():
                raise worldfile.Mistake(f"there is a VM named {name!r} already")
            beside = folder.with_name(f".new.{name}")
            beside.mkdir(mode=0o700)
            make(beside, name, {**settings, "hardware": settings["hardware"] or self.plays.hardware})
            beside.rename(folder)
            machine = self.take_in(folder / f"{name}.vmx")
        machine.settle()
        return machine

    def find(self, path: str) -> Machine | None:
        """Return the VM with this .vmx, however the path to it is written."""
        return self.machines.get(path) or self.machines.get(os.path.realpath(path))

    def close(self):
        """End the guests' processes; VMs stay as they are."""
        self.closing.set()
        threads = [threading.Thread(target=machine.leave) for machine in self.machines.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def clear_scratch(directory: Path):
    """Clear away what a killed daemon was just trying; the lock is held."""
    scratch = place.scratch(directory)
    if any(scratch.iterdir()):
        place.end_sandboxed(scratch)
        for left in scratch.iterdir():
            disks.remove(left)


def _clear(folder: Path):
    """Remove what is left of a VM whose making was interrupted."""
    remove_own(folder / "openvix")
    shutil.rmtree(folder)


def note(text: str):
    """Write a line into the log of the daemon. No argument of a call belongs there: it may be a secret."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, file=sys.stderr, flush=True)
