# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest tools of a simulated guest, implemented by operations on its files and its sandbox."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from openvix.backends.simulated import files, processes, sandbox
from openvix.backends.simulated.system import System
from openvix.guest import paths, programs, rights, trees
from openvix.guest.errors import as_vix_errors
from openvix.guest.files import FileInfo, creating_directory
from openvix.guest.processes import START_SECONDS, Process, end_process
from openvix.guest.programs import Ran
from openvix.guest.rights import Account
from openvix.guest.tools_options import ToolsOptions
from openvix.vix import constants
from openvix.vix.errors import VixError

# So many bytes of /etc/shells are read.
LONGEST_SHELLS = 1 << 16


class SimulatedTools:
    """The guest tools of a simulated system.

    accounts: as in the world file; address: returns the address in the world file; options: returns how to answer.

    They run as long as the system runs; their start time is only simulated. On a host without sandboxes, programs are not supported (VixError 3003).
    """

    def __init__(self, system: System, accounts: list[dict], address: Callable[[], str], options: Callable[[], ToolsOptions] = ToolsOptions):
        self.environment: dict[str, str] = {}
        self._system, self._accounts, self._address, self._options = system, accounts, address, options
        # What the names of directories for temporary files end with: a process id, as if init were the tools, and a number of this start.
        self._mark = f"1-{int.from_bytes(os.urandom(4))}"

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def quiet(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def ready_at(self, on_since: float, delay: float) -> float | None:
        return on_since + delay

    def address(self) -> str:
        return self._address()

    def stop(self, reset: bool) -> bool:
        """A simulated guest has no init that could shut down; the machine is ended instead."""
        return False

    def login(self, name: str, password: str) -> Account:
        if not name:
            raise VixError(constants.VIX_E_INVALID_ARG)
        settings = next((account for account in self._accounts if account["name"] == name), None)
        # With an account that has no password, every password is right.
        right = settings is not None and not settings.get("locked") and settings.get("password", "") in ("", password)
        if settings is None or not right or not self._is_login_shell(rights.shell_of(settings)):
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"logging in as {name}")
        return rights.account_of(name, self._accounts)

    def _is_login_shell(self, shell: str) -> bool:
        """Return whether /etc/shells lists a shell. A guest without that file, as older versions made it, permits any."""
        try:
            with paths.find(self._system.running(), "/etc/shells") as place, trees.opened(place.name, os.O_RDONLY, place.directory) as file:
                return shell.encode() in os.read(file, LONGEST_SHELLS).splitlines()
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def environment_of(self, account: Account) -> dict[str, str]:
        return programs.environment(account, self.environment)

    # Programs (docs/vix-semantics.md, section 19)

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        self._must_run_programs()
        self._must_be_executable(account, program)
        line, replaces = programs.command_line(program, arguments)
        if wait:
            begun = time.monotonic()
            return self._finish(self._run(account, line), begun)
        init, environment = self._system.init(), self.environment_of(account)
        pid = programs.in_shell(line, lambda shell, argv: sandbox.launch(init, environment, shell, argv))
        if replaces:
            self._await_program(pid, line)
        return Ran(pid)

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        self._must_run_programs()
        interpreter, content = interpreter or "/bin/sh", text.encode("utf-8", "surrogateescape")
        if len(interpreter.encode()) + len(content) > programs.LONGEST_SCRIPT:
            raise VixError(constants.VIX_E_ARGUMENT_TOO_BIG)
        self._must_be_executable(account, interpreter)
        disk = self._system.running()
        with as_vix_errors():
            path = files.write_temporary(disk, account, self._mark, "vixScript", content)
        try:
            begun = time.monotonic()
            run = self._run(account, programs.script_line(interpreter, path))
        except VixError:
            _discard(disk, account, path)
            raise
        if wait:
            try:
                return self._finish(run, begun)
            finally:
                _discard(disk, account, path)

        def clear():
            run.exit_code()
            _discard(disk, account, path)

        threading.Thread(target=clear, name="script", daemon=True).start()
        return Ran(run.pid)

    def processes(self) -> list[Process]:
        return self._system.processes()

    def kill(self, account: Account, pid: int) -> None:
        found = next((process for process in self.processes() if process.pid == pid), None)
        if found is None:
            raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing {pid}")
        if pid == 1 or not (account.administrator or found.owner == account.name):
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"killing {pid}")
        self._end_process(pid)

    @as_vix_errors()
    def _end_process(self, pid: int) -> None:
        end_process(pid, lambda number: self._system.send_signal(pid, number), lambda: self._system.has_process(pid), self._options())

    def _must_run_programs(self):
        self._system.running()
        if not sandbox.is_allowed():
            raise VixError(constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST)

    def _must_be_executable(self, account: Account, program: str) -> None:
        if not program:
            raise VixError(constants.VIX_E_INVALID_ARG)
        try:
            with paths.find(self._system.running(), programs.file_of(program), enter=partial(rights.must_enter, account)) as place:
                mode = place.stat().st_mode
        except OSError:
            raise VixError(constants.VIX_E_FILE_NOT_FOUND, f"starting {program}") from None
        if not mode & 0o111:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"starting {program}")

    def _run(self, account: Account, line: str) -> sandbox.Run:
        """Run a line in the guest's shell; its end can be awaited."""
        init, environment = self._system.init(), self.environment_of(account)
        return programs.in_shell(line, lambda shell, argv: sandbox.run(init, environment, shell, argv))

    def _await_program(self, pid: int, line: str) -> None:
        """Wait until the shell has executed the program, so that it is listed under its own name. Commands before it in the line are not awaited."""
        end = time.monotonic() + START_SECONDS
        init, shells = self._system.init(), [programs.shell_arguments(shell, line) for shell in programs.SHELLS]
        while processes.arguments_of(init, pid) in shells and time.monotonic() < end:
            time.sleep(0.001)

    def _finish(self, run: sandbox.Run, begun: float) -> Ran:
        code = run.exit_code()
        # A halt in progress kills the program before it ends the guest.
        if not self._system.runs_in(run.init):
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        return Ran(run.pid, int(time.monotonic() - begun), programs.exit_code(code, self._options().killed_exit_code))

    # Files (docs/vix-semantics.md, section 20)

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
        with creating_directory(path, self._options().version):
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
        return files.write_temporary(self._system.view(), account, self._mark, "vmware", b"")


def _discard(disk: Path, account: Account, path: str) -> None:
    """Remove a script, unless programs of the guest have removed it."""
    with contextlib.suppress(OSError):
        files.delete_file(disk, account, path)
