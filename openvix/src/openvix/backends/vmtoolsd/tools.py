# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Tools of a guest in which VMware's vmtoolsd runs: it does what VIX asks for, and this is what VMware's host does with its answers.

That half of VMware's is not public. What is decided here: which of the two texts of a process is its name, which requests a copy makes, and which codes the
errors of HGFS become.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from openvix.backends.vmtoolsd import answers, hgfs
from openvix.backends.vmtoolsd.commands import Command, Commands, Login
from openvix.backends.vmtoolsd.guestrpc import ACCEPTED, GuestRpc, NoAnswer
from openvix.backends.vmtoolsd.hgfs import Hgfs
from openvix.guest import host_paths, programs, trees
from openvix.guest.errors import as_vix_errors, error
from openvix.guest.files import FileInfo
from openvix.guest.processes import Process
from openvix.guest.programs import Ran
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError


class VmtoolsdTools:
    """GuestTools that VMware's vmtoolsd carries out (docs/vix-semantics.md, sections 17 to 20).

    Tools log in anew for every command, so what a login said is kept here for as long as the guest runs.

    Args:
        listen: Returns the listening socket to which vmtoolsd connects, a new one for each start of the guest.
        runs: Returns whether the machine runs.
        changed: Wakes up those who wait for Tools. Called without a lock of the tools held.
        administrators: The accounts that are root in the guest.
        requested: Answers a request of the guest's own.
        address: Returns the address in the world file.
    """

    def __init__(
        self,
        listen: Callable[[], socket.socket],
        runs: Callable[[], bool],
        changed: Callable[[], None],
        administrators: Collection[str] = ("root",),
        requested: Callable[[bytes], bytes] = lambda request: ACCEPTED,
        address: Callable[[], str] = lambda: "",
    ):
        self.environment: dict[str, str] = {}
        self._listen, self._runs, self._changed = listen, runs, changed
        self._administrators, self._requested, self._address = administrators, requested, address
        self._rpc: GuestRpc | None = None
        self._commands: Commands | None = None
        self._lock, self._quiet = threading.RLock(), threading.RLock()
        self._numbers = itertools.count(1)
        self._logins: dict[str, Login] = {}
        # Of the environment, what the guest has been given.
        self._given: dict[str, str] = {}

    # Its run

    def begin(self) -> None:
        self.end()
        with self._lock:
            self._rpc = GuestRpc(self._listen(), self._forget_given, self._changed, self._requested)
            self._commands = Commands(self._rpc)

    def _forget_given(self) -> None:
        """The environment is lost with the vmtoolsd that was given it."""
        self._given = {}

    def end(self) -> None:
        with self._lock:
            rpc, self._rpc, self._commands = self._rpc, None, None
            self._logins, self._given = {}, {}
        if rpc is not None:
            rpc.close()

    def resume(self) -> None:
        """Tools set the clock of their guest by themselves."""

    @contextmanager
    def quiet(self) -> Iterator[None]:
        with self._quiet:
            yield

    # What they say of the guest

    def ready_at(self, on_since: float, delay: float) -> float | None:
        """Tools run once vmtoolsd has connected."""
        rpc = self._rpc
        return on_since + delay if rpc is not None and rpc.is_ready() else None

    def address(self) -> str:
        """The guest has no network: its address is simulated."""
        return self._address()

    def stop(self, reset: bool) -> bool:
        with self._asking():
            return self._ready()[0].call(b"OS_Reboot" if reset else b"OS_Halt").startswith(b"OK")

    def _ready(self) -> tuple[GuestRpc, Commands]:
        """Return both ends of what vmtoolsd is asked by. Raises VixError when the machine or vmtoolsd does not run."""
        with self._lock:
            rpc, commands = self._rpc, self._commands
        if rpc is None or commands is None or not rpc.is_ready():
            raise self._not_running()
        return rpc, commands

    def _not_running(self, reason: object = "") -> VixError:
        """Return the error for a vmtoolsd that does not answer. When the machine has ended, that is what is reported."""
        return VixError(constants.VIX_E_TOOLS_NOT_RUNNING if self._runs() else constants.VIX_E_VM_NOT_RUNNING, str(reason))

    @contextmanager
    def _asking(self) -> Iterator[Commands]:
        """Give what vmtoolsd is asked by, and raise VixError for what is not answered and for what the guest's system refuses."""
        try:
            with self._quiet, as_vix_errors():
                yield self._ready()[1]
        except NoAnswer as gone:
            raise self._not_running(gone) from gone

    def _login(self, account: Account) -> Login:
        try:
            return self._logins[account.name]
        except KeyError:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"{account.name} has to log in again: the guest or its host was restarted") from None

    # Logins

    def login(self, name: str, password: str) -> Account:
        login = Login(name, password)
        with self._asking() as commands:
            commands.send(Command.CHECK_USER, login)
            home = commands.read_environment(login, "HOME")
            self._logins[name] = login
        return Account(name, name in self._administrators, home.decode("utf-8", "surrogateescape"))

    def environment_of(self, account: Account) -> dict[str, str]:
        self._give_environment()
        with self._asking() as commands:
            return answers.environment(commands.read_all_environment(self._login(account)))

    def _give_environment(self) -> None:
        """Have the guest know what VIX has set of the environment. Only an administrator can set it, who has logged in for that."""
        wanted = {name: value for name, value in self.environment.items() if self._given.get(name) != value}
        administrator = next((login for name, login in self._logins.items() if name in self._administrators), None)
        if wanted and administrator is not None:
            with self._asking() as commands:
                for name, value in wanted.items():
                    commands.write_environment(administrator, name, value)
                    self._given[name] = value

    # Programs (docs/vix-semantics.md, section 19)

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        return self._run(wait, lambda commands, request: commands.run_program(self._login(account), program, arguments or "", request, wait=wait))

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        interpreter = interpreter or ""
        if len((interpreter + text).encode("utf-8", "surrogateescape")) > programs.LONGEST_SCRIPT:
            raise VixError(constants.VIX_E_ARGUMENT_TOO_BIG)
        return self._run(wait, lambda commands, request: commands.run_script(self._login(account), interpreter, text, request, wait=wait))

    def _run(self, wait: bool, start: Callable[[Commands, str], bytes]) -> Ran:
        self._give_environment()
        request, begun = f"openvix-program-{next(self._numbers)}", time.monotonic()
        with self._asking() as commands:
            rpc = self._ready()[0]
            answer = start(commands, request)
            if not re.fullmatch(rb"\d+", answer):
                raise NoAnswer(f"vmtoolsd says {answer[:80]!r} for the process id of a program")
            pid = int(answer)
        if not wait:
            return Ran(pid)
        try:
            ended = rpc.await_end(request)
        except NoAnswer as gone:
            raise self._not_running(gone) from gone
        if ended.error:
            raise VixError(ended.error, "running a program in the guest")
        return Ran(pid, int(time.monotonic() - begun), ended.code)

    def processes(self) -> list[Process]:
        """Every account may list all processes: the last one that has logged in does."""
        with self._asking() as commands:
            if not self._logins:
                raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, "listing processes needs a login")
            return sorted(answers.processes(commands.list_processes([*self._logins.values()][-1])), key=lambda process: process.pid)

    def kill(self, account: Account, pid: int) -> None:
        with self._asking() as commands:
            commands.kill(self._login(account), pid)

    # Files (docs/vix-semantics.md, section 20)

    def copy_in(self, account: Account, host_path: str, guest_path: str) -> None:
        with self._asking() as commands:
            source = host_paths.resolved(host_path)
            if guest_path.endswith("/") and not os.path.isdir(source):
                raise error(errno.EISDIR, guest_path)
            _send(Hgfs(commands, self._login(account)), Path(source), guest_path.rstrip("/"))

    def copy_out(self, account: Account, guest_path: str, host_path: str) -> None:
        with self._asking() as commands:
            _receive(Hgfs(commands, self._login(account)), guest_path.rstrip("/"), Path(host_paths.resolved(host_path)), follow=True)

    def file_exists(self, account: Account, path: str) -> bool:
        with self._asking() as commands:
            return commands.path(Command.FILE_EXISTS, self._login(account), path) == b"1"

    def directory_exists(self, account: Account, path: str) -> bool:
        with self._asking() as commands:
            return commands.path(Command.DIRECTORY_EXISTS, self._login(account), path) == b"1"

    def file_info(self, account: Account, path: str) -> FileInfo:
        with self._asking() as commands:
            return answers.file_info(commands.path(Command.GET_FILE_INFO, self._login(account), path), answers.name_of(path))

    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        found: list[FileInfo] = []
        with self._asking() as commands:
            while True:
                files, has_more = answers.listing(commands.list_directory(self._login(account), path, len(found)))
                found += files
                if not has_more or not files:
                    return sorted(found, key=lambda file: file.name)

    def create_directory(self, account: Account, path: str) -> None:
        with self._asking() as commands:
            commands.create_directory(self._login(account), path)

    def delete_directory(self, account: Account, path: str) -> None:
        with self._asking() as commands:
            commands.path(Command.DELETE_DIRECTORY, self._login(account), path)

    def delete_file(self, account: Account, path: str) -> None:
        with self._asking() as commands:
            commands.path(Command.DELETE_FILE, self._login(account), path)

    def rename(self, account: Account, old: str, new: str) -> None:
        with self._asking() as commands:
            commands.rename(self._login(account), old, new)

    def create_temp_file(self, account: Account) -> str:
        with self._asking() as commands:
            return commands.create_temp_file(self._login(account)).decode("utf-8", "surrogateescape")


def _send(server: Hgfs, source: Path, target: str, depth: int = 0) -> None:
    """Copy what is at a path of the host to a path of the guest. Directories are merged."""
    info = source.lstat() if depth else source.stat()
    mode = stat.S_IMODE(info.st_mode) & 0o777
    if depth > trees.DEEPEST:
        raise error(errno.ENAMETOOLONG, target)
    if stat.S_ISDIR(info.st_mode):
        try:
            server.create_directory(target, mode | 0o700)
        except FileExistsError:
            if not stat.S_ISDIR(server.attributes(target).mode):
                raise
        for child in sorted(source.iterdir()):
            _send(server, child, f"{target}/{child.name}", depth + 1)
    elif stat.S_ISLNK(info.st_mode):
        try:
            server.create_link(target, os.readlink(source))
        except FileExistsError:
            server.remove(target)
            server.create_link(target, os.readlink(source))
    elif stat.S_ISREG(info.st_mode):
        with open(source, "rb") as file, _closing(server, server.open(target, mode=mode)) as handle:
            offset = 0
            while piece := file.read(hgfs.PIECE):
                server.write(handle, offset, piece)
                offset += len(piece)
    else:
        raise error(errno.EISDIR, str(source))


def _receive(server: Hgfs, source: str, target: Path, *, follow: bool) -> None:
    """Copy what is at a path of the guest to a path of the host. Directories are merged, files replaced."""
    mode, _, leads = server.attributes(source)
    if stat.S_ISLNK(mode) and not follow:
        target.unlink(missing_ok=True)
        target.symlink_to(leads)
    elif stat.S_ISDIR(mode):
        target.mkdir(stat.S_IMODE(mode) | 0o700, exist_ok=True)
        for name in server.names(source):
            _receive(server, f"{source}/{name}", target / name, follow=False)
    else:
        with _closing(server, server.open(source)) as handle, open(target, "wb") as file:
            while piece := server.read(handle, file.tell()):
                file.write(piece)
        target.chmod(stat.S_IMODE(mode) & 0o777 | 0o600)


@contextmanager
def _closing(server: Hgfs, handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        server.close(handle)
