# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest tools of a Windows guest: its files and accounts, its processes and, by Wine, its programs."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable

from openvix.backends.simulated import sandbox
from openvix.backends.simulated.tools import SimulatedTools
from openvix.backends.wine import accounts as windows_accounts
from openvix.backends.wine import files, powershell, wine
from openvix.backends.wine.requests import ACCESS_DENIED, FILE_NOT_FOUND, PATH_NOT_FOUND, Answer, Request, block
from openvix.backends.wine.system import KERNEL, WindowsSystem, WineSystem
from openvix.guest import programs
from openvix.guest.errors import as_vix_errors
from openvix.guest.files import FileInfo
from openvix.guest.programs import Ran
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError

# Processes of Windows and of the tools that no account can kill.
VITAL = ("services.exe", "vmtoolsd.exe")
CMD = "C:\\windows\\system32\\cmd.exe"
_POWERSHELL = re.compile(r"(powershell|pwsh)(\.exe)?$", re.IGNORECASE)
NO_PROGRAMS = 'this Windows guest runs no programs: set programs = "wine" for its VM in the world file, and install Wine (see openvix doctor)'


class WindowsTools(SimulatedTools):
    """The guest tools of a Windows guest without programs. accounts, address: as for SimulatedTools."""

    def __init__(self, system: WindowsSystem, accounts: list[dict], address: Callable[[], str]):
        super().__init__(system, accounts, address)
        self._windows = system

    def login(self, name: str, password: str) -> Account:
        settings = windows_accounts.find(name, self._windows.hostname, self._accounts)
        right = settings is not None and not settings.get("locked") and settings.get("password", "") == password
        if right and not password:
            raise VixError(constants.VIX_E_EMPTY_PASSWORD_NOT_ALLOWED_IN_GUEST)
        if settings is None or not right:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"logging in as {name}")
        with as_vix_errors():
            return windows_accounts.account_of(self._system.running(), settings, self._accounts)

    def environment_of(self, account: Account) -> dict[str, str]:
        return windows_accounts.environment(account, self._windows.hostname, self.environment)

    # Programs and processes

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        self._system.running()
        raise VixError(constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST, reason=NO_PROGRAMS)

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        self._system.running()
        raise VixError(constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST, reason=NO_PROGRAMS)

    def kill(self, account: Account, pid: int) -> None:
        found = next((process for process in self.processes() if process.pid == pid), None)
        if found is None:
            raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing {pid}")
        if (
            pid == KERNEL
            or (found.owner == windows_accounts.SYSTEM and found.name.casefold() in VITAL)
            or not (account.administrator or found.owner.casefold() == account.name.casefold())
        ):
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"killing {pid}")
        self._end_process(pid)

    # Files

    @as_vix_errors()
    def copy_in(self, account: Account, host_path: str, guest_path: str) -> None:
        files.copy_in(self._system.view(), account, host_path, guest_path)

    @as_vix_errors()
    def copy_out(self, account: Account, guest_path: str, host_path: str) -> None:
        files.copy_out(self._system.view(), account, guest_path, host_path)

    @as_vix_errors()
    def file_exists(self, account: Account, path: str) -> bool:
        return files.kind_of(self._system.view(), account, path) == stat.S_IFREG

    @as_vix_errors()
    def directory_exists(self, account: Account, path: str) -> bool:
        return files.kind_of(self._system.view(), account, path) == stat.S_IFDIR

    @as_vix_errors()
    def file_info(self, account: Account, path: str) -> FileInfo:
        return files.file_info(self._system.view(), account, path)

    @as_vix_errors()
    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        return files.list_directory(self._system.view(), account, path)

    @as_vix_errors()
    def create_directory(self, account: Account, path: str) -> None:
        files.create_directory(self._system.view(), account, path)

    @as_vix_errors()
    def delete_directory(self, account: Account, path: str) -> None:
        files.delete_directory(self._system.view(), account, path)

    @as_vix_errors()
    def delete_file(self, account: Account, path: str) -> None:
        files.delete_file(self._system.view(), account, path)

    @as_vix_errors()
    def rename(self, account: Account, old: str, new: str) -> None:
        files.rename(self._system.view(), account, old, new)

    @as_vix_errors()
    def create_temp_file(self, account: Account) -> str:
        return files.create_temp_file(self._system.view(), account, windows_accounts.temporary(account))


class WineTools(WindowsTools):
    """The guest tools of a Windows guest whose programs Wine runs. accounts, address: as for SimulatedTools."""

    def __init__(self, system: WineSystem, accounts: list[dict], address: Callable[[], str]):
        super().__init__(system, accounts, address)
        self._wine = system

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        self._must_run_programs()
        self._must_exist(account, program)
        line = f'"{program}" {arguments}' if arguments else f'"{program}"'
        return self._perform(account, line, wait=wait)

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        self._must_run_programs()
        content, view = text.encode("utf-8", "surrogateescape"), self._system.view()
        if len((interpreter or "").encode()) + len(content) > programs.LONGEST_SCRIPT:
            raise VixError(constants.VIX_E_ARGUMENT_TOO_BIG)
        if interpreter:
            self._must_exist(account, interpreter)
        directory = f"{windows_accounts.temporary(account)}\\vmware{os.urandom(8).hex()}"
        path = f"{directory}\\vixScript{int.from_bytes(os.urandom(4))}" + ("" if interpreter else ".bat")
        line = f'"{interpreter}" "{path}"' if interpreter else f'"{CMD}" /c "{path}"'

        def discard() -> None:
            with contextlib.suppress(OSError, VixError):
                files.delete_directory(view, account, directory)

        with as_vix_errors():
            files.create_directory(view, account, directory)
        try:
            with as_vix_errors():
                files.write_new(view, account, path, content)
            if wait:
                return self._perform(account, line, wait=True)
            request = self._request(account, line, wait=True)
            run = self._started(request)
        except VixError:
            discard()
            raise
        finally:
            if wait:
                discard()

        def clear() -> None:
            run.exit_code()
            request.end()
            discard()

        threading.Thread(target=clear, name="script", daemon=True).start()
        return Ran(self._checked(request.await_pid(), line))

    @as_vix_errors()
    def _end_process(self, pid: int) -> None:
        """End a process at once: Windows has no signals."""
        if self._system.has_sandbox():
            self._wine.terminate(pid)
        else:
            super()._end_process(pid)

    def _must_run_programs(self) -> None:
        self._system.running()
        reason = wine.missing()
        if reason:
            raise VixError(constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST, reason=reason)

    def _must_exist(self, account: Account, program: str) -> None:
        """Raise VixError unless a program exists; .exe may be left out of its path."""
        if not program:
            raise VixError(constants.VIX_E_INVALID_ARG)
        view = self._system.view()
        try:
            kinds = [files.kind_of(view, account, path) for path in (program, f"{program}.exe")]
        except OSError:
            kinds = []
        if stat.S_IFREG in kinds:
            return
        is_powershell = _POWERSHELL.search(program) is not None and not powershell.find()
        raise VixError(constants.VIX_E_FILE_NOT_FOUND, f"starting {program}", reason=powershell.MISSING if is_powershell else "")

    def _request(self, account: Account, line: str, *, wait: bool) -> Request:
        variables = block(self.environment_of(account))
        return self._wine.request(account.name, "run" if wait else "start", line, "C:\\windows\\system32", *variables)

    def _started(self, request: Request) -> sandbox.Run:
        try:
            return request.run()
        except OSError as refused:
            request.end()
            raise VixError(constants.VIX_E_PROGRAM_NOT_STARTED, str(refused)) from refused

    def _perform(self, account: Account, line: str, *, wait: bool) -> Ran:
        request, begun = self._request(account, line, wait=wait), time.monotonic()
        try:
            run = self._started(request)
            run.exit_code()
            # A halt in progress kills the program before it ends the guest.
            if not self._system.runs_in(run.init):
                raise VixError(constants.VIX_E_VM_NOT_RUNNING)
            answer = request.answer()
        finally:
            request.end()
        pid = self._checked(answer, line)
        return Ran(pid, int(time.monotonic() - begun), _signed(answer.code)) if wait else Ran(pid)

    def _checked(self, answer: Answer, line: str) -> int:
        """Return the process id in an answer. Raises VixError if the program did not start."""
        if answer.pid is not None:
            return answer.pid
        codes = {ACCESS_DENIED: constants.VIX_E_GUEST_USER_PERMISSIONS} | dict.fromkeys((FILE_NOT_FOUND, PATH_NOT_FOUND), constants.VIX_E_FILE_NOT_FOUND)
        raise VixError(codes.get(answer.error or 0, constants.VIX_E_PROGRAM_NOT_STARTED), f"starting {line} (error {answer.error} of Windows)")


def _signed(code: int | None) -> int:
    """Return an exit code of 32 bits as VIX has it: signed. -1 if the end was not observed."""
    if code is None:
        return -1
    return code - (1 << 32) if code >= 1 << 31 else code
