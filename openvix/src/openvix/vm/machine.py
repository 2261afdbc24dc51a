# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One VM of the world: its files, power state, guest tools and locking."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from openvix.backends import hypervisors
from openvix.config import worldfile
from openvix.config.hosts import Host
from openvix.guest import disks, trees
from openvix.guest.guest_tools import GuestTools
from openvix.system import atomic_files, fault_context
from openvix.system.clock import RealClock, SteppedClock
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vm.caller import Caller
from openvix.vmware import shared_folders, vmsd, vmx

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
POWER_BITS = {
    OFF: constants.VIX_POWERSTATE_POWERED_OFF,
    ON: constants.VIX_POWERSTATE_POWERED_ON,
    SUSPENDED: constants.VIX_POWERSTATE_SUSPENDED,
    PAUSED: constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_PAUSED,
}
# Kept while the VM is on (docs/vix-semantics.md, section 21). Changes during a longer operation are not undone by it.
VARIABLES = ("runtime", "environment")
# Guest variables are entries of the running configuration with this prefix.
GUEST = "guestinfo."
SUSPENDED_STATE = b"OpenVIX: a suspended VM\n"
# How long an operation waits for a short change of the VM's files.
MOMENT_SECONDS = 10
# The name and the content of the file in NAME.vmx.lck while OpenVIX runs the VM.
LOCK, OURS = "M00001.lck", "openvix "


class Machine:
    """A VM. Its state, tree and settings are replaced, never modified, so readers need no lock."""

    def __init__(self, path: Path, host: Host, closing: threading.Event, clock: RealClock | SteppedClock):
        """Load the VM with this .vmx and finish an interrupted change. Raises OSError, ValueError or KeyError for invalid files."""
        self.folder, self.name, self.own = path.parent, path.stem, path.parent / "openvix"
        folder, self.path = self.folder, str(path)
        atomic_files.recover(self.own)
        self._settings = worldfile.complete(json.loads((self.own / "machine.json").read_bytes()))
        self.state = read_state(self.own / "state.json")
        self.tree = vmsd.read((folder / f"{self.name}.vmsd").read_bytes())
        self.changed = threading.Condition()
        self.host, self.closing, self.clock = host, closing, clock
        self.doing = 0
        self.run = self.session = object()
        self.times_off = 0
        self._settled = threading.Event()
        self.busy, self._guest_lock, self.installing = threading.Lock(), threading.Lock(), threading.Lock()
        # Held for a call while guest operations are carried out one at a time (turns.py).
        self.guest_turn = threading.RLock()
        self.stopping = self.is_deleted = self._is_brief = False
        self._config: vmx.Settings | None = None
        self._config_stamp: tuple[int, int, int] | None = None
        self._files_lock = threading.RLock()
        self.backend = hypervisors.of(self._settings).new(self.own, hostname(self.name), self._settings, self)
        self.tools.environment = self.variables("environment")

    # State

    @property
    def settings(self) -> dict:
        """The settings of the VM, with those that a fault replaces for the current call."""
        overrides = fault_context.overrides()
        return {**self._settings, **overrides} if overrides else self._settings

    @property
    def tools(self) -> GuestTools:
        return self.backend.tools

    @property
    def power(self) -> str:
        return self.state["power"]

    @property
    def is_on(self) -> bool:
        return self.power in (ON, PAUSED)

    def presence(self) -> tuple[bool, int]:
        """Return whether the VM is on, and how often it has been powered off or suspended."""
        with self.changed:
            return self.is_on, self.times_off

    def power_bits(self) -> int:
        """Return the bits of VIX_PROPERTY_VM_POWER_STATE (docs/vix-semantics.md, section 5)."""
        bits = self.doing or POWER_BITS[self.power]
        if bits == constants.VIX_POWERSTATE_POWERED_ON and self.tools_run():
            bits |= constants.VIX_POWERSTATE_TOOLS_RUNNING
        if self.settings["question"]:
            bits |= constants.VIX_POWERSTATE_BLOCKED_ON_MSG
        return bits | self.settings["extra_power_bits"]

    def tools_state(self) -> int:
        if self.settings["tools"] == "not_installed":
            return constants.VIX_TOOLSSTATE_NOT_INSTALLED if self.is_on else constants.VIX_TOOLSSTATE_UNKNOWN
        return constants.VIX_TOOLSSTATE_RUNNING if self.tools_run() else constants.VIX_TOOLSSTATE_UNKNOWN

    def tools_in(self) -> float | None:
        """Return the seconds until the guest tools run, 0 or less if they run, None if they will not run."""
        state, settings = self.state, self.settings
        if state["power"] != ON or settings["tools"] in ("not_installed", "never") or settings["question"]:
            return None
        at = self.tools.ready_at(state["booted"], settings["boot_seconds"] + settings["tools_seconds"])
        return None if at is None else at - self.clock.now()

    def tools_run(self) -> bool:
        left = self.tools_in()
        return left is not None and left <= 0

    def config(self) -> vmx.Settings:
        """Return the current content of the .vmx. Raises VixError."""
        try:
            found = os.stat(self.path)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            config = self._config
            if config is None or stamp != self._config_stamp:
                config = vmx.read(Path(self.path).read_bytes())
                self._config, self._config_stamp = config, stamp
        except (OSError, ValueError):
            raise VixError(constants.VIX_E_CANNOT_READ_VM_CONFIG, f"reading {self.path}") from None
        return config

    def number(self, key: str, default: int) -> int:
        text = self.config().get(key)
        if text is not None and not text.isdigit():
            raise VixError(constants.VIX_E_CANNOT_READ_VM_CONFIG, f"reading {key}")
        return default if text is None else int(text)

    def change_config(self, change: Callable[[vmx.Settings], None]) -> None:
        """Change the .vmx atomically."""
        with self._files_lock:
            config = vmx.read(Path(self.path).read_bytes())
            change(config)
            atomic_files.replace(Path(self.path), config.write())

    def change_settings(self, changes: dict) -> None:
        """Change settings of the VM and wake up waiting calls."""
        with self._files_lock:
            settings = {**self._settings, **changes}
            atomic_files.replace(self.own / "machine.json", json.dumps(settings).encode())
            with self.changed:
                self._settings = settings
                self.changed.notify_all()

    # Locking

    @property
    def is_settled(self) -> bool:
        return self._settled.is_set()

    def settled(self):
        """Wait until a new daemon has determined the state of the guest: see settle()."""
        self._settled.wait()

    @contextlib.contextmanager
    def operation(self, hard: bool = False) -> Iterator[None]:
        """Hold the VM for one power or snapshot operation; another one meanwhile raises VixError 5.

        hard: also permitted while the guest shuts down.
        """
        self.settled()
        # Wait for a short change of files: its client may already have seen its result.
        if not self.busy.acquire(timeout=MOMENT_SECONDS if self._is_brief else 0):
            raise VixError(constants.VIX_E_OBJECT_IS_BUSY)
        try:
            if self.is_deleted:
                raise VixError(constants.VIX_E_VM_NOT_FOUND)
            if self.stopping and not hard:
                raise VixError(constants.VIX_E_OBJECT_IS_BUSY)
            yield
        finally:
            self.doing = 0
            self.busy.release()

    @contextlib.contextmanager
    def held(self):
        """Hold the VM for a short change of its files; wait for an operation to end first."""
        with self.busy:
            self._is_brief = True
            try:
                yield
            finally:
                self._is_brief = False

    def simulate_duration(self, call: Caller, doing: int = 0, snapshot: bool = False) -> None:
        """Wait for the simulated duration of an operation; doing: the power state bits that are reported meanwhile."""
        self.doing = doing
        settings = self.settings
        seconds = settings["snapshot_seconds"] if snapshot and settings["snapshot_seconds"] is not None else settings["operation_seconds"]
        end = self.clock.now() + seconds
        call.progress()
        self.clock.sleep_until(end)

    def pace(self) -> Callable[[int], None] | None:
        """Return a function that waits for the simulated duration of copying a number of bytes, None without a copy_speed."""
        speed = self.settings["copy_speed"]
        return (lambda size: self.clock.sleep_until(self.clock.now() + size / speed)) if speed else None

    def require_on(self):
        if not self.is_on:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)

    def require_unlocked(self):
        """Raise VixError 15 if another program has locked the VM. Its lock has the same path as ours."""
        lock = self.folder / f"{self.name}.vmx.lck"
        if self.settings["locked"]:
            raise VixError(constants.VIX_E_FILE_ALREADY_LOCKED, f"opening {self.path}")
        if not self.is_on and lock.exists() and not (lock.is_dir() and all(_is_ours(path) for path in lock.iterdir())):
            raise VixError(constants.VIX_E_FILE_ALREADY_LOCKED, f"opening {self.path}")

    def require_tools(self):
        """Raise VixError unless the VM is on and the guest tools run."""
        self.settled()
        self.require_on()
        if not self.tools_run():
            raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING)

    def require_guest(self):
        """Raise VixError unless guest operations are possible (docs/vix-semantics.md, section 18)."""
        self.require_tools()
        if (self.config().get("guest.commands.enabled") or "TRUE").upper() == "FALSE":
            raise VixError(constants.VIX_E_GUEST_OPERATIONS_PROHIBITED)

    def ran(self) -> float:
        """Return the seconds that the guest has been running, without pauses."""
        return self.clock.now() - self.state["booted"] if self.power == ON else self.state["ran"]

    def forget_logins(self):
        self.session = object()

    # Guest

    def boot(self, resumed: bool = False, paused: bool = False) -> int:
        """Start the guest; return the number of the disk that it writes to."""
        with self._guest_lock:
            if self.closing.is_set():
                raise VixError(constants.VIX_E_HOST_NOT_CONNECTED)
            return self.backend.start(self.state["disk"], self.config(), resumed=resumed, paused=paused)

    def boot_or_off(self, resumed: bool = False) -> None:
        """Start the guest of a VM that is on. If that fails, the VM is powered off and the error is raised."""
        disk = None
        try:
            disk = self.boot(resumed, paused=self.power == PAUSED)
        finally:
            if disk is None and not self.closing.is_set():
                self.save({**self.state, "power": OFF, "booted": None, "ran": 0.0}, lost=VARIABLES)
        self.set_disk(disk)

    def require_resumable(self, kept: int) -> None:
        """Raise VixError if the memory that was saved with a snapshot cannot be loaded here: before anything is changed for it."""
        reason = self.backend.obstacle(kept)
        if reason:
            raise VixError(constants.VIX_E_CANNOT_POWER_ON_VM, reason, reason=reason)

    def keep_suspended(self) -> str:
        """Have a VM that was on, and whose memory cannot be loaded here, stay suspended rather than lose it; return why, "" if nothing was done."""
        reason = self.backend.obstacle(self.state["disk"]) if self.is_on else ""
        if reason:
            self.save({**self.state, "power": SUSPENDED, "captured": False})
        return reason

    def set_disk(self, disk: int) -> None:
        """Record the disk that the guest writes to."""
        if disk != self.state["disk"]:
            self.save({**self.state, "disk": disk})

    def turn_off(self):
        """Power off the VM. Logins and variables are lost."""
        self.forget_logins()
        self.save({**self.state, "power": OFF, "booted": None, "ran": 0.0}, lost=VARIABLES)
        self.halt()

    def ended(self):
        """Power off the VM after its guest has ended by itself."""
        with self.held():
            if self.is_on and not self.backend.runs():
                self.turn_off()

    def restarted(self):
        """Record that the guest has restarted by itself, and wake up waiting calls."""
        with self.held():
            if self.is_on and self.backend.runs():
                self.save({**self.state, "booted": self.clock.now(), "ran": 0.0}, lost=("environment",))
        with self.changed:
            self.run = object()
            self.changed.notify_all()

    def apply_run_state(self):
        """Resume or pause the guest according to the state. If it has ended meanwhile, ended() handles that."""
        with contextlib.suppress(VixError):
            self.backend.freeze() if self.power == PAUSED else self.backend.thaw()

    def update_shares(self):
        """Update the shared folders in the guest."""
        self.backend.share(shared_folders.visible(self.config()))

    def halt(self):
        """End the processes of the guest and wake up waiting calls."""
        with self._guest_lock:
            self.backend.halt()
        with self.changed:
            self.run = object()
            self.changed.notify_all()

    def keep(self, memory: bool) -> int:
        """Snapshot the disk (and memory) of the guest; return the number of the snapshot's disk."""
        return self.backend.keep(self.state["disk"], runs=self.power == ON, memory=memory)

    def drop_disks(self):
        """Remove all disks that neither the VM nor a snapshot uses."""
        self.backend.drop({self.state["disk"], *(kept["disk"] for kept in self.state["snapshots"].values())})

    @contextlib.contextmanager
    def dropping_disks_on_failure(self) -> Iterator[None]:
        """If the block fails, as on a full disk, remove the disk that was made for it."""
        try:
            yield
        except OSError:
            # With a journal, the change is permanent, and the disk belongs to it.
            if not (self.own / atomic_files.NAME).exists():
                self.drop_disks()
            raise

    # Files

    def save(self, state: dict, tree: vmsd.Tree | None = None, files: dict[str, bytes | None] | None = None, lost: tuple[str, ...] = ()) -> None:
        """Save the state atomically, with changes of the snapshot tree and of other files.

        files: {name: content, None to remove it}; lost: the kinds of variables that are deleted.
        """
        try:
            if state["power"] in (ON, PAUSED):
                # First: a VM that is on without its lock would be open to other programs.
                self._create_lock()
            with self._files_lock:
                self._save({**state, **{kind: {} if kind in lost else self.variables(kind) for kind in VARIABLES}}, tree, files)
        finally:
            self.mark_lock()

    def _save(self, state: dict, tree: vmsd.Tree | None, files: dict[str, bytes | None] | None) -> None:
        changes: dict[Path, bytes | None] = {self.own / "state.json": json.dumps(state).encode()}
        changes.update({self.folder / name: content for name, content in (files or {}).items()})
        if tree is not None:
            changes[self.folder / f"{self.name}.vmsd"] = vmsd.write(tree, self.name)
        if (state["power"] == SUSPENDED) != (self.power == SUSPENDED):
            changes.update(suspended_files(Path(self.path), vmx.read(Path(self.path).read_bytes()), state["power"] == SUSPENDED))
        atomic_files.commit(self.own, changes)
        with self.changed:
            self.times_off += state["power"] in (OFF, SUSPENDED)
            self.state, self.tree = state, self.tree if tree is None else tree
            self.tools.environment = self.variables("environment")
            self.changed.notify_all()

    def variables(self, kind: str) -> dict[str, str]:
        """Return the variables of one kind that were set since the VM was powered on."""
        return self.state.get(kind, {})

    def set_variable(self, kind: str, name: str, value: str) -> None:
        with self._files_lock:
            self.require_on()
            state = {**self.state, kind: {**self.variables(kind), name: value}}
            atomic_files.replace(self.own / "state.json", json.dumps(state).encode())
            self.state = state
            self.tools.environment = self.variables("environment")

    def guest_variable(self, name: str) -> str | None:
        """Return a guest variable, None without one. Keys are case-insensitive."""
        key = GUEST + name
        return self.variables("runtime").get(key.lower(), self.config().get(key))

    def set_guest_variable(self, name: str, value: str) -> None:
        self.set_variable("runtime", (GUEST + name).lower(), value)

    def mark_lock(self):
        """Create the lock file of the VM if it is on, else remove it."""
        if self.is_on:
            self._create_lock()
            return
        lock = self.folder / f"{self.name}.vmx.lck"
        if _is_ours(lock / LOCK):
            (lock / LOCK).unlink()
        # The directory may contain the lock of another program.
        with contextlib.suppress(OSError):
            lock.rmdir()

    def _create_lock(self):
        lock = self.folder / f"{self.name}.vmx.lck"
        if (lock / LOCK).exists():
            return
        lock.mkdir(mode=0o700, exist_ok=True)
        # Written in another directory first: an incomplete file would look like the lock of another program.
        temporary = self.own / ".lock.new"
        try:
            temporary.write_text(f"{OURS}{self.name}\n", encoding="utf-8")
            os.replace(temporary, lock / LOCK)
        finally:
            temporary.unlink(missing_ok=True)

    def settle(self):
        """Bring the guest into the recorded state after a start of the daemon, and remove remains of interrupted operations."""
        try:
            disk = self.backend.take_over(self.state["disk"])
            if disk is not None and not self.is_on:
                self.backend.halt()
            elif disk is not None:
                self.set_disk(disk)
                self.update_shares()
                self.apply_run_state()
            elif self.is_on and self.backend.is_lost(self.state["disk"]):
                self.turn_off()
            elif self.is_on:
                self.save({**self.state, "booted": self.clock.now(), "ran": 0.0})
                self.boot_or_off(resumed=True)
            self.drop_disks()
            for temporary in (*self.folder.glob(f".{glob.escape(self.name)}*.new"), *self.own.glob(".*.new")):
                temporary.unlink()
            self.mark_lock()
        finally:
            self._settled.set()

    def leave(self):
        """End the processes of the guest at the stop of the daemon. The VM stays on and is resumed by the next daemon."""
        # A running operation gets a second to end; a longer one is abandoned, and the next daemon rolls it back.
        held = self.busy.acquire(timeout=1)
        with self._guest_lock:
            try:
                if held and self.is_on:
                    self.set_disk(self.backend.leave(self.state["disk"]))
            finally:
                self.backend.halt()
        if held:
            self.busy.release()


def read_state(path: Path) -> dict:
    """Return the state of a VM, as save() writes it. Raises OSError, ValueError."""
    state = json.loads(path.read_bytes())
    number = (int, float)
    kinds: dict[str, tuple[type, ...]] = {"power": (str,), "disk": (int,), "snapshots": (dict,), "captured": (bool,), "ran": number}
    kinds["booted"] = (*number, type(None))
    wrong = [key for key, kind in kinds.items() if not isinstance(state, dict) or not isinstance(state.get(key), kind)]
    if wrong or state["power"] not in POWER_BITS:
        raise ValueError(f"{path} does not contain the state of a VM: {', '.join(wrong) or 'power'}")
    return state


def remove_own(own: Path, disks_too: bool = True) -> None:
    """Remove the files of OpenVIX from the directory of a VM."""
    if not own.exists():
        return
    for each in own.iterdir():
        if each.name == "disks":
            for disk in each.iterdir() if disks_too else ():
                disks.remove(disk) if disk.is_dir() else disk.unlink()
            if disks_too:
                each.rmdir()
        elif each.is_dir():
            trees.remove(None, str(each))
        else:
            each.unlink()
    if disks_too:
        own.rmdir()


def hostname(name: str) -> str:
    """Return the host name of the guest of a VM with this name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63] or "vm"


def _is_ours(lock: Path) -> bool:
    """Return whether a file in NAME.vmx.lck is the lock of OpenVIX."""
    return lock.name == LOCK and lock.is_file() and lock.read_bytes().startswith(OURS.encode())


def suspended_files(path: Path, config: vmx.Settings, suspended: bool) -> dict[Path, bytes | None]:
    """Return the changes of files when the VM with this .vmx becomes suspended, or is no longer: {path: content, None to remove it}."""
    state_file = path.with_suffix(".vmss")
    config.set("checkpoint.vmState", state_file.name if suspended else "")
    return {path: config.write(), state_file: SUSPENDED_STATE if suspended else None}
