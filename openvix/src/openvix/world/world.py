# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world: its VMs, hosts, faults and the log of calls."""

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
from collections.abc import Iterator, Sequence
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
from openvix.vm.machine import OFF, POWER_BITS, SUSPENDED, Machine, remove_own
from openvix.vmware import vmsd, vmx
from openvix.world import layout
from openvix.world.bulk import NumberedVMs
from openvix.world.faults import Faults
from openvix.world.inventory import Inventory
from openvix.world.ledger import Ledgers
from openvix.world.library import Library
from openvix.world.registry import Machines, UnloadedVM

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

# The number of calls in the log of a world.
CALLS = 100_000
# Files in openvix/guest of a VM whose guest runs, or ran when the daemon was killed: simulated, QEMU, and VMware's Tools.
RUNS = ("guest.json", "qemu.lock", "vmtoolsd.lock")
# The numbers of threads that resume VMs at the start of a daemon, and end their guests at its stop.
RESUMING_THREADS, STOPPING_THREADS = 8, 32


# What files of a VM may raise that do not contain what they should: also JSON of another form.
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, VixError)


class Calls:
    """The log of the latest calls of all clients. Each record is a list that is updated when the call ends."""

    def __init__(self, first: int = 0, records: Sequence[list] = ()):
        """first, records: from recorded() of an earlier daemon."""
        self._lock, self._made = threading.Lock(), first + len(records)
        self._records: collections.deque[list] = collections.deque(records, maxlen=CALLS)

    def append(self, record: list) -> int:
        """Add a record and return its number, the first call being 0."""
        with self._lock:
            self._records.append(record)
            self._made += 1
            return self._made - 1

    def recorded(self) -> tuple[int, list[list]]:
        """Return the number of the oldest record, the first call being 0, and all records."""
        with self._lock:
            return self._made - len(self._records), list(self._records)


class World:
    """The world in one directory, whose lock this process holds."""

    def __init__(self, directory: Path):
        self.directory = directory.resolve()
        content = worldfile.load_saved(directory)
        self.settings, self.defaults = content["world"], content["defaults"]
        handover = take_handover(directory)
        self.faults = Faults(content["fault"], handover.get("faults"))
        self.ledgers = Ledgers(self.directory / "run" / "clients")
        # [client's process id, function, .vmx or None, code or None while it runs]
        self.calls = Calls(*handover.get("calls", ()))
        self.closing = threading.Event()
        self.clock = SteppedClock(self.directory / "clock.json") if self.settings["clock"] == "stepped" else RealClock()
        self.inventory = Inventory(self.directory)
        self.local = hosts.local(self.directory, self.settings)
        self.remote: dict[tuple[str, int], Host] = {}
        self._content = content
        for each in content["host"]:
            self._add_host(each)
        self.numbered = NumberedVMs(self.directory)
        self.machines = Machines(self._load_machine, Library(self.directory))
        # The paths of deleted VMs, of which clients may still have handles.
        self.deleted: set[str] = set()
        self.host_numbers = itertools.count(1)
        self._adding = threading.Lock()
        # What the start of the daemon found about VMs that somebody has to decide on: {"vm":, "name":, "reason":}.
        self.notices: list[dict] = []
        remove_scratch(directory)
        with self.machines.batch():
            self._load()

    @property
    def product(self) -> str:
        return self.settings["product"]

    def _add_host(self, content: dict) -> Host:
        host = hosts.remote(self.directory, content)
        (host.directory / "vms").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remote[host.name, host.port] = host
        return host

    def _load(self):
        self._finish_interrupted()
        listed = {os.path.dirname(path) for path in self.inventory.elsewhere}
        found = [(path, self.local) for path in self.inventory.elsewhere]
        for host in (self.local, *self.remote.values()):
            with os.scandir(host.directory / "vms") as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    if entry.name.startswith(".new."):
                        _remove_partial(Path(entry.path))
                    elif entry.path not in listed:
                        found.append((f"{entry.path}/{entry.name}.vmx", host))
        for path, host in found:
            unloaded = self._unloaded(path, host)
            if unloaded:
                self.machines.add_unloaded(unloaded)
            elif os.path.exists(f"{os.path.dirname(path)}/openvix/state.json"):
                self._read(path, host)
        self._repair_clone_links()
        # A machine that was loaded on demand has settled already.
        unsettled = [machine for machine in self.machines.loaded() if not machine.is_settled]
        if unsettled:
            settling = _pool(RESUMING_THREADS)
            for machine in unsettled:
                settling.submit(_settle, machine).add_done_callback(_log_exception)
            settling.shutdown(wait=False)

    def _read(self, path: str, host: Host) -> None:
        try:
            machine = Machine(Path(path), host, self.closing, self.clock)
            # The states of VMs are correct as soon as the world answers; only guests take longer.
            reason = machine.keep_suspended()
            if reason:
                log(f"the VM {path} stays suspended: {reason}")
                self.notices.append({"vm": path, "name": machine.name, "reason": reason})
            machine.mark_lock()
        except UNREADABLE as error:
            log(f"loading the VM {path} failed: {error!r}")
            # It stays a VM of the world. Its next use tries again, when somebody may have repaired its files.
            self.machines.add_unloaded(UnloadedVM(path, os.path.basename(path)[: -len(".vmx")], host, _recorded_power(path), 0))
        else:
            self.machines[machine.path] = machine

    def _unloaded(self, path: str, host: Host) -> UnloadedVM | None:
        """Return a VM that can be loaded later, else None: it does not run, has no interrupted change, and no other VM depends on it."""
        directory, name = os.path.dirname(path), os.path.basename(path)[: -len(".vmx")]
        own = f"{directory}/openvix"
        try:
            with open(f"{own}/state.json", "rb") as file:
                state = json.load(file)
            is_idle = state["power"] in (OFF, SUSPENDED) and "base" not in state and not any(os.path.exists(f"{own}/guest/{mark}") for mark in RUNS)
            if is_idle and not any(map(os.path.exists, (f"{own}/{atomic_files.NAME}", f"{path}.lck"))):
                return UnloadedVM(path, name, host, state["power"], len(state["snapshots"]))
        except UNREADABLE:
            if not os.path.exists(f"{own}/state.json") and os.path.exists(path):
                return UnloadedVM(path, name, host, *self._bare(path, host))
        return None

    def _bare(self, path: str, host: Host) -> tuple[str, int]:
        """Return the initial power state of a VM without openvix/state.json, and its number of snapshots."""
        directory, name = os.path.split(path[: -len(".vmx")])
        if host is self.local and (power := self.numbered.power(name)):
            return power, 0
        try:
            snapshots = len(vmsd.read(Path(f"{directory}/{name}.vmsd").read_bytes()).snapshots)
        except (OSError, ValueError):
            snapshots = 0
        try:
            suspended = bool(vmx.read(Path(path).read_bytes()).get("checkpoint.vmState"))
        except (OSError, ValueError):
            suspended = False
        return SUSPENDED if suspended else OFF, snapshots

    def _load_machine(self, unloaded: UnloadedVM) -> Machine | None:
        """Load a VM; return None if its files cannot be read."""
        path = Path(unloaded.path)
        try:
            if creation.is_bare(path.parent):
                settings = worldfile.vm(unloaded.name, {"power": unloaded.power}, self.defaults)
                creation.complete(path.parent, unloaded.name, self._with_hardware(settings, unloaded.host))
            machine = Machine(path, unloaded.host, self.closing, self.clock)
            clones.forget_clones(machine, _missing_clones(machine))
        except UNREADABLE as error:
            log(f"loading the VM {path} failed: {error!r}")
            return None
        _settle(machine)
        return machine

    def _with_hardware(self, settings: dict, host: Host) -> dict:
        return {**settings, "hardware": settings["hardware"] or host.product.hardware}

    def _finish_interrupted(self):
        """Finish or roll back operations that were interrupted when a daemon was killed."""
        for path, made in list(self.inventory.creating.items()):
            with _fault_of(path):
                clones.roll_back(Path(path), made)
                # The snapshot that was taken for it is deleted once its VM has been loaded.
                if path not in self.inventory.taking:
                    self.inventory.cancel_creating(path)
        for path in self.inventory.elsewhere:
            with _fault_of(path):
                if Path(path).parent.is_dir():
                    clones.complete(Path(path))
        for path, files in list(self.inventory.deleting.items()):
            with _fault_of(path):
                if Path(path).parent.is_dir():
                    deletion.remove(Path(path), files)
                self.inventory.end_deleting(path)

    def _repair_clone_links(self):
        """Record each linked clone in the snapshot that it is based on; a daemon may have been killed just before it did."""
        for path, (base, uid) in list(self.inventory.taking.items()):
            with _fault_of(base):
                loaded = self.machines.get(base)
                if loaded:
                    snapshots.drop(loaded, {uid})
                # While the files of its VM cannot be read, the snapshot is left to a later daemon.
                if loaded or base not in self.machines:
                    self.inventory.cancel_creating(path)
        for machine in self.machines.loaded():
            with _fault_of(machine.path):
                clones.forget_clones(machine, _missing_clones(machine))
                base = machine.state.get("base", {})
                loaded = self.machines.get(base.get("vmx"))
                if loaded:
                    clones.record_clone(loaded, base["uid"], machine.path)

    def add_existing(self, path: Path, host: Host) -> Machine:
        """Add the VM with this .vmx to a host and return it. The caller must settle it."""
        machine = Machine(path, host, self.closing, self.clock)
        self.deleted.discard(machine.path)
        self.machines[machine.path] = machine
        return machine

    def forget(self, machine: Machine) -> None:
        """Remove a VM that is being deleted. Clients may still have handles of it."""
        self.deleted.add(machine.path)
        del self.machines[machine.path]
        with machine.changed:
            machine.is_deleted = True
            machine.changed.notify_all()

    def add(self, name: str, settings: dict, host: Host | None = None) -> Machine:
        """Create a VM and return it; settings: as worldfile.vm() returns them. Raises ConfigError if it exists or cannot be created."""
        host = host or self.local
        with self._adding:
            directory = host.directory / "vms" / name
            if directory.exists():
                raise ConfigError(f"a VM named {name!r} already exists: {directory}")
            temporary = directory.with_name(f".new.{name}")
            try:
                self.inventory.catch_up()
                temporary.mkdir(mode=0o700)
                creation.create(temporary, name, self._with_hardware(settings, host))
            except (OSError, VixError) as error:
                _remove_partial(temporary)
                raise ConfigError(f"creating VM {name!r} failed: {error}") from None
            temporary.rename(directory)
            machine = self.add_existing(directory / f"{name}.vmx", host)
        machine.settle()
        return machine

    def add_numbered(self, count: int, running: int) -> None:
        """Create numbered VMs until there are count, the first ones powered on. Existing VMs are not changed."""
        with self._adding, self.machines.batch():
            self.inventory.catch_up()
            self.numbered.grow(count, running)
            placeholder = "\1"
            settings = worldfile.vm("x", {}, self.defaults)
            config = creation.config(placeholder, self._with_hardware(settings, self.local)).replace(b"|01", placeholder.encode())
            for name in self.numbered.names(count):
                directory = f"{self.directory}/vms/{name}"
                path = f"{directory}/{name}.vmx"
                if path in self.machines:
                    continue
                with contextlib.suppress(FileExistsError):
                    os.mkdir(directory, 0o700)
                # A directory without a .vmx is left by a daemon that was killed here.
                if not os.path.exists(path):
                    _write(path, config.replace(placeholder.encode(), name.encode()))
                    self.machines.add_unloaded(UnloadedVM(path, name, self.local, *self._bare(path, self.local), self.defaults["tools"]))

    def add_host(self, content: dict) -> None:
        """Add a host without VMs; content: as worldfile.host() returns it. Raises ConfigError if it exists."""
        with self._adding:
            if (content["name"].lower(), content["port"]) in self.remote:
                raise ConfigError(f"a host {content['name']!r} with port {content['port']} already exists")
            changed = {**self._content, "host": [*self._content["host"], content]}
            # The directory first: without an entry in the file it means nothing.
            (hosts.remote(self.directory, content).directory / "vms").mkdir(mode=0o700, parents=True, exist_ok=True)
            worldfile.save(self.directory, changed)
            self._content = changed
            self._add_host(content)

    def host(self, name: str | None) -> Host:
        """Return the host with this NAME or NAME:PORT, the local host for None. Raises ConfigError."""
        if name is None:
            return self.local
        found = self.remote.get(hosts.address(name) or ("", 0))
        if found is None:
            raise ConfigError(f"the world has no host {name!r}; its hosts: {', '.join(f'{host}:{port}' for host, port in self.remote) or 'none'}")
        return found

    def find(self, path: str) -> Machine | None:
        """Return the VM with this .vmx; the path may contain links."""
        return self.machines.get(path) or self.machines.get(os.path.realpath(path))

    def die(self):
        """Kill the daemon with SIGKILL for a fault; the log of calls and the counts of faults are left for the next one."""
        first, records = self.calls.recorded()
        calls = [first, [[*record[:3], constants.VIX_E_HOST_CONNECTION_LOST if record[3] is None else record[3], *record[4:]] for record in records]]
        try:
            atomic_files.replace(layout.handover(self.directory), json.dumps({"calls": calls, "faults": self.faults.saved()}).encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self):
        """End the processes of guests; VMs keep their power states."""
        self.closing.set()
        with _pool(STOPPING_THREADS) as leaving:
            for machine in self.machines.loaded():
                leaving.submit(_leave, machine)


def take_handover(directory: Path) -> dict:
    """Read and remove the file of a daemon that was killed by a fault: {"calls":, "faults":}, {} without one."""
    path = layout.handover(directory)
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    finally:
        path.unlink(missing_ok=True)


def _settle(machine: Machine) -> None:
    try:
        machine.settle()
    except UNREADABLE as error:
        log(f"resuming the VM {machine.path} failed: {error!r}")


def _leave(machine: Machine) -> None:
    with _fault_of(machine.path):
        machine.leave()


@contextlib.contextmanager
def _fault_of(path: str) -> Iterator[None]:
    """Log an error of the files of one VM within the block, which must not be one of the world."""
    try:
        yield
    except UNREADABLE as error:
        log(f"the files of the VM {path} are at fault: {error!r}")


def _recorded_power(path: str) -> str:
    """Return the power state that the files of a VM record, "powered_off" if that cannot be read."""
    with contextlib.suppress(*UNREADABLE):
        power = json.loads(Path(path).with_name("openvix").joinpath("state.json").read_bytes())["power"]
        return power if power in POWER_BITS else OFF
    return OFF


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # takes a tenth of a daemon's start, and is needed only with running guests

    return ThreadPoolExecutor(threads)


def _log_exception(settling):
    if settling.exception():
        log(f"a bug while a VM was resumed: {settling.exception()!r}")


def _missing_clones(machine: Machine) -> set[str]:
    """Return the linked clones that are recorded in snapshots of a VM but no longer exist."""
    return {path for snapshot in machine.tree.snapshots for path in snapshot.clones if not Path(path).exists()}


def _write(path: str, content: bytes) -> None:
    file = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # A disk that is nearly full takes a part of it, and reports that it is full the next time.
        while content:
            content = content[os.write(file, content) :]
        os.rename(f"{path}.new", path)
    except OSError:
        os.unlink(f"{path}.new")
        raise
    finally:
        os.close(file)


def remove_scratch(directory: Path) -> None:
    """Remove temporary files and processes of a daemon that was killed. The lock must be held."""
    scratch = layout.scratch(directory)
    if any(scratch.iterdir()):
        layout.end_sandboxed(scratch)
        for left in scratch.iterdir():
            disks.remove(left)


def _remove_partial(directory: Path) -> None:
    """Remove the files of a VM whose creation was interrupted."""
    remove_own(directory / "openvix")
    trees.remove(None, str(directory))


def log(text: str) -> None:
    """Write a line to the log of the daemon. Arguments of calls must not be logged: they may be secrets."""
    # A disk that is full loses the line, not the work.
    with contextlib.suppress(OSError):
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, file=sys.stderr, flush=True)
