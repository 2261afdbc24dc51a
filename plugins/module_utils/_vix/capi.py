# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vix.h for Python: its functions with their types, in its order and under its headings. The only file that uses ctypes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from ctypes import CDLL, CFUNCTYPE, POINTER, byref, c_byte, c_char_p, c_int, c_int64, c_uint64, c_void_p, string_at
from functools import partial
from typing import TYPE_CHECKING

from . import constants as vix
from .errors import LibraryUnusable, VixError, error_for

if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Sequence


def accept(library: Library, result: Any, function: Any, arguments: tuple[Any, ...]) -> Any:
    return result


def no_error(library: Library, result: int, function: Any, arguments: tuple[Any, ...]) -> int:
    if result:
        raise error_for(result, library.error_text(result))
    return result


def no_null(library: Library, result: int, function: Any, arguments: tuple[Any, ...]) -> int:
    if result == vix.VIX_INVALID_HANDLE:
        raise VixError("the library returned no handle")
    return result


HANDLE = OPTIONS = PROPERTY = c_int
BOOL = c_byte  # vm_basic_types.h: typedef char Bool
TEXT_IN = c_char_p
EVENT_PROC = CFUNCTYPE(None, HANDLE, c_int, HANDLE, c_void_p)
CALLBACK = (EVENT_PROC, c_void_p)

# What a function returns, and how its failure is recognized.
VOID, TEXT, NUMBER = (None, accept), (c_char_p, accept), (c_int, accept)
ERROR, JOB = (c_uint64, no_error), (HANDLE, no_null)

# Variadic functions list their fixed arguments only: some ABIs pass the rest in another way.
PROTOTYPES = {
    # -- base
    "Vix_GetErrorText": (TEXT, c_uint64, TEXT_IN),
    "Vix_ReleaseHandle": (VOID, HANDLE),
    "Vix_AddRefHandle": (VOID, HANDLE),
    "Vix_GetHandleType": (NUMBER, HANDLE),
    "Vix_GetProperties": (ERROR, HANDLE, PROPERTY),  # variadic
    "Vix_GetPropertyType": (ERROR, HANDLE, PROPERTY, POINTER(c_int)),
    "Vix_FreeBuffer": (VOID, c_void_p),
    # -- host
    "VixHost_Connect": (JOB, c_int, c_int, TEXT_IN, c_int, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixHost_Disconnect": (VOID, HANDLE),
    "VixHost_RegisterVM": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixHost_UnregisterVM": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixHost_FindItems": (JOB, HANDLE, c_int, HANDLE, c_int, *CALLBACK),
    "VixHost_OpenVM": (JOB, HANDLE, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixPropertyList_AllocPropertyList": (ERROR, HANDLE, POINTER(HANDLE), PROPERTY),  # variadic
    # -- virtual machine
    "VixVM_Open": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixVM_PowerOn": (JOB, HANDLE, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_PowerOff": (JOB, HANDLE, OPTIONS, *CALLBACK),
    "VixVM_Reset": (JOB, HANDLE, OPTIONS, *CALLBACK),
    "VixVM_Suspend": (JOB, HANDLE, OPTIONS, *CALLBACK),
    "VixVM_Pause": (JOB, HANDLE, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_Unpause": (JOB, HANDLE, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_Delete": (JOB, HANDLE, OPTIONS, *CALLBACK),
    # -- guest operations
    "VixVM_WaitForToolsInGuest": (JOB, HANDLE, c_int, *CALLBACK),
    "VixVM_LoginInGuest": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, *CALLBACK),
    "VixVM_LogoutFromGuest": (JOB, HANDLE, *CALLBACK),
    "VixVM_RunProgramInGuest": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_ListProcessesInGuest": (JOB, HANDLE, OPTIONS, *CALLBACK),
    "VixVM_KillProcessInGuest": (JOB, HANDLE, c_uint64, OPTIONS, *CALLBACK),
    "VixVM_RunScriptInGuest": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_CopyFileFromHostToGuest": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_CopyFileFromGuestToHost": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_DeleteFileInGuest": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixVM_FileExistsInGuest": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixVM_RenameFileInGuest": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_CreateTempFileInGuest": (JOB, HANDLE, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_GetFileInfoInGuest": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixVM_ListDirectoryInGuest": (JOB, HANDLE, TEXT_IN, OPTIONS, *CALLBACK),
    "VixVM_CreateDirectoryInGuest": (JOB, HANDLE, TEXT_IN, HANDLE, *CALLBACK),
    "VixVM_DeleteDirectoryInGuest": (JOB, HANDLE, TEXT_IN, OPTIONS, *CALLBACK),
    "VixVM_DirectoryExistsInGuest": (JOB, HANDLE, TEXT_IN, *CALLBACK),
    "VixVM_ReadVariable": (JOB, HANDLE, c_int, TEXT_IN, OPTIONS, *CALLBACK),
    "VixVM_WriteVariable": (JOB, HANDLE, c_int, TEXT_IN, TEXT_IN, OPTIONS, *CALLBACK),
    # -- snapshots
    "VixVM_GetNumRootSnapshots": (ERROR, HANDLE, POINTER(c_int)),
    "VixVM_GetRootSnapshot": (ERROR, HANDLE, c_int, POINTER(HANDLE)),
    "VixVM_GetCurrentSnapshot": (ERROR, HANDLE, POINTER(HANDLE)),
    "VixVM_GetNamedSnapshot": (ERROR, HANDLE, TEXT_IN, POINTER(HANDLE)),
    "VixVM_RemoveSnapshot": (JOB, HANDLE, HANDLE, OPTIONS, *CALLBACK),
    "VixVM_RevertToSnapshot": (JOB, HANDLE, HANDLE, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_CreateSnapshot": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    # -- shared folders
    "VixVM_EnableSharedFolders": (JOB, HANDLE, BOOL, OPTIONS, *CALLBACK),
    "VixVM_GetNumSharedFolders": (JOB, HANDLE, *CALLBACK),
    "VixVM_GetSharedFolderState": (JOB, HANDLE, c_int, *CALLBACK),
    "VixVM_SetSharedFolderState": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, *CALLBACK),
    "VixVM_AddSharedFolder": (JOB, HANDLE, TEXT_IN, TEXT_IN, OPTIONS, *CALLBACK),
    "VixVM_RemoveSharedFolder": (JOB, HANDLE, TEXT_IN, OPTIONS, *CALLBACK),
    # -- screen, clone, hardware, Tools
    "VixVM_CaptureScreenImage": (JOB, HANDLE, c_int, HANDLE, *CALLBACK),
    "VixVM_Clone": (JOB, HANDLE, HANDLE, c_int, TEXT_IN, OPTIONS, HANDLE, *CALLBACK),
    "VixVM_UpgradeVirtualHardware": (JOB, HANDLE, OPTIONS, *CALLBACK),
    "VixVM_InstallTools": (JOB, HANDLE, OPTIONS, TEXT_IN, *CALLBACK),
    # -- jobs
    "VixJob_Wait": (ERROR, HANDLE, PROPERTY),  # variadic
    "VixJob_CheckCompletion": (ERROR, HANDLE, POINTER(BOOL)),
    "VixJob_GetError": (ERROR, HANDLE),
    "VixJob_GetNumProperties": (NUMBER, HANDLE, PROPERTY),
    "VixJob_GetNthProperties": (ERROR, HANDLE, c_int, PROPERTY),  # variadic
    # -- snapshot tree
    "VixSnapshot_GetNumChildren": (ERROR, HANDLE, POINTER(c_int)),
    "VixSnapshot_GetChild": (ERROR, HANDLE, c_int, POINTER(HANDLE)),
    "VixSnapshot_GetParent": (ERROR, HANDLE, POINTER(HANDLE)),
}

# The cells for a property of each type, in order. The last one of a string or a blob points to a buffer of the library.
CELLS = {
    vix.VIX_PROPERTYTYPE_INTEGER: (c_int,),
    vix.VIX_PROPERTYTYPE_STRING: (c_void_p,),
    vix.VIX_PROPERTYTYPE_BOOL: (BOOL,),
    vix.VIX_PROPERTYTYPE_HANDLE: (HANDLE,),
    vix.VIX_PROPERTYTYPE_INT64: (c_int64,),
    vix.VIX_PROPERTYTYPE_BLOB: (c_int, c_void_p),
}


class Library:
    """libvix: every function of vix.h by its name. Each raises a VixError if it fails.

    crumb is called with the name of a function before it is called, and with what is being done, so that the parent
    of a process that crashed or hangs can report it.
    """

    def __init__(self, path: str, crumb: Callable[[str, str], None]) -> None:
        self.path, self._crumb = path, crumb
        self._thread = threading.local()  # VMs are processed in parallel, each by a separate thread
        self._types: dict[int, int] = {}
        self.callbacks: list[Any] = []  # kept alive for as long as the library may call them
        try:
            loaded = CDLL(path)
            for name, (kind, *arguments) in PROTOTYPES.items():
                function = getattr(loaded, name)
                function.restype, function.argtypes = kind[0], arguments
                function.errcheck = partial(kind[1], self)
                setattr(self, name, partial(self._call, name, function))
        except (OSError, AttributeError) as error:
            raise LibraryUnusable(f"{path} is not a usable VIX library: {error}") from error

    @contextmanager
    def during(self, doing: str, job: str = "") -> Iterator[None]:
        """Attach doing to every call and every VixError inside. job: the function whose job is waited for."""
        self._thread.during = (doing, job)
        try:
            yield
        except VixError as error:
            error.doing = error.doing or doing
            raise

    def _call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        doing, job = getattr(self._thread, "during", ("", ""))
        self._crumb(f"{name} after {job}" if job else name, doing)
        try:
            return function(*arguments)
        except VixError as error:
            error.call = job or name
            raise

    def error_text(self, raw: int) -> str:
        """VIX's English text for an error. It is a constant of the library and never freed."""
        return decode(self.Vix_GetErrorText(raw, None)) or "failed"

    def property_type(self, handle: Any, number: int) -> int:
        """The type of a property, from the library, or else from the manual."""
        if number not in self._types:
            try:
                kind = fetch_cell(self.Vix_GetPropertyType, handle, number)
            except VixError:
                kind = None
            self._types[number] = kind if kind in CELLS else vix.PROPERTY_TYPES[number]
        return self._types[number]


def encode(text: str | None) -> bytes | None:
    """Encode text as UTF-8, which ends at its first NUL. None is NULL."""
    if text is None:
        return None
    if "\0" in text:
        raise VixError("text for VIX cannot contain a NUL character")
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes | None) -> str | None:
    """Decode text from VIX. NULL is None; invalid UTF-8 is replaced."""
    return None if data is None else data.decode("utf-8", "replace")


def fetch(library: Library, function: Callable[..., Any], handle: Any, *leading: Any, wanted: Sequence[int]) -> list[Any]:
    """Call a variadic function; return the wanted properties of the handle as Python values, in order.

    After an error the cells hold nothing that may be used or freed (docs/vix-semantics.md, section 5).
    """
    kinds = [library.property_type(handle, number) for number in wanted]
    cells = [[ctype() for ctype in CELLS[kind]] for kind in kinds]
    variadic = []
    for number, places in zip(wanted, cells):
        variadic += [c_int(number), *map(byref, places)]
    function(handle, *leading, *variadic, c_int(vix.VIX_PROPERTY_NONE))
    try:
        return [_value(kind, places) for kind, places in zip(kinds, cells)]
    finally:
        for kind, places in zip(kinds, cells):
            if kind in (vix.VIX_PROPERTYTYPE_STRING, vix.VIX_PROPERTYTYPE_BLOB):
                library.Vix_FreeBuffer(places[-1])


def _value(kind: int, places: Sequence[Any]) -> Any:
    if kind == vix.VIX_PROPERTYTYPE_STRING:
        return decode(string_at(places[0].value)) if places[0].value else ""
    if kind == vix.VIX_PROPERTYTYPE_BLOB:
        return string_at(places[1].value, places[0].value) if places[1].value else b""
    if kind == vix.VIX_PROPERTYTYPE_BOOL:
        return places[0].value != 0
    return places[0].value


def fetch_cell(function: Callable[..., Any], *leading: Any, ctype: type[Any] = c_int) -> int:
    """Call a function whose last argument is one number to be filled in; return the number."""
    cell = ctype()
    function(*leading, byref(cell))
    return cell.value


def is_done(library: Library, job: Any) -> bool:
    """Whether the job has ended, with success or failure. Never waits."""
    return fetch_cell(library.VixJob_CheckCompletion, job, ctype=BOOL) != 0


def alloc_text_property(library: Library, host: Any, number: int, text: str) -> int:
    """Return the handle of a new property list that holds one text; the caller releases it."""
    cell = HANDLE()
    library.VixPropertyList_AllocPropertyList(host, byref(cell), c_int(number), c_char_p(encode(text)), c_int(vix.VIX_PROPERTY_NONE))
    return cell.value
