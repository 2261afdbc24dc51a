# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest tools of a guest of QEMU: a program in the guest executes the requests."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from openvix.backends.qemu.channel import Broken, Channel
from openvix.backends.qemu.shares.nodes import is_name
from openvix.guest import host_paths, paths, programs, trees
from openvix.guest.errors import as_vix_errors, error
from openvix.guest.files import UNKNOWN_SIZE, FileInfo, creating_directory, order_of, unreachable_as
from openvix.guest.link import Link
from openvix.guest.processes import START_SECONDS, Process, end_process, named, pauses
from openvix.guest.programs import Ran
from openvix.guest.rights import Account
from openvix.guest.tools_options import ToolsOptions
from openvix.system import fault_context
from openvix.vix import constants
from openvix.vix.errors import VixError

# The size of a block of a file in one request; other requests can run in between.
PIECE = 2 << 20
# The maximum length that is read of a file with unknown size, such as those in /proc, or of a file that grows meanwhile.
SIZELESS = 16 << 20
# The limit for names of files in nested directories that are listed at the same time, in bytes, and the size of the other data of each file. A real disk
# has no more files, and a list within the limit fits into one frame of the client.
NAMES, BESIDE = 24 << 20, 100
CLEAR_SECONDS = 600
# Time limit for the shutdown request.
ASK_SECONDS = 5
# The ranges of file modes, process ids and exit codes in Linux; an exit code may also be minus a signal.
MODES, PIDS, CODES = range(1 << 16), range(1, 1 << 31), range(-64, 1 << 8)
# Flags to open a file and to create a directory, as in files.c.
READ, WRITE, NEW = range(3)
_, WITH_PARENTS, MERGED = range(3)


class AgentTools:
    """The guest tools of a QEMU VM (openvix/docs/protocol.md, "The agent in a guest"). The guest's kernel checks access rights."""

    def __init__(self, link: Link, options: Callable[[], ToolsOptions] = ToolsOptions):
        self.environment: dict[str, str] = {}
        self._options = options
        self._link, self._lock = link, threading.RLock()
        # The channel to tools that may not answer yet, and the same channel once they answer.
        self._awaited: Channel | None = None
        self._channel: Channel | None = None
        # Replaced at each start of the guest, so that threads of an earlier start notice it.
        self._run = object()

    # Run, and the channel

    def begin(self) -> None:
        with self._lock:
            self._run = object()
            try:
                self._awaited = Channel(self._link.dial())
            except OSError:
                # The machine has ended, which the backend reports.
                return
            self._await(self._awaited)

    def end(self) -> None:
        with self._lock:
            self._run = object()
            channel, self._awaited, self._channel = self._awaited, None, None
            if channel is not None:
                channel.close()

    def resume(self) -> None:
        channel = self._channel
        if channel is not None:
            try:
                self._set_clock(channel)
            except Broken:
                self.lost(channel)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep tools that do not answer yet from being used within the block."""
        with self._lock, self._channel.quiet() if self._channel is not None else contextlib.nullcontext():
            yield

    def channel(self) -> Channel:
        """Return the channel to the tools. Raises VixError if the machine or the tools do not run."""
        channel = self._channel
        if channel is None:
            raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING if self._link.runs() else constants.VIX_E_VM_NOT_RUNNING)
        return channel

    def lost(self, channel: Channel) -> None:
        """Treat the tools as not running until they answer on this channel again."""
        with self._lock:
            if self._channel is not channel:
                return
            self._channel = None
            self._await(channel)

    def _await(self, channel: Channel) -> None:
        threading.Thread(target=self._await_agent, args=(self._run, channel), name="tools", daemon=True).start()

    def _await_agent(self, run: object, channel: Channel) -> None:
        while self._run is run and not channel.is_closed:
            # A guest that boots slowly or hangs does not answer; keep trying as long as it runs.
            with contextlib.suppress(Broken):
                channel.sync()
                self._set_clock(channel)
                self._link.settle()
                with self._lock:
                    if self._run is run:
                        self._channel = channel
                break
        self._link.changed()

    def _set_clock(self, channel: Channel) -> None:
        """Set the clock of the guest, which is late after a pause or a revert. Raises Broken."""
        with contextlib.suppress(OSError):
            channel.call("clock", *divmod(time.time_ns(), 10**9), seconds=ASK_SECONDS)

    # Information about the guest

    def ready_at(self, on_since: float, delay: float) -> float | None:
        """The tools run once they have answered."""
        return None if self._channel is None else on_since

    def address(self) -> str:
        try:
            return next((each.decode("ascii") for each in self.channel().call("address", answer="bb") if each), "")
        except (Broken, OSError, UnicodeDecodeError):
            return ""

    def stop(self, reset: bool) -> bool:
        channel = self.channel()
        try:
            channel.call("restart" if reset else "stop", seconds=ASK_SECONDS)
        except Broken:
            self.lost(channel)
            return False
        except OSError:
            return False
        return True

    def _ask(self, operation: str, *values: object, **options: Any) -> list:
        """Execute an operation in the guest. Raises OSError for errors of the guest's system, VixError otherwise."""
        channel = self.channel()
        try:
            return channel.call(operation, *(_raw(value) for value in values), **options)
        except Broken as broken:
            # If the machine has ended, report that instead.
            self.channel()
            self.lost(channel)
            raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING, str(broken)) from broken
        except OSError as refused:
            if refused.errno == errno.EKEYREJECTED:
                raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, "the account no longer exists in the guest") from refused
            raise

    # Login

    def login(self, name: str, password: str) -> Account:
        if not name:
            raise VixError(constants.VIX_E_INVALID_ARG)
        try:
            user, _, home, shell = self._ask("login", name, password, answer="iibb")
        except OSError:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"logging in as {name}") from None
        return Account(name, user == 0, _text(home), shell=_text(shell))

    def environment_of(self, account: Account) -> dict[str, str]:
        return programs.environment(account, self.environment)

    # Programs (docs/vix-semantics.md, section 19)

    def run_program(self, account: Account, program: str, arguments: str | None, *, wait: bool) -> Ran:
        self._must_be_executable(account, program)
        line, replaces = programs.command_line(program, arguments)
        begun = time.monotonic()
        pid = self._begin(account, line)
        if wait:
            return self._finish(pid, begun)
        if replaces:
            self._await_program(pid, line)
        return Ran(pid)

    def run_script(self, account: Account, interpreter: str | None, text: str, *, wait: bool) -> Ran:
        interpreter, content = interpreter or "/bin/sh", text.encode("utf-8", "surrogateescape")
        if len(interpreter.encode()) + len(content) > programs.LONGEST_SCRIPT:
            raise VixError(constants.VIX_E_ARGUMENT_TOO_BIG)
        self._must_be_executable(account, interpreter)
        with as_vix_errors():
            path = self._write_temporary(account, "vixScript", content)
        try:
            begun = time.monotonic()
            pid = self._begin(account, programs.script_line(interpreter, path))
        except VixError:
            self._discard(account, path)
            raise
        if wait:
            try:
                return self._finish(pid, begun)
            finally:
                self._discard(account, path)

        def clear():
            with contextlib.suppress(VixError):
                self._finish(pid, begun)
            self._discard(account, path)

        threading.Thread(target=clear, name="script", daemon=True).start()
        return Ran(pid)

    def processes(self) -> list[Process]:
        with as_vix_errors():
            answers = self._ask("processes", each="ibbbi")
            found = [_process(*answers[at : at + 5]) for at in range(0, len(answers), 5)]
        return sorted(found, key=lambda process: process.pid)

    def kill(self, account: Account, pid: int) -> None:
        if pid not in PIDS:
            raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing process {pid}")
        with as_vix_errors():
            try:
                if not self._has_process(pid):
                    raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing process {pid}")
                end_process(pid, lambda number: self._send_signal(account, pid, number), lambda: self._has_process(pid), self._options())
            except PermissionError as refused:
                raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"killing process {pid}") from refused

    def _send_signal(self, account: Account, pid: int, number: int) -> None:
        self._ask("kill", account.name, pid, number)

    def _has_process(self, pid: int) -> bool:
        """Return whether there is a process with this id, even if it has ended and was not reaped."""
        try:
            self._ask("command", pid, answer="b")
        except ProcessLookupError:
            return False
        return True

    def _must_be_executable(self, account: Account, program: str) -> None:
        if not program:
            raise VixError(constants.VIX_E_INVALID_ARG)
        try:
            _, _, _, _, executable = self._stat(account, programs.file_of(program))
        except OSError:
            raise VixError(constants.VIX_E_FILE_NOT_FOUND, f"starting {program}") from None
        if not executable:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"starting {program}")

    def _begin(self, account: Account, line: str) -> int:
        """Run a line in the guest's shell; return its process id."""
        environment = [_raw(f"{name}={value}") for name, value in self.environment_of(account).items()]

        def run(shell: str, argv: list[str]) -> int:
            (pid,) = self._ask("run", account.name, [_raw(shell), *map(_raw, argv)], environment, answer="i")
            _require(pid in PIDS, "a number that no process can have")
            return pid

        return programs.in_shell(line, run)

    def _await_program(self, pid: int, line: str) -> None:
        """Wait until the shell has executed the program, so that it is listed under its own name. Commands before it in the line are not awaited."""
        shells = [b"".join(_raw(each) + b"\0" for each in programs.shell_arguments(shell, line)) for shell in programs.SHELLS]
        with as_vix_errors(), contextlib.suppress(ProcessLookupError):
            for _ in pauses(START_SECONDS):
                if self._ask("command", pid, answer="b")[0] not in shells:
                    return

    def _finish(self, pid: int, begun: float) -> Ran:
        code: int | None = None
        with as_vix_errors(), contextlib.suppress(ProcessLookupError):
            for _ in pauses():
                runs, ended = self._ended(pid)
                _require(ended in CODES, "a code that no program can end with")
                if not runs:
                    code = ended
                    break
        return Ran(pid, int(time.monotonic() - begun), programs.exit_code(code, self._options().killed_exit_code))

    def _ended(self, pid: int) -> list[int]:
        try:
            return self._ask("ended", pid, answer="ii")
        except VixError as failure:
            if failure.code != constants.VIX_E_TOOLS_NOT_RUNNING:
                raise
            # Ask once more after a resume of the machine or a restart of the tools.
            return self._ask("ended", pid, answer="ii")

    def _discard(self, account: Account, path: str) -> None:
        """Remove a script, unless programs of the guest have removed it."""
        with contextlib.suppress(VixError):
            self.delete_file(account, path)

    # Files (docs/vix-semantics.md, section 20)

    @as_vix_errors()
    def copy_in(self, account: Account, host_path: str, guest_path: str) -> None:
        source, target = host_paths.resolved(host_path), paths.absolute(guest_path)
        if target.endswith("/") and not os.path.isdir(source):
            raise error(errno.EISDIR, guest_path)
        self._send(account, None, source, paths.bare(target), "", 0)

    def _send(self, account: Account, directory: int | None, name: str, base: str, rest: str, depth: int) -> None:
        """Copy a file from a directory of the host to a path of the guest, like trees.copy."""
        info = os.stat(name, dir_fd=directory, follow_symlinks=False)
        mode, kind = stat.S_IMODE(info.st_mode) & 0o777, stat.S_IFMT(info.st_mode)
        if kind == stat.S_IFDIR:
            if depth == trees.DEEPEST:
                raise error(errno.ENAMETOOLONG, rest)
            self._ask("mkdir", account.name, base, rest, mode | 0o700, MERGED)
            with trees.opened(name, os.O_RDONLY | os.O_DIRECTORY, directory) as inner:
                for child in sorted(os.listdir(inner)):
                    self._send(account, inner, child, base, f"{rest}/{child}" if rest else child, depth + 1)
        elif kind == stat.S_IFLNK:
            self._ask("symlink", account.name, base, rest, os.readlink(name, dir_fd=directory))
        elif kind == stat.S_IFREG:
            with trees.opened(name, os.O_RDONLY, directory) as inner, self._opened(account, base, rest, WRITE, mode) as (file, _, _):
                trees.must_be_file(inner, name)
                offset = 0
                while block := os.read(inner, PIECE):
                    if content := fault_context.written_part(block):
                        self._ask("write", file, offset, content)
                    offset += len(content)
        else:
            raise error(errno.EISDIR, name)

    @as_vix_errors()
    def copy_out(self, account: Account, guest_path: str, host_path: str) -> None:
        mode, *_ = self._stat(account, guest_path)
        self._receive(account, paths.absolute(guest_path), "", mode, None, host_paths.resolved(host_path), 0, NAMES)

    def _receive(self, account: Account, base: str, rest: str, mode: int, target: int | None, new: str, depth: int, room: int) -> None:
        """Copy a path of the guest to a name in a directory of the host, like trees.copy. The guest is not trusted: no link of the host is followed.

        room: the remaining space for names of files in this directory and below.
        """
        kind, mode = stat.S_IFMT(mode), stat.S_IMODE(mode) & 0o777
        if kind == stat.S_IFDIR:
            if depth == trees.DEEPEST:
                raise error(errno.ENAMETOOLONG, rest)
            children, room = self._listed(account, base, rest, room)
            with contextlib.suppress(FileExistsError):
                os.mkdir(new, mode | 0o700, dir_fd=target)
            with trees.opened(new, os.O_RDONLY | os.O_DIRECTORY, target) as outer:
                for child, kind_of_child, _, _, linked in children:
                    if not kind_of_child:
                        # The directory can be listed and not entered.
                        raise error(errno.EACCES, child)
                    kind_of_child = stat.S_IFLNK if linked else kind_of_child
                    self._receive(account, base, f"{rest}/{child}" if rest else child, kind_of_child, outer, child, depth + 1, room)
        elif kind == stat.S_IFLNK:
            (leads_to,) = self._ask("readlink", account.name, base, rest, answer="b")
            trees.clear_target(target, new, replaced=(stat.S_IFLNK, stat.S_IFREG))
            os.symlink(leads_to, os.fsencode(new), dir_fd=target)
        elif kind == stat.S_IFREG:
            with self._opened(account, base, rest, READ, 0) as (file, size, _):
                trees.clear_target(target, new, replaced=(stat.S_IFLNK,))
                with trees.opened(new, os.O_WRONLY | os.O_CREAT, target, mode) as outer:
                    trees.must_be_file(outer, new)
                    os.ftruncate(outer, 0)
                    for block in self._blocks(file, max(size, SIZELESS)):
                        trees.write(outer, block)
        else:
            raise error(errno.EISDIR, rest or base)

    def _blocks(self, file: int, longest: int) -> Iterator[bytes]:
        """Yield the content of an open file of the guest up to this length, as a file may grow faster than it is read."""
        offset = 0
        while offset < longest:
            wanted = min(PIECE, longest - offset)
            (block,) = self._ask("read", file, offset, wanted, answer="b")
            _require(len(block) <= wanted, "more was read than was asked for")
            yield block
            offset += len(block)
            if len(block) < wanted:
                return

    @contextlib.contextmanager
    def _opened(self, account: Account, base: str, rest: str, how: int, mode: int) -> Iterator[tuple[int, int, int]]:
        """Open a file of the guest; yield its number, size and mode."""
        # The host chooses the number: one chosen by the guest would be repeated after a revert.
        file = int.from_bytes(os.urandom(8)) >> 1
        size, found = self._ask("open", account.name, base, rest, how, mode, file, answer="ii")
        try:
            yield file, size, found
        finally:
            with contextlib.suppress(VixError, OSError):
                self._ask("close", file)

    @as_vix_errors()
    def file_exists(self, account: Account, path: str) -> bool:
        return self._kind_of(account, path) == stat.S_IFREG

    @as_vix_errors()
    def directory_exists(self, account: Account, path: str) -> bool:
        return self._kind_of(account, path) == stat.S_IFDIR

    def _stat(self, account: Account, path: str) -> list[int]:
        """Return mode, size and time of a path, whether it is a link, and whether the account may execute it."""
        answers = self._ask("stat", account.name, paths.absolute(path), "", answer="iiiii")
        _require_file(*answers[:2])
        return answers

    def _kind_of(self, account: Account, path: str) -> int:
        try:
            mode, *_ = self._stat(account, path)
        except OSError as refused:
            if refused.errno == errno.EINVAL:
                raise
            return 0
        return stat.S_IFMT(mode)

    @as_vix_errors()
    def file_info(self, account: Account, path: str) -> FileInfo:
        with unreachable_as(errno.ENOENT, path):
            mode, size, modified, linked, _ = self._stat(account, path)
        return _info(os.path.basename(path.rstrip("/")), mode, size, modified, linked)

    @as_vix_errors()
    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        with unreachable_as(errno.ENOTDIR, path):
            mode, *_ = self._stat(account, path)
            if not stat.S_ISDIR(mode):
                raise error(errno.ENOTDIR, path)
        found, _ = self._listed(account, paths.absolute(path), "", NAMES)
        return [_info(*each) for each in found]

    def _listed(self, account: Account, base: str, rest: str, room: int) -> tuple[list[tuple[str, int, int, int, int]], int]:
        """Return the entries of a directory: name, mode, size, time and whether it is a link; and the remaining space."""
        found, cookie = {}, 0
        while True:
            cookie, *answers = self._ask("list", account.name, base, rest, cookie, answer="i", each="biiii")
            for at in range(0, len(answers), 5):
                _require(is_name(answers[at]), "a name that none can have")
                _require_file(*answers[at + 1 : at + 3])
                room -= len(answers[at]) + BESIDE
                # A directory that changes meanwhile may list a name twice.
                found[answers[at]] = (_text(answers[at]), *answers[at + 1 : at + 5])
            _require(room >= 0 and (answers or not cookie), "a directory without an end")
            if not cookie:
                return [found[name] for name in sorted(found, key=order_of)], room

    @as_vix_errors()
    def create_directory(self, account: Account, path: str) -> None:
        with creating_directory(path, self._options().version):
            self._ask("mkdir", account.name, paths.absolute(path), "", 0o700, WITH_PARENTS)

    @as_vix_errors()
    def delete_directory(self, account: Account, path: str) -> None:
        end = time.monotonic() + CLEAR_SECONDS
        while not self._ask("clear", account.name, paths.absolute(path), answer="i")[0]:
            if time.monotonic() > end:
                raise error(errno.EBUSY, path)

    @as_vix_errors()
    def delete_file(self, account: Account, path: str) -> None:
        self._ask("remove", account.name, paths.absolute(path))

    @as_vix_errors()
    def rename(self, account: Account, old: str, new: str) -> None:
        try:
            self._ask("rename", account.name, paths.absolute(old), paths.absolute(new))
        except FileExistsError as refused:
            raise VixError(constants.VIX_E_ALREADY_EXISTS, f"renaming {old} to {new}") from refused

    @as_vix_errors()
    def create_temp_file(self, account: Account) -> str:
        return self._write_temporary(account, "vmware", b"")

    def _write_temporary(self, account: Account, name: str, content: bytes) -> str:
        """Create a file with mode 0600 in the account's directory for temporary files, and return its path; name: what a number is appended to."""
        (directory,) = self._ask("tempdir", account.name, account.name, account.home, answer="b")
        above = "|".join(re.escape(each) for each in ("/tmp", account.home))
        _require(re.fullmatch(rf"({above})/vmware-{re.escape(account.name)}_\d+-\d+", _text(directory)), "a name that no directory of the tools can have")
        for number in itertools.count():
            path = f"{_text(directory)}/{name}{number}"
            with contextlib.suppress(FileExistsError), self._opened(account, path, "", NEW, 0o600) as (file, _, _):
                if content:
                    self._ask("write", file, 0, content)
                return path
        raise AssertionError


def _require(is_possible: object, otherwise: str) -> None:
    """Raise OSError for data that only a faulty guest sends."""
    if not is_possible:
        raise error(errno.EIO, otherwise)


def _require_file(mode: int, size: int) -> None:
    _require(mode in MODES and size >= UNKNOWN_SIZE, "a file that cannot be")


def _raw(value):
    """Return a value for the protocol: text that is not UTF-8 becomes bytes."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _shown(text: str) -> str:
    """Return a text as valid UTF-8, which VIX requires."""
    return _raw(text).decode("utf-8", "replace")


def _info(name: str, mode: int, size: int, modified: int, linked: int) -> FileInfo:
    flags = constants.VIX_FILE_ATTRIBUTES_DIRECTORY if stat.S_ISDIR(mode) else constants.VIX_FILE_ATTRIBUTES_SYMLINK if linked else 0
    return FileInfo(_shown(name), size if stat.S_ISREG(mode) else 0, flags, modified)


def _process(pid: int, owner: bytes, name: bytes, line: bytes, start_time: int) -> Process:
    _require(pid in PIDS, "a number that no process can have")
    short, command = named(name.decode("utf-8", "replace"), line)
    return Process(short, pid, owner.decode("utf-8", "replace"), command, start_time)
