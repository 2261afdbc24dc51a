# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest tools of a Windows guest: its files and accounts, and its list of processes."""

from __future__ import annotations

import stat
from collections.abc import Callable

from openvix.backends.simulated.tools import SimulatedTools
from openvix.backends.wine import accounts as windows_accounts
from openvix.backends.wine import files
from openvix.backends.wine.system import KERNEL, WindowsSystem
from openvix.guest.errors import as_vix_errors
from openvix.guest.files import FileInfo
from openvix.guest.programs import Ran
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError

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
        if pid == KERNEL or not (account.administrator or found.owner.casefold() == account.name.casefold()):
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
