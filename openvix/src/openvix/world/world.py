# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world: its VMs, what befalls calls on them, and what clients did."""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openvix.config import hosts, worldfile
from openvix.config.errors import ConfigError
from openvix.config.hosts import Host
from openvix.guest import disks, trees
from openvix.system import atomic_files
from openvix.system.clock import RealClock, SteppedClock
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm import clones, creation, deletion, snapshots
from openvix.vm.machine import OFF, SUSPENDED, Machine, remove_own
from openvix.vmware import vmsd, vmx
from openvix.world import layout
from openvix.world.bulk import Herd
from openvix.world.faults import Faults
from openvix.world.inventory import Inventory
from openvix.world.ledger import Ledgers
from openvix.world.registry import Asleep, Machines

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

# How many calls a world remembers.
CALLS = 100_000
# What lies in openvix/guest of a VM whose guest runs, or ran when its daemon was killed: a simulated and a real one.
RUNS = ("guest.json", "qemu.lock")
# How many threads bring VMs to life, and to rest.
SETTLERS, LEAVERS = 8, 32


class Calls:
    """The latest calls of all clients, each a list that changes when the call ends."""

    def __init__(self, first: int = 0, records: Sequence[list] = ()):
        """first, records: as kept() of an earlier daemon returned them."""
        self._lock, self._made = threading.Lock(), first + len(records)
        self._records: collections.deque[list] = collections.deque(records, maxlen=CALLS)

    def append(self, record: list) -> None:
        with self._lock:
            self._records.append(record)
            self._made += 1

    def kept(self) -> tuple[int, list[list]]:
        """Return the number of the first one that is remembered, counted from 0, and all from there on."""
        with self._lock:
            return self._made - len(self._records), list(self._records)


class World:
    """What the daemon of one directory serves; its lock is held."""

    def __init__(self, directory: Path):
        self.directory = directory.resolve()
        said = worldfile.kept(directory)
        self.settings, self.defaults = said["world"], said["defaults"]
        books = taken_books(directory)
        self.faults = Faults(said["fault"], books.get("faults"))
        self.ledgers = Ledgers(self.directory / "run" / "clients")
        # [client's process id, function, .vmx or None, code or None while it runs]
        self.calls = Calls(*books.get("calls", ()))
        self.closing = threading.Event()
        self.clock = SteppedClock(self.directory / "clock.json") if self.settings["clock"] == "stepped" else RealClock()
        self.inventory = Inventory(self.directory)
        self.local = hosts.local(self.directory, self.settings)
        self.remote: dict[tuple[str, int], Host] = {}
        self._said = said
        for each in said["host"]:
            self._know(each)
        self.herd = Herd(self.directory)
        self.machines = Machines(self._wake)
        # The paths of those that clients still have handles of.
        self.deleted: set[str] = set()
        self.host_numbers = itertools.count(1)
        self._adding = threading.Lock()
        clear_scratch(directory)
        self._load()

    @property
    def product(self) -> str:
        return self.settings["product"]

    def _know(self, said: dict) -> Host:
        host = hosts.remote(self.directory, said)
        (host.directory / "vms").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remote[host.name, host.port] = host
        return host

    def _load(self):
        self._finish()
        listed = {os.path.dirname(path) for path in self.inventory.elsewhere}
        found = [(path, self.local) for path in self.inventory.elsewhere]
        for host in (self.local, *self.remote.values()):
            with os.scandir(host.directory / "vms") as folders:
                for folder in sorted(folders, key=lambda each: each.name):
                    if folder.name.startswith(".new."):
                        _clear(Path(folder.path))
                    elif folder.path not in listed:
                        found.append((f"{folder.path}/{folder.name}.vmx", host))
        for path, host in found:
            asleep = self._asleep(path, host)
            if asleep:
                self.machines.lay(asleep)
            elif os.path.exists(f"{os.path.dirname(path)}/openvix/state.json"):
                self._read(path, host)
        self._tie()
        # One that was woken on the way has settled.
        unsettled = [machine for machine in self.machines.awake() if not machine.is_settled]
        if unsettled:
            settling = _pool(SETTLERS)
            for machine in unsettled:
                settling.submit(_settle, machine).add_done_callback(_tell)
            settling.shutdown(wait=False)

    def _read(self, path: str, host: Host) -> None:
        try:
            machine = Machine(Path(path), host, self.closing, self.clock)
            # Whoever asks a world that has begun sees it as it is; only guests take longer.
            machine.mark_lock()
        except (OSError, ValueError, KeyError) as error:
            note(f"{path} is no VM that can be read: {error!r}")
        else:
            self.machines[machine.path] = machine

    def _asleep(self, path: str, host: Host) -> Asleep | None:
        """Return a VM that need not be looked at before somebody asks for it: nothing of it runs, nothing is half done, and no other VM depends on it."""
        folder, name = os.path.dirname(path), os.path.basename(path)[: -len(".vmx")]
        own = f"{folder}/openvix"
        try:
            with open(f"{own}/state.json", "rb") as file:
                state = json.load(file)
        except (OSError, ValueError):
            if not os.path.exists(f"{own}/state.json") and os.path.exists(path):
                return Asleep(path, name, host, *self._bare(path, host))
            return None
        quiet = state.get("power") in (OFF, SUSPENDED) and "base" not in state and not any(os.path.exists(f"{own}/guest/{mark}") for mark in RUNS)
        if quiet and not any(map(os.path.exists, (f"{own}/{atomic_files.NAME}", f"{path}.lck"))):
            return Asleep(path, name, host, state["power"], len(state["snapshots"]))
        return None

    def _bare(self, path: str, host: Host) -> tuple[str, int]:
        """Return the power state that a VM without a state of its own begins in, and how many snapshots it has."""
        folder, name = os.path.split(path[: -len(".vmx")])
        if host is self.local and (power := self.herd.power(name)):
            return power, 0
        try:
            snapshots = len(vmsd.read(Path(f"{folder}/{name}.vmsd").read_bytes()).snapshots)
        except (OSError, ValueError):
            snapshots = 0
        try:
            suspended = bool(vmx.read(Path(path).read_bytes()).get("checkpoint.vmState"))
        except (OSError, ValueError):
            suspended = False
        return SUSPENDED if suspended else OFF, snapshots

    def _wake(self, asleep: Asleep) -> Machine | None:
        """Return the machine of a VM that was asleep, None when its files cannot be read."""
        path = Path(asleep.path)
        try:
            if creation.is_bare(path.parent):
                settings = worldfile.vm(asleep.name, {"power": asleep.power}, self.defaults)
                creation.complete(path.parent, asleep.name, self._whole(settings, asleep.host))
            machine = Machine(path, asleep.host, self.closing, self.clock)
            clones.disown(machine, _gone(machine))
        except (OSError, ValueError, KeyError, VixError) as error:
            note(f"{path} is no VM that can be read: {error!r}")
            return None
        _settle(machine)
        return machine

    def _whole(self, settings: dict, host: Host) -> dict:
        return {**settings, "hardware": settings["hardware"] or host.plays.hardware}

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
        for machine in self.machines.awake():
            clones.disown(machine, _gone(machine))
            base = machine.state.get("base", {})
            if base.get("vmx") in self.machines:
                clones.adopt(self.machines[base["vmx"]], base["uid"], machine.path)

    def take_in(self, path: Path, host: Host) -> Machine:
        """Return the VM with this .vmx as one of this host; it must be settled."""
        machine = Machine(path, host, self.closing, self.clock)
        self.deleted.discard(machine.path)
        self.machines[machine.path] = machine
        return machine

    def forget(self, machine: Machine) -> None:
        """Have a VM that is being deleted no longer, though clients may have handles of it."""
        self.deleted.add(machine.path)
        del self.machines[machine.path]
        with machine.changed:
            machine.is_deleted = True
            machine.changed.notify_all()

    def add(self, name: str, settings: dict, host: Host | None = None) -> Machine:
        """Make a VM with settings as worldfile.vm() returns them, or raise ConfigError when it cannot be made, as there is one of this name on the host."""
        host = host or self.local
        with self._adding:
            folder = host.directory / "vms" / name
            if folder.exists():
                raise ConfigError(f"there is a VM named {name!r} already")
            beside = folder.with_name(f".new.{name}")
            beside.mkdir(mode=0o700)
            try:
                creation.make(beside, name, self._whole(settings, host))
            except (OSError, VixError) as error:
                _clear(beside)
                raise ConfigError(f"[vm.{name}] cannot be made: {error}") from None
            beside.rename(folder)
            machine = self.take_in(folder / f"{name}.vmx", host)
        machine.settle()
        return machine

    def add_herd(self, count: int, running: int) -> None:
        """Have so many VMs with names that tell their numbers, the first ones running; those that are there stay as they are."""
        with self._adding:
            self.herd.grow(count, running)
            stand_in = "\1"
            settings = worldfile.vm("x", {}, self.defaults)
            config = creation.config(stand_in, self._whole(settings, self.local)).replace(b"|01", stand_in.encode())
            for name in self.herd.names(count):
                folder = f"{self.directory}/vms/{name}"
                path = f"{folder}/{name}.vmx"
                if path in self.machines:
                    continue
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
                # Without its .vmx a folder is no VM: what a killed daemon left of it is made good here.
                if not os.path.exists(path):
                    _write(path, config.replace(stand_in.encode(), name.encode()))
                    self.machines.lay(Asleep(path, name, self.local, *self._bare(path, self.local), self.defaults["tools"]))

    def add_host(self, said: dict) -> None:
        """Have one more host, as worldfile.host() describes it; its VMs are added one by one."""
        with self._adding:
            if (said["name"].lower(), said["port"]) in self.remote:
                raise ConfigError(f"there is a host {said['name']!r} already")
            self._said = {**self._said, "host": [*self._said["host"], said]}
            worldfile.keep(self.directory, self._said)
            self._know(said)

    def host(self, name: str | None) -> Host:
        """Return the host of this name, as NAME or NAME:PORT; the world itself for None."""
        if name is None:
            return self.local
        found = self.remote.get(hosts.address(name) or ("", 0))
        if found is None:
            raise ConfigError(f"the world has no host {name!r}")
        return found

    def find(self, path: str) -> Machine | None:
        """Return the VM with this .vmx, however the path to it is written."""
        return self.machines.get(path) or self.machines.get(os.path.realpath(path))

    def die(self):
        """End the daemon by SIGKILL, as a fault wants it; the next one knows what was called, and how often each rule has struck."""
        first, records = self.calls.kept()
        calls = [first, [[*record[:3], constants.VIX_E_HOST_CONNECTION_LOST if record[3] is None else record[3]] for record in records]]
        try:
            atomic_files.replace(layout.books(self.directory), json.dumps({"calls": calls, "faults": self.faults.books()}).encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self):
        """End the guests' processes; VMs stay as they are."""
        self.closing.set()
        with _pool(LEAVERS) as leaving:
            for machine in self.machines.awake():
                leaving.submit(machine.leave)


def taken_books(directory: Path) -> dict:
    """Return what a daemon that died by a fault left, which is gone then."""
    path = layout.books(directory)
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    finally:
        path.unlink(missing_ok=True)


def _settle(machine: Machine) -> None:
    try:
        machine.settle()
    except (OSError, VixError) as error:
        note(f"{machine.path} does not settle: {error!r}")


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # a tenth of a daemon's start, which a world without a running guest does not need

    return ThreadPoolExecutor(threads)


def _tell(settling):
    if settling.exception():
        note(f"a bug while a VM settled: {settling.exception()!r}")


def _gone(machine: Machine) -> set[str]:
    """Return the linked clones that the snapshots of a VM name and that are no longer there."""
    return {path for snapshot in machine.tree.snapshots for path in snapshot.clones if not Path(path).exists()}


def _write(path: str, content: bytes) -> None:
    file = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(file, content)
    os.close(file)
    os.rename(f"{path}.new", path)


def clear_scratch(directory: Path) -> None:
    """Clear away what a killed daemon was just trying; the lock is held."""
    scratch = layout.scratch(directory)
    if any(scratch.iterdir()):
        layout.end_sandboxed(scratch)
        for left in scratch.iterdir():
            disks.remove(left)


def _clear(folder: Path) -> None:
    """Remove what is left of a VM whose making was interrupted."""
    remove_own(folder / "openvix")
    trees.remove(None, str(folder))


def note(text: str) -> None:
    """Write a line into the log of the daemon. No argument of a call belongs there: it may be a secret."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, file=sys.stderr, flush=True)
