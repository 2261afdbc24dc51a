# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What acts in a guest for VIX: logins, programs, processes and files, whatever machine the guest runs in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from openvix.guest.files import FileInfo
from openvix.guest.processes import Process
from openvix.guest.programs import Ran
from openvix.guest.rights import Account


class GuestTools(Protocol):
    """The Tools in the guest of one VM. Kinds: simulated (backends/simulated), the agent in guests of QEMU (backends/qemu).

    A third kind, VMware's own vmtoolsd, has to fit behind either machine backend: nothing here depends on the machine. Paths of the guest are absolute; text
    that is not UTF-8 has surrogates for its bytes. Every method that acts in the guest raises VixError: VIX_E_VM_NOT_RUNNING (3006) when the machine does not
    run, VIX_E_TOOLS_NOT_RUNNING (3016) when Tools do not answer, and for what the guest's system refuses the code of its errno (docs/vix-semantics.md,
    section 18). Section 17 says how accounts log in, 19 how programs run, 20 how files are copied.
    """

    # Added to the environment of the programs of its users: the environment variables that VIX has set.
    environment: dict[str, str]

    # Its run, as the machine backend reports it

    def begin(self) -> None:
        """Find Tools in a guest that has started, restarted by itself, or been taken over. Returns at once; ready_at() says when they run."""

    def end(self) -> None:
        """Know of no Tools, as the guest has ended; requests that wait for an answer fail."""

    def resume(self) -> None:
        """Set right what a pause made wrong in a guest that goes on, such as its clock."""

    def quiet(self) -> AbstractContextManager[None]:
        """Return a context in which no request is on its way, so that a snapshot finds Tools between two requests."""

    # What they say of the guest

    def ready_at(self, on_since: float, delay: float) -> float | None:
        """Return when Tools run, by the clock of the VM: later than now if the VM has to wait for it, None when nobody can know.

        on_since: when the guest began to run; delay: seconds that the world file has simulated Tools take.
        """

    def address(self) -> str:
        """Return the first address of the guest's own that others can reach, "" for none."""

    def stop(self, reset: bool) -> bool:
        """Ask the guest to shut down, or to restart (reset); return whether Tools took the request."""

    # Logins

    def login(self, name: str, password: str) -> Account:
        """Return the account of this name.

        Raises VixError: 3015 for a wrong name or password, 3033 for an account without a password.
        """

    def environment_of(self, account: Account) -> dict[str, str]:
        """Return the environment of the programs that are started for an account."""

    # Programs and processes

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        """Run a program of the guest.

        Args:
            account: Whose rights, home and environment it has.
            program: Its path.
            arguments: A raw string that the guest's shell reads.
            wait: Return when it has ended, otherwise at once.

        Returns:
            Process id, elapsed seconds and exit code; 0 and 0 without wait. The exit code of a program that a signal ended is 128 and the signal's number;
            of one whose end nobody saw, -1.

        Raises:
            VixError: 3 for an empty path, 4 for no such file (also for a relative path), 3015 for a file that the account may not execute, 3004 when it does
                not start, 3006 when the guest was halted meanwhile.
        """

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        """Run a text by an interpreter (/bin/sh when empty) from a temporary file; otherwise as run_program().

        The file is removed when the script has ended. Raises VixError 44 for a text that is too long (programs.LONGEST_SCRIPT).
        """

    def processes(self) -> list[Process]:
        """Return every process of the guest in the order of process ids."""

    def kill(self, account: Account, pid: int) -> None:
        """Kill a process of the guest, and return once it is no longer listed.

        Raises VixError: 20003 for no such process, 3015 for init, for Tools, and for another's process where the account is not an administrator.
        """

    # Files

    def copy_in(self, account: Account, host_path: str, guest_path: str) -> None:
        """Copy a file or directory of the host, by absolute path, into the guest. Directories are merged, files replaced."""

    def copy_out(self, account: Account, guest_path: str, host_path: str) -> None:
        """Copy a file or directory of the guest to an absolute path of the host, as copy_in() does."""

    def file_exists(self, account: Account, path: str) -> bool:
        """Return whether a path leads to a regular file that the account may know of. Raises VixError 3 for an empty or relative path."""

    def directory_exists(self, account: Account, path: str) -> bool:
        """Return whether a path leads to a directory that the account may know of. Raises VixError 3 for an empty or relative path."""

    def file_info(self, account: Account, path: str) -> FileInfo:
        """Return what VIX reports of a file or directory."""

    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        """Return what a directory holds, without . and .., sorted by name."""

    def create_directory(self, account: Account, path: str) -> None:
        """Create a directory and those above it that are missing. Raises VixError 12 when anything exists at the path."""

    def delete_directory(self, account: Account, path: str) -> None:
        """Remove a directory and all that is in it. A link to a directory is an error."""

    def delete_file(self, account: Account, path: str) -> None:
        """Remove a file, or a link and not what it leads to."""

    def rename(self, account: Account, old: str, new: str) -> None:
        """Rename a file or directory. A file at the new path is replaced; raises VixError 23 for a directory there."""

    def create_temp_file(self, account: Account) -> str:
        """Create an empty file of a new name in /tmp and return its path."""
