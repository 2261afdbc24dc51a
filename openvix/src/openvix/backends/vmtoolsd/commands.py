# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of VIX as vmtoolsd takes them: a header, a body and a login, little endian and packed."""

from __future__ import annotations

import base64
import itertools
import re
import struct
from enum import IntEnum
from typing import NamedTuple

from openvix.backends.vmtoolsd.guestrpc import GuestRpc, NoAnswer
from openvix.vix.errors import VixError


class Command(IntEnum):
    """The numbers of VIX commands."""

    RUN_PROGRAM = 4
    DELETE_FILE = 18
    FILE_EXISTS = 19
    RUN_SCRIPT = 46
    DIRECTORY_EXISTS = 70
    DELETE_DIRECTORY = 72
    CREATE_TEMP_FILE = 74
    LIST_PROCESSES = 75
    MOVE_FILE = 76
    CREATE_DIRECTORY = 77
    CHECK_USER = 78
    LIST_DIRECTORY = 79
    HGFS = 84
    KILL = 85
    READ_VARIABLE = 88
    WRITE_VARIABLE = 89
    GET_FILE_INFO = 94
    READ_ENVIRONMENT = 187


# The head of every message: magic, version of the format, length of all, of the header, the body and the login, flags.
MESSAGE = struct.Struct("<IHIIIIB")
MAGIC, FORMAT = 0xD00D0001, 5
IS_REQUEST, IS_BINARY = 0x01, 0x80
# Then of a request: command, flags, timeout, cookie, the client's flags, kind of login.
REQUEST = struct.Struct("<IIIQII")
HEADER = MESSAGE.size + REQUEST.size
# Have < > & " % in names of an answer as %XX, so that they are not taken for XML.
ESCAPED = 0x40
NO_TIMEOUT = 0xFFFFFFFF
NO_LOGIN, NAME_AND_PASSWORD = range(2)
# The code of an error is in these bits; above them stands what the system said.
CODE = 0xFFFF
# A variable of the environment, of the kinds of variables.
ENVIRONMENT = 3
ANSWER = re.compile(rb"OK (-?\d+) (-?\d+) ")
RETURN_AT_ONCE = 1


class Login(NamedTuple):
    """A name and a password: Tools log in anew for each command."""

    name: str
    password: str


class Commands:
    """Sends VIX commands over GuestRPC; they raise VixError with the code that vmtoolsd reports, and NoAnswer when it does not answer."""

    def __init__(self, rpc: GuestRpc):
        self._rpc, self._numbers = rpc, itertools.count(1)

    def send(self, command: Command, login: Login, body: bytes = b"", *, flags: int = 0, binary: bool = False, request: str = "") -> bytes:
        """Return what vmtoolsd answers to a command.

        Args:
            command: The command.
            login: Whose rights it has.
            body: Its arguments.
            flags: The flags of the request.
            binary: Whether the answer is not a text, which ends with a zero.
            request: The name by which the end of a program is reported.
        """
        number = next(self._numbers)
        credential = _credential(login)
        head = MESSAGE.pack(MAGIC, FORMAT, HEADER + len(body) + len(credential), HEADER, len(body), len(credential), IS_REQUEST | (IS_BINARY if binary else 0))
        head += REQUEST.pack(command, flags, NO_TIMEOUT, number, 0, NAME_AND_PASSWORD)
        name = (request or f"openvix-{number}").encode("ascii")
        answer = self._rpc.call(b'Vix_1_Relayed_Command "%s"\0' % name + head + body + credential)
        said = ANSWER.match(answer)
        if not said:
            raise NoAnswer(f"vmtoolsd answers {answer[:80]!r} to the command {command.name}")
        error, rest = int(said[1]) & CODE, answer[said.end() :]
        if error:
            raise VixError(error, f"{command.name} in the guest")
        # "#" precedes what is binary.
        return rest[1:] if binary else rest.rstrip(b"\0")

    def path(self, command: Command, login: Login, path: str) -> bytes:
        """Return the answer to a command that takes one path."""
        return self.send(command, login, struct.pack("<iI", 0, len(raw(path))) + _text(path))

    def run_program(self, login: Login, program: str, arguments: str, request: str, *, wait: bool) -> bytes:
        """Start a program; return its process id as text. Its end is reported only where somebody waits for it."""
        body = (
            struct.pack("<iII", 0 if wait else RETURN_AT_ONCE, len(raw(program)), len(raw(arguments)))
            + _text(program)
            + (_text(arguments) if arguments else b"")
        )
        return self.send(Command.RUN_PROGRAM, login, body, request=request)

    def run_script(self, login: Login, interpreter: str, script: str, request: str, *, wait: bool) -> bytes:
        """Start a script, as run_program() does a program."""
        body = struct.pack("<iIII", 0 if wait else RETURN_AT_ONCE, len(raw(interpreter)), len(raw(script)), 0) + _text(interpreter) + _text("") + _text(script)
        return self.send(Command.RUN_SCRIPT, login, body, request=request)

    def list_processes(self, login: Login) -> bytes:
        return self.send(Command.LIST_PROCESSES, login, flags=ESCAPED)

    def kill(self, login: Login, pid: int) -> None:
        self.send(Command.KILL, login, struct.pack("<QI", pid, 0))

    def list_directory(self, login: Login, path: str, offset: int) -> bytes:
        """Return the page of a listing that begins with the entry of this number."""
        return self.send(Command.LIST_DIRECTORY, login, struct.pack("<iIq", 1, len(raw(path)), offset) + _text(path), flags=ESCAPED)

    def create_directory(self, login: Login, path: str) -> None:
        self.send(Command.CREATE_DIRECTORY, login, struct.pack("<iII", 0, len(raw(path)), 0) + _text(path))

    def rename(self, login: Login, old: str, new: str) -> None:
        self.send(Command.MOVE_FILE, login, struct.pack("<iIII", 0, len(raw(old)), len(raw(new)), 0) + _text(old) + _text(new))

    def create_temp_file(self, login: Login) -> bytes:
        return self.send(Command.CREATE_TEMP_FILE, login, struct.pack("<iIII", 0, 0, 0, 0) + 3 * _text(""))

    def read_environment(self, login: Login, name: str) -> bytes:
        return self.send(Command.READ_VARIABLE, login, struct.pack("<iiI", ENVIRONMENT, 0, len(raw(name))) + _text(name))

    def read_all_environment(self, login: Login) -> bytes:
        return self.send(Command.READ_ENVIRONMENT, login, struct.pack("<II", 0, 0))

    def write_environment(self, login: Login, name: str, value: str) -> None:
        body = struct.pack("<iiII", ENVIRONMENT, 0, len(raw(name)), len(raw(value))) + _text(name) + _text(value)
        self.send(Command.WRITE_VARIABLE, login, body)

    def hgfs(self, login: Login, packet: bytes) -> bytes:
        """Return the answer of the guest's HGFS server to a packet."""
        return self.send(Command.HGFS, login, struct.pack("<Ii", len(packet), 0) + packet, binary=True)


def raw(text: str) -> bytes:
    """Return a text as the guest takes it: bytes that are not UTF-8 are surrogates."""
    return text.encode("utf-8", "surrogateescape")


def _text(text: str) -> bytes:
    return raw(text) + b"\0"


def _credential(login: Login) -> bytes:
    packed = base64.b64encode(_text(login.name) + _text(login.password))
    return struct.pack("<II", len(raw(login.name)), len(raw(login.password))) + packed + b"\0"
