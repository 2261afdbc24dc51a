# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest operating system that one of its users is logged in to, by VMware Tools alone."""

from __future__ import annotations

from . import capi
from . import constants as vix

NONE = vix.VIX_INVALID_HANDLE
LONGEST_SCRIPT = 60536  # bytes, of the interpreter's path and the text (docs/vix-semantics.md, section 19)


def _info(size, flags, modified):
    return {
        "size": size,
        "is_directory": bool(flags & vix.VIX_FILE_ATTRIBUTES_DIRECTORY),
        "is_link": bool(flags & vix.VIX_FILE_ATTRIBUTES_SYMLINK),
        "modified": modified,
    }


class Guest:
    """The guest of a VM, with a user logged in for as long as the "with" lasts.

    Paths are absolute and in the guest's own notation; rights are the user's (docs/vix-semantics.md, section 18).
    """

    def __init__(self, vm, label, user):
        self._vm, self._label, self.user = vm, label, user

    @property
    def system(self):
        """What the VM says of the operating system in it, as in debian12-64 or windows11-64; empty where it says nothing."""
        return self._vm.guest_os

    @property
    def label(self):
        """How messages call it."""
        return f"the guest of {self._label}"

    def within(self, seconds):
        """A deadline for a part of the run that waits for something in the guest."""
        return self._vm.within(seconds)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        # The login ends with the VM's handle anyway: a failure to log out must not hide what went wrong before it.
        if kind is None:
            self._do("VixVM_LogoutFromGuest", "logging out of")

    def processes(self):
        """Return every process as a dictionary of pid, name, owner, command and start_time (seconds since 1970).

        What old VMware Tools do not tell of the last three is empty or 0.
        """
        items = self._vm.do_for_items(
            "VixVM_ListProcessesInGuest",
            self._doing("listing the processes in"),
            0,
            wanted=(vix.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, vix.VIX_PROPERTY_JOB_RESULT_PROCESS_ID),
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

    def kill(self, pid):
        """Kill a process at once."""
        self._do("VixVM_KillProcessInGuest", f"killing process {pid} in", pid, 0)

    def run(self, program, arguments=None):
        """Run a program to its end and return its exit code.

        arguments: one text, which a Linux guest gives to a shell and a Windows guest to the program: quote it for the guest.
        """
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE
        return self._do("VixVM_RunProgramInGuest", f"running {program} in", capi.encode(program), capi.encode(arguments), 0, NONE, wanted=[wanted])[0]

    def start(self, program, arguments=None):
        """Start a program and return its process id at once; arguments as in run()."""
        wanted, options = vix.VIX_PROPERTY_JOB_RESULT_PROCESS_ID, vix.VIX_RUNPROGRAM_RETURN_IMMEDIATELY
        return self._do("VixVM_RunProgramInGuest", f"starting {program} in", capi.encode(program), capi.encode(arguments), options, NONE, wanted=[wanted])[0]

    def run_script(self, interpreter, text, doing="running a script in"):
        """Run a text to its end by an interpreter, or None for /bin/sh and cmd.exe, and return its exit code.

        Tools keep it in a file that only the user can read, for as long as it runs. Path of the interpreter and text: LONGEST_SCRIPT bytes at most.
        """
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE
        return self._do("VixVM_RunScriptInGuest", doing, capi.encode(interpreter), capi.encode(text), 0, NONE, wanted=[wanted])[0]

    def environment_variable(self, name):
        """Return a variable of the user's environment; one that is not set is empty."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_VM_VARIABLE_STRING
        what, kind = f"reading the environment variable {name} in", vix.VIX_GUEST_ENVIRONMENT_VARIABLE
        return self._do("VixVM_ReadVariable", what, kind, capi.encode(name), 0, wanted=[wanted])[0]

    def copy_in(self, source, target):
        """Copy a file of this machine into the guest, or a directory with all in it; target is its full name there. Not atomic."""
        self._do("VixVM_CopyFileFromHostToGuest", f"copying {source} to {target} in", capi.encode(source), capi.encode(target), 0, NONE)

    def copy_out(self, source, target):
        """Copy a file of the guest to this machine, or a directory with all in it; target is its full name here. Not atomic."""
        self._do("VixVM_CopyFileFromGuestToHost", f"copying {source} out of", capi.encode(source), capi.encode(target), 0, NONE)

    def file_info(self, path):
        """Return size, is_directory, is_link and modified (seconds since 1970) of what is at the path; raise FileNotFound."""
        wanted = (vix.VIX_PROPERTY_JOB_RESULT_FILE_SIZE, vix.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS, vix.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME)
        return _info(*self._do("VixVM_GetFileInfoInGuest", f"looking at {path} in", capi.encode(path), wanted=wanted))

    def list_directory(self, path):
        """Return, for each thing in a directory, its name and what file_info() tells; one level, in no order."""
        wanted = (
            vix.VIX_PROPERTY_JOB_RESULT_ITEM_NAME,
            vix.VIX_PROPERTY_JOB_RESULT_FILE_SIZE,
            vix.VIX_PROPERTY_JOB_RESULT_FILE_FLAGS,
            vix.VIX_PROPERTY_JOB_RESULT_FILE_MOD_TIME,
        )
        items = self._vm.do_for_items("VixVM_ListDirectoryInGuest", self._doing(f"listing {path} in"), capi.encode(path), 0, wanted=wanted)
        return [{"name": name, **_info(*rest)} for name, *rest in items]

    def create_directory(self, path):
        """Make a directory that only the user can enter, and those above it; raise AlreadyExists where there is anything already."""
        self._do("VixVM_CreateDirectoryInGuest", f"making the directory {path} in", capi.encode(path), NONE)

    def delete_directory(self, path):
        """Delete a directory and all that is in it."""
        self._do("VixVM_DeleteDirectoryInGuest", f"deleting the directory {path} in", capi.encode(path), 0)

    def file_exists(self, path):
        """Whether a regular file is at the path."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS
        return self._do("VixVM_FileExistsInGuest", f"looking for {path} in", capi.encode(path), wanted=[wanted])[0]

    def directory_exists(self, path):
        """Whether a directory is at the path."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_GUEST_OBJECT_EXISTS
        return self._do("VixVM_DirectoryExistsInGuest", f"looking for {path} in", capi.encode(path), wanted=[wanted])[0]

    def delete_file(self, path):
        self._do("VixVM_DeleteFileInGuest", f"deleting {path} in", capi.encode(path))

    def rename(self, old, new):
        """Rename a file or directory; a file that has the new name is replaced."""
        self._do("VixVM_RenameFileInGuest", f"renaming {old} to {new} in", capi.encode(old), capi.encode(new), 0, NONE)

    def screenshot(self):
        """Return a picture of the screen, as the bytes of a PNG."""
        wanted = vix.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA
        return self._do("VixVM_CaptureScreenImage", "taking a picture of the screen of", vix.VIX_CAPTURESCREENFORMAT_PNG, NONE, wanted=[wanted])[0]

    def _doing(self, what):
        return f"{what} the guest of {self._label} as {self.user}"

    def _do(self, function, what, *arguments, wanted=()):
        return self._vm.do(function, self._doing(what), *arguments, wanted=wanted)
