# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest that sends arbitrary data to the host that shares directories with it."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import stat
import struct
import tempfile
import termios
import threading
from pathlib import Path

import pytest
from descriptors import opened_below
from fuse_client import HEAD, Kernel, Port
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import eventually

from openvix.backends.qemu.shares import fuse, handles, nodes, requests
from openvix.backends.qemu.shares.fuse import ROOT, Operation
from openvix.backends.qemu.shares.nodes import Share
from openvix.backends.qemu.shares.requests import Malformed, Requests
from openvix.backends.qemu.shares.server import MOST, Shares, State

SECRET = b"this is none of the guest's"
NAMES = [b"page", b"inner", b"deep", b"up", b"out", b"away", b"pipe", b"new", b"..", b".", b"", b"../secret", b"inner/deep", b"n" * 300, b"web", b"iso"]
WITH_ENTRY = (Operation.LOOKUP, Operation.MKDIR, Operation.CREATE)

# So many each share has to begin with.
LINKS = 3

numbers = st.integers(0, (1 << 64) - 1)
halves = st.integers(0, (1 << 32) - 1)
names = st.sampled_from(NAMES) | st.binary(max_size=8)
known = st.integers(0, 30)


class World:
    """Directories of the host, two of which are shared, and all that lies beside them."""

    def __init__(self, place: Path):
        self.place = place
        for name in ("web/inner/deep", "iso/inner", "outside"):
            (place / name).mkdir(parents=True)
        for path in ("secret", "outside/secret", "outside/page"):
            (place / path).write_bytes(SECRET)
        for share in ("web", "iso"):
            (place / share / "page").write_bytes(b"page")
            (place / share / "up").symlink_to("..")
            (place / share / "out").symlink_to(place / "outside")
            (place / share / "away").symlink_to(place / "secret")
            os.mkfifo(place / share / "pipe")
        os.chmod(place / "secret", 0o640)
        self.before = self.look()

    def look(self) -> dict:
        """Return what must not change: everything but what is below web."""
        found = {}
        for path, folders, files in os.walk(self.place):
            folders[:] = [name for name in folders if (path, name) != (str(self.place), "web")]
            for name in (*folders, *files):
                info = os.lstat(os.path.join(path, name))
                found[path, name] = (info.st_mode, info.st_size, info.st_mtime_ns, info.st_ino)
        return found


calls = st.one_of(
    st.tuples(st.just(Operation.LOOKUP), st.tuples(names)),
    st.tuples(st.sampled_from([Operation.UNLINK, Operation.RMDIR]), st.tuples(names)),
    st.tuples(st.just(Operation.MKDIR), st.tuples(halves, halves, names)),
    st.tuples(st.just(Operation.CREATE), st.tuples(st.sampled_from([0, 1, 2, 0o1002, 0o202]) | halves, halves, halves, halves, names)),
    st.tuples(st.just(Operation.OPEN), st.tuples(st.sampled_from([0, 1, 2, 0o3001]) | halves, halves)),
    st.tuples(st.just(Operation.GETATTR), st.tuples(halves, halves, known)),
    st.tuples(
        st.just(Operation.SETATTR),
        st.tuples(st.sampled_from([8, 9, 0x48, 0x30, 0x1B0]) | halves, halves, known, st.integers(0, 99) | numbers, *[numbers] * 4, *[halves] * 8),
    ),
    st.tuples(st.sampled_from([Operation.READ, Operation.READDIR]), st.tuples(known, st.integers(0, 9) | numbers, halves, halves, numbers, halves, halves)),
    st.tuples(st.just(Operation.WRITE), st.tuples(known, st.integers(0, 9), st.just(4), halves, numbers, halves, halves, st.just(b"data"))),
    st.tuples(st.just(Operation.RENAME), st.tuples(known, names, names)),
    st.tuples(st.just(Operation.RENAME2), st.tuples(known, st.sampled_from([0, 0, 0, 1, 2]), halves, names, names)),
    st.tuples(st.sampled_from([Operation.RELEASE, Operation.RELEASEDIR]), st.tuples(known, halves, halves, numbers)),
    st.tuples(st.sampled_from(list(Operation)) | halves, st.tuples(st.binary(max_size=100))),
)
LAYOUTS = {
    Operation.MKDIR: "<II",
    Operation.CREATE: "<IIII",
    Operation.OPEN: "<II",
    Operation.GETATTR: "<IIQ",
    Operation.SETATTR: "<IIQQQQQQIIIIIIII",
    Operation.READ: "<QQIIQII",
    Operation.READDIR: "<QQIIQII",
    Operation.WRITE: "<QQIIQII",
    Operation.RENAME: "<Q",
    Operation.RENAME2: "<QII",
    Operation.RELEASE: "<QIIQ",
    Operation.RELEASEDIR: "<QIIQ",
}


class Intruder:
    """A guest that knows numbers of nodes and handles, and uses them as it likes."""

    def __init__(self, own: Requests):
        self.own, self.nodes, self.handles = own, [ROOT], [0]

    def body(self, operation: int, values: tuple) -> bytes:
        texts = [value for value in values if isinstance(value, bytes)]
        plain = [value for value in values if not isinstance(value, bytes)]
        # What has no values to put into its layout is any bytes.
        if not plain:
            return texts[0] + (b"\0" if operation in (Operation.LOOKUP, Operation.UNLINK, Operation.RMDIR) else b"")
        if operation in (Operation.RENAME, Operation.RENAME2):
            plain[0] = self.nodes[plain[0] % len(self.nodes)]
        elif operation in (Operation.GETATTR, Operation.SETATTR):
            plain[2] = self.handles[plain[2] % len(self.handles)]
        elif operation in (Operation.READ, Operation.READDIR, Operation.WRITE, Operation.RELEASE, Operation.RELEASEDIR):
            plain[0] = self.handles[plain[0] % len(self.handles)]
        end = b"".join(texts) if operation == Operation.WRITE else b"".join(text + b"\0" for text in texts)
        return struct.pack(LAYOUTS[operation], *plain) + end

    def send(self, operation: int, node: int, values: tuple) -> bytes | None:
        node = self.nodes[node % len(self.nodes)]
        body = self.body(operation, values) if values else b""
        message = fuse.REQUEST.pack(fuse.REQUEST.size + len(body), operation, 4, node, 0, 0, 0, 0, 0) + body
        answer = self.own.answer(message)
        if answer is None:
            assert operation in requests.NO_ANSWER
            return None
        whole = b"".join(answer)
        length, error, unique = fuse.ANSWER.unpack_from(whole)
        assert (length, unique) == (len(whole), 4)
        assert -512 < error <= 0
        assert not error or length == fuse.ANSWER.size
        content = whole[fuse.ANSWER.size :]
        if operation in WITH_ENTRY and not error:
            self.nodes.append(struct.unpack_from("<Q", content)[0])
        if operation in (Operation.OPEN, Operation.OPENDIR, Operation.CREATE) and not error:
            self.handles.append(struct.unpack_from("<Q", content, len(content) - fuse.OPEN_OUT.size)[0])
        return content


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(calls, known), max_size=40))
def test_any_request_answered_without_outside_effect(asked):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve())
        own = Requests()
        own.show({b"web": Share(str(world.place / "web"), True), b"iso": Share(str(world.place / "iso"), False)})
        guest = Intruder(own)
        for share in (b"web", b"iso"):
            guest.send(Operation.LOOKUP, 0, (share,))
            for name in (b"page", b"inner", b"up", b"out", b"away", b"pipe"):
                guest.send(Operation.LOOKUP, guest.nodes.index(own._nodes._numbers[ROOT, share]), (name,))
        try:
            for (operation, values), node in asked:
                assert SECRET not in (guest.send(operation, node, values) or b"")
        finally:
            own.close_files()
        assert world.look() == world.before
        assert (world.place / "secret").read_bytes() == SECRET
        assert count_links(world.place / "web") <= LINKS


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200) | st.tuples(halves, halves, numbers, numbers, st.binary(max_size=80)))
def test_any_message_is_answered_or_malformed(message):
    own = Requests()
    if isinstance(message, tuple):
        operation, user, unique, node, body = message
        message = fuse.REQUEST.pack(fuse.REQUEST.size + len(body), operation % 64, unique, node % 3, user, 0, 0, 0, 0) + body
    try:
        own.answer(message)
    except Malformed:
        assert len(message) < fuse.REQUEST.size or struct.unpack_from("<I", message)[0] != len(message)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 9), st.integers(0, 9), names), max_size=30))
def test_any_recalled_node_stays_in_its_share(remembered):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder).resolve())
        own = Requests()
        own.show({b"web": Share(str(world.place / "web"), True)})
        inodes = [nodes.inode_of(os.lstat(world.place / path)) for path in ("web", "secret", "outside", "web/out", "web/up", "web/inner", ".", "outside/page")]
        for number, parent, name in remembered:
            for inode in inodes:
                own.recall(fuse.NODE.pack(number + 10 * inodes.index(inode), parent, inode) + name)
        kernel = Kernel(lambda message: b"".join(own.answer(message)))
        allowed = {nodes.inode_of(os.lstat(os.path.join(path, name))) for path, some, files in os.walk(world.place / "web") for name in (*some, *files)} | {
            inodes[0]
        }
        for number in list(own._nodes._nodes):
            try:
                with own._nodes.at(number) as place:
                    assert nodes.inode_of(place.info) in allowed
                if stat.S_ISREG(kernel.attributes(number)[0]):
                    assert kernel.read(number, 5) != SECRET
            except OSError:
                pass
        own.close_files()
        assert world.look() == world.before


def test_number_of_recalled_nodes_is_limited(monkeypatch):
    monkeypatch.setattr(nodes, "MOST", 20)
    own = Requests()
    for number in range(100):
        own.recall(fuse.NODE.pack(number, number + 1, 5) + b"name")
    # Also those that the host would give next.
    for number in range(own._nodes._next, own._nodes._next + 5):
        own.recall(fuse.NODE.pack(number, ROOT, 5) + str(number).encode())
    assert len(own._nodes._nodes) <= 20
    assert len(own._nodes._numbers) <= 20
    taken = set(own._nodes._nodes)
    number = own._nodes.number(ROOT, b"new", os.lstat("/"))
    assert number not in taken
    assert own._nodes._nodes[number].name == b"new"
    for result in (b"", bytes(23)):
        with pytest.raises(Malformed):
            own.recall(result)


frames = st.tuples(st.sampled_from([b"FUSE", b"SYNC", b"HOLD", b"LOST", b"NODE", b"ELSE"]), st.binary(max_size=90)).map(
    lambda frame: HEAD.pack(len(frame[1]), frame[0]) + frame[1]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=90) | frames | st.just(HEAD.pack(MOST + 1, b"FUSE")) | st.just(HEAD.pack(MOST, b"FUSE")), max_size=12), st.booleans())
def test_host_recovers_after_any_bytes(pieces, known_guest):
    faults = []
    threading.excepthook, before = (lambda fault: faults.append(fault.exc_value)), threading.excepthook
    own, end = socket.socketpair()
    shares = Shares(own)
    shares.show({})
    port = Port(end)
    try:
        if known_guest:
            port.synchronise()
            Kernel(port.ask).list()
        for piece in pieces:
            end.sendall(piece)
        # What it takes for the rest of a frame is known to it by time only.
        shares._frame_end = 0
        end.sendall(HEAD.pack(1, b"LOST") + b"\1")
        with shares.quiet(0.01):
            pass
        drain_to_sync(shares, port)
        assert set(Kernel(port.ask).list()) == {b".", b".."}
        assert len(shares._arrived) <= MOST
    finally:
        shares.close()
        end.close()
        threading.excepthook = before
    assert faults == []


def count_links(folder: Path) -> int:
    return sum(os.path.islink(os.path.join(path, name)) for path, some, files in os.walk(folder) for name in (*some, *files))


def drain_to_sync(shares: Shares, port: Port):
    """Answer each SYNC until the host has taken the answer."""

    def is_served() -> bool:
        while select.select([port.connection], [], [], 0)[0]:
            kind, body = port.receive()
            if kind == b"SYNC":
                port.send(kind, body)
                port.nonce = body
        return shares._state is State.SERVED

    eventually(is_served)


def test_partial_request_is_never_executed(tmp_path):
    own, end = socket.socketpair()
    shares = Shares(own)
    shares.show({"web": (str(tmp_path), True)})
    port = Port(end)
    port.synchronise()
    kernel = Kernel(port.ask)
    web = kernel.look(b"web").node
    body = fuse.MKDIR_IN.pack(0o755, 0) + b"new\0"
    message = fuse.REQUEST.pack(fuse.REQUEST.size + len(body), Operation.MKDIR, 4, web, 0, 0, 0, 0, 0) + body
    lost = HEAD.pack(1, b"LOST") + b"\1"
    whole = HEAD.pack(len(message) + len(port.nonce), b"FUSE") + message + port.nonce
    # A guest that was reset in the middle of it, and has begun anew.
    end.sendall(whole[: -len(lost)] + lost)
    port.synchronise()
    assert os.listdir(tmp_path) == []
    port.send(b"FUSE", message + port.nonce)
    assert port.receive()[0] == b"FUSE"
    assert os.listdir(tmp_path) == ["new"]
    end.close()
    shares.close()


def test_guest_without_hold_is_not_served_while_quiet(tmp_path):
    own, end = socket.socketpair()
    shares = Shares(own)
    shares.show({"web": (str(tmp_path), True)})
    port = Port(end)
    port.synchronise()
    kernel = Kernel(port.ask)
    web = kernel.look(b"web").node
    body = fuse.MKDIR_IN.pack(0o755, 0) + b"new\0"
    message = fuse.REQUEST.pack(fuse.REQUEST.size + len(body), Operation.MKDIR, 4, web, 0, 0, 0, 0, 0) + body
    with shares.quiet(0.05):
        assert port.receive()[0] == b"HOLD"
        port.send(b"FUSE", message + port.nonce)
        # It has been taken once the other end is read empty.
        eventually(lambda: not fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)).strip(b"\0"))
        port.connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            port.receive()
        assert os.listdir(tmp_path) == []
    port.connection.settimeout(30)
    port.synchronise()
    assert set(kernel.list(web)) == {b".", b".."}
    end.close()
    shares.close()


def test_oversized_frame_is_not_awaited(monkeypatch):
    monkeypatch.setattr("openvix.backends.qemu.shares.server.FRAME_SECONDS", 200)
    own, end = socket.socketpair()
    shares = Shares(own)
    shares.show({})
    port = Port(end)
    port.synchronise()
    end.sendall(HEAD.pack(MOST + 1, b"FUSE") + bytes(1000))
    # Sooner than one that may still become whole.
    end.settimeout(100)
    port.synchronise()
    assert set(Kernel(port.ask).list()) == {b".", b".."}
    end.close()
    shares.close()


def test_files_close_with_the_connection(tmp_path):
    (tmp_path / "page").write_text("page")
    own, end = socket.socketpair()
    shares = Shares(own)
    shares.show({"web": (str(tmp_path), False)})
    port = Port(end)
    port.synchronise()
    kernel = Kernel(port.ask)
    page = kernel.path(b"web", b"page").node
    for _ in range(handles.MOST):
        kernel.open(page)
    assert len(opened_below(tmp_path)) == handles.MOST
    end.close()
    eventually(lambda: not opened_below(tmp_path))
    shares.close()
