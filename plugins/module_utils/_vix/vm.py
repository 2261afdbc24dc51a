# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual machine."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from . import capi, states
from . import constants as vix
from . import snapshot as snapshots
from .errors import NoToolsInGuest, NotReady, SnapshotNotFound, TimedOut, UnknownProperty
from .guest import Guest
from .handle import Handle
from .snapshot import Snapshot

if TYPE_CHECKING:
    from typing import Any, Iterator, Sequence

    from .capi import Library
    from .deadline import Deadline
    from .snapshot import Node

NONE = vix.VIX_INVALID_HANDLE
READY_POLL = 0.5  # seconds between two requests to a guest that does not accept them yet
SETTLING_POLL = 0.1  # seconds between two checks of a VM that changes its state

VARIABLES = {
    "guest_variable": vix.VIX_VM_GUEST_VARIABLE,
    "runtime_config": vix.VIX_VM_CONFIG_RUNTIME_ONLY,
    "guest_environment": vix.VIX_GUEST_ENVIRONMENT_VARIABLE,
}


# The facts of describe(), in order.
DESCRIPTION = {
    "path": vix.VIX_PROPERTY_VM_VMX_PATHNAME,
    "name": vix.VIX_PROPERTY_VM_NAME,
    "power_bits": vix.VIX_PROPERTY_VM_POWER_STATE,
    "tools": vix.VIX_PROPERTY_VM_TOOLS_STATE,
    "guest_os": vix.VIX_PROPERTY_VM_GUESTOS,
    "cpus": vix.VIX_PROPERTY_VM_NUM_VCPUS,
    "memory": vix.VIX_PROPERTY_VM_MEMORY_SIZE,
}


def _access(writable: bool) -> int:
    return vix.VIX_SHAREDFOLDER_WRITE_ACCESS if writable else 0


class VM(Handle):
    """An opened virtual machine. label: its name in messages, which is its path."""

    def __init__(self, library: Library, number: int, deadline: Deadline, label: str) -> None:
        super().__init__(library, number, deadline)
        self.label = label

    # -- properties

    @property
    def path(self) -> str:
        """Path of the .vmx as the host writes it."""
        return self._read(vix.VIX_PROPERTY_VM_VMX_PATHNAME)

    @property
    def name(self) -> str:
        return self._read(vix.VIX_PROPERTY_VM_NAME)

    @property
    def guest_os(self) -> str:
        return self._read(vix.VIX_PROPERTY_VM_GUESTOS)

    @property
    def cpus(self) -> int:
        return self._read(vix.VIX_PROPERTY_VM_NUM_VCPUS)

    @property
    def memory(self) -> int:
        """Memory in MB."""
        return self._read(vix.VIX_PROPERTY_VM_MEMORY_SIZE)

    @property
    def power_bits(self) -> int:
        return self._read(vix.VIX_PROPERTY_VM_POWER_STATE)

    @property
    def power(self) -> str:
        """powered_on, powered_off, suspended or paused. If the VM is changing its state, that is waited for."""
        while True:
            bits = self.power_bits
            state = states.word(states.POWER, bits)
            if state:
                return state
            self._deadline.pause(SETTLING_POLL, f"waiting for the power state of {self.label}, whose bits are {bits:#x}, to settle")

    @property
    def tools(self) -> str:
        """running, not_installed or unknown. VIX does not know more about a VM before wait_for_tools() (docs/vix-semantics.md, section 16)."""
        return states.word(states.TOOLS, self._read(vix.VIX_PROPERTY_VM_TOOLS_STATE)) or "unknown"

    def describe(self) -> dict[str, Any]:
        """Return the facts of DESCRIPTION, by one call if the host knows all of them. Unknown ones are None."""
        doing = f"reading the properties of {self.label}"
        try:
            found = dict(zip(DESCRIPTION, self.read_all(list(DESCRIPTION.values()), doing)))
        except UnknownProperty:
            found = {name: self._read_if_known(number) for name, number in DESCRIPTION.items()}
        found["tools"] = states.word(states.TOOLS, found["tools"] or 0) or "unknown"
        return found

    # -- power

    def power_on(self, gui: bool = False, paused: bool = False) -> None:
        """Power on, or resume a suspended VM. It returns when the guest begins to boot. gui: with a window; paused: with its processors frozen."""
        options = (vix.VIX_VMPOWEROP_LAUNCH_GUI if gui else 0) | (vix.VIX_VMPOWEROP_START_VM_PAUSED if paused else 0)
        self._do("VixVM_PowerOn", "powering on", options, NONE)

    def power_off(self) -> None:
        """Power off (hard): data that the guest has not written is lost."""
        self._do("VixVM_PowerOff", "powering off", vix.VIX_VMPOWEROP_NORMAL)

    def shut_down(self, seconds: float) -> None:
        """Let the guest shut itself down; raise TimedOut if it has not done so after that many seconds."""
        doing, deadline = f"shutting down the guest of {self.label}", self._deadline.within(seconds)
        while True:
            with self.start("VixVM_PowerOff", doing, vix.VIX_VMPOWEROP_FROM_GUEST) as job:
                job.limit(deadline)
                try:
                    job.wait()
                    return
                except NotReady:  # VMware Tools have just started and do not accept requests yet (docs/vix-semantics.md, section 12)
                    deadline.pause(READY_POLL, doing)

    def wait_until_unlocked(self) -> None:
        """Wait until VMware has released the VM's files, a moment after the VM was powered off."""
        lock = f"{self.path}.lck"
        while os.path.isdir(lock):
            self._deadline.pause(SETTLING_POLL, f"waiting for another process to release {self.label} ({lock})")

    def suspend(self) -> None:
        self._do("VixVM_Suspend", "suspending", vix.VIX_VMPOWEROP_NORMAL)

    def pause(self) -> None:
        """Freeze the virtual processors."""
        self._do("VixVM_Pause", "pausing", 0, NONE)

    def unpause(self) -> None:
        self._do("VixVM_Unpause", "unpausing", 0, NONE)

    def wait_for_tools(self, seconds: float) -> None:
        """Wait until VMware Tools run in the guest; raise NoToolsInGuest, with the reason as far as it is known, after that many seconds."""
        doing = f"waiting for VMware Tools in {self.label}"
        if self.power != "powered_on":
            raise self.no_tools(doing)
        # 0 or less would wait for ever, and some versions exceed the limit (docs/vix-semantics.md, section 16): so there is a second limit.
        whole = max(1, round(seconds))
        with self.start("VixVM_WaitForToolsInGuest", doing, whole) as job:
            job.limit(self._deadline.within(whole + 1))
            try:
                job.wait()
            except (NoToolsInGuest, TimedOut) as error:
                raise self.no_tools(doing, f"no answer within {whole} s; ", error.code) from error

    def no_tools(self, doing: str, begin: str = "", code: int | None = None) -> NoToolsInGuest:
        """The NoToolsInGuest with the reason why VMware Tools do not run, as far as it is known, and what to do next."""
        bits, power = self.power_bits, self.power
        if bits & vix.VIX_POWERSTATE_BLOCKED_ON_MSG:
            why, advice = "the VM is waiting for an answer to a question", "open it in VMware and answer it"
        elif power != "powered_on":
            why, advice = f"the VM is {power}", "power it on first (vmlab.vix.vm_power)"
        elif self.tools == "not_installed":
            why, advice = "VMware Tools are not installed", "install them in the guest (or open-vm-tools)"
        else:
            why, advice = "the VM is powered on, and its guest may still be booting", "increase tools_timeout, or check the VM's screen"
        return NoToolsInGuest(f"{begin}{why}", code=code, doing=doing, advice=advice)

    # -- the machine

    @property
    def features(self) -> list[str]:
        """The features that this VM supports, according to the product."""
        return states.words(states.FEATURES, self._read(vix.VIX_PROPERTY_VM_SUPPORTED_FEATURES))

    def delete(self, disk_files: bool) -> None:
        """Delete the VM, which must be powered off or suspended, with or without its disks. The handle still has to be released."""
        self._do("VixVM_Delete", "deleting", vix.VIX_VMDELETE_DISK_FILES if disk_files else 0)

    def clone(self, path: str, node: Node | None = None, linked: bool = False) -> None:
        """Clone the VM, or the snapshot of a node, to a new .vmx at the path. For a linked clone without a node, VIX takes a new snapshot."""
        with ExitStack() as stack:
            snapshot = stack.enter_context(self._find(node)) if node else NONE
            kind = vix.VIX_CLONETYPE_LINKED if linked else vix.VIX_CLONETYPE_FULL
            [number] = self._do(
                "VixVM_Clone", f"cloning to {path} from", snapshot, kind, capi.encode(path), 0, NONE, wanted=[vix.VIX_PROPERTY_JOB_RESULT_HANDLE]
            )
            self._library.Vix_ReleaseHandle(number)

    def upgrade_hardware(self) -> None:
        """Upgrade the virtual hardware to the newest version. This cannot be undone; the VM must be powered off."""
        self._do("VixVM_UpgradeVirtualHardware", "upgrading the virtual hardware of", 0)

    def install_tools(self, upgrade: bool = False, wait: bool = False) -> None:
        """Mount the installer of VMware Tools in the guest, or upgrade them. wait: until the installation has ended."""
        options = vix.VIX_INSTALLTOOLS_AUTO_UPGRADE if upgrade else vix.VIX_INSTALLTOOLS_MOUNT_TOOLS_INSTALLER
        if not wait:
            options |= vix.VIX_INSTALLTOOLS_RETURN_IMMEDIATELY
        self._do("VixVM_InstallTools", "upgrading VMware Tools in" if upgrade else "mounting the VMware Tools installer in", options, None)

    # -- variables

    def read_variable(self, kind: str, name: str) -> str:
        """Return a variable. It is empty if it is not set. kind: one of VARIABLES; guest_environment requires a login."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING
        return self._do("VixVM_ReadVariable", f"reading the variable {name} of", VARIABLES[kind], capi.encode(name), 0, wanted=[wanted])[0]

    def write_variable(self, kind: str, name: str, value: str) -> None:
        """Set a variable. An empty value is the same as an unset variable (docs/vix-semantics.md, section 21)."""
        self._do("VixVM_WriteVariable", f"setting the variable {name} of", VARIABLES[kind], capi.encode(name), capi.encode(value), 0)

    # -- shared folders

    def enable_shared_folders(self, enabled: bool = True) -> None:
        self._do("VixVM_EnableSharedFolders", "enabling shared folders of" if enabled else "disabling shared folders of", enabled, 0)

    @property
    def shared_folders(self) -> list[dict[str, Any]]:
        """name, path on the host and writable of each shared folder."""
        count = self._do("VixVM_GetNumSharedFolders", "counting the shared folders of", wanted=[vix.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_COUNT])[0]
        return [self._shared_folder(index) for index in range(count)]

    def _shared_folder(self, index: int) -> dict[str, Any]:
        wanted = (vix.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, vix.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_HOST, vix.VIX_PROPERTY_JOB_RESULT_SHARED_FOLDER_FLAGS)
        name, path, flags = self._do("VixVM_GetSharedFolderState", "reading the shared folders of", index, wanted=wanted)
        return {"name": name, "path": path, "writable": bool(flags & vix.VIX_SHAREDFOLDER_WRITE_ACCESS)}

    def add_shared_folder(self, name: str, path: str, writable: bool) -> None:
        self._do("VixVM_AddSharedFolder", f"sharing {path} as {name} with", capi.encode(name), capi.encode(path), _access(writable))

    def change_shared_folder(self, name: str, path: str, writable: bool) -> None:
        self._do("VixVM_SetSharedFolderState", f"sharing {path} as {name} with", capi.encode(name), capi.encode(path), _access(writable))

    def remove_shared_folder(self, name: str) -> None:
        self._do("VixVM_RemoveSharedFolder", f"removing the shared folder {name} of", capi.encode(name), 0)

    @property
    def shared_folders_path(self) -> str:
        """The path of the shared folders in the guest. VMware Tools must run."""
        return self._read(vix.VIX_PROPERTY_GUEST_SHAREDFOLDERS_SHARES_PATH)

    # -- snapshots

    def snapshot_tree(self) -> list[Node]:
        """Return the roots of the tree as values (snapshot.Node)."""
        with self._library.during(f"reading the snapshots of {self.label}"), ExitStack() as stack:
            current = self._current_snapshot()
            return snapshots.read_tree(self._roots(), current and stack.enter_context(current))

    def create_snapshot(self, name: str, description: str = "", memory: bool = True) -> None:
        """Take a snapshot below the current one. Without memory, the VM is powered off after a revert."""
        options = vix.VIX_SNAPSHOT_INCLUDE_MEMORY if memory else 0
        result = vix.VIX_PROPERTY_JOB_RESULT_HANDLE
        arguments = (capi.encode(name), capi.encode(description), options, NONE)
        [number] = self._do("VixVM_CreateSnapshot", f"taking snapshot {name} of", *arguments, wanted=[result])
        self._library.Vix_ReleaseHandle(number)

    def remove_snapshot(self, node: Node, children: bool = False) -> None:
        """Remove the snapshot of a node. Its children move up to its parent, or are removed as well."""
        with self._find(node) as snapshot:
            options = vix.VIX_SNAPSHOT_REMOVE_CHILDREN if children else 0
            self._do("VixVM_RemoveSnapshot", f"removing snapshot {node.path} of", snapshot, options)

    def revert(self, node: Node, power_on: bool = True) -> None:
        """Revert the VM to a snapshot: its disks, memory and power state. power_on: False leaves it powered off."""
        with self._find(node) as snapshot:
            options = vix.VIX_VMPOWEROP_NORMAL if power_on else vix.VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON
            self._do("VixVM_RevertToSnapshot", f"reverting to snapshot {node.path} of", snapshot, options, NONE)

    def _roots(self) -> Iterator[Snapshot]:
        for index in range(capi.fetch_cell(self._library.VixVM_GetNumRootSnapshots, self)):
            yield self._snapshot(capi.fetch_cell(self._library.VixVM_GetRootSnapshot, self, index))

    def _current_snapshot(self) -> Snapshot | None:
        try:
            return self._snapshot(capi.fetch_cell(self._library.VixVM_GetCurrentSnapshot, self))
        except SnapshotNotFound:
            return None

    def _find(self, node: Node) -> Snapshot:
        with self._library.during(f"finding snapshot {node.path} of {self.label}"), ExitStack() as stack:
            snapshot = stack.enter_context(snapshots.descend(self._roots(), node.place))
            if snapshot.name != node.name:
                raise SnapshotNotFound(snapshots.CHANGED)
            stack.pop_all()  # the caller releases it
            return snapshot

    def _snapshot(self, number: int) -> Snapshot:
        return Snapshot(self._library, number, self._deadline)

    # -- guest

    def log_in(self, user: str, password: str, interactive: bool = False) -> Guest:
        """Log in to the guest and return the Guest, which logs out at the end of its "with". VMware Tools must run."""
        options = vix.VIX_LOGIN_IN_GUEST_REQUIRE_INTERACTIVE_ENVIRONMENT if interactive else 0
        self._do("VixVM_LoginInGuest", f"logging {user} in to the guest of", capi.encode(user), capi.encode(password), options)
        return Guest(self, self.label, user)

    def _read(self, number: int) -> Any:
        return self.read(number, f"reading the properties of {self.label}")

    def _read_if_known(self, number: int) -> Any:
        try:
            return self._read(number)
        except UnknownProperty:
            return None

    def _do(self, function: str, what: str, *arguments: Any, wanted: Sequence[int] = ()) -> list[Any]:
        return self.do(function, f"{what} {self.label}", *arguments, wanted=wanted)
