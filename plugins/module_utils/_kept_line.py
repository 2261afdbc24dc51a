# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The near end of a connection to a guest in a process that outlives the task, like ControlPersist of ssh."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

from . import _frames, _worker
from ._guest_line import Line, failure
from ._vix.errors import Refused, TimedOut, VixError

if TYPE_CHECKING:
    from typing import IO, Iterator

    from ._frames import Message

FAREWELL = 10  # seconds that the other end has for its work at the end
KEPT = "~/.ansible/cp"


class Kept(Line):
    """A session of a process that outlives the task. It is started if there is none.

    options: as _guest_server.converse has them; idle: seconds after which the process exits; seconds: for starting it.
    """

    def __init__(self, options: Message, idle: float, seconds: float) -> None:
        self._doing = f"connecting to the guest of {options['vm']}"
        self._socket = _joined(options, idle, time.monotonic() + seconds + _worker.GRACE, self._doing)
        super().__init__(self._socket.fileno(), self._socket.fileno(), self._doing)

    def end(self) -> None:
        super().end()
        self._socket.close()


def reset(options: Message) -> None:
    """End the process that keeps a session with these options, if there is one."""
    connection = _at(_socket_path(options))
    if connection is not None:
        with connection, suppress(OSError):
            connection.sendall(_frames.pack({"do": "reset"}))
            connection.settimeout(FAREWELL)
            connection.recv(1)


def _joined(options: Message, idle: float, end: float, doing: str) -> socket.socket:
    """A connection to the process that keeps the session, which is started if there is none."""
    path = _socket_path(options)
    with _locked(os.path.join(os.path.dirname(path), "vmlab.vix.lock"), end, doing):
        connection = _greeted(path, end, doing)
        if connection is None:
            _start(options, path, idle, end, doing)
            connection = _greeted(path, end, doing)
    if connection is None:
        raise failure(VixError("the process that keeps the session did not start", doing=doing))
    if _frames.peer_user(connection) not in (None, os.getuid()):
        connection.close()
        raise failure(Refused(f"{path} is the socket of another user", doing=doing))
    return connection


def _greeted(path: str, end: float, doing: str) -> socket.socket | None:
    """A connection to the process at a socket that has answered; None if there is none, or one that is about to exit."""
    connection = _at(path)
    if connection is None:
        return None
    line = Line(connection.fileno(), connection.fileno(), doing)
    try:
        line.send({"do": "greet"}, b"", end)
        line.receive(end)
    except _worker.Failure as lost:
        connection.close()
        if lost.kind == TimedOut.__name__:
            raise
        return None
    return connection


def _socket_path(options: Message) -> str:
    """The socket of the session with these options. Its name is of use to this user alone: who has another password finds another socket."""
    directory = os.path.expanduser(KEPT)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    info = os.stat(directory)
    if info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) & 0o022:
        raise failure(Refused(f"{directory} must belong to this user, and nobody else may write to it", doing="keeping the session of a guest"))
    key = os.path.join(directory, "vmlab.vix.key")
    if not os.path.exists(key):
        part = f"{key}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):  # another task was quicker
            os.link(part, key)
        os.unlink(part)
    with open(key, "rb") as file:
        name = hmac.new(file.read(), json.dumps(options, sort_keys=True).encode("ascii"), hashlib.sha256).hexdigest()[:20]
    return os.path.join(directory, f"vix-{name}")


def _at(path: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _frames.socket_name(path) as name:
            connection.connect(name)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise failure(VixError(f"{path}: {error.strerror or error}", doing="connecting to the process that keeps a session")) from None
    return connection


@contextmanager
def _locked(path: str, end: float, doing: str) -> Iterator[None]:
    with open(path, "ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise failure(TimedOut("timed out: another task is starting a session", doing=doing)) from None
                time.sleep(0.02)
        yield


def _start(options: Message, path: str, idle: float, end: float, doing: str) -> None:
    """Start the process in a separate session, as Ansible ends its own groups, and without descriptors that somebody waits for."""
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = f"import sys; sys.path.insert(0, {place!r}); from module_utils import _guest_relay; _guest_relay.main(sys.argv[1:])"
    command = [sys.executable, "-c", code, path, str(idle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/") as process:
        sending, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        starting = Line(answers.fileno(), sending.fileno(), doing)
        try:
            starting.send(options, b"", end)
            starting.receive(end)
        finally:
            sending.close()
            process.returncode = 0  # it stays: nobody waits for it
