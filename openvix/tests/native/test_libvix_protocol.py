# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvix.so against a daemon that says what the test wants: answers of every type, in every order, and what breaks the protocol."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import programs
import pytest
from checkout import VIX_API
from waiting import eventually

from openvix.protocol import frames
from openvix.system import c_build
from openvix.vix import constants
from openvix.world import ledger

FACTS = json.loads(VIX_API.read_text(encoding="utf-8"))
JUNK_ERROR = struct.unpack("<q", struct.pack("<Q", 0xF123456789AB0BBF))[0]
PROCESSES = [
    [constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, "first", constants.VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER, "root"],
    [constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, "second", constants.VIX_PROPERTY_JOB_RESULT_PROCESS_ID, 0x1122334455667788],
]
PROPERTIES = {
    constants.VIX_PROPERTY_VM_READ_ONLY: 1,
    constants.VIX_PROPERTY_VM_NUM_VCPUS: 4,
    constants.VIX_PROPERTY_VM_NAME: "näme",
    constants.VIX_PROPERTY_VM_VMTEAM_PATHNAME: None,
    constants.VIX_PROPERTY_VM_MEMORY_SIZE: -7,
    constants.VIX_PROPERTY_VM_GUESTOS: 12,
}


def handle(reference):
    return constants.VIX_OK, [[constants.VIX_PROPERTY_JOB_RESULT_HANDLE, reference]]


def get_properties(kind, reference, ids):
    if any(each not in PROPERTIES for each in ids):
        return constants.VIX_E_UNRECOGNIZED_PROPERTY, []
    return constants.VIX_OK, [[part for each in ids for part in (each, PROPERTIES[each])]]


ANSWERS = {
    "VixVM_Reset": lambda *_: (constants.VIX_OK, []),
    "VixHost_OpenVM": lambda host, path, *_: handle(path),
    "VixHost_FindItems": lambda *_: (constants.VIX_OK, [[constants.VIX_PROPERTY_FOUND_ITEM_LOCATION, f"/vm{number}.vmx"] for number in range(3)]),
    "Vix_GetProperties": get_properties,
    "VixVM_CaptureScreenImage": lambda *_: (constants.VIX_OK, [[constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA, b"P\0NG\0"]]),
    "VixVM_PowerOn": lambda *_: (JUNK_ERROR, []),
    "VixVM_PowerOff": lambda *_: (constants.VIX_OK, []),
    "VixVM_LoginInGuest": lambda *_: (constants.VIX_OK, []),
    "VixVM_ListProcessesInGuest": lambda *_: (constants.VIX_OK, PROCESSES),
    "VixVM_GetNumRootSnapshots": lambda *_: (constants.VIX_OK, [[0, 1]]),
    "VixVM_GetRootSnapshot": lambda *_: (constants.VIX_OK, [[0, "root"]]),
    "VixSnapshot_GetParent": lambda *_: (constants.VIX_OK, [[0, None]]),
    "VixVM_GetNamedSnapshot": lambda *_: (constants.VIX_E_SNAPSHOT_NOTFOUND, []),
}
SYNCHRONOUS = {"Vix_GetProperties"} | {name for name in ANSWERS if "Snapshot" in name}
NOTICES = {"OpenVIX_ReleaseHost", "OpenVIX_ReleaseVM"}
LEAVING = NOTICES | {"VixHost_Disconnect"}


class Scripted:
    """A daemon that answers from a table and writes down what it was asked."""

    def __init__(self, world: Path):
        hosts = itertools.count(1)
        self.world, self.asked, self.answer = world, [], self.answer_in_order
        self.answers = ANSWERS | {"VixHost_Connect": lambda *_: handle(f"host-{next(hosts)}")}
        self.greeting, self.gone = constants.VIX_OK, threading.Event()
        (world / "run" / "clients").mkdir(parents=True)
        self._listener = socket.socket(socket.AF_UNIX)
        folder = os.open(world / "run", os.O_PATH)
        self._listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                for number, function, *arguments in frames.frames(connection):
                    self.asked.append((function, *arguments))
                    if function == "hello":
                        connection.sendall(frames.encode(number, frames.DONE, self.greeting, [], ""))
                    elif function == "VixHost_Disconnect":
                        connection.sendall(frames.encode(number, frames.DONE, constants.VIX_OK, [], ""))
                    elif function not in NOTICES:
                        self.answer(connection, number, function, arguments)
            except OSError:
                pass
            self.gone.set()

    def outcome(self, function, arguments):
        return self.answers.get(function, lambda *_: (constants.VIX_E_NOT_SUPPORTED, []))(*arguments)

    def answer_in_order(self, connection, number, function, arguments):
        if function not in SYNCHRONOUS:
            connection.sendall(frames.encode(number, frames.ACCEPTED, ""))
        connection.sendall(frames.encode(number, frames.DONE, *self.outcome(function, arguments), ""))

    @property
    def calls(self) -> list[tuple]:
        """What was asked, but for what a client says when it is done with an object."""
        return [each for each in self.asked if each[0] not in LEAVING]

    def run(self, program: str, *arguments: str, pass_fds: tuple = (), **environment: str) -> subprocess.CompletedProcess:
        """Run a program of tests/c in this world."""
        environment = os.environ | {"OPENVIX_WORLD": str(self.world)} | environment
        return subprocess.run(
            programs.command(program, *arguments), env=environment, pass_fds=pass_fds, capture_output=True, text=True, timeout=100, check=False
        )


@pytest.fixture
def scripted(tmp_path):
    scripted = Scripted(tmp_path / "world")
    yield scripted
    scripted.close()


def passed(done: subprocess.CompletedProcess) -> bool:
    assert (done.returncode, done.stderr) == (0, "")
    return True


def books(world: Path) -> list[dict]:
    """Return what each client of the world left open."""
    found = [ledger.read(path) for path in (world / "run" / "clients").iterdir()]
    return [each for each in found if each["open"] or each["buffers"]]


def test_property_fits_its_cell(scripted):
    assert passed(scripted.run("properties"))
    assert books(scripted.world) == []


def test_handles_are_counted_and_typed(scripted):
    done = scripted.run("handles")

    assert passed(done)
    # What was still open at the disconnect was leaked: the VM, its snapshot, the property list and the job, not the host.
    (left,) = books(scripted.world)
    assert sorted(each["type"] for each in left["open"]) == [
        constants.VIX_HANDLETYPE_VM,
        constants.VIX_HANDLETYPE_JOB,
        constants.VIX_HANDLETYPE_SNAPSHOT,
        constants.VIX_HANDLETYPE_PROPERTY_LIST,
    ]
    assert (left["disconnected"], left["buffers"]) == (True, 0)


@programs.by_the_processor
def test_limits_of_handles_and_strings_are_reported(scripted):
    scripted.answers["VixVM_WriteVariable"] = lambda *_: (constants.VIX_OK, [])

    assert passed(scripted.run("limits"))
    assert books(scripted.world) == []
    (written,) = [each for each in scripted.asked if each[0] == "VixVM_WriteVariable"]
    assert len(written[4]) == (64 << 20) - 200


def test_first_handle_differs_per_process(scripted):
    assert len({scripted.run("handles").stdout for _ in range(3)}) == 3


def test_handles_carry_wrapper_id_in_top_byte(scripted):
    assert passed(scripted.run("handles", "wrapped"))


def test_daemon_learns_of_last_vm_release(scripted):
    assert passed(scripted.run("connection", "once"))
    assert scripted.gone.wait(60)
    assert [each for each in scripted.asked if each[0] in LEAVING] == [("OpenVIX_ReleaseVM", "/vm.vmx"), ("VixHost_Disconnect", "host-1")]


def test_vm_of_two_hosts_is_released_with_the_last(scripted):
    assert passed(scripted.run("connection", "twins"))
    assert scripted.gone.wait(60)
    assert [each[0] for each in scripted.asked][-4:] == ["Vix_GetProperties", "OpenVIX_ReleaseVM", "VixHost_Disconnect", "VixHost_Disconnect"]
    assert [each[0] for each in scripted.asked].count("OpenVIX_ReleaseVM") == 1


def test_callbacks_are_ordered_on_a_library_thread(scripted):
    waiting = {}

    def answer(connection, number, function, arguments):
        done = frames.encode(number, frames.DONE, *scripted.outcome(function, arguments), "")
        accepted = frames.encode(number, frames.ACCEPTED, "")
        if function == "VixVM_PowerOff":
            waiting["accepted"] = accepted
            connection.sendall(done)
        elif function == "VixVM_ListProcessesInGuest":
            waiting["done"] = done
            connection.sendall(accepted)
        elif function == "VixVM_PowerOn":
            progress = frames.encode(number, frames.EVENT, constants.VIX_EVENTTYPE_JOB_PROGRESS, [])
            connection.sendall(progress + accepted + progress + done)
        else:
            scripted.answer_in_order(connection, number, function, arguments)
            for held in [waiting.pop("accepted", b""), waiting.pop("done", b"") if function == "VixVM_GetNumRootSnapshots" else b""]:
                connection.sendall(held)

    scripted.answer = answer
    assert passed(scripted.run("callbacks"))
    assert scripted.gone.wait(60)
    assert [each for each in books(scripted.world) if each["buffers"]] == []


@pytest.mark.parametrize("what", ["twice", "error text", "own memory", "inside", "junk"])
def test_free_of_foreign_pointer_aborts(scripted, what):
    done = scripted.run("buffers", what)

    assert done.returncode == -signal.SIGABRT
    assert done.stderr.startswith("Vix_FreeBuffer: 0x")
    assert done.stderr.count("\n") == 1


def test_freed_buffers_leave_empty_ledger(scripted):
    assert passed(scripted.run("buffers"))
    assert books(scripted.world) == []


def never_ending(scripted):
    """A way to answer: VixVM_Reset is never done, and VixVM_Suspend breaks the connection."""

    def answer(connection, number, function, arguments):
        if function == "VixVM_Reset":
            connection.sendall(frames.encode(number, frames.ACCEPTED, ""))
        elif function == "VixVM_Suspend":
            connection.shutdown(socket.SHUT_RDWR)
        else:
            scripted.answer_in_order(connection, number, function, arguments)

    return answer


@pytest.mark.parametrize("scene", ["lost", "fork"])
def test_any_connection_can_be_lost(scripted, scene):
    scripted.answer = never_ending(scripted)
    assert passed(scripted.run("connection", scene))
    assert scripted.gone.wait(60)
    assert books(scripted.world) == []


@programs.among_its_own_threads
def test_process_keeps_signals_and_descriptors(scripted):
    assert passed(scripted.run("connection", "process"))


@programs.by_the_processor
def test_no_password_stays_in_memory(scripted):
    assert passed(scripted.run("connection", "password"))
    assert [each[3] for each in scripted.asked if each[0] == "VixVM_LoginInGuest"] == ["Qz8-paSs!wJ7"]
    opening = [each for each in scripted.asked if each[0] == "VixHost_OpenVM"]
    assert opening[-1] == ("VixHost_OpenVM", "host-1", "/vm.vmx", 0, [constants.VIX_PROPERTY_VM_ENCRYPTION_PASSWORD, "Qz8-paSs!wJ7"])


def test_threads_share_one_connection(scripted):
    assert passed(scripted.run("connection", "threads"))
    assert [each[0] for each in scripted.asked].count("hello") == 1
    assert books(scripted.world) == []


def test_requests_are_numbered_in_order(scripted):
    numbers = []

    def answer(connection, number, function, arguments):
        numbers.append(number)
        scripted.answer_in_order(connection, number, function, arguments)

    scripted.answer = answer
    assert passed(scripted.run("connection", "threads"))
    assert numbers == sorted(set(numbers))


def frame(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def with_text(number: int, text: bytes) -> bytes:
    """Return an outcome that is in order but for this text in it."""
    return frames.encode(number, frames.DONE, 0, [[1, text]], "").replace(
        b"b" + struct.pack("<I", len(text)) + text, b"s" + struct.pack("<I", len(text)) + text
    )


def nested(depth: int) -> list:
    return [nested(depth - 1)] if depth else []


BREACHES = {
    "a frame that is too long": lambda number: struct.pack("<I", frames.LARGEST + 1),
    "a frame that ends early": lambda number: struct.pack("<I", 100) + b"i",
    "an unknown tag": lambda number: frame(b"x"),
    "an integer behind the end": lambda number: frame(b"i1234567"),
    "a text behind the end": lambda number: frame(b"s" + struct.pack("<I", 9) + b"short"),
    "a list behind the end": lambda number: frame(b"l" + struct.pack("<I", 0xFFFFFFFF) + b"n"),
    "lists without end": lambda number: frames.encode(number, frames.DONE, 0, [[1, nested(100)]], ""),
    "a text that is not UTF-8": lambda number: with_text(number, b"\xc0\xaf"),
    "a text with half a character": lambda number: with_text(number, b"\xc3"),
    "a text with a surrogate": lambda number: with_text(number, b"\xed\xa0\x80"),
    "a text beyond Unicode": lambda number: with_text(number, b"\xf4\x90\x80\x80"),
    "a text with a NUL": lambda number: with_text(number, b"a\0b"),
    "a frame of nothing": lambda number: frame(b""),
    "another request": lambda number: frames.encode(number + 1, frames.DONE, 0, [], ""),
    "another kind": lambda number: frames.encode(number, 7, 0, [], ""),
    "an unknown directive": lambda number: frames.encode(number, frames.ACCEPTED, "dance"),
    "accepted twice": lambda number: frames.encode(number, frames.ACCEPTED, "") * 2,
    "done twice": lambda number: frames.encode(number, frames.DONE, constants.VIX_E_HOST_CONNECTION_LOST, [], "") * 2,
    "items that are none": lambda number: frames.encode(number, frames.DONE, 0, [7], ""),
    "an item of odd length": lambda number: frames.encode(number, frames.DONE, 0, [[1, 2, 3]], ""),
    "an item without ids": lambda number: frames.encode(number, frames.DONE, 0, [["a", 2]], ""),
    "an error that is text": lambda number: frames.encode(number, frames.DONE, "0", [], ""),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_protocol_error_closes_the_connection(scripted, breach):
    def answer(connection, number, function, arguments):
        if function == "VixVM_PowerOff":
            connection.sendall(BREACHES[breach](number))
            if breach == "a frame that ends early":
                connection.shutdown(socket.SHUT_WR)
        else:
            scripted.answer_in_order(connection, number, function, arguments)

    scripted.answer = answer
    assert passed(scripted.run("connection", "breach"))


def test_stalled_daemon_is_an_error_without_signal(scripted):
    ended = threading.Event()

    def answer(connection, number, function, arguments):
        if function == "VixHost_OpenVM":
            connection.shutdown(socket.SHUT_RD)
        scripted.answer_in_order(connection, number, function, arguments)
        if function == "VixHost_OpenVM":
            ended.wait(100)

    scripted.answer = answer
    assert passed(scripted.run("connection", "breach"))
    ended.set()


@pytest.mark.parametrize("case", ["no world", "nobody listens", "stopped"])
def test_connect_without_daemon_fails_its_job(tmp_path, scripted, case):
    scripted.close()
    world = {"no world": tmp_path / "none"}.get(case, scripted.world)
    if case == "stopped":
        (world / "run" / "serve").write_bytes(b"/bin/touch\0%b\0" % bytes(world / "started"))
        (world / "run" / "stopped").touch()

    assert passed(scripted.run("connection", "nobody", OPENVIX_WORLD=str(world)))
    assert not (world / "started").exists()


DAEMON = """
import json, os, signal, sys
run = os.path.dirname(sys.argv[1])
files = {number: os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")}
masked = len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
state = {"leads": os.getsid(0) == os.getpid(), "parent": os.getppid(), "directory": os.getcwd(), "files": files, "masked": masked}
with open(sys.argv[1], "w") as file:
    json.dump(state, file)
open(f"{run}/stopped", "w").close()
"""


def test_daemon_is_detached_from_its_client(scripted):
    """Its session, its directory, its descriptors, its signals: nothing is the client's."""
    scripted.close()
    run = scripted.world / "run"
    arguments = [sys.executable, "-c", DAEMON, str(run / "state"), "an argument with spaces", ""]
    (run / "serve").write_bytes(b"".join(each.encode() + b"\0" for each in arguments))

    with open(run / "inherited", "w") as inherited:
        assert passed(scripted.run("connection", "nobody", pass_fds=(inherited.fileno(),)))
    state = json.loads((run / "state").read_text())
    assert state.pop("parent") != os.getpid()
    assert state == {"leads": True, "directory": "/", "files": dict.fromkeys("012", "/dev/null"), "masked": 0}


def test_daemon_of_other_protocol_is_reported(scripted):
    scripted.greeting = constants.VIX_E_WRAPPER_VERSION_NOT_FOUND
    done = scripted.run("connection", "nobody")

    assert f"is {constants.VIX_E_WRAPPER_VERSION_NOT_FOUND}, not" in done.stderr
    assert books(scripted.world) == []
    assert list((scripted.world / "run" / "clients").iterdir()) == []


def test_wrapper_errors_are_not_jobs(scripted):
    """Many a client waits for ever for a callback that does not come, or takes the handle for a job."""
    scripted.answers["VixHost_Connect"] = lambda *_: (constants.VIX_E_WRAPPER_PLAYER_NOT_INSTALLED, [])

    def answer(connection, number, function, arguments):
        done = frames.encode(number, frames.DONE, *scripted.outcome(function, arguments), "")
        connection.sendall(done + frames.encode(number, frames.ACCEPTED, ""))

    scripted.answer = answer
    assert passed(scripted.run("connection", "wrapper"))
    assert books(scripted.world) == []


def test_default_world_is_found(scripted):
    state = scripted.world.parent
    (state / "openvix").mkdir()
    scripted.world.rename(state / "openvix" / "default")

    assert passed(scripted.run("connection", "once", OPENVIX_WORLD="", XDG_STATE_HOME=str(state)))


def test_world_path_may_be_long(tmp_path):
    scripted = Scripted(tmp_path / ("long" * 30) / "world")
    try:
        assert passed(scripted.run("connection", "once"))
    finally:
        scripted.close()


# Every function that is asked of the daemon, called from here by the facts.

ASKED = [each for each in FACTS["functions"] if each["async_job"] or any(parameter.get("out") for parameter in each["params"] if not each["variadic"])]
ASKED = [each for each in ASKED if each["name"] not in ("Vix_GetPropertyType", "VixJob_CheckCompletion")]
CTYPES = {"Bool": ctypes.c_byte, "uint64": ctypes.c_uint64, "const char *": ctypes.c_char_p, "VixEventProc *": ctypes.c_void_p, "void *": ctypes.c_void_p}
ANOTHER = {"const char *": b"something"}


def number_of(text: str) -> int:
    """Return the number that the facts write as a number or as a name of the header."""
    return int(text) if text.lstrip("-").isdigit() else getattr(constants, text)


class Client:
    """The library in this process, with a handle of every kind."""

    def __init__(self):
        self.library = ctypes.CDLL(str(c_build.build()))
        self.library.VixJob_Wait.restype = ctypes.c_uint64
        self.library.VixJob_Wait.argtypes = [ctypes.c_int, ctypes.c_int]
        self.host = self.result(self.call("VixHost_Connect", -1, 1, None, 0, None, None, 0, 0, None, None))
        self.vm = self.result(self.call("VixVM_Open", self.host, b"/vm.vmx", None, None))
        found = ctypes.c_int()
        assert self.call("VixVM_GetRootSnapshot", self.vm, 0, ctypes.byref(found)) == constants.VIX_OK
        self.snapshot = found.value

    def close(self):
        self.library.Vix_ReleaseHandle(self.snapshot)
        self.library.Vix_ReleaseHandle(self.vm)
        self.library.VixHost_Disconnect(self.host)

    def call(self, name: str, *arguments):
        (fact,) = [each for each in FACTS["functions"] if each["name"] == name]
        function = self.library[name]
        function.restype = ctypes.c_uint64 if fact["returns"] == "VixError" else ctypes.c_int
        function.argtypes = [ctypes.POINTER(ctypes.c_int) if each.get("out") else CTYPES.get(each["ctype"], ctypes.c_int) for each in fact["params"]]
        return function(*arguments)

    def outcome(self, fact: dict, arguments: list) -> int:
        """Return the error that the call ends with."""
        error = self.call(fact["name"], *arguments)
        if fact["async_job"]:
            job, error = error, self.library.VixJob_Wait(error, 0)
            self.library.Vix_ReleaseHandle(job)
        return error

    def result(self, job: int) -> int:
        handle = ctypes.c_int()
        assert self.library.VixJob_Wait(job, constants.VIX_PROPERTY_JOB_RESULT_HANDLE, ctypes.byref(handle), ctypes.c_int(0)) == constants.VIX_OK
        self.library.Vix_ReleaseHandle(job)
        return handle.value

    def arguments(self, fact: dict) -> tuple[list, list]:
        """Return arguments that are right, each unlike the others, and the form in which they are to reach the daemon."""
        given, sent = [], []
        for number, each in enumerate(fact["params"]):
            allowed = each.get("must_be")
            if each.get("out"):
                given.append(ctypes.byref(ctypes.c_int()))
            elif each["ctype"] in ("VixEventProc *", "void *"):
                given.append(None)
            elif allowed == "NULL":
                given.append(None)
                sent.append(None)
            elif each["ctype"] == "VixHandle" and (allowed or each["name"] == "propertyListHandle"):
                given.append(0)
                sent.append([])
            elif each["ctype"] == "VixHandle":
                handle, reference = self.handle(each["name"])
                given.append(handle)
                sent.append(reference)
            elif each["ctype"] == "const char *":
                given.append(f"{each['name']} ä".encode())
                sent.append(f"{each['name']} ä")
            elif each["ctype"] == "uint64":
                given.append(2**63 + 5)
                sent.append(5 - 2**63)
            else:
                value = 1 if each["ctype"] == "Bool" else number_of(allowed or str(100 + number))
                given.append(value)
                sent.append(value)
        return given, sent

    def handle(self, name: str) -> tuple[int, str]:
        if name.startswith("host"):
            return self.host, "host-1"
        return (self.vm, "/vm.vmx") if name.startswith("vm") else (self.snapshot, "root")


@pytest.fixture
def client(scripted, monkeypatch):
    if programs.WATCHED:
        pytest.skip("the library is loaded into this process")
    monkeypatch.setenv("OPENVIX_WORLD", str(scripted.world))
    scripted.answers["VixVM_Open"] = lambda host, path: handle(path)
    client = Client()
    scripted.asked.clear()
    yield client
    client.close()


def is_handle(parameter: dict) -> bool:
    return parameter["ctype"] == "VixHandle" and "must_be" not in parameter and parameter["name"] != "propertyListHandle"


@pytest.mark.parametrize("fact", ASKED, ids=lambda fact: fact["name"])
def test_functions_send_name_and_arguments(scripted, client, fact):
    given, sent = client.arguments(fact)
    client.outcome(fact, given)

    assert scripted.calls == [(fact["name"], *sent)]


@pytest.mark.parametrize("fact", ASKED, ids=lambda fact: fact["name"])
def test_invalid_argument_is_rejected_locally(scripted, client, fact):
    right, _ = client.arguments(fact)
    wrong = []
    for at, each in enumerate(fact["params"]):
        if each.get("must_be"):
            wrong.append((at, ANOTHER.get(each["ctype"], client.vm if each["ctype"] == "VixHandle" else 77), constants.VIX_E_INVALID_ARG))
        elif each["ctype"] == "const char *":
            wrong.append((at, b"bad \xff\xfe", constants.VIX_E_INVALID_UTF8_STRING))
            if not is_optional(fact, each):
                wrong.append((at, None, constants.VIX_E_INVALID_ARG))
        elif is_handle(each) and not each.get("out"):
            wrong.append((at, 0x7FFFFFFF, constants.VIX_E_INVALID_HANDLE))
            other = client.vm if right[at] != client.vm else client.host
            wrong.append((at, other, constants.VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE))
        elif each["name"] == "propertyListHandle":
            wrong.append((at, 0x7FFFFFFF, constants.VIX_E_INVALID_HANDLE))
            wrong.append((at, client.vm, constants.VIX_E_NOT_SUPPORTED_ON_HANDLE_TYPE))
        elif each.get("out"):
            wrong.append((at, None, constants.VIX_E_INVALID_ARG))

    assert wrong
    for at, value, error in wrong:
        assert (at, value, client.outcome(fact, [*right[:at], value, *right[at + 1 :]])) == (at, value, error)
    assert scripted.calls == []


def is_optional(fact: dict, parameter: dict) -> bool:
    return (fact["name"], parameter["name"]) in OPTIONAL


OPTIONAL = {
    ("VixHost_Connect", "hostName"),
    ("VixHost_Connect", "userName"),
    ("VixHost_Connect", "password"),
    ("VixVM_RunProgramInGuest", "commandLineArgs"),
    ("VixVM_RunScriptInGuest", "interpreter"),
    ("VixVM_CreateSnapshot", "name"),
    ("VixVM_CreateSnapshot", "description"),
}


@pytest.mark.parametrize(("name", "parameter"), sorted(OPTIONAL))
def test_optional_string_is_sent_as_none(scripted, client, name, parameter):
    (fact,) = [each for each in ASKED if each["name"] == name]
    given, sent = client.arguments(fact)
    (at,) = [at for at, each in enumerate(fact["params"]) if each["name"] == parameter]
    given[at] = sent[at] = None
    client.outcome(fact, given)

    assert scripted.calls == [(name, *sent)]


def test_process_uses_one_world_at_a_time(scripted, client, tmp_path, monkeypatch):
    other = Scripted(tmp_path / "other")
    try:
        monkeypatch.setenv("OPENVIX_WORLD", str(other.world))
        (fact,) = [each for each in ASKED if each["name"] == "VixHost_Connect"]
        right = client.arguments(fact)[0]

        assert client.outcome(fact, right) == constants.VIX_E_WRAPPER_MULTIPLE_SERVICEPROVIDERS
        client.close()
        assert client.outcome(fact, right) == constants.VIX_OK
        assert [each[0] for each in other.asked][:2] == ["hello", "VixHost_Connect"]
    finally:
        other.close()


def test_linked_clone_requires_no_snapshot(scripted, client):
    (fact,) = [each for each in ASKED if each["name"] == "VixVM_Clone"]
    given, sent = client.arguments(fact)
    given[1], sent[1] = 0, None
    client.outcome(fact, given)

    assert scripted.calls == [("VixVM_Clone", *sent)]


def test_vm_of_a_released_job_is_released(scripted, client):
    """The receiving thread drops the job, with the VM that it has opened: another thread sends that, and no call of the client's."""
    released = threading.Event()

    def answer(connection, number, function, arguments):
        connection.sendall(frames.encode(number, frames.ACCEPTED, ""))
        assert released.wait(60)
        connection.sendall(frames.encode(number, frames.DONE, *scripted.outcome(function, arguments), ""))

    scripted.answer = answer
    client.library.Vix_ReleaseHandle(client.call("VixHost_OpenVM", client.host, b"/other.vmx", 0, 0, None, None))
    released.set()
    eventually(lambda: ("OpenVIX_ReleaseVM", "/other.vmx") in scripted.asked)


def test_disconnect_ends_a_wait_for_a_job(scripted, client):
    scripted.answer = never_ending(scripted)
    job = client.call("VixVM_Reset", client.vm, 0, None, None)
    ends = []
    waiter = threading.Thread(target=lambda: ends.append(client.library.VixJob_Wait(job, 0)), daemon=True)
    waiter.start()
    eventually(lambda: Path(f"/proc/self/task/{waiter.native_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "S")

    client.library.VixHost_Disconnect(client.host)

    waiter.join(60)
    assert ends == [constants.VIX_E_INVALID_HANDLE]
