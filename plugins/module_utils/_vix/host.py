# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host: the VMware product, on this machine or a remote one, that runs VMs."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from . import capi, locate
from . import constants as vix
from .errors import FileNotFound, LicenseRefused, UnknownProperty, VixError, VMNotFound
from .handle import Handle, Job
from .vm import VM

if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

    from .capi import Library
    from .deadline import Deadline

    Where = Tuple[Optional[bytes], int, Optional[bytes], Optional[bytes]]  # name and port of the host, user and password

NONE = vix.VIX_INVALID_HANDLE
FUSION_OPTION = 0x200  # undocumented; vmrun passes it, and without it Fusion 26 refuses its licence (docs/vix-semantics.md, section 2.2)
FAIL = 1  # VIX_E_FAIL
EVENT_POLL = 0.01  # seconds

PROVIDERS = {
    "default": vix.VIX_SERVICEPROVIDER_DEFAULT,
    "workstation": vix.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION,
    "player": vix.VIX_SERVICEPROVIDER_VMWARE_PLAYER,
    "workstation_shared": vix.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION_SHARED,
    "vi_server": vix.VIX_SERVICEPROVIDER_VMWARE_VI_SERVER,
}


def connect(
    library: Library,
    deadline: Deadline,
    provider: str = "default",
    hostname: str | None = None,
    port: int = 0,
    username: str | None = None,
    password: str | None = None,
    validate_certs: bool = True,
) -> Host:
    """Connect to a host and return it. The caller disconnects it, by "with". A local host has no name and no credentials."""
    doing = f"connecting to {hostname or 'this machine'}"
    options = vix.VIX_HOSTOPTION_VERIFY_SSL_CERT if validate_certs and hostname else 0
    where = (capi.encode(hostname), port, capi.encode(username), capi.encode(password))
    try:
        number = _connect(library, deadline, doing, PROVIDERS[provider], where, options)
    except LicenseRefused:
        number = _connect(library, deadline, doing, PROVIDERS[provider], where, options | FUSION_OPTION)
    return Host(library, number, deadline)


def _connect(library: Library, deadline: Deadline, doing: str, kind: int, where: Where, options: int) -> int:
    with library.during(doing):
        number = library.VixHost_Connect(vix.VIX_API_VERSION, kind, *where, options, NONE, capi.EVENT_PROC(), None)
        with Job(library, number, deadline, doing, "VixHost_Connect", where) as job:
            if library.Vix_GetHandleType(job) != vix.VIX_HANDLETYPE_JOB:
                raise _refusal(library, job)
            return job.wait(vix.VIX_PROPERTY_JOB_RESULT_HANDLE)[0]


def _refusal(library: Library, job: Job) -> VixError:
    """The reason why VMware's wrapper library returned a handle that is not a job (docs/vix-semantics.md, section 2.4)."""
    logs = locate.wrapper_logs()
    try:
        library.VixJob_GetError(job)
    except VixError as error:
        if error.code == FAIL:
            error.advice = (
                f"VMware's wrapper library cannot write its log: allow this user to write to {os.path.dirname(logs)}, or set TMPDIR to another directory"
            )
        return error
    text = "VMware's wrapper library found the library of the product, and could not load it"
    return VixError(text, advice=f"the reason is in the newest vmware-vixWrapper-*.log in {logs}")


class Host(Handle):
    """A connected host."""

    def release(self) -> None:
        """Disconnect. This invalidates everything that was obtained from the host."""
        number, self._number = self._number, NONE
        if number != NONE:
            self._library.VixHost_Disconnect(number)

    def describe(self, doing: str = "reading the properties of the host") -> dict[str, Any]:
        """Return provider, API version and the product's version, which is empty if the library does not know it.

        doing: for which VM, in an error message. The same holds for running() and registered().
        """
        names = {number: name for name, number in PROVIDERS.items()}
        number = self.read(vix.VIX_PROPERTY_HOST_HOSTTYPE, doing)
        try:
            version = self.read(vix.VIX_PROPERTY_HOST_SOFTWARE_VERSION, doing)
        except UnknownProperty:
            version = ""
        return {"provider": names.get(number, str(number)), "api_version": self.read(vix.VIX_PROPERTY_HOST_API_VERSION, doing), "software_version": version}

    def running(self, doing: str = "listing the running VMs") -> list[str]:
        """Return the .vmx paths of the running VMs that this user may see."""
        return self._find_items(vix.VIX_FIND_RUNNING_VMS, doing)

    def registered(self, doing: str = "listing the registered VMs") -> list[str]:
        """Return the .vmx paths in the host's inventory; raise NotSupported if the product has none (docs/vix-semantics.md, section 10)."""
        return self._find_items(vix.VIX_FIND_REGISTERED_VMS, doing)

    def register(self, path: str) -> None:
        """Add a VM to the host's inventory. If the product has none, this succeeds and does nothing."""
        self.do("VixHost_RegisterVM", f"registering {path}", capi.encode(path))

    def unregister(self, path: str) -> None:
        """Remove a VM, which must be powered off, from the host's inventory."""
        self.do("VixHost_UnregisterVM", f"unregistering {path}", capi.encode(path))

    def open_vm(self, path: str, password: str | None = None) -> VM:
        """Open a VM and return it; the caller releases it. password: of an encrypted VM."""
        doing = f"opening {path}"
        with Handle(self._library, self._password_list(password, doing), self._deadline) as properties:
            arguments = (capi.encode(path), vix.VIX_VMOPEN_NORMAL, properties if password is not None else NONE)
            try:
                [number] = self.do("VixHost_OpenVM", doing, *arguments, wanted=[vix.VIX_PROPERTY_JOB_RESULT_HANDLE])
            except FileNotFound as error:  # some providers say so, others 4000 (section 11)
                raise VMNotFound(error.text, code=error.code, raw=error.raw, doing=doing) from error
        return VM(self._library, number, self._deadline, path)

    def _password_list(self, password: str | None, doing: str) -> int:
        if password is None:
            return NONE
        with self._library.during(doing):
            return capi.alloc_text_property(self._library, self, vix.VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, password)

    def _find_items(self, kind: int, doing: str) -> list[str]:
        """Return the locations that a search finds. They are passed to a callback on a thread of the library only (section 10)."""
        found: list[str] = []
        failures: list[VixError] = []
        ended = threading.Event()

        def hear(job: int, event: int, more: int, client_data: int | None) -> None:
            try:
                if event == vix.VIX_EVENTTYPE_FIND_ITEM:
                    found.extend(capi.fetch(self._library, self._library.Vix_GetProperties, more, wanted=[vix.VIX_PROPERTY_FOUND_ITEM_LOCATION]))
            except VixError as error:  # ctypes would print it and go on
                failures.append(error)
            finally:
                if event == vix.VIX_EVENTTYPE_JOB_COMPLETED:
                    ended.set()

        callback = capi.EVENT_PROC(hear)
        self._library.callbacks.append(callback)  # after a deadline the job continues and may still call it
        with self._library.during(doing):
            number = self._library.VixHost_FindItems(self, kind, NONE, -1, callback, None)
            with Job(self._library, number, self._deadline, doing, "VixHost_FindItems") as job:
                job.wait()
                while not ended.is_set():
                    self._deadline.pause(EVENT_POLL, doing)
            for failure in failures:
                raise failure
        return found
