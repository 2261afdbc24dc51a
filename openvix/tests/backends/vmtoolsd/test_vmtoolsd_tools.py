# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's half of VMware's Tools, with a stand-in for vmtoolsd that needs no root. What the real one answers is in tests/differential."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading

import pytest
from waiting import eventually

from openvix.backends.vmtoolsd.tools import VmtoolsdTools
from openvix.system import sockets
from openvix.vix import constants
from openvix.vix.errors import VixError


class StandIn:
    """A vmtoolsd that answers each command from a table: by its number the answer, an error, or a function of the name of the request."""

    def __init__(self, path):
        self.answers, self.asked, self._path = {78: b"", 88: b"/home/ann"}, [], path
        self.commands = self.connect(b"TCLO")
        threading.Thread(target=self._serve, daemon=True).start()

    def connect(self, protocol: bytes) -> socket.socket:
        connection = sockets.dial(self._path)
        connection.sendall(protocol)
        return connection

    def _serve(self):
        with contextlib.suppress(OSError, struct.error):
            while True:
                self.put(self.commands, self._answer(self.get(self.commands)))

    @staticmethod
    def get(connection: socket.socket) -> bytes:
        (length,) = struct.unpack("<I", connection.recv(4, socket.MSG_WAITALL))
        return connection.recv(length, socket.MSG_WAITALL) if length else b""

    @staticmethod
    def put(connection: socket.socket, message: bytes):
        connection.sendall(struct.pack("<I", len(message)) + message)

    def report(self, request: str) -> bytes:
        """Make a request of the guest's own on another connection, and return its answer."""
        with self.connect(b"RPCI") as connection:
            self.put(connection, request.encode())
            return self.get(connection)

    def _answer(self, message: bytes) -> bytes:
        if not message.startswith(b"Vix_1_Relayed_Command"):
            self.asked.append(message)
            return b"OK ATR toolbox"
        name, _, message = message.partition(b"\0")
        length, _, body, login = struct.unpack_from("<IIII", message, 6)
        assert length == len(message)
        (command,) = struct.unpack_from("<I", message, 23)
        credential = message[51 + body :]
        assert len(credential) == login
        user, password, _ = base64.b64decode(credential[8:]).decode().split("\0")
        self.asked.append((command, user, password, message[51 : 51 + body]))
        answer = self.answers[command]
        answer = answer(name.split(b'"')[1].decode()) if callable(answer) else answer
        return b"OK %d 2 \0" % answer if isinstance(answer, int) else b"OK 0 0 " + answer + b"\0"


@pytest.fixture
def listener(tmp_path):
    with sockets.listen(tmp_path / "guestrpc", 16) as listener:
        yield listener


@pytest.fixture
def tools(listener):
    tools = VmtoolsdTools(lambda: listener, lambda: True, lambda: None)
    tools.begin()
    yield tools
    tools.end()


@pytest.fixture
def guest(tools, tmp_path):
    guest = StandIn(tmp_path / "guestrpc")
    eventually(lambda: tools.ready_at(5, 0) == 5)
    yield guest
    guest.commands.close()


@pytest.fixture
def ann(tools, guest):
    return tools.login("ann", "pä s")


def code(call, *arguments, **options):
    with pytest.raises(VixError) as caught:
        call(*arguments, **options)
    return caught.value.code


def test_guest_is_greeted_before_it_is_ready(tools, guest):
    assert guest.asked == [b"reset", b"Capabilities_Register"]


def test_every_command_logs_in_anew(tools, guest, ann):
    guest.answers[19] = b"1"

    assert (ann.name, ann.administrator, ann.home) == ("ann", False, "/home/ann")
    assert tools.file_exists(ann, "/etc/ä")
    assert [each[:3] for each in guest.asked[2:]] == [(78, "ann", "pä s"), (88, "ann", "pä s"), (19, "ann", "pä s")]
    assert guest.asked[-1][3] == struct.pack("<iI", 0, 7) + "/etc/ä\0".encode()


def test_error_of_the_guest_is_raised(tools, guest, ann):
    # Above the code stands what the system said.
    guest.answers[19] = 20001 | 17 << 32

    assert code(tools.file_exists, ann, "/etc") == constants.VIX_E_NOT_A_FILE


def test_end_of_a_program_is_awaited(tools, guest, ann):
    def start(name: str) -> bytes:
        threading.Thread(target=guest.report, args=(f"Run_Program_Done {name} 0 0 7 42",), daemon=True).start()
        return b"42"

    guest.answers[4] = start

    assert tools.run_program(ann, "/bin/x", "a b", wait=True)[::2] == (42, 7)
    assert guest.asked[-1][3] == struct.pack("<iII", 0, 6, 3) + b"/bin/x\0a b\0"


def test_program_that_nobody_awaits_returns(tools, guest, ann):
    guest.answers[46] = b"43"

    assert tools.run_script(ann, None, "exit 1", wait=False) == (43, 0, 0)
    assert guest.asked[-1][3] == struct.pack("<iIII", 1, 0, 6, 0) + b"\0\0exit 1\0"
    assert code(tools.run_script, ann, None, "x" * 70000, wait=False) == constants.VIX_E_ARGUMENT_TOO_BIG


def test_guest_that_goes_ends_a_wait(tools, guest, ann):
    def start(name: str) -> bytes:
        threading.Timer(0.2, guest.commands.shutdown, (socket.SHUT_RDWR,)).start()
        return b"42"

    guest.answers[4] = start

    assert code(tools.run_program, ann, "/bin/x", None, wait=True) == constants.VIX_E_TOOLS_NOT_RUNNING
    assert tools.ready_at(5, 0) is None
    assert code(tools.file_exists, ann, "/etc") == constants.VIX_E_TOOLS_NOT_RUNNING


def test_guest_that_is_back_is_asked_again(tools, guest, ann, tmp_path):
    guest.commands.shutdown(socket.SHUT_RDWR)
    eventually(lambda: code(tools.file_exists, ann, "/etc") == constants.VIX_E_TOOLS_NOT_RUNNING)
    other = StandIn(tmp_path / "guestrpc")
    other.answers[19] = b"0"

    eventually(lambda: tools.ready_at(5, 0) == 5)

    assert not tools.file_exists(ann, "/etc")
    other.commands.close()


def test_listing_is_read_page_by_page(tools, guest, ann):
    entry = b"<FileInfo><Name>%b</Name><FileFlags>0</FileFlags><FileSize>3</FileSize><ModTime>-1</ModTime></FileInfo>"
    pages = [b"1" + entry % b"b%25%3C", b"0" + entry % b"a"]
    guest.answers[79] = lambda name: pages.pop(0)

    assert tools.list_directory(ann, "/x") == [("a", 3, 0, -1), ("b%<", 3, 0, -1)]
    assert [struct.unpack_from("<iIq", each[3]) for each in guest.asked[-2:]] == [(1, 2, 0), (1, 2, 1)]


def test_process_is_named_by_its_first_argument(tools, guest, ann):
    guest.answers[75] = b"<escaped/><proc><cmd>perl</cmd><name>perl -e a%26</name><pid>9</pid><user>ann</user><start>5</start></proc>"

    assert tools.processes() == [("perl", 9, "ann", "perl -e a&", 5)]


@pytest.mark.parametrize("answer", [b"", b"<proc></proc>", b"<proc><cmd>a</cmd><name>a</name><pid>x</pid><user>a</user><start>5</start></proc>"])
def test_answer_that_makes_no_sense_is_an_error(tools, guest, ann, answer):
    guest.answers[75] = answer
    if answer:
        assert code(tools.processes) == constants.VIX_E_TOOLS_NOT_RUNNING
    else:
        assert tools.processes() == []


def test_environment_is_set_by_the_administrator(tools, guest, ann):
    guest.answers |= {89: b"", 187: b"<ev>A=b=c</ev><ev>HOME=/home/ann</ev>"}
    tools.environment["A"] = "b=c"

    assert tools.environment_of(ann) == {"A": "b=c", "HOME": "/home/ann"}
    assert [each for each in guest.asked if each[0] == 89] == []
    tools.login("root", "lab")
    tools.environment_of(ann)
    tools.environment_of(ann)
    assert [each for each in guest.asked if each[0] == 89] == [(89, "root", "lab", struct.pack("<iiII", 3, 0, 1, 3) + b"A\0b=c\0")]


def test_account_of_an_earlier_run_logs_in_again(tools, guest, ann):
    tools._logins.clear()

    assert code(tools.file_exists, ann, "/etc") == constants.VIX_E_GUEST_USER_PERMISSIONS


def test_machine_that_is_off_runs_no_tools(listener):
    tools = VmtoolsdTools(lambda: listener, lambda: False, lambda: None)

    assert code(tools.login, "ann", "a") == constants.VIX_E_VM_NOT_RUNNING
    assert tools.ready_at(5, 0) is None


@pytest.mark.parametrize(("reset", "command"), [(False, b"OS_Halt"), (True, b"OS_Reboot")])
def test_guest_is_asked_to_stop(tools, guest, reset, command):
    assert tools.stop(reset)
    assert guest.asked[-1] == command
