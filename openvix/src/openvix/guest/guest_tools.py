# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of guest tools: logins, programs, processes and files of a guest, for any backend."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from openvix.guest.files import FileInfo
from openvix.guest.processes import Process
from openvix.guest.programs import Ran
from openvix.guest.rights import Account


class GuestTools(Protocol):
    """The guest tools of one VM. Implementations: simulated (backends/simulated), the agent in guests of QEMU (backends/qemu), and VMware's own vmtoolsd
    (backends/vmtoolsd).

    Each fits behind either machine backend, so nothing here depends on the machine. Paths of the guest are absolute. Bytes
    that are not UTF-8 are surrogates. Every method that acts in the guest raises VixError: VIX_E_VM_NOT_RUNNING (3006) if the machine does not run,
    VIX_E_TOOLS_NOT_RUNNING (3016) if the tools do not answer, and for errors of the guest's system the code of the errno (docs/vix-semantics.md,
    section 18). See section 17 for logins, 19 for programs, 20 for copies of files.
    """

    # Variables that VIX has set. They are added to the environment of programs.
    environment: dict[str, str]

    # Events, reported by the machine backend

    def begin(self) -> None:
        """Look for tools in a guest that has started, restarted or been taken over. Does not wait; see ready_at()."""

    def end(self) -> None:
        """Forget the tools of a guest that has ended; pending requests fail."""

    def resume(self) -> None:
        """Correct the effects of a pause on the guest, such as a wrong clock."""

    def quiet(self) -> AbstractContextManager[None]:
        """Return a context in which no request is pending, so that a snapshot contains no half-sent request."""

    # Information about the guest

    def ready_at(self, on_since: float, delay: float) -> float | None:
        """Return the time, by the clock of the VM, at which the tools run; it may be in the past. None if it is unknown.

        on_since: the start of the guest; delay: the simulated start time of the tools in seconds.
        """

    def address(self) -> str:
        """Return the first external address of the guest, "" without one."""

    def stop(self, reset: bool) -> bool:
        """Request a shutdown or restart (reset); return whether the tools accepted the request."""

    # Logins

    def login(self, name: str, password: str) -> Account:
        """Return the account with this name.

        With an account that has no password, every password is right. Raises VixError: 3 for an empty name, 3015 for a wrong name or password, for a
        locked account, and for one whose shell is not in /etc/shells.
        """

    def environment_of(self, account: Account) -> dict[str, str]:
        """Return the environment of programs that are started for an account."""

    # Programs and processes

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        """Run a program of the guest.

        Args:
            account: The account whose rights, home and environment apply.
            program: Its path.
            arguments: A raw string that the guest's shell parses.
            wait: Whether to wait until the program has ended.

        Returns:
            Process id, elapsed seconds and exit code; the last two are 0 without wait. After a signal, the exit code is 0, or 128 plus the number of
            the signal (killed_exit_code of ToolsOptions); if the end was not observed, it is -1.

        Raises:
            VixError: 3 for an empty path, 4 for a missing file or a relative path, 3015 without permission to execute the file, 3004 if it does
                not start, 3006 if the guest is powered off meanwhile.
        """

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        """Run a script with an interpreter (default /bin/sh) from a temporary file; otherwise like run_program().

        The file is removed when the script has ended. Raises VixError 44 for a script that is too long (programs.LONGEST_SCRIPT).
        """

    def processes(self) -> list[Process]:
        """Return all processes of the guest in the order of process ids, also those that have ended and were not reaped."""

    def kill(self, account: Account, pid: int) -> None:
        """Send SIGTERM to a process of the guest, and SIGKILL if it is still listed some seconds later; wait until it is no longer listed.

        Raises VixError: 20003 for a missing process, 3015 for init, for the tools, and without administrator rights for processes of other accounts, 1
        if the process is still listed some seconds after SIGKILL, as one that its parent does not reap is.
        """

    # Files

    def copy_in(self, account: Account, host_path: str, guest_path: str) -> None:
        """Copy a file or directory of the host, by absolute path, into the guest. Directories are merged, files are replaced."""

    def copy_out(self, account: Account, guest_path: str, host_path: str) -> None:
        """Copy a file or directory of the guest to an absolute path of the host, like copy_in()."""

    def file_exists(self, account: Account, path: str) -> bool:
        """Return whether a path leads to a regular file that is visible to the account. Raises VixError 3 for an empty or relative path."""

    def directory_exists(self, account: Account, path: str) -> bool:
        """Return whether a path leads to a directory that is visible to the account. Raises VixError 3 for an empty or relative path."""

    def file_info(self, account: Account, path: str) -> FileInfo:
        """Return the properties of a file or directory."""

    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        """Return the entries of a directory without . and .., sorted by name."""

    def create_directory(self, account: Account, path: str) -> None:
        """Create a directory and missing parents. Raises VixError 12 if the path exists."""

    def delete_directory(self, account: Account, path: str) -> None:
        """Remove a directory tree. A link to a directory is an error."""

    def delete_file(self, account: Account, path: str) -> None:
        """Remove a file or a link; a link is not followed."""

    def rename(self, account: Account, old: str, new: str) -> None:
        """Rename a file or directory. A file at the new path is replaced; a directory there raises VixError 23."""

    def create_temp_file(self, account: Account) -> str:
        """Create an empty file with a new name in /tmp and return its path."""
