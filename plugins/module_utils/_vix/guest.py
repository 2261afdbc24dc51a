# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login in a guest operating system, by VMware Tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import capi
from . import constants as vix

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Sequence, TypedDict

    from .deadline import Deadline
    from .handle import Handle

    class FileInfo(TypedDict):
        size: int | None  # bytes; None: unknown, as the user may not read the file
        is_directory: bool
        is_link: bool
        modified: int  # seconds since 1970

    class DirectoryEntry(FileInfo):
        name: str

    class Process(TypedDict):
        name: str
        pid: int
        owner: str
        command: str
        start_time: int  # seconds since 1970


NONE = vix.VIX_INVALID_HANDLE
LONGEST_SCRIPT = 60536  # bytes, of the interpreter's path and the text (docs/vix-semantics.md, section 19)


def _info(size: int, flags: int, modified: int) -> FileInfo:
    return {
        "size": size if size >= 0 else None,  # docs/vix-semantics.md, section 20
        "is_directory": bool(flags & vix.VIX_FILE_ATTRIBUTES_DIRECTORY),
        "is_link": bool(flags & vix.VIX_FILE_ATTRIBUTES_SYMLINK),
        "modified": modified,
    }


class Guest:
    """The guest of a VM, with a user logged in for as long as the "with" lasts.

    Paths are absolute and in the guest's own notation; rights are the user's (docs/vix-semantics.md, section 18).
    """

    def __init__(self, vm: Handle, label: str, user: str) -> None:
        self._vm, self._label, self.user = vm, label, user

    @property
    def system(self) -> str:
        """The guest OS in the VM's configuration, such as debian12-64 or windows11-64, or an empty text."""
        system: str = self._vm.read(vix.VIX_PROPERTY_VM_GUESTOS, f"reading the properties of {self._label}")
        return system

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"the guest of {self._label}"

    @property
    def vm_label(self) -> str:
        """The name of its VM in messages and results, the path of the .vmx."""
        return self._label

    def within(self, seconds: float) -> Deadline:
        """A deadline for a part of the run that waits for something in the guest."""
        return self._vm.within(seconds)

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        # The login ends with the VM's handle anyway: a failure to log out must not hide what went wrong before it.
        if kind is None:
            self._do("VixVM_LogoutFromGuest", "logging out of")

    def processes(self) -> list[Process]:
        """Return every process as a dictionary of pid, name, owner, command and start_time (seconds since 1970).

        The last three are empty or 0 if old VMware Tools do not return them.
        """
        items = self._vm.do(
            "VixVM_ListProcessesInGuest",
            self._doing("listing the processes in"),
            0,
            each=(vix.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, vix.VIX_PROPERTY_JOB_RESULT_PROCESS_ID),
            optional=(
                vix.VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER,
                vix.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND,
                vix.VIX_PROPERTY_JOB_RESULT_PROCESS_START_TIME,
            ),
        )
        return [
            {"name": name, "pid": pid, "owner": owner or "", "command": command or "", "start_time": start_time or 0}
            for name, pid, owner, command, start_time in items
        ]

    def kill(self, pid: int) -> None:
        """Kill a process. Tools of a Linux guest ask it first, and serve nobody for up to 20 s (docs/vix-semantics.md, section 19)."""
        self._do("VixVM_KillProcessInGuest", f"killing process {pid} in", pid, 0)

    def run(self, program: str, arguments: str | None = None) -> int:
        """Run a program to its end and return its exit code, 0 also if a signal ended it.

        arguments: one text, which a Linux guest passes to a shell and a Windows guest to the program. It must be quoted for the guest.
        """
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE
        return self._do("VixVM_RunProgramInGuest", f"running {program} in", capi.encode(program), capi.encode(arguments), 0, NONE, wanted=[wanted])[0]

    def start(self, program: str, arguments: str | None = None) -> int:
        """Start a program and return its process id at once; arguments as in run()."""
        wanted, options = vix.VIX_PROPERTY_JOB_RESULT_PROCESS_ID, vix.VIX_RUNPROGRAM_RETURN_IMMEDIATELY
        return self._do("VixVM_RunProgramInGuest", f"starting {program} in", capi.encode(program), capi.encode(arguments), options, NONE, wanted=[wanted])[0]

    def run_script(self, interpreter: str | None, text: str, doing: str | None = None) -> int:
        """Run a script in an interpreter, wait for its end, and return its exit code, 0 also if a signal ended it.

        VMware Tools keep the script in a file that only the user can read, for as long as it runs.

        Args:
            interpreter: Path of the interpreter in the guest. None: /bin/sh or cmd.exe.
            text: The script. Together with the interpreter's path it has LONGEST_SCRIPT bytes at most.
            doing: What the script is for, in an error message.
        """
        wanted = [vix.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE]
        arguments = (capi.encode(interpreter), capi.encode(text), 0, NONE)
        return self._vm.do("VixVM_RunScriptInGuest", doing or self._doing("running a script in"), *arguments, wanted=wanted)[0]

    def environment_variable(self, name: str) -> str:
        """Return a variable of the user's environment. It is empty if it is not set."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING
        what, kind = f"reading the environment variable {name} in", vix.VIX_GUEST_ENVIRONMENT_VARIABLE
        return self._do("VixVM_ReadVariable", what, kind, capi.encode(name), 0, wanted=[wanted])[0]

    def copy_in(self, source: str, target: str) -> None:
        """Copy a file of this machine, or a directory with its content, into the guest. target: its path there. Not atomic."""
        self._do("VixVM_CopyFileFromHostToGuest", f"copying {source} to {target} in", capi.encode(source), capi.encode(target), 0, NONE)

    def copy_out(self, source: str, target: str) -> None:
        """Copy a file of the guest, or a directory with its content, to this machine. target: its path here. Not atomic."""
        self._do("VixVM_CopyFileFromGuestToHost", f"copying {source} out of", capi.encode(source), capi.encode(target), 0, NONE)

    def file_info(self, path: str) -> FileInfo:
        """Return size, is_directory, is_link and modified of a path; raise FileNotFound if it does not exist."""
        wanted = (vix.VIX_PROPERTY_JOB_RESULT_FILE_SIZE, vix.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS, vix.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME)
        return _info(*self._do("VixVM_GetFileInfoInGuest", f"looking at {path} in", capi.encode(path), wanted=wanted))

    def list_directory(self, path: str) -> list[DirectoryEntry]:
        """Return name and file_info() of each entry of a directory, not recursively and in no order."""
        each = (
            vix.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
            vix.VIX_PROPERTY_JOB_RESULT_FILE_SIZE,
            vix.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS,
            vix.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME,
        )
        items = self._vm.do("VixVM_ListDirectoryInGuest", self._doing(f"listing {path} in"), capi.encode(path), 0, each=each)
        return [{"name": name, **_info(*rest)} for name, *rest in items]

    def create_directory(self, path: str) -> None:
        """Create a directory that only the user can enter, and its parents; raise AlreadyExists if the path exists."""
        self._do("VixVM_CreateDirectoryInGuest", f"creating the directory {path} in", capi.encode(path), NONE)

    def delete_directory(self, path: str) -> None:
        """Delete a directory with its content."""
        self._do("VixVM_DeleteDirectoryInGuest", f"deleting the directory {path} in", capi.encode(path), 0)

    def file_exists(self, path: str) -> bool:
        """Whether the path is a regular file."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS
        return self._do("VixVM_FileExistsInGuest", f"looking for {path} in", capi.encode(path), wanted=[wanted])[0]

    def directory_exists(self, path: str) -> bool:
        """Whether the path is a directory."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS
        return self._do("VixVM_DirectoryExistsInGuest", f"looking for {path} in", capi.encode(path), wanted=[wanted])[0]

    def delete_file(self, path: str) -> None:
        self._do("VixVM_DeleteFileInGuest", f"deleting {path} in", capi.encode(path))

    def rename(self, old: str, new: str) -> None:
        """Rename a file or directory. An existing file of the new name is replaced."""
        self._do("VixVM_RenameFileInGuest", f"renaming {old} to {new} in", capi.encode(old), capi.encode(new), 0, NONE)

    def screenshot(self) -> bytes:
        """Return a screenshot, as the bytes of a PNG."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA
        return self._do("VixVM_CaptureScreenImage", "taking a screenshot of", vix.VIX_CAPTURESCREENFORMAT_PNG, NONE, wanted=[wanted])[0]

    def _doing(self, what: str) -> str:
        return f"{what} the guest of {self._label} as {self.user}"

    def _do(self, function: str, what: str, *arguments: Any, wanted: Sequence[int] = ()) -> list[Any]:
        return self._vm.do(function, self._doing(what), *arguments, wanted=wanted)
