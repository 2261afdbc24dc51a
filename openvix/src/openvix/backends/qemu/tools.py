# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Tools of a guest of QEMU: the agent in it does what VIX asks for."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import stat
import threading
import time
from collections.abc import Iterator
from typing import Any

from openvix.backends.qemu.channel import Broken, Channel
from openvix.backends.qemu.shares.nodes import is_name
from openvix.guest import host_paths, programs, trees
from openvix.guest.errors import error, told_as_failures
from openvix.guest.files import FileInfo
from openvix.guest.link import Link
from openvix.guest.processes import SHORT, START_SECONDS, VANISH_SECONDS, Process
from openvix.guest.programs import Ran
from openvix.guest.rights import Account
from openvix.system import fault_context
from openvix.vix import constants
from openvix.vix.errors import VixError

# What is read or written of a file at once: other requests get in between.
PIECE = 2 << 20
# A file of no size, as those below /proc, is read to this length, as any is that grows meanwhile.
SIZELESS = 16 << 20
# How much the names of directories may take that are read at the same time, and how much it counts what is known of each besides. A real disk has room for
# no more files, and what is told of them fits into one frame of the client's.
NAMES, BESIDE = 24 << 20, 100
CLEAR_SECONDS = 600
# How long the agent may take to hear that the guest is to stop.
ASK_SECONDS = 5
FIRST_PAUSE, LAST_PAUSE = 0.005, 0.25
# What the modes of files, numbers of processes and exit codes of Linux can be.
MODES, PIDS, CODES = range(1 << 16), range(1, 1 << 31), range(1 << 8)
# How a file is opened and a directory made: as in files.c.
READ, WRITE, NEW = range(3)
ALONE, WITH_PARENTS, MERGED = range(3)


class AgentTools:
    """GuestTools that the agent in a guest carries out (openvix/docs/protocol.md, "The agent in a guest"); the guest's kernel decides on rights."""

    def __init__(self, link: Link):
        self.environment: dict[str, str] = {}
        self._link, self._lock = link, threading.RLock()
        # The channel to an agent that may not answer yet, and the same once it does.
        self._awaited: Channel | None = None
        self._channel: Channel | None = None
        # Another one with each start of the guest: what waits for an earlier one does not take a later one for it.
        self._run = object()

    # Its run, and the channel to it

    def begin(self) -> None:
        with self._lock:
            self._run = object()
            try:
                self._awaited = Channel(self._link.dial())
            except OSError:
                # The machine has ended, and says so elsewhere.
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
        """An agent that does not answer yet is not published within the block, so that nobody asks it."""
        with self._lock, self._channel.quiet() if self._channel is not None else contextlib.nullcontext():
            yield

    def channel(self) -> Channel:
        """Return the channel to the agent. Raises VixError when the machine or the agent does not run."""
        channel = self._channel
        if channel is None:
            raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING if self._link.runs() else constants.VIX_E_VM_NOT_RUNNING)
        return channel

    def lost(self, channel: Channel) -> None:
        """Know no agent until it answers again on this channel."""
        with self._lock:
            if self._channel is not channel:
                return
            self._channel = None
            self._await(channel)

    def _await(self, channel: Channel) -> None:
        threading.Thread(target=self._await_agent, args=(self._run, channel), name="tools", daemon=True).start()

    def _await_agent(self, run: object, channel: Channel) -> None:
        while self._run is run and not channel.is_closed:
            # A guest that takes its time to boot, or hangs, does not answer: as long as it runs, it may.
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
        """Set the guest's clock: a guest that comes back has the time of when it went. Raises Broken."""
        with contextlib.suppress(OSError):
            channel.call("clock", *divmod(time.time_ns(), 10**9), seconds=ASK_SECONDS)

    # What it says of the guest

    def ready_at(self, on_since: float, delay: float) -> float | None:
        """The agent runs once it has answered."""
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
        """Have the agent carry out an operation. Raises OSError as the guest's system does; VixError."""
        channel = self.channel()
        try:
            return channel.call(operation, *(_raw(value) for value in values), **options)
        except Broken as broken:
            # When the machine has ended, that is what is told.
            self.channel()
            self.lost(channel)
            raise VixError(constants.VIX_E_TOOLS_NOT_RUNNING, str(broken)) from broken
        except OSError as refused:
            if refused.errno == errno.EKEYREJECTED:
                raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, "the account no longer exists in the guest") from refused
            raise

    # Login

    def login(self, name: str, password: str) -> Account:
        try:
            user, _, home = self._ask("login", name, password, answer="iib")
        except OSError as refused:
            empty = refused.errno == errno.ENOKEY
            raise VixError(
                constants.VIX_E_EMPTY_PASSWORD_NOT_ALLOWED_IN_GUEST if empty else constants.VIX_E_GUEST_USER_PERMISSIONS, f"logging in as {name}"
            ) from None
        return Account(name, user == 0, _text(home))

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
        folder = f"/tmp/vmware{os.urandom(8).hex()}"
        path = f"{folder}/vixScript{int.from_bytes(os.urandom(4))}"
        with told_as_failures():
            self._ask("mkdir", account.name, folder, "", 0o700, ALONE)
        try:
            with told_as_failures(), self._opened(account, path, "", NEW, 0o600) as (file, _, _):
                self._ask("write", file, 0, content)
            begun = time.monotonic()
            pid = self._begin(account, f"exec {shlex.quote(interpreter)} {shlex.quote(path)}")
        except VixError:
            self._discard(account, folder)
            raise
        if wait:
            try:
                return self._finish(pid, begun)
            finally:
                self._discard(account, folder)

        def clear():
            with contextlib.suppress(VixError):
                self._finish(pid, begun)
            self._discard(account, folder)

        threading.Thread(target=clear, name="script", daemon=True).start()
        return Ran(pid)

    def processes(self) -> list[Process]:
        with told_as_failures():
            said = self._ask("processes", each="ibbbi")
            found = [_process(*said[at : at + 5]) for at in range(0, len(said), 5)]
        return sorted(found, key=lambda process: process.pid)

    def kill(self, account: Account, pid: int) -> None:
        if pid not in PIDS:
            raise VixError(constants.VIX_E_NO_SUCH_PROCESS, f"killing process {pid}")
        with told_as_failures():
            try:
                self._ask("kill", account.name, pid)
            except PermissionError as refused:
                raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"killing process {pid}") from refused
        with contextlib.suppress(ProcessLookupError):
            for _ in _pauses(VANISH_SECONDS):
                self._ask("command", pid, answer="b")

    def _must_be_executable(self, account: Account, program: str) -> None:
        if not program:
            raise VixError(constants.VIX_E_INVALID_ARG)
        try:
            mode, _, _, _, executable = self._stat(account, program)
        except OSError:
            raise VixError(constants.VIX_E_FILE_NOT_FOUND, f"starting {program}") from None
        if not stat.S_ISREG(mode) or not executable:
            raise VixError(constants.VIX_E_GUEST_USER_PERMISSIONS, f"starting {program}")

    def _begin(self, account: Account, line: str) -> int:
        """Have the guest's shell run a line; return the process id."""
        environment = [_raw(f"{name}={value}") for name, value in self.environment_of(account).items()]
        try:
            (pid,) = self._ask("run", account.name, [b"/bin/sh", *map(_raw, (*programs.SHELL, line))], environment, answer="i")
            _require(pid in PIDS, "a number that no process can have")
        except OSError as refused:
            raise VixError(constants.VIX_E_PROGRAM_NOT_STARTED, str(refused)) from refused
        return pid

    def _await_program(self, pid: int, line: str) -> None:
        """Wait for the shell to become the program, so that it is listed under its own name, but not for what the shell may have to do before."""
        before = b"".join(_raw(each) + b"\0" for each in (*programs.SHELL, line))
        with told_as_failures(), contextlib.suppress(ProcessLookupError):
            for _ in _pauses(START_SECONDS):
                if self._ask("command", pid, answer="b") != [before]:
                    return

    def _finish(self, pid: int, begun: float) -> Ran:
        code = -1
        with told_as_failures(), contextlib.suppress(ProcessLookupError):
            for _ in _pauses():
                runs, code = self._ended(pid)
                _require(code in CODES, "a code that no program can end with")
                if not runs:
                    break
        return Ran(pid, int(time.monotonic() - begun), code)

    def _ended(self, pid: int) -> list[int]:
        try:
            return self._ask("ended", pid, answer="ii")
        except VixError as failure:
            if failure.code != constants.VIX_E_TOOLS_NOT_RUNNING:
                raise
            # A machine that was suspended and goes on, or an agent that was started again, is asked once more.
            return self._ask("ended", pid, answer="ii")

    def _discard(self, account: Account, folder: str) -> None:
        """Remove the folder of a script, as far as the guest's programs have left it there."""
        with contextlib.suppress(VixError):
            self.delete_directory(account, folder)

    # Files (docs/vix-semantics.md, section 20)

    @told_as_failures()
    def copy_in(self, account: Account, host_path: str, guest_path: str) -> None:
        source = host_paths.resolved(host_path)
        if guest_path.endswith("/") and not os.path.isdir(source):
            raise error(errno.EISDIR, guest_path)
        self._send(account, None, source, guest_path, "", 0)

    def _send(self, account: Account, directory: int | None, name: str, base: str, rest: str, depth: int) -> None:
        """Copy what is at a name in a directory of the host to a path of the guest, as trees.copy does."""
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
                    if content := fault_context.arriving(block):
                        self._ask("write", file, offset, content)
                    offset += len(content)
        else:
            raise error(errno.EISDIR, name)

    @told_as_failures()
    def copy_out(self, account: Account, guest_path: str, host_path: str) -> None:
        mode, *_ = self._stat(account, guest_path)
        self._receive(account, guest_path, "", mode, None, host_paths.resolved(host_path), 0, NAMES)

    def _receive(self, account: Account, base: str, rest: str, mode: int, target: int | None, new: str, depth: int, room: int) -> None:
        """Copy what is at a path of the guest to a name in a directory of the host, as trees.copy does. The guest may lie: no link is followed there.

        room: for the names of the directories from here downwards.
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
                    kind_of_child = stat.S_IFLNK if linked else kind_of_child
                    self._receive(account, base, f"{rest}/{child}" if rest else child, kind_of_child, outer, child, depth + 1, room)
        elif kind == stat.S_IFLNK:
            (leads_to,) = self._ask("readlink", account.name, base, rest, answer="b")
            trees.make_way(target, new, replaced=(stat.S_IFLNK, stat.S_IFREG))
            os.symlink(leads_to, os.fsencode(new), dir_fd=target)
        elif kind == stat.S_IFREG:
            with self._opened(account, base, rest, READ, 0) as (file, size, _):
                trees.make_way(target, new, replaced=(stat.S_IFLNK,))
                with trees.opened(new, os.O_WRONLY | os.O_CREAT, target, mode) as outer:
                    trees.must_be_file(outer, new)
                    os.ftruncate(outer, 0)
                    for block in self._blocks(file, max(size, SIZELESS)):
                        trees.write(outer, block)
        else:
            raise error(errno.EISDIR, rest or base)

    def _blocks(self, file: int, longest: int) -> Iterator[bytes]:
        """Yield what an open file of the guest holds, up to this length: a file may grow faster than it is read."""
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
        """Open a file of the guest; give its number, size and mode."""
        # Ours to choose: what the guest thinks of comes again when it is reverted.
        file = int.from_bytes(os.urandom(8)) >> 1
        size, found = self._ask("open", account.name, base, rest, how, mode, file, answer="ii")
        try:
            yield file, size, found
        finally:
            with contextlib.suppress(VixError, OSError):
                self._ask("close", file)

    @told_as_failures()
    def file_exists(self, account: Account, path: str) -> bool:
        return self._kind_of(account, path) == stat.S_IFREG

    @told_as_failures()
    def directory_exists(self, account: Account, path: str) -> bool:
        return self._kind_of(account, path) == stat.S_IFDIR

    def _stat(self, account: Account, path: str) -> list[int]:
        """Return mode, size and time of what a path leads to, whether it is a link, and whether the account may execute it."""
        said = self._ask("stat", account.name, path, "", answer="iiiii")
        _require_file(*said[:2])
        return said

    def _kind_of(self, account: Account, path: str) -> int:
        try:
            mode, *_ = self._stat(account, path)
        except OSError as refused:
            if refused.errno == errno.EINVAL:
                raise
            return 0
        return stat.S_IFMT(mode)

    @told_as_failures()
    def file_info(self, account: Account, path: str) -> FileInfo:
        mode, size, modified, linked, _ = self._stat(account, path)
        return _info(os.path.basename(path.rstrip("/")), mode, size, modified, linked)

    @told_as_failures()
    def list_directory(self, account: Account, path: str) -> list[FileInfo]:
        found, _ = self._listed(account, path, "", NAMES)
        return [_info(*each) for each in found]

    def _listed(self, account: Account, base: str, rest: str, room: int) -> tuple[list[tuple[str, int, int, int, int]], int]:
        """Return name, mode, size, time, and whether it is a link, of what a directory holds, sorted by name; and what that leaves of the room."""
        found, cookie = {}, 0
        while True:
            cookie, *said = self._ask("list", account.name, base, rest, cookie, answer="i", each="biiii")
            for at in range(0, len(said), 5):
                _require(is_name(said[at]), "a name that none can have")
                _require_file(*said[at + 1 : at + 3])
                room -= len(said[at]) + BESIDE
                # A directory that changes meanwhile may tell a name twice.
                found[said[at]] = (_text(said[at]), *said[at + 1 : at + 5])
            _require(room >= 0 and (said or not cookie), "a directory without an end")
            if not cookie:
                return [found[name] for name in sorted(found, key=os.fsdecode)], room

    @told_as_failures()
    def create_directory(self, account: Account, path: str) -> None:
        self._ask("mkdir", account.name, path, "", 0o700, WITH_PARENTS)

    @told_as_failures()
    def delete_directory(self, account: Account, path: str) -> None:
        end = time.monotonic() + CLEAR_SECONDS
        while not self._ask("clear", account.name, path, answer="i")[0]:
            if time.monotonic() > end:
                raise error(errno.EBUSY, path)

    @told_as_failures()
    def delete_file(self, account: Account, path: str) -> None:
        self._ask("remove", account.name, path)

    @told_as_failures()
    def rename(self, account: Account, old: str, new: str) -> None:
        try:
            self._ask("rename", account.name, old, new)
        except IsADirectoryError as refused:
            raise VixError(constants.VIX_E_ALREADY_EXISTS, f"renaming {old} to {new}") from refused

    @told_as_failures()
    def create_temp_file(self, account: Account) -> str:
        (path,) = self._ask("tempfile", account.name, answer="b")
        _require(re.fullmatch(rb"/tmp/vmware\d+", path), "a name that none can have")
        return _text(path)


def _require(is_possible: object, otherwise: str) -> None:
    """Raise OSError for what no guest says that does not lie."""
    if not is_possible:
        raise error(errno.EIO, otherwise)


def _require_file(mode: int, size: int) -> None:
    _require(mode in MODES and size >= 0, "a file that cannot be")


def _raw(value):
    """Return a value as it is sent: a text that need not be UTF-8 as bytes."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _shown(text: str) -> str:
    """Return a text as VIX tells it: in VIX all text is UTF-8."""
    return _raw(text).decode("utf-8", "replace")


def _info(name: str, mode: int, size: int, modified: int, linked: int) -> FileInfo:
    flags = constants.VIX_FILE_ATTRIBUTES_DIRECTORY if stat.S_ISDIR(mode) else constants.VIX_FILE_ATTRIBUTES_SYMLINK if linked else 0
    return FileInfo(_shown(name), size if stat.S_ISREG(mode) else 0, flags, modified)


def _process(pid: int, owner: bytes, name: bytes, line: bytes, start_time: int) -> Process:
    _require(pid in PIDS, "a number that no process can have")
    arguments = line.rstrip(b"\0").split(b"\0")
    whole = os.path.basename(arguments[0])
    if len(name) == SHORT and whole.startswith(name):
        name = whole
    short = name.decode("utf-8", "replace")
    command = b" ".join(arguments).decode("utf-8", "replace")
    return Process(short, pid, owner.decode("utf-8", "replace"), command or f"[{short}]", start_time)


def _pauses(seconds: float | None = None) -> Iterator[None]:
    """Give a turn at once and after growing pauses, as long as there are seconds left."""
    end, pause = None if seconds is None else time.monotonic() + seconds, FIRST_PAUSE
    yield
    while end is None or time.monotonic() < end:
        time.sleep(pause)
        pause = min(1.5 * pause, LAST_PAUSE)
        yield
