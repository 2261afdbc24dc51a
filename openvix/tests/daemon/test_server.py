# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest
from protocol_client import Client
from waiting import eventually

from openvix.config.errors import ConfigError
from openvix.daemon import control
from openvix.protocol import frames
from openvix.vix import constants
from openvix.world import layout

OFF, ON = "powered_off", "powered_on"


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


# The protocol


@pytest.fixture
def stream(openvix):
    with contextlib.closing(layout.dial(openvix.directory)) as connection:
        connection.settimeout(60)
        yield connection


HELLO = frames.encode(0, "hello", 1, os.getpid(), "")
GREETING = [0, frames.DONE, 0, [], ""]


@pytest.mark.parametrize(
    "sent",
    [
        frames.encode(1, "VixVM_PowerOn", "x", 0, []),
        frames.encode(0, "hello", 1, 1, "../../world.json"),
        frames.encode(0, "hello", 1, 1, "1-a.ledger/../x"),
        frames.encode(0, "hello", 1),
        b"\x01\0\0\0x",
    ],
    ids=["no hello", "a ledger elsewhere", "a ledger below", "half a hello", "no frame"],
)
def test_connection_without_hello_is_closed(stream, sent):
    stream.sendall(sent)
    assert list(frames.frames(stream)) == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x01\0\0\0x",
        b"\xff\xff\xff\xff",
        frames.encode(),
        frames.encode(1),
        frames.encode("1", "VixVM_PowerOn"),
        frames.encode(1, "VixVM_PowerOn"),
        frames.encode(1, "VixVM_PowerOn", "x", "0", []),
        frames.encode(1, "VixVM_PowerOn", None, 0, []),
        frames.encode(1, "OpenVIX_Destroy", "null"),
        frames.encode(1, "OpenVIX_Status", "{"),
    ],
    ids=lambda sent: str(len(sent)),
)
def test_protocol_error_closes_only_its_connection(openvix, stream, sent):
    stream.sendall(HELLO + sent)
    assert list(frames.frames(stream)) == [GREETING]
    assert openvix.status()["vms"] == []
    assert ": protocol error: " in (openvix.directory / "run" / "log").read_text()


def test_other_protocol_version_is_rejected(stream):
    stream.sendall(frames.encode(0, "hello", 2, os.getpid(), ""))
    assert list(frames.frames(stream)) == [[0, frames.DONE, constants.VIX_E_WRAPPER_VERSION_NOT_FOUND, [], ""]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_daemon_in_order(openvix, number):
    vm, pid = openvix.add_vm("web", power=ON, processes=[{"name": "sleep", "command": "sleep 1000"}]), openvix.status()["pid"]
    with Client(openvix.directory) as client:
        client.items("VixVM_WaitForToolsInGuest", vm, 30)
        os.kill(pid, number)
        eventually(lambda: not layout.processes(openvix.directory))
    log = (openvix.directory / "run" / "log").read_text()
    assert log.endswith(" stopped\n")
    assert "Traceback" not in log
    # The user has not stopped it: clients start it again, and the VM is on.
    assert openvix.vms == {vm: ON}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_other_user_gets_no_answer(openvix, stream):
    stream.sendall(HELLO)
    assert next(frames.frames(stream)) == GREETING
    (openvix.directory / "run").chmod(0o711)
    (openvix.directory / "run" / "socket").chmod(0o777)
    folder = os.open(openvix.directory / "run", os.O_PATH)
    # Credentials are those of the moment of connecting.
    os.seteuid(65534)
    try:
        other = socket.socket(socket.AF_UNIX)
        other.settimeout(60)
        other.connect(f"/proc/self/fd/{folder}/socket")
    finally:
        os.seteuid(0)
        os.close(folder)
    with other, contextlib.suppress(ConnectionError):
        other.sendall(HELLO)
        assert list(frames.frames(other)) == []


def test_job_is_accepted_once_and_done_once(openvix, client):
    vm = openvix.add_vm("web")
    connection = client.connection
    job = connection.begin("VixVM_PowerOn", vm, 0, [])
    answered = connection.begin("VixVM_GetNumRootSnapshots", vm)
    connection.wait(job)
    connection.wait(answered)
    assert connection.receive(job, frames.ACCEPTED) == [""]
    assert connection.receive(job, frames.EVENT) == [constants.VIX_EVENTTYPE_JOB_PROGRESS, []]
    client.items("VixVM_PowerOff", vm, 0)
    left = [frame[0] for number in (job, answered) for frame in connection._received[number]]
    assert left == []


# Its life


def test_second_daemon_exits(openvix):
    pid = control.serve(openvix.directory)
    assert os.waitpid(pid, 0)[1] == 0
    assert openvix.status()["pid"] != pid


def test_stopped_world_is_not_served(openvix):
    control.end(openvix.directory)
    assert layout.stopped(openvix.directory).exists()
    assert control.connect(openvix.directory) is None
    pid = control.serve(openvix.directory)
    assert os.waitpid(pid, 0)[1] == 0
    assert control.connect(openvix.directory) is None


def test_world_with_long_path_is_served(tmp_path):
    world = tmp_path.joinpath(*["long" * 20] * 3)
    layout.prepare(world)
    connection, pid = control.start(world)
    with connection:
        assert connection.ask("OpenVIX_Status")["world"] == str(world)
    control.end(world)
    os.waitpid(pid, 0)


def test_failed_start_is_reported_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "START_SECONDS", 200)
    layout.prepare(tmp_path / "world")
    (tmp_path / "world" / "world.json").write_text("{")
    began = time.monotonic()
    with pytest.raises(control.Unserved, match="does not answer; see its log"):
        control.start(tmp_path / "world")
    assert time.monotonic() - began < 100


HOLDER = """
import sys, time
from pathlib import Path
from openvix.world import layout
world = Path(sys.argv[1])
lock = layout.lock(world)
print(flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("later", ["innocent", "nobody"])
def test_end_spares_a_later_holder(tmp_path, monkeypatch, later):
    """The id in the lock may change during the check. Only the process that was checked is killed."""
    world = tmp_path / "world"
    layout.prepare(world)
    monkeypatch.setattr(control, "STOP_SECONDS", 0)
    monkeypatch.setattr(layout, "END_SECONDS", 0)
    command = [*layout.python(HOLDER), str(world)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder, subprocess.Popen(["sleep", "600"]) as innocent:
        try:
            holder.stdout.readline()
            lock, looked = world / "run" / "lock", layout.processes
            lock.write_text(str(holder.pid))

            def processes(directory):
                found = looked(directory)
                lock.write_text(str(innocent.pid) if later == "innocent" else "")
                return found

            monkeypatch.setattr(layout, "processes", processes)
            with pytest.raises(control.Unserved, match=r"cannot stop .* did not exit"):
                control.end(world)
            with pytest.raises(subprocess.TimeoutExpired):
                innocent.wait(0.5)
            assert holder.poll() is None
        finally:
            holder.kill()
            innocent.kill()


def test_end_kills_a_holder_that_does_not_answer(tmp_path, monkeypatch):
    world = tmp_path / "world"
    layout.prepare(world)
    monkeypatch.setattr(control, "STOP_SECONDS", 0)
    with subprocess.Popen([*layout.python(HOLDER), str(world)], stdout=subprocess.PIPE) as holder:
        try:
            holder.stdout.readline()
            (world / "run" / "lock").write_text(str(holder.pid))
            control.end(world)
            assert holder.wait(60) == -signal.SIGKILL
        finally:
            holder.kill()


SLOW = """
from openvix.daemon import server
from openvix.world import world
class World(world.World):
    def __init__(self, directory):
        (directory / "read").touch()
        time.sleep(1)
        super().__init__(directory)
server.World = World
sys.exit(server.main())
"""


def test_clients_wait_for_a_slow_world(openvix, monkeypatch):
    vm = openvix.add_vm("web")
    openvix.kill_daemon()
    command = [*layout.python(f"import time{SLOW}"), str(openvix.directory)]
    (openvix.directory / "run" / "serve").write_bytes(b"".join(each.encode() + b"\0" for each in command))
    pid = control.serve(openvix.directory)
    eventually((openvix.directory / "read").exists)
    # What listens is waited for.
    monkeypatch.setattr(control, "START_SECONDS", 0)
    connection, _ = control.start(openvix.directory, lambda _: pid)
    with connection:
        assert [each["vmx"] for each in connection.ask("OpenVIX_Status")["vms"]] == [vm]
    control.end(openvix.directory)
    os.waitpid(pid, 0)


def test_start_imports_no_optional_modules():
    program = layout.python("import openvix.daemon.server; print(*sys.modules)")
    loaded = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    assert {"inspect", "logging", "hashlib", "shutil", "tempfile", "tomllib", "openvix.backends.simulated", "openvix.backends.qemu"} & {*loaded} == set()


def test_inherited_output_is_closed(tmp_path):
    layout.prepare(tmp_path / "world")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    connection, pid = control.start(tmp_path / "world")
    os.close(writing)
    with connection, open(reading, "rb") as output:
        assert select.select([output], [], [], 60)[0]
        assert output.read() == b""
        assert connection.ask("OpenVIX_Status")["pid"] == pid
    control.end(tmp_path / "world")
    os.waitpid(pid, 0)


def test_daemon_and_guests_end_with_removed_world(tmp_path):
    world = tmp_path / "world"
    layout.prepare(world)
    connection, pid = control.start(world)
    connection.ask("OpenVIX_AddVM", {"name": "web", "power": ON, "processes": [{"name": "apache2"}]})
    assert len(layout.processes(world)) > 1
    shutil.rmtree(world)
    assert os.waitpid(pid, 0)[1] == 0
    connection.close()
    assert layout.processes(world) == {}


# Control


def test_calls_are_listed_in_order_with_errors(openvix, client):
    vm = openvix.add_vm("web", power=ON, boot_seconds=60)
    client.code("VixVM_PowerOn", vm, 0, [])
    client.connection.begin("VixVM_WaitForToolsInGuest", vm, 0)
    client.code("VixVM_GetNumRootSnapshots", vm)
    answer = [(call["call"], call["vm"], call["error"]) for call in openvix.calls()]
    assert answer == [
        ("VixHost_Connect", None, 0),
        ("VixVM_PowerOn", vm, constants.VIX_E_VM_IS_RUNNING),
        ("VixVM_WaitForToolsInGuest", vm, None),
        ("VixVM_GetNumRootSnapshots", vm, 0),
    ]
    assert {call["client"] for call in openvix.calls()} == {os.getpid()}


@pytest.mark.parametrize(
    ("function", "argument", "sentence"),
    [
        ("OpenVIX_AddVM", {"name": "web"}, "a VM named 'web' already exists"),
        ("OpenVIX_AddVM", {"name": "db", "power": "on"}, "must be one of powered_off"),
        ("OpenVIX_AddVM", {}, "invalid VM name"),
        ("OpenVIX_AddVM", 3, "requires a table"),
        ("OpenVIX_AddFault", {"call": "*"}, "requires at least one of these keys"),
        ("OpenVIX_AddFault", None, "must be a table"),
    ],
)
def test_invalid_control_call_changes_nothing(openvix, function, argument, sentence):
    vm = openvix.add_vm("web")
    with control.connect(openvix.directory) as connection, pytest.raises(ConfigError, match=sentence):
        connection.ask(function, argument)
    assert openvix.vms == {vm: OFF}


def test_status_lists_every_vm(openvix):
    vm = openvix.add_vm("web", power=ON, snapshots=[{"name": "a"}, {"name": "b"}])
    openvix.add_vm("db", power=ON, tools="not_installed")
    answer = openvix.status()
    assert (answer["product"], answer["world"]) == ("workstation", str(openvix.directory))
    assert answer["vms"][1] == {"name": "web", "vmx": vm, "power": ON, "tools": "running", "snapshots": 2}
    assert answer["vms"][0]["tools"] == "not_installed"


# Faults


def test_fault_sets_error_and_junk_bits(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", vm="web", error=3008, junk=0xABCDEF012345, times=1)
    error = client.code("VixVM_PowerOn", vm, 0, [])
    assert error & 0xFFFF == 3008
    assert error % (1 << 64) >> 16 == 0xABCDEF012345
    assert openvix.vms == {vm: OFF}
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0


def test_junk_alone_affects_failed_calls_only(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="*", junk=1)
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0
    assert client.code("VixVM_PowerOn", vm, 0, []) == constants.VIX_E_VM_IS_RUNNING | 1 << 16


def test_synchronous_call_fails_by_rule(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="Vix_GetProperties", vm=vm, error=6000, from_=2, times=1)
    openvix.fault(call="VixVM_GetNumRootSnapshots", error=13000)
    codes = [client.code("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, [constants.VIX_PROPERTY_VM_NAME]) for _ in range(3)]
    assert codes == [0, 6000, 0]
    assert client.code("VixVM_GetNumRootSnapshots", vm) == 13000


@pytest.mark.parametrize("directive", ["hang", "crash", "abort", "exit"])
def test_directive_is_sent_with_the_acceptance(openvix, client, directive):
    vm = openvix.add_vm("web")
    openvix.fault(**{"call": "VixVM_PowerOn", directive: True})
    number = client.connection.begin("VixVM_PowerOn", vm, 0, [])
    assert client.connection.receive(number, frames.ACCEPTED) == [directive]
    assert openvix.vms == {vm: OFF}


@pytest.mark.parametrize("directive", ["crash", "abort", "exit"])
def test_job_directive_is_sent_after_acceptance(openvix, client, directive):
    vm = openvix.add_vm("web")
    openvix.fault(**{"call": "VixVM_PowerOn", "where": "job", directive: True})
    number = client.connection.begin("VixVM_PowerOn", vm, 0, [])
    assert client.connection.receive(number, frames.ACCEPTED) == [""]
    assert client.connection.wait(number)[2] == directive
    assert openvix.vms == {vm: OFF}


def test_hanging_job_is_never_done(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="VixVM_PowerOn", hang=True, where="job", times=1)
    number = client.connection.begin("VixVM_PowerOn", vm, 0, [])
    assert client.connection.receive(number, frames.ACCEPTED) == [""]
    client.items("VixVM_PowerOn", vm, 0, [])
    assert [call["error"] for call in openvix.calls("VixVM_PowerOn")] == [None, 0]


def test_synchronous_directive_is_sent_with_answer(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="Vix_GetProperties", hang=True)
    assert client.connection.call("Vix_GetProperties", constants.VIX_HANDLETYPE_VM, vm, [])[2] == "hang"


def test_faults_are_cleared(openvix, client):
    vm = openvix.add_vm("web")
    openvix.fault(call="*", error=5)
    openvix.clear_faults()
    assert client.code("VixVM_PowerOn", vm, 0, []) == 0


def test_fault_on_open_selects_the_opened_vm(openvix, client):
    vm, other = openvix.add_vm("web"), openvix.add_vm("db")
    openvix.fault(call="VixHost_OpenVM", vm="web", error=13)
    assert client.code("VixHost_OpenVM", client.host, vm, 0, []) == 13
    assert client.code("VixHost_OpenVM", client.host, other, 0, []) == 0
