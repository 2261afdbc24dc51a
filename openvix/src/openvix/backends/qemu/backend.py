# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The QEMU backend of a VM: a QEMU process that outlives the daemon, and a disk with its snapshots.

The disk that a machine changes has the number 0; what was kept of it has a number from 1 up, never changes, and
can be what the machine is to begin with next: then that is its disk until it runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from openvix.backends.qemu import accelerator
from openvix.backends.qemu.disk import Disk, DiskError, tag
from openvix.backends.qemu.emulator import LEAST_MEMORY, QMP, SHARES, TOOLS, CannotStart, Emulator, Hardware, Software, machine_types, version
from openvix.backends.qemu.image import images, seed
from openvix.backends.qemu.qmp import Qmp, QmpDisconnected, QmpError
from openvix.backends.qemu.shares.server import HOLD_SECONDS, Shares
from openvix.guest.guest_tools import GuestTools
from openvix.guest.link import Link
from openvix.guest.owner import Owner
from openvix.system import atomic_files
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import shared_folders, vmx

KERNEL, INITRD, APPEND = "kernel", "initrd", "append"
# The newest machine type, used unless a snapshot requires another.
NEWEST = "pc"
LOG = "vmware.log"
# The file with the machine type of the first start.
TYPE = "machine-type"
# How long the guest tools wait for the shared folders, which are mounted a little later.
SHARES_SECONDS = 10
# The accelerators that have been checked successfully.
_usable = {accelerator.TCG}


def make(own: Path, hostname: str, settings: dict, is_kept: bool) -> tuple[int, int]:
    """Create the disk of a new VM and the files that it boots: see Hypervisor. Raises OSError without a guest image."""
    found = images.find(settings["guest_image"])
    if found is None:
        command = "openvix guest build" + ("" if settings["guest_image"] == "plain" else f" --{settings['guest_image']}")
        raise FileNotFoundError(f"the guest image {settings['guest_image']!r} has not been built; build it with: {command}")
    _share(found.kernel, own / KERNEL)
    own_seed = seed.archive(hostname, settings["accounts"], settings["files"], settings["processes"])
    (own / INITRD).write_bytes(found.initrd.read_bytes() + own_seed)
    (own / APPEND).write_text(found.append, encoding="utf-8")
    disk = Disk(own / "disks")
    shutil.copyfile(found.root, disk.path)
    with _as_vix_errors(constants.VIX_E_FAIL):
        return 0, disk.keep() if is_kept else 0


class QemuMachine:
    """The MachineBackend of a QEMU VM. own: its directory; tools: creates the guest tools."""

    def __init__(self, own: Path, owner: Owner, tools: Callable[[Link], GuestTools]):
        self._own, self._owner = own, owner
        self._disk, self._emulator = Disk(own / "disks"), Emulator(own / "guest")
        self._lock = threading.RLock()
        self._qmp: Qmp | None = None
        self._shares: Shares | None = None
        # Replaced for each QEMU process, so that late events of an earlier one are ignored.
        self._emulated = object()
        # While the guest is paused.
        self._held: _Held | None = None
        self._tools = tools(Link(lambda: self._emulator.dial(TOOLS), self.runs, self._await_shares, self._announce))

    @property
    def tools(self) -> GuestTools:
        return self._tools

    # Run

    def start(self, disk: int, config: vmx.Settings, *, resumed: bool, paused: bool) -> int:
        # Raise the error of an unreadable .vmx before anything is started.
        shared = shared_folders.visible(config)
        with self._lock, _as_vix_errors(constants.VIX_E_CANNOT_POWER_ON_VM, self._log):
            self._end()
            kept = self._disk.kept()[disk]["hardware"] if disk and resumed else None
            if disk and kept is None:
                self._disk.restore(disk)
            hardware = Hardware(*kept) if kept else self._hardware(config)
            # QEMU sets the disk back before it reads the memory, so that a memory that it refuses would cost what was written since. Removed by drop().
            present = self._disk.keep() if kept else 0
            _require(hardware.accelerator)
            software = Software(self._own / KERNEL, self._own / INITRD, (self._own / APPEND).read_text(encoding="utf-8"))
            self._emulator.start(hardware, software, self._disk.path, tag=tag(disk) if kept else None, paused=paused)
            try:
                qmp = self._watch()
                if hardware.type == NEWEST:
                    kind = qmp.ask("qom-get", path="/machine", property="type").removesuffix("-machine")
                    self._emulator.remember(hardware._replace(type=kind))
                    atomic_files.replace(self._own / TYPE, kind.encode())
                # The saved state may have been paused or running.
                qmp.ask("stop" if paused else "cont")
                self.share(shared)
                # They wait for the shared folders, which are known now.
                self._tools.begin()
            except (QmpDisconnected, QmpError, OSError) as error:
                self._end()
                self._put_back(present)
                raise CannotStart(self._emulator.complaint() or str(error)) from None
            except BaseException:
                self._end()
                self._put_back(present)
                raise
            return 0

    def obstacle(self, kept: int) -> str:
        saved = self._disk.kept().get(kept) if kept else None
        if not saved or not saved["hardware"]:
            return ""
        kind, types = Hardware(*saved["hardware"]).type, machine_types()
        if not types or kind in types:
            return ""
        by = f"QEMU {saved['qemu']}" if saved.get("qemu") else "another QEMU"
        reason = f"the memory was saved by {by} and needs its machine type {kind}, which QEMU {version()} on this computer does not have"
        self._log(reason)
        return reason

    def take_over(self, disk: int) -> int | None:
        with self._lock:
            # A guest with another disk number was to start from a snapshot; it has not started, or was interrupted.
            if disk == 0 and self._emulator.is_alive():
                with contextlib.suppress(QmpDisconnected, OSError):
                    self._watch()
                    self._tools.begin()
                    return 0
                self._log("the QEMU process of an earlier daemon does not answer; it is terminated")
            self._end()
            return None

    def runs(self) -> bool:
        return self._qmp is not None

    def halt(self) -> None:
        with self._lock:
            self._end()

    def freeze(self) -> None:
        # The request under way ends first, and no other begins: a guest that stands still would answer none, and who waits for it would hold up the next save.
        held = self._held = self._held or _Held(self._tools)
        try:
            self._execute("stop")
        except VixError:
            self._held = None
            held.end()
            raise

    def thaw(self) -> None:
        self._execute("cont")
        self._end_hold()
        self._tools.resume()

    def suspend(self, disk: int) -> int:
        qmp = self._qmp
        if qmp is None:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        # The requests between guest and host must be finished before it is stopped, as it cannot do so afterwards.
        with self._quiet(qmp):
            self._execute("stop")
            return self._keep(disk, memory=True)

    def leave(self, disk: int) -> int:
        if not self.runs():
            return disk
        try:
            return self.suspend(disk)
        except (VixError, OSError) as failure:
            # The directory may have been removed.
            self._log(f"saving the state of the VM failed, it is powered off: {failure}")
            return disk

    def is_lost(self, disk: int) -> bool:
        # A disk that has never run does not count.
        return disk == 0 and self._emulator.has_run()

    def stop(self, reset: bool) -> bool:
        if not self._tools.stop(reset):
            if reset:
                raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING, "the Tools in the guest did not take the request to restart")
            # The tools do not run, but the power button works.
            self._execute("system_powerdown")
        return True

    # Display

    def share(self, shares: dict[str, tuple[str, bool]]) -> None:
        with self._lock:
            own = self._shares
            if own is not None:
                own.show(shares)
        # Wait, since the caller will access the shared folders in the guest next.
        if own is not None and self._tools.ready_at(0, 0) is not None:
            own.await_guest(SHARES_SECONDS)

    def screen(self, config: vmx.Settings) -> bytes:
        picture = self._own / "guest" / "screen.png"
        with self._lock:
            try:
                self._execute("screendump", filename=str(picture), format="png")
                return picture.read_bytes()
            finally:
                picture.unlink(missing_ok=True)

    # Disk

    def keep(self, disk: int, *, runs: bool, memory: bool) -> int:
        # Pending requests would stay pending in the snapshot.
        with self._lock, self._quiet(self._qmp) if self._qmp is not None and not disk else contextlib.nullcontext():
            return self._keep(disk, memory=memory)

    def _keep(self, disk: int, *, memory: bool) -> int:
        """As keep(), while no request is pending. The remains of a failed snapshot are removed by drop()."""
        if disk:
            # Nothing has run since that snapshot, so it can be used again.
            return disk
        with self._lock, _as_vix_errors(constants.VIX_E_SNAPSHOT_CHECKPOINT, self._log):
            if self._qmp is None:
                return self._disk.keep()
            number = self._disk.announce(self._emulator.hardware() if memory else None, version())
            if memory:
                self._qmp.job("snapshot-save", f"save{number}", tag=tag(number), vmstate="disk0", devices=["disk0"])
            else:
                self._qmp.ask("blockdev-snapshot-internal-sync", device="disk0", name=tag(number))
            return number

    def restored(self, kept: int) -> int:
        return kept

    def drop(self, used: set[int]) -> None:
        with self._lock, _as_vix_errors(constants.VIX_E_SNAPSHOT_DISKLIB, self._log):
            unused = set(self._disk.kept()) - used
            there = self._disk.numbers() if unused and self._qmp is not None else set()
            for number in unused:
                if self._qmp is None:
                    self._disk.drop(number)
                    continue
                if number in there:
                    self._qmp.job("snapshot-delete", f"delete{number}", tag=tag(number), devices=["disk0"])
                self._disk.forget(number)

    def clone(self, disk: int, own: Path) -> int:
        with _as_vix_errors(constants.VIX_E_FAIL, self._log):
            self._disk.copy(disk, Disk(own / "disks").path)
        _share(self._own / KERNEL, own / KERNEL)
        for name in (INITRD, APPEND, *((TYPE,) if (self._own / TYPE).exists() else ())):
            shutil.copyfile(self._own / name, own / name)
        return 0

    # QEMU process

    def _hardware(self, config: vmx.Settings) -> Hardware:
        owner = self._owner
        network = (config.get("ethernet0.present") or "").upper() == "TRUE"
        memory = max(owner.number("memsize", LEAST_MEMORY), LEAST_MEMORY)
        return Hardware(self._type(), memory, owner.number("numvcpus", 1), network, str(owner.settings["accelerator"]))

    def _type(self) -> str:
        """Return the machine type of the first start, which an older QEMU that the world may go back to has as well; the newest if this QEMU lacks it."""
        with contextlib.suppress(FileNotFoundError):
            kind = (self._own / TYPE).read_text(encoding="ascii")
            if kind in machine_types():
                return kind
        return NEWEST

    def _put_back(self, present: int) -> None:
        """Set the disk back to what it was before a memory was refused."""
        if present:
            with contextlib.suppress(DiskError):
                self._disk.restore(present)

    def _end_hold(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.end()

    def _watch(self) -> Qmp:
        """Connect to the running QEMU, and serve its shared folders."""
        emulated = self._emulated = object()
        qmp = self._qmp = Qmp(self._emulator.dial(QMP), lambda event: self._handle_event(emulated, event))
        self._shares = Shares(self._emulator.dial(SHARES))
        return qmp

    def _handle_event(self, emulated: object, event: dict | None) -> None:
        """Handle an event of QEMU; None means its end. Errors, such as a full disk, are logged."""
        try:
            self._take_in(emulated, event)
        except (VixError, OSError) as failure:
            self._log(f"handling an event from QEMU failed: {failure}")

    def _take_in(self, emulated: object, event: dict | None) -> None:
        if event is None:
            with self._lock:
                if self._emulated is not emulated:
                    return
                self._log(f"QEMU exited: {self._emulator.complaint() or 'no error message'}")
                self._end()
            self._owner.ended()
        elif event["event"] == "SHUTDOWN":
            self._log(f"QEMU powers the VM off: {event.get('data', {}).get('reason')}")
        elif event["event"] == "RESET" and event.get("data", {}).get("guest"):
            with self._lock:
                if self._emulated is not emulated:
                    return
                self._tools.end()
                if self._shares is not None:
                    self._shares.restart()
                self._tools.begin()
                self._log("the guest restarts")
            self._owner.restarted()

    def _await_shares(self):
        """Wait until the shared folders are mounted in a guest whose tools answer."""
        shares = self._shares
        if shares is not None:
            shares.await_guest(SHARES_SECONDS)

    def _announce(self):
        changed = self._owner.changed
        with changed:
            changed.notify_all()

    @contextlib.contextmanager
    def _quiet(self, qmp: Qmp) -> Iterator[None]:
        """Let no request between guest and host be pending within the block."""
        with contextlib.ExitStack() as held:
            # A paused guest is quiet already.
            if self._held is None:
                held.enter_context(self._tools.quiet())
            if self._shares is not None:
                # A paused guest sends no requests, so there is nothing to wait for.
                held.enter_context(self._shares.quiet(HOLD_SECONDS if qmp.ask("query-status")["running"] else 0))
            yield

    def _execute(self, command: str, **arguments: Any) -> None:
        """Execute a QMP command. Raises VixError."""
        qmp = self._qmp
        if qmp is None:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        try:
            qmp.ask(command, **arguments)
        except QmpDisconnected:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING) from None
        except QmpError as refused:
            self._log(str(refused))
            raise VixError(constants.VIX_E_FAIL, str(refused)) from None

    def _end(self):
        """End the QEMU process if it runs; if it still answers, let it write its disk and quit."""
        self._emulated = object()
        is_left, in_peace = self._emulator.is_left(), False
        qmp, self._qmp = self._qmp, None
        shares, self._shares = self._shares, None
        if shares is not None:
            shares.close()
        self._end_hold()
        self._tools.end()
        if qmp is not None:
            with contextlib.suppress(QmpDisconnected, QmpError):
                qmp.ask("quit", seconds=5)
                self._emulator.reap()
                in_peace = True
            qmp.close()
        self._emulator.end()
        if is_left and not in_peace:
            with contextlib.suppress(DiskError):
                self._disk.mend()

    def _log(self, text: str) -> None:
        """Write a line to vmware.log of the VM. Arguments of calls must not be logged: they may be secrets."""
        with contextlib.suppress(OSError), open(self._own.parent / LOG, "a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")


class _Held:
    """Keeps the guest tools quiet from now until end(), by a separate thread, as another thread than this one may end it."""

    def __init__(self, tools: GuestTools):
        self._begun, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(tools,), name="hold", daemon=True)
        self._thread.start()
        self._begun.wait()

    def _hold(self, tools: GuestTools) -> None:
        try:
            with tools.quiet():
                self._begun.set()
                self._over.wait()
        finally:
            self._begun.set()

    def end(self):
        self._over.set()
        self._thread.join()


@contextlib.contextmanager
def _as_vix_errors(code: int, log: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Convert errors of QEMU or its disk within the block into VixError with this code."""
    try:
        yield
    except (CannotStart, DiskError, QmpError, QmpDisconnected) as error:
        log(str(error))
        raise VixError(code, str(error)) from error


def _require(accelerated: str) -> None:
    """Raise CannotStart unless QEMU can use this accelerator. A success is remembered."""
    if accelerated in _usable:
        return
    fault = accelerator.fault(accelerated)
    if fault:
        raise CannotStart(f'the accelerator {accelerated} cannot be used: {fault}; remove it from the world file or set accelerator = "tcg"')
    _usable.add(accelerated)


def _share(source: Path, target: Path) -> None:
    """Create a hard link or a copy of a file that never changes."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
