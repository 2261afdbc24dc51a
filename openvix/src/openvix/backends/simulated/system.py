# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated guest: what VIX can do in it (docs/vix-semantics.md, sections 17 to 20).

Its processes outlive the daemon: what is needed to find them again lies in the guest's runtime directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import stat
import threading
import time
from pathlib import Path

from openvix.backends.simulated import files, sandbox
from openvix.backends.simulated import processes as running
from openvix.guest import paths, programs, rights
from openvix.guest.errors import told_as_failures
from openvix.guest.files import FileInfo
from openvix.guest.processes import START_SECONDS, VANISH_SECONDS, Process
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError


class Guest:
    """The guest of one VM; runtime is a directory for what belongs to one run of it, processes are the declared ones that run after each boot."""

    def __init__(self, runtime: Path, *, hostname: str, accounts: list[dict], processes: list[dict]):
        self.disk: Path | None = None
        # What the programs of its users find in their environment beside the usual, and the directories of the host that it sees: name: (path, writable).
        self.environment: dict[str, str] = {}
        self.shares: dict[str, tuple[str, bool]] = {}
        self._hostname, self._accounts, self._declared = hostname, accounts, processes
        self._record, self._lock = runtime / "guest.json", threading.Lock()

    # Its run

    def boot(self, disk: Path):
        """Start the guest from this disk, with its declared processes; raises VixError."""
        with self._lock, told_as_failures():
            self._end()
            self._record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write({"disk": str(disk), "init": None})
            self.disk = disk
            if not sandbox.is_allowed():
                self._write({"disk": str(disk), "init": None, "processes": self._made_up()})
            elif self._declared:
                try:
                    self._start()
                except OSError as refused:
                    self._end()
                    raise VixError(constants.VIX_E_CANNOT_POWER_ON_VM, f"starting the guest: {refused}") from refused

    def attach(self, disk: Path) -> bool:
        """Take over the guest that an earlier daemon started from this disk; False when it no longer runs."""
        with self._lock, told_as_failures():
            record = self._read()
            init = _init_of(record)
            if record.get("disk") != str(disk) or (init and not (record["complete"] and sandbox.is_alive(init))):
                self._end()
                return False
            self.disk = disk
            return True

    def halt(self):
        """End the guest and every process in it; a guest that does not run stays so."""
        with self._lock, told_as_failures():
            self._end()

    def freeze(self):
        """Stop every process of the guest where it is; those that a guest's program had stopped itself are not told apart by thaw."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self):
        """Let every process of the guest go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int):
        with self._lock, told_as_failures():
            init = _init_of(self._read())
            if init and sandbox.is_alive(init):
                try:
                    sandbox.kill(init, -1, number)
                except ProcessLookupError:
                    # There is none but init.
                    return

    def _start(self) -> sandbox.Init:
        names = [_link(process) for process in self._declared]
        record = {"disk": str(self.disk), "complete": False}
        init = sandbox.start(self.disk, self._hostname, names, lambda init: self._write({**record, "init": [init.pid, init.start]}))
        try:
            for process in self._declared:
                environment = {"PATH": programs.PATH, "USER": process.get("owner") or "root"}
                # Split and joined again by one space, the command line is as it was declared.
                sandbox.launch(init, environment, f"{sandbox.HIDDEN}/{_link(process)}", _command(process).split(" "))
            self._write({**record, "init": [init.pid, init.start], "complete": True})
        except OSError:
            sandbox.stop(init)
            raise
        return init

    def _sandbox(self) -> sandbox.Init:
        """Return the sandbox of the running guest, started when it is first needed; raises VixError."""
        with self._lock:
            self._running()
            init = _init_of(self._read())
            if init and sandbox.is_alive(init):
                return init
            try:
                return self._start()
            except OSError as refused:
                raise VixError(constants.VIX_E_CANNOT_CONNECT_TO_VM, f"starting the guest: {refused}") from refused

    def _running(self) -> Path:
        """Return the disk of the guest, which must run."""
        if self.disk is None:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        return self.disk

    def _end(self):
        init = _init_of(self._read())
        if init:
            sandbox.stop(init)
        self._record.unlink(missing_ok=True)
        self.disk = None

    def _read(self) -> dict:
        try:
            return json.loads(self._record.read_bytes())
        except (FileNotFoundError, ValueError):
            # A host that lost its power may have lost what was in the file, and then the guest's processes too.
            return {}

    def _write(self, record: dict):
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps(record), encoding="utf-8")
        os.replace(beside, self._record)

    # Login

    def login(self, name: str, password: str) -> Account:
        """Return the account of this name (docs/vix-semantics.md, section 17).

        Raises VixError 3015 for a wrong name or password, 3033 where it has none.
        """
        said = next((account for account in self._accounts if account["name"] == name), None)
        right = said is not None and said.get("password", "") == password
        if right and not password:
            raise VixError(constants.VIX_E_EMPTY_PASSWORD_NOT_ALLOWED_IN_GUEST)
        if not right:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"logging in as {name}")
        return rights.account_of(name, self._accounts)

    # Programs (docs/vix-semantics.md, section 19)

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> tuple[int, int, int]:
        """Run a program of the guest with a raw string of arguments that its shell reads; return process id, elapsed seconds and exit code.

        wait: return when it has ended, else at once with 0 and 0. A program that a signal ended has 128 and the signal's number as exit code. Raises
        VixError: 3 for an empty path, 4 for no such file (also for a relative path), 3015 for one that cannot be executed, 3004, 3003 where sandboxes are
        not allowed, 3006 when the guest was halted meanwhile.
        """
        self._must_run_programs()
        self._must_be_executable(account, program)
        line, replaces = programs.command_line(program, arguments)
        begun = time.monotonic()
        run = self._begin(account, line, wait)
        if wait:
            return self._finish(run, begun)
        if replaces:
            self._await_program(run, line)
        return run, 0, 0

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> tuple[int, int, int]:
        """Run a text by an interpreter (/bin/sh when empty) from a temporary file; otherwise as run_program. Raises VixError 44 for a text that is too long."""
        self._must_run_programs()
        interpreter, content = interpreter or "/bin/sh", text.encode("utf-8", "surrogateescape")
        if len(interpreter.encode()) + len(content) > programs.LONGEST_SCRIPT:
            raise VixError(constants.VIX_E_ARGUMENT_TOO_BIG)
        self._must_be_executable(account, interpreter)
        disk, folder = self._running(), f"/tmp/vmware{os.urandom(8).hex()}"
        path = f"{folder}/vixScript{int.from_bytes(os.urandom(4))}"
        with told_as_failures():
            files.create_directory(disk, account, folder)
        try:
            with told_as_failures():
                files.write_new(disk, account, path, content)
            begun = time.monotonic()
            run = self._begin(account, f"exec {shlex.quote(interpreter)} {shlex.quote(path)}", True)
        except VixError:
            _discard(disk, account, folder)
            raise
        if wait:
            try:
                return self._finish(run, begun)
            finally:
                _discard(disk, account, folder)

        def clear():
            run.exit_code()
            _discard(disk, account, folder)

        threading.Thread(target=clear, name="script", daemon=True).start()
        return run.pid, 0, 0

    def processes(self) -> list[Process]:
        """Return every process of the guest. Raises VixError."""
        if not sandbox.is_allowed():
            self._running()
            return [Process(**process) for process in self._read().get("processes", [])]
        init = self._sandbox()
        try:
            return running.listed(init)
        except OSError:
            raise VixError(constants.VIX_E_VM_NOT_RUNNING) from None

    def kill(self, account: Account, pid: int):
        """Kill a process of the guest. Raises VixError: 20003 for no such process, 3015 for init and for another's process without administrator."""
        found = next((process for process in self.processes() if process.pid == pid), None)
        if found is None:
            raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing process {pid}")
        if pid == 1 or not (account.administrator or found.owner == account.name):
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"killing process {pid}")
        with told_as_failures():
            if not sandbox.is_allowed():
                with self._lock:
                    record = self._read()
                    left = [process for process in record.get("processes", []) if process["pid"] != pid]
                    self._write({**record, "processes": left})
                return
            sandbox.kill(self._sandbox(), pid, signal.SIGKILL)
        end = time.monotonic() + VANISH_SECONDS
        while found in self.processes() and time.monotonic() < end:
            time.sleep(0.005)

    def _must_run_programs(self):
        self._running()
        if not sandbox.is_allowed():
            raise VixError(constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST)

    def _must_be_executable(self, account: Account, program: str):
        if not program:
            raise VixError(constants.VIX_E_INVALID_ARG)
        try:
            with paths.find(self._running(), program) as place:
                rights.must_see(account, place.path)
                mode = place.stat().st_mode
        except OSError:
            raise VixError(constants.VIX_E_FILE_NOT_FOUND, f"starting {program}") from None
        if not stat.S_ISREG(mode) or not mode & 0o111:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"starting {program}")

    def _begin(self, account: Account, line: str, wait: bool) -> sandbox.Run | int:
        """Have the guest's shell run a line; return the run that can be waited for, or the process id."""
        environment = self.environment_of(account)
        begin = sandbox.run if wait else sandbox.launch
        try:
            return begin(self._sandbox(), environment, "/bin/sh", [*programs.SHELL, line])
        except OSError as refused:
            raise VixError(constants.VIX_E_PROGRAM_NOT_STARTED, str(refused)) from refused

    def environment_of(self, account: Account) -> dict[str, str]:
        """Return the environment of the programs that are started for an account."""
        return programs.environment(account, self.environment)

    def _await_program(self, pid: int, line: str):
        """Wait for the shell to become the program, so that it is listed under its own name, but not for what the shell may have to do before."""
        end = time.monotonic() + START_SECONDS
        init = self._sandbox()
        while running.arguments_of(init, pid) == [*programs.SHELL, line] and time.monotonic() < end:
            time.sleep(0.001)

    def _finish(self, run: sandbox.Run, begun: float) -> tuple[int, int, int]:
        code = run.exit_code()
        # A halt that is under way ends the program before it ends itself.
        with self._lock:
            if _init_of(self._read()) != run.init or not sandbox.is_alive(run.init):
                raise VixError(constants.VIX_E_VM_NOT_RUNNING)
        return run.pid, int(time.monotonic() - begun), -1 if code is None else code

    def _made_up(self) -> list[dict]:
        """Return processes as listed where there can be none."""
        declared = [{"name": "init", "command": "/sbin/init", "owner": "root"}, *self._declared]
        start = int(time.time())
        return [
            {"name": process["name"], "pid": pid, "owner": process.get("owner") or "root", "command": _command(process), "start_time": start}
            for pid, process in enumerate(declared, start=1)
        ]

    # Files (docs/vix-semantics.md, section 20)

    def share(self, shares: dict[str, tuple[str, bool]]):
        """Show the guest's file operations these directories of the host, by name, and no others (docs/vix-semantics.md, section 22).

        Programs see empty ones.
        """
        with self._lock, told_as_failures():
            files.make_share_points(self._running(), set(shares))
            self.shares = shares

    def _view(self) -> Path | paths.View:
        disk = self._running()
        return paths.View(disk, self.shares) if self.shares else disk

    @told_as_failures()
    def copy_in(self, account: Account, host_path: str, guest_path: str):
        """Copy a file or directory of the host, by absolute path, into the guest. Raises VixError."""
        files.copy_in(self._view(), account, host_path, guest_path)

    @told_as_failures()
    def copy_out(self, account: Account, guest_path: str, host_path: str):
        """Copy a file or directory of the guest to an absolute path of the host. Raises VixError."""
        files.copy_out(self._view(), account, guest_path, host_path)

    @told_as_failures()
    def file_exists(self, account: Account, path: str) -> bool:
        """Return whether a path leads to a regular file that the account may know of. Raises VixError 3 for an empty or relative path."""
        return files.kind_of(self._view(), account, path) == stat.S_IFREG

    @told_as_failures()
    def directory_exists(self, account: Account, path: str) -> bool:
        """Return whether a path leads to a directory that the account may know of. Raises VixError 3 for an empty or relative path."""
        return files.kind_of(self._view(), account, path) == stat.S_IFDIR

    @told_as_failures()
    def file_info(self, account: Account, path: str) -> FileInfo:
        """Return what VIX tells of a file or directory. Raises VixError."""
        return files.file_info(self._view(), account, path)

    @told_as_failures()
    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        """Return what a directory holds, without . and .., sorted by name. Raises VixError."""
        return files.list_directory(self._view(), account, path)

    @told_as_failures()
    def create_directory(self, account: Account, path: str):
        """Make a directory and those above it that are missing. Raises VixError 12 when there is anything already."""
        files.create_directory(self._view(), account, path)

    @told_as_failures()
    def delete_directory(self, account: Account, path: str):
        """Remove a directory and all that is in it. Raises VixError."""
        files.delete_directory(self._view(), account, path)

    @told_as_failures()
    def delete_file(self, account: Account, path: str):
        """Remove a file, or a link and not what it leads to. Raises VixError."""
        files.delete_file(self._view(), account, path)

    @told_as_failures()
    def rename(self, account: Account, old: str, new: str):
        """Rename a file or directory; raises VixError, 23 when the new path leads to a directory."""
        files.rename(self._view(), account, old, new)

    @told_as_failures()
    def create_temp_file(self, account: Account) -> str:
        """Make an empty file of a new name in /tmp and return its path. Raises VixError."""
        return files.create_temp_file(self._view(), account)


def _init_of(record: dict) -> sandbox.Init | None:
    return sandbox.Init(*record["init"]) if record.get("init") else None


def _link(process: dict) -> str:
    """Return the name under which a declared process is started: a process is named for its file."""
    return process["name"].rpartition("/")[2]


def _command(process: dict) -> str:
    return process.get("command") or process["name"]


def _discard(disk: Path, account: Account, folder: str):
    """Remove the folder of a script, as far as the guest's programs have left it there."""
    with contextlib.suppress(OSError):
        files.delete_directory(disk, account, folder)
