# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transport that a vmtoolsd is started with, called as libvmtools calls it, from a process whose environment it changes."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys

import pytest

from openvix.backends.vmtoolsd import guest
from openvix.system import sockets

CLIENT = """
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1])
library.Message_Open.restype = ctypes.c_void_p
TCLO, RPCI = (int.from_bytes(name, "little") for name in (b"TCLO", b"RPCI"))

def open_channel(protocol):
    return ctypes.c_void_p(library.Message_Open(ctypes.c_uint32(protocol)))

def send(channel, message):
    return library.Message_Send(channel, message, ctypes.c_size_t(len(message)))

def receive(channel):
    to, size = ctypes.c_void_p(), ctypes.c_size_t()
    if not library.Message_Receive(channel, ctypes.byref(to), ctypes.byref(size)):
        return None
    return ctypes.string_at(to, size.value) if size.value else b""
"""


@pytest.fixture
def run(tmp_path):
    """Give what starts a client with the transport, and returns it and the listening socket that it connects to."""
    listener = sockets.listen(tmp_path / "guestrpc", 16)
    listener.settimeout(60)
    started = []

    def begin(text: str) -> tuple[subprocess.Popen, socket.socket]:
        environment = {**os.environ, "OPENVIX_GUESTRPC": str(tmp_path / "guestrpc")}
        client = subprocess.Popen([sys.executable, "-c", CLIENT + text, str(guest.compile_transport())], env=environment, stdout=subprocess.PIPE, text=True)
        started.append(client)
        return client, listener

    with listener:
        yield begin
    for client in started:
        client.kill()
        client.communicate()


def test_request_gets_its_answer(run):
    client, listener = run("channel = open_channel(RPCI); print(send(channel, b'log hello'), receive(channel), library.Message_Close(channel))")
    with listener.accept()[0] as host:
        assert host.recv(4, socket.MSG_WAITALL) == b"RPCI"
        assert host.recv(13, socket.MSG_WAITALL) == struct.pack("<I", 9) + b"log hello"
        host.sendall(struct.pack("<I", 2) + b"1 ")
        assert client.communicate(timeout=60)[0] == "1 b'1 ' 1\n"
        assert host.recv(1) == b""


def test_no_command_is_an_empty_message(run):
    client, listener = run("channel = open_channel(TCLO); print(send(channel, b''), receive(channel), flush=True); input()")
    with listener.accept()[0] as host:
        assert client.stdout.readline() == "1 b''\n"
        assert host.recv(5, socket.MSG_DONTWAIT) == b"TCLO"


def test_messages_of_any_length_pass(run):
    text = "channel = open_channel(RPCI)\nfor size in (0, 1, 70000, 3):\n    send(channel, bytes(size)); print(len(receive(channel)))"
    client, listener = run(text)
    with listener.accept()[0] as host:
        host.recv(4, socket.MSG_WAITALL)
        for size in (0, 1, 70000, 3):
            assert struct.unpack("<I", host.recv(4, socket.MSG_WAITALL)) == (size,)
            assert host.recv(size, socket.MSG_WAITALL) == bytes(size)
            host.sendall(struct.pack("<I", 2 * size) + bytes(2 * size))
        assert client.communicate(timeout=60)[0].split() == ["0", "2", "140000", "6"]


def test_length_beyond_all_messages_is_refused(run):
    client, listener = run("channel = open_channel(RPCI); send(channel, b'x'); print(receive(channel))")
    with listener.accept()[0] as host:
        host.sendall(struct.pack("<I", 0xFFFFFFFF))
        assert client.communicate(timeout=60)[0] == "None\n"


def test_buffer_of_the_caller_is_not_overrun(run):
    text = (
        "channel, buffer = ctypes.create_string_buffer(64), ctypes.create_string_buffer(8)\n"
        "library.Message_OpenAllocated(ctypes.c_uint32(RPCI), channel, buffer, ctypes.c_size_t(4))\n"
        "send(channel, b'x'); print(receive(channel)); send(channel, b'x'); print(receive(channel), buffer.raw)"
    )
    client, listener = run(text)
    with listener.accept()[0] as host:
        host.sendall(struct.pack("<I", 3) + b"abc" + struct.pack("<I", 4) + b"defg")
        assert client.communicate(timeout=60)[0] == f"b'abc'\nNone {b'abc' + bytes(5)!r}\n"


def test_host_that_is_gone_is_a_failure(run):
    client, listener = run("channel = open_channel(RPCI); print(receive(channel), flush=True); print(library.Message_Open(RPCI))")
    listener.accept()[0].close()
    listener.close()
    assert client.stdout.readline() == "None\n"


def test_programs_of_vmtoolsd_see_nothing_of_it(run):
    client, _ = run("libc = ctypes.CDLL(None); libc.getenv.restype = ctypes.c_char_p; print(libc.getenv(b'OPENVIX_GUESTRPC'), libc.getenv(b'LD_PRELOAD'))")
    assert client.communicate(timeout=60)[0] == "None None\n"


def test_it_stands_for_a_hypervisor_of_vmwares(run):
    text = "version, kind = ctypes.c_uint32(), ctypes.c_uint32()\n"
    text += "print(library.VmCheck_IsVirtualWorld(), library.VmCheck_GetVersion(ctypes.byref(version), ctypes.byref(kind)), version.value, kind.value)"
    client, _ = run(text)
    assert client.communicate(timeout=60)[0] == "1 1 6 4\n"
