# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One VM of the world: its files, its power, its Tools, and who may work on it."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from openvix import encryption, facts, folders, journal, vmsd, vmx, worldfile
from openvix.failure import Failure
from openvix.guest import disks
from openvix.guest.system import Guest

OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"
POWER_BITS = {
    OFF: facts.VIX_POWERSTATE_POWERED_OFF,
    ON: facts.VIX_POWERSTATE_POWERED_ON,
    SUSPENDED: facts.VIX_POWERSTATE_SUSPENDED,
    PAUSED: facts.VIX_POWERSTATE_POWERED_ON | facts.VIX_POWERSTATE_PAUSED,
}
# Kept as long as the VM is on (semantics.md section 21); an operation that lasts does not bring back what they were when it began.
VARIABLES = ("runtime", "environment")
# What lies in NAME.vmx.lck while OpenVIX runs the VM.
LOCK, OURS = "M00001.lck", "openvix "
# The clock that boot times are kept by: it goes on when the daemon does not.
clock = time.monotonic


class Machine:
    """A VM in its directory. What changes is replaced, never altered: readers need no lock."""

    def __init__(self, path: Path, closing: threading.Event):
        """Read the VM with this .vmx; raise OSError, ValueError or KeyError when its files are not those of a VM. Ends an interrupted change."""
        self.folder, self.name, self.own = path.parent, path.stem, path.parent / "openvix"
        folder, self.path = self.folder, str(path)
        journal.recover(self.own)
        self.settings = worldfile.complete(json.loads((self.own / "machine.json").read_bytes()))
        self.state = json.loads((self.own / "state.json").read_bytes())
        self.tree = vmsd.read((folder / f"{self.name}.vmsd").read_bytes())
        self.changed = threading.Condition()
        self.closing = closing
        self.doing = 0
        self.run = self.session = object()
        self.times_off = 0
        self._settled = threading.Event()
        self._busy, self._guest_lock, self.installing = threading.Lock(), threading.Lock(), threading.Lock()
        self._stopping = self.is_deleted = False
        self._config, self._config_stamp = None, None
        self._files_lock = threading.RLock()
        runtime = self.own / "guest"
        runtime.mkdir(mode=0o700, exist_ok=True)
        hostname = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:63]
        wanted = self.settings
        self.guest = Guest(runtime, hostname=hostname or "vm", accounts=wanted["accounts"], processes=wanted["processes"])
        self.guest.environment = self.variables("environment")

    # What it is

    @property
    def power(self) -> str:
        return self.state["power"]

    @property
    def is_on(self) -> bool:
        return self.power in (ON, PAUSED)

    def power_bits(self) -> int:
        """Return the power state as VIX tells it (semantics.md section 5)."""
        bits = self.doing or POWER_BITS[self.power]
        if bits == facts.VIX_POWERSTATE_POWERED_ON and self.tools_run():
            bits |= facts.VIX_POWERSTATE_TOOLS_RUNNING
        if self.settings["question"]:
            bits |= facts.VIX_POWERSTATE_BLOCKED_ON_MSG
        return bits | self.settings["extra_power_bits"]

    def tools_state(self) -> int:
        if self.settings["tools"] == "not_installed":
            return facts.VIX_TOOLSSTATE_NOT_INSTALLED if self.is_on else facts.VIX_TOOLSSTATE_UNKNOWN
        return facts.VIX_TOOLSSTATE_RUNNING if self.tools_run() else facts.VIX_TOOLSSTATE_UNKNOWN

    def tools_in(self) -> float | None:
        """Return in how many seconds Tools will run (0 or less: they do), None when they will not."""
        state = self.state
        if state["power"] != ON or self.settings["tools"] == "not_installed" or self.settings["question"]:
            return None
        return state["booted"] + self.settings["boot_seconds"] - clock()

    def tools_run(self) -> bool:
        left = self.tools_in()
        return left is not None and left <= 0

    def config(self) -> vmx.Settings:
        """Return what its .vmx says now."""
        try:
            found = os.stat(self.path)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._config_stamp:
                self._config, self._config_stamp = vmx.read(Path(self.path).read_bytes()), stamp
        except (OSError, ValueError):
            raise Failure(facts.VIX_E_CANNOT_READ_VM_CONFIG, f"reading {self.path}") from None
        return self._config

    def number(self, key: str, default: int) -> int:
        text = self.config().get(key)
        if text is not None and not text.isdigit():
            raise Failure(facts.VIX_E_CANNOT_READ_VM_CONFIG, f"reading {key}")
        return default if text is None else int(text)

    def change_config(self, change: Callable[[vmx.Settings], None]):
        """Have the .vmx changed as a whole."""
        with self._files_lock:
            config = vmx.read(Path(self.path).read_bytes())
            change(config)
            journal.replace(Path(self.path), config.write())

    def change_settings(self, changes: dict):
        """Change what the world file says of this VM; those who wait for it learn of it."""
        with self._files_lock:
            settings = {**self.settings, **changes}
            journal.replace(self.own / "machine.json", json.dumps(settings).encode())
            with self.changed:
                self.settings = settings
                self.changed.notify_all()

    # Who may work on it

    @contextlib.contextmanager
    def operation(self, hard: bool = False):
        """Hold the VM for one power or snapshot operation: a second one meanwhile finds it busy. During an orderly stop only a hard one is let in."""
        self._settled.wait()
        if not self._busy.acquire(blocking=False):
            raise Failure(facts.VIX_E_OBJECT_IS_BUSY)
        try:
            if self.is_deleted:
                raise Failure(facts.VIX_E_VM_NOT_FOUND)
            if self._stopping and not hard:
                raise Failure(facts.VIX_E_OBJECT_IS_BUSY)
            yield
        finally:
            self.doing = 0
            self._busy.release()

    @contextlib.contextmanager
    def held(self):
        """Hold the VM for a change of its files, once no operation is under way."""
        with self._busy:
            yield

    def linger(self, call, doing: int = 0):
        """Take as long as an operation takes on this VM, and show meanwhile what is being done."""
        self.doing = doing
        call.progress()
        time.sleep(self.settings["operation_seconds"])

    def require_on(self):
        if not self.is_on:
            raise Failure(facts.VIX_E_VM_NOT_RUNNING)

    def require_unlocked(self):
        """Raise unless no other program holds this VM: its lock would lie where ours does while the VM is on."""
        lock = self.folder / f"{self.name}.vmx.lck"
        if not self.is_on and lock.exists() and not (lock.is_dir() and all(_is_ours(path) for path in lock.iterdir())):
            raise Failure(facts.VIX_E_FILE_ALREADY_LOCKED, f"opening {self.path}")

    def require_tools(self):
        """Raise unless the VM is on and Tools run."""
        self._settled.wait()
        self.require_on()
        if not self.tools_run():
            raise Failure(facts.VIX_E_TOOLS_NOT_RUNNING)

    def require_guest(self):
        """Raise unless guest operations are possible (semantics.md section 18)."""
        self.require_tools()
        if (self.config().get("guest.commands.enabled") or "TRUE").upper() == "FALSE":
            raise Failure(facts.VIX_E_GUEST_OPERATIONS_PROHIBITED)

    # Power (semantics.md sections 12 and 13)

    def power_on(self, call, paused: bool, window: bool = False):
        with self.operation():
            if self.is_on:
                raise Failure(facts.VIX_E_VM_IS_RUNNING)
            self.require_unlocked()
            self._require_base()
            if self.number("memsize", 4) % 4:
                raise Failure(facts.VIX_E_CANCELLED)
            if self.settings["question"] and not window:
                raise Failure(facts.VIX_E_VMX_MSG_DIALOG_AND_NO_UI)
            resumes = self.power == SUSPENDED
            self.linger(call, facts.VIX_POWERSTATE_RESUMING if resumes else facts.VIX_POWERSTATE_POWERING_ON)
            ran = self.state["ran"] if resumes else 0.0
            self.boot(self.state["disk"], frozen=paused)
            self.save({**self.state, "power": PAUSED if paused else ON, "booted": clock() - ran, "ran": ran, "captured": False})

    def power_off(self, call):
        with self.operation(hard=True):
            self.require_on()
            self.linger(call, facts.VIX_POWERSTATE_POWERING_OFF)
            self._power_off()

    def reset(self, call):
        with self.operation(hard=True):
            self.require_on()
            self.linger(call, facts.VIX_POWERSTATE_RESETTING)
            self._reset()

    def suspend(self, call):
        with self.operation():
            self.require_on()
            self.linger(call, facts.VIX_POWERSTATE_SUSPENDING)
            self.save({**self.state, "power": SUSPENDED, "ran": self.ran(), "captured": False})
            self.halt()

    def pause(self, call):
        with self.operation():
            # Undocumented for a VM that is paused already: for us it does not run.
            if self.power != ON:
                raise Failure(facts.VIX_E_VM_NOT_RUNNING)
            self.linger(call)
            self.guest.freeze()
            self.save({**self.state, "power": PAUSED, "ran": self.ran()})

    def unpause(self, call):
        with self.operation():
            self.require_on()
            if self.power == ON:
                raise Failure(facts.VIX_E_VM_IS_RUNNING)
            self.linger(call)
            self.guest.thaw()
            self.save({**self.state, "power": ON, "booted": clock() - self.state["ran"]})

    def stop_softly(self, call, reset: bool):
        """Ask the guest to stop or restart, and return once it has."""
        with self.operation():
            self.require_on()
            if not self.tools_run():
                raise Failure(facts.VIX_E_TOOLS_NOT_RUNNING)
            if self.tools_in() + self.settings["scripts_seconds"] > 0:
                raise Failure(facts.VIX_E_POWEROP_SCRIPTS_NOT_AVAILABLE)
            run, obeyed = self.run, self.settings["soft_stop"] == "obeyed"
            self._stopping = obeyed
            call.progress()
        end = clock() + self.settings["stop_seconds"] if obeyed else None
        try:
            with self.changed:
                # A request that is ignored lasts as long as this run of the VM, or the client that waits for it.
                while self.run is run and (end is None or end > clock()) and not (end is None and call.is_orphan()):
                    self.changed.wait(end and end - clock())
            with self._busy:
                if self.run is run and obeyed:
                    self._reset() if reset else self._power_off()
                elif self.is_on != reset:
                    # Somebody else did something else to the VM meanwhile.
                    raise Failure(facts.VIX_E_CANCELLED)
        finally:
            self._stopping = False

    def wait_for_tools(self, call, seconds: int):
        """Return once Tools run; after so many seconds (0 or less: never) raise 3000 (semantics.md section 16)."""
        self._settled.wait()
        end = clock() + seconds if seconds > 0 else None
        with self.changed:
            times_off, was_on = self.times_off, self.is_on
            while not self.tools_run():
                if was_on and (self.times_off != times_off or not self.is_on):
                    raise Failure(facts.VIX_E_VM_NOT_RUNNING)
                if self.is_deleted:
                    raise Failure(facts.VIX_E_VM_NOT_FOUND)
                if call.is_orphan():
                    raise Failure(facts.VIX_E_HOST_CONNECTION_LOST)
                if end is not None and clock() >= end:
                    raise Failure(facts.VIX_E_TIMEOUT_WAITING_FOR_TOOLS)
                times_off, was_on = self.times_off, self.is_on
                waits = [wait for wait in (self.tools_in(), end and end - clock()) if wait is not None]
                self.changed.wait(max(min(waits), 0.001) if waits else None)

    def ran(self) -> float:
        """Return for how many seconds the guest has been running, pauses left out."""
        return clock() - self.state["booted"] if self.power == ON else self.state["ran"]

    def _power_off(self):
        self.forget_logins()
        self.save({**self.state, "power": OFF, "booted": None, "ran": 0.0}, lost=VARIABLES)
        self.halt()

    def _reset(self):
        self.halt()
        self.save({**self.state, "power": ON, "booted": clock(), "ran": 0.0}, lost=("environment",))
        self.boot_or_off()

    def restart(self):
        """Have the guest restart, as it does by itself after an installation."""
        with self._busy:
            if self.power == ON:
                self._reset()

    def _require_base(self):
        """Raise unless the disk that a linked clone is based on is there, and the snapshot that froze it."""
        base = self.state.get("base")
        if base and not is_whole(Path(base["vmx"]), base["uid"]):
            raise Failure(facts.VIX_E_DISK_OPENPARENT, f"opening the disk of {base['vmx']}")

    def forget_logins(self):
        self.session = object()

    # Its guest

    def boot(self, disk: int, frozen: bool = False):
        with self._guest_lock:
            if self.closing.is_set():
                raise Failure(facts.VIX_E_HOST_NOT_CONNECTED)
            self.guest.boot(self.disk(disk))
            self.show_folders()
            if frozen:
                self.guest.freeze()

    def boot_or_off(self):
        """Boot the guest of a VM that is on; a VM whose guest cannot boot is off."""
        booted = False
        try:
            self.boot(self.state["disk"], frozen=self.power == PAUSED)
            booted = True
        finally:
            if not booted and not self.closing.is_set():
                self.save({**self.state, "power": OFF, "booted": None, "ran": 0.0}, lost=VARIABLES)

    def show_folders(self):
        """Show the guest the folders that are shared with it now."""
        self.guest.share(folders.visible(self.config()))

    def halt(self):
        """End the guest's processes; what waited for this run of the VM learns of it."""
        with self._guest_lock:
            self.guest.halt()
        with self.changed:
            self.run = object()
            self.changed.notify_all()

    def disk(self, number: int) -> Path:
        return self.own / "disks" / str(number)

    def copy_disk(self, source: int) -> int:
        """Copy a disk and return the number of the copy."""
        number = 1 + max(int(path.name) for path in (self.own / "disks").iterdir() if path.name.isdigit())
        still = self.power == ON and source == self.state["disk"]
        if still:
            self.guest.freeze()
        try:
            disks.copy(self.disk(source), self.disk(number))
        finally:
            if still:
                self.guest.thaw()
        return number

    def drop_disks(self):
        """Remove every disk that neither the VM nor a snapshot uses."""
        used = {str(self.state["disk"]), *(str(kept["disk"]) for kept in self.state["snapshots"].values())}
        for place in (self.own / "disks").iterdir():
            if place.name not in used:
                disks.remove(place)

    # Its files

    def save(self, state: dict, tree: vmsd.Tree | None = None, files: dict[str, bytes | None] | None = None, lost: tuple[str, ...] = ()):
        """Change the state, the snapshot tree and other files of the VM at once; lost are the kinds of variables that are forgotten."""
        with self._files_lock:
            self._save({**state, **{kind: {} if kind in lost else self.variables(kind) for kind in VARIABLES}}, tree, files)
        self._mark_lock()

    def _save(self, state: dict, tree: vmsd.Tree | None, files: dict[str, bytes | None] | None):
        changes = {self.own / "state.json": json.dumps(state).encode()}
        changes.update({self.folder / name: content for name, content in (files or {}).items()})
        if tree is not None:
            changes[self.folder / f"{self.name}.vmsd"] = vmsd.write(tree, self.name)
        if (state["power"] == SUSPENDED) != (self.power == SUSPENDED):
            changes.update(suspended_files(Path(self.path), vmx.read(Path(self.path).read_bytes()), state["power"] == SUSPENDED))
        journal.commit(self.own, changes)
        with self.changed:
            self.times_off += state["power"] in (OFF, SUSPENDED)
            self.state, self.tree = state, self.tree if tree is None else tree
            self.guest.environment = self.variables("environment")
            self.changed.notify_all()

    def variables(self, kind: str) -> dict[str, str]:
        """Return the variables of one kind that were set since the VM is on."""
        return self.state.get(kind, {})

    def set_variable(self, kind: str, name: str, value: str):
        with self._files_lock:
            self.require_on()
            state = {**self.state, kind: {**self.variables(kind), name: value}}
            journal.replace(self.own / "state.json", json.dumps(state).encode())
            self.state = state
            self.guest.environment = self.variables("environment")

    def _mark_lock(self):
        lock = self.folder / f"{self.name}.vmx.lck"
        ours = lock / LOCK
        if self.is_on and not ours.exists():
            lock.mkdir(mode=0o700, exist_ok=True)
            # Made elsewhere: a part of it would be another program's lock.
            beside = self.own / ".lock.new"
            beside.write_text(f"{OURS}{self.name}\n", encoding="utf-8")
            os.replace(beside, ours)
        elif not self.is_on:
            if _is_ours(ours):
                ours.unlink()
            # Another program's lock may lie in it.
            with contextlib.suppress(OSError):
                lock.rmdir()

    def settle(self):
        """Bring the guest to what the state says, whatever the last daemon left behind, and clear away what it left half done."""
        try:
            disk = self.disk(self.state["disk"])
            alive = self.guest.attach(disk)
            if alive and not (self.is_on and self.guest.disk == disk):
                self.guest.halt()
                alive = False
            if alive:
                self.show_folders()
                self.guest.freeze() if self.power == PAUSED else self.guest.thaw()
            elif self.is_on:
                self.save({**self.state, "booted": clock(), "ran": 0.0})
                self.boot_or_off()
            self.drop_disks()
            for beside in (*self.folder.glob(f".{glob.escape(self.name)}*.new"), *self.own.glob(".*.new")):
                beside.unlink()
            self._mark_lock()
        finally:
            self._settled.set()

    def leave(self):
        """End the guest's processes and leave the state as it is: the VM is on again when the world is served again."""
        # An operation that is under way gets a moment to end; one that lasts is left behind as if it had not begun.
        held = self._busy.acquire(timeout=1)
        with self._guest_lock:
            self.guest.halt()
        if held:
            self._busy.release()


def remove_own(own: Path, disks_too: bool = True):
    """Remove what OpenVIX has in the folder of a VM, or what is left of it."""
    if not own.exists():
        return
    for each in own.iterdir():
        if each.name == "disks":
            for disk in each.iterdir() if disks_too else ():
                disks.remove(disk)
            if disks_too:
                each.rmdir()
        elif each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
    if disks_too:
        own.rmdir()


def _is_ours(lock: Path) -> bool:
    """Return whether a file in a VM's .vmx.lck is the one that says that OpenVIX runs it."""
    return lock.name == LOCK and lock.is_file() and lock.read_bytes().startswith(OURS.encode())


def is_whole(path: Path, uid: int) -> bool:
    """Return whether the VM with this .vmx still has the disk that its snapshot froze; where the VM was deleted and its disk kept, it has."""
    try:
        tree = vmsd.read(path.with_suffix(".vmsd").read_bytes())
        base = json.loads((path.parent / "openvix" / "state.json").read_bytes()).get("base")
    except FileNotFoundError:
        return path.with_suffix(".vmdk").exists()
    # It may be a linked clone itself.
    return path.with_suffix(".vmdk").exists() and tree.find(uid) is not None and (base is None or is_whole(Path(base["vmx"]), base["uid"]))


def suspended_files(path: Path, config: vmx.Settings, suspended: bool) -> dict[Path, bytes | None]:
    """Return the files that change when the VM with this .vmx becomes suspended or ceases to be."""
    state_file = path.with_suffix(".vmss")
    config.set("checkpoint.vmState", state_file.name if suspended else "")
    return {path: config.write(), state_file: b"OpenVIX: a suspended VM\n" if suspended else None}


def make(folder: Path, name: str, settings: dict):
    """Write the files of a new VM into an empty folder that is not its own yet; settings as worldfile.vm() returns them."""
    own = folder / "openvix"
    (own / "disks").mkdir(mode=0o700, parents=True)
    hostname = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63] or "vm"
    disks.create(own / "disks" / "1", hostname=hostname, accounts=settings["accounts"], files=settings["files"])
    tree = planted(vmsd.Tree(), settings["snapshots"])
    disk = 2 if tree.snapshots else 1
    if tree.snapshots:
        disks.copy(own / "disks" / "1", own / "disks" / "2")
    # The disk was the same when each of them was taken: they share one.
    kept = {str(snapshot.uid): {"disk": 1, "power": OFF, "ran": 0.0} for snapshot in tree.snapshots}
    suspended = settings["power"] == SUSPENDED
    # A VM that is to be on has no guest yet: Machine.settle() boots it.
    state = {"power": settings["power"], "booted": clock(), "ran": 0.0, "disk": disk, "captured": False, "snapshots": kept}
    config = vmx.new(
        {
            "config.version": "8",
            "virtualHW.version": str(settings["hardware"]),
            "displayName": name,
            "guestOS": settings["guest_os"],
            "memsize": str(settings["memory"]),
            "numvcpus": str(settings["cpus"]),
            "scsi0.present": "TRUE",
            "scsi0.virtualDev": "pvscsi",
            "scsi0:0.present": "TRUE",
            "scsi0:0.fileName": f"{name}.vmdk",
            **({} if settings["guest_operations"] else {"guest.commands.enabled": "FALSE"}),
            **(encryption.keys(settings["password"]) if settings["password"] else {}),
        }
    )
    files = {
        folder / f"{name}.vmx": config.write(),
        folder / f"{name}.vmsd": vmsd.write(tree, name),
        folder / f"{name}.vmdk": DISK.encode(),
        # The password itself is kept nowhere: the .vmx tells whether one is right.
        own / "machine.json": json.dumps({**settings, "password": ""}).encode(),
        own / "state.json": json.dumps(state).encode(),
        **{folder / vmsd.state_file(name, snapshot.uid): snapshot_state(snapshot) for snapshot in tree.snapshots},
    }
    if suspended:
        files.update(suspended_files(folder / f"{name}.vmx", config, True))
    for path, content in files.items():
        path.write_bytes(content)


def planted(tree: vmsd.Tree, wanted: list[dict], parent: int = 0) -> vmsd.Tree:
    """Return the tree with these snapshots taken one after another, each below its parent."""
    for each in wanted:
        tree = replace(tree, current=parent).with_new(each["name"], each["description"], time.time_ns() // 1000, False)
        tree = planted(tree, each["children"], tree.current)
    return tree


def snapshot_state(snapshot: vmsd.Snapshot) -> bytes:
    return f"OpenVIX: the state of snapshot {snapshot.uid}\n".encode()


# A disk of 8 GB that reads as zeros: what is on the simulated disk lies in openvix/disks.
DISK = """\
# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"

# Extent description
RW 16777216 ZERO

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "21"
ddb.geometry.cylinders = "1044"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.adapterType = "lsilogic"
"""
