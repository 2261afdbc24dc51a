# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's side of the channel to the agent in a guest of QEMU, which may be anything that root in the guest has put there."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import threading
import time
import tracemalloc

import pytest
import tools_guest
from hypothesis import given, settings
from hypothesis import strategies as st

from openvix.backends.qemu import channel as channels
from openvix.backends.qemu.channel import LARGEST, Broken, Channel
from openvix.guest.rights import Account
from openvix.protocol import frames
from openvix.vix import constants
from openvix.vix.errors import VixError

LAB = Account("lab", True, "/root")
FILE, LINK, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755
# How late a deadline may be on a machine that has other things to do.
MARGIN = 60


@contextlib.contextmanager
def guest(answer):
    """Give a channel to what answers each request, a list of values, by bytes or by values; None: not at all. It keeps to the protocol in a sync."""
    ours, theirs = socket.socketpair()

    def serve():
        with contextlib.suppress(OSError, frames.ProtocolError):
            for operation, *values in frames.frames(theirs):
                said = ["ok", *values] if operation == "sync" else answer(operation, *values)
                if said is not None:
                    theirs.sendall(said if isinstance(said, bytes) else frames.encode(*said))

    thread = threading.Thread(target=serve)
    thread.start()
    channel = Channel(ours)
    try:
        yield channel
    finally:
        channel.close()
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_RDWR)
        thread.join()
        theirs.close()


def code(call, *arguments, **options):
    with pytest.raises(VixError) as caught:
        call(*arguments, **options)
    return caught.value.code


# Finding the agent


class Script:
    """The guest's end of a channel, by hand."""

    def __init__(self):
        ours, self.port = socket.socketpair()
        self.channel = Channel(ours)
        self._thread = None

    def begin(self, call):
        self._thread = threading.Thread(target=call)
        self._thread.start()

    def nonce(self):
        return next(frames.frames(self.port))[1]

    def end(self):
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def script():
    script = Script()
    yield script
    script.channel.close()
    script.port.close()


@pytest.mark.parametrize("before", [b"", b"\xff" * 100_000, frames.encode("ok", b"o" * 16), frames.encode("ok", b"o" * 16)[:-1], b"\x1e\0\0\0"])
@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_sync_skips_old_data(script, before, step):
    script.begin(lambda: script.channel.sync(60))
    said = before + frames.encode("ok", script.nonce())
    before = len(said) - 200 if step == 1 else 0
    script.port.sendall(said[: max(before, 0)])
    for at in range(max(before, 0), len(said), step):
        script.port.sendall(said[at : at + step])
    script.end()
    script.begin(lambda: script.channel.call("x", answer="i"))
    assert next(frames.frames(script.port)) == ["x"]
    script.port.sendall(frames.encode("ok", 1))
    script.end()


def test_sync_retries_and_skips_late_answers(script, monkeypatch):
    monkeypatch.setattr(channels, "AGAIN_SECONDS", 0.05)
    said = []
    script.begin(lambda: said.append(script.channel.call("x", answer="i")))
    asked = frames.frames(script.port)
    late = [next(asked)[1] for _ in range(3)]
    assert len(set(late)) == 3
    # It may have been sent again already before it is to wait longer.
    monkeypatch.setattr(channels, "AGAIN_SECONDS", 60)
    for nonce in late:
        script.port.sendall(frames.encode("ok", nonce))
    while (request := next(asked)) != ["x"]:
        script.port.sendall(frames.encode("ok", request[1]))
    script.port.sendall(frames.encode("ok", 5))
    script.end()
    assert said == [[5]]


def test_channel_recovers_after_late_answer():
    slow, asked = threading.Event(), []

    def answer(operation, *_):
        asked.append(operation)
        if len(asked) == 1:
            slow.wait(60)
            return ["ok", 1]
        return ["ok", 2]

    with guest(answer) as channel:
        channel.sync()
        with pytest.raises(Broken, match="in time"):
            channel.call("x", answer="i", seconds=0.1)
        slow.set()
        assert channel.call("x", answer="i") == [2]
        assert not channel.is_closed


def test_no_request_within_quiet():
    asked = []
    with guest(lambda *values: asked.append(values) or ["ok"]) as channel:
        channel.sync()
        with channel.quiet():
            thread = threading.Thread(target=channel.call, args=("x",))
            thread.start()
            thread.join(0.2)
            assert asked == []
        thread.join(60)
        assert asked == [("x",)]


def test_threads_get_their_own_answers():
    with guest(lambda operation, number: ["ok", number]) as channel:
        wrong = []

        def ask(number):
            wrong.extend(said for said in (channel.call("x", number, answer="i") for _ in range(50)) if said != [number])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert wrong == []


def test_request_over_the_limit_is_not_sent():
    with guest(lambda *_: ["ok"]) as channel:
        with pytest.raises(OSError, match="x") as caught:
            channel.call("x", b"x" * LARGEST)
        assert caught.value.errno == errno.E2BIG
        room = LARGEST - len(frames.encode("x", b"")) + frames.LENGTH.size
        assert channel.call("x", b"x" * room) == []


# Lies


@pytest.mark.parametrize(
    "said",
    [
        frames.LENGTH.pack(LARGEST + 1),
        frames.LENGTH.pack(2**32 - 1) + b"n" * 1000,
        frames.encode(),
        frames.encode("ok"),
        frames.encode("ok", 1),
        frames.encode("ok", 1, "s"),
        frames.encode("ok", 1, b"b", 1),
        frames.encode("ok", 1, b"b", 1, 2, 3),
        frames.encode("ok", None, b"b"),
        frames.encode("ok", [1], b"b"),
        frames.encode(b"ok", 1, b"b"),
        frames.encode("yes", 1, b"b"),
        frames.encode("error"),
        frames.encode("error", 0, b"x"),
        frames.encode("error", -1, b"x"),
        frames.encode("error", 4096, b"x"),
        frames.encode("error", 2, "x"),
        frames.encode("error", b"2", b"x"),
        frames.LENGTH.pack(3) + b"xyz",
        frames.LENGTH.pack(4 << 20) + b"l\x01\0\0\0" * ((4 << 20) // 5) + b"nnnn",
        frames.LENGTH.pack(4 << 20) + b"n" * (4 << 20),
        frames.LENGTH.pack(4_000_000) + b"b\0\0\0\0" * 800_000,
    ],
    ids=range(22),
)
def test_invalid_answer_fails_and_channel_recovers(said):
    with guest(lambda operation, *_: said if operation == "x" else ["ok", 7, b"b"]) as channel:
        with pytest.raises(Broken):
            channel.call("x", answer="ib", each="ii", seconds=20)
        assert channel.call("y", answer="ib", each="ii", seconds=20) == [7, b"b"]


def test_huge_frame_is_rejected_without_allocation():
    with guest(lambda *_: frames.LENGTH.pack(2**32 - 1)) as channel:
        channel.sync(20)
        tracemalloc.start()
        try:
            with pytest.raises(Broken, match="a frame of 4294967295 bytes"):
                channel.call("x", answer="i", seconds=20)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.builds(lambda at, new: frames.encode("ok", 1, b"name", 2)[:at] + new, st.integers(0, 40), st.binary(max_size=40)))
def test_any_bytes_fail_within_the_time_limit(said):
    with guest(lambda operation, *_: said if operation == "x" else ["ok", 3]) as channel:
        channel.sync(20)
        begun = time.monotonic()
        with contextlib.suppress(Broken, OSError):
            assert channel.call("x", answer="i", each="bi", seconds=0.05)[0] >= -(2**63)
        assert time.monotonic() - begun < MARGIN
        # What else was said may arrive only now, and then spoils one answer more.
        with contextlib.suppress(Broken, OSError):
            channel.call("y", answer="i", seconds=0.5)
        assert channel.call("y", answer="i", seconds=20) == [3]


def test_extra_data_does_not_spoil_answers():
    with guest(lambda operation, *_: frames.encode("ok", 1) + b"\x10\0" if operation == "x" else ["ok", 3]) as channel:
        assert channel.call("x", answer="i") == [1]
        assert channel.call("y", answer="i", seconds=20) == [3]


@pytest.mark.parametrize("request_", [("sync", {}), ("call", {"operation": "x"})])
@pytest.mark.parametrize("said", [b"\x10", b"ok" * 50_000])
def test_endless_data_is_limited_in_time_and_memory(said, request_, monkeypatch):
    method, options = request_
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    channel._in_step = method == "call"
    if method == "call":
        said = frames.LENGTH.pack(LARGEST) + said
    done = threading.Event()

    def talk():
        with contextlib.suppress(OSError):
            theirs.sendall(said)
            while not done.wait(0.01):
                theirs.sendall(said if method == "sync" else said[:1])

    thread = threading.Thread(target=talk)
    thread.start()
    tracemalloc.start()
    begun = time.monotonic()
    try:
        with pytest.raises(Broken):
            getattr(channel, method)(**options, seconds=1)
        assert 0.9 < time.monotonic() - begun < MARGIN
        assert tracemalloc.get_traced_memory()[1] < LARGEST + (4 << 20)
    finally:
        tracemalloc.stop()
        done.set()
        channel.close()
        theirs.close()
        thread.join()


def test_unreadable_channel_fails_within_time_limit():
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(ours)
        channel._in_step = True
        begun = time.monotonic()
        with pytest.raises(Broken, match="in time"):
            channel.call("write", b"x" * (4 << 20), seconds=0.5)
        assert 0.4 < time.monotonic() - begun < MARGIN
        channel.close()


@pytest.mark.parametrize("at", [0, 3, 10])
def test_closed_connection_is_reported_for_good(at):
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    channel._in_step = True
    theirs.sendall(frames.encode("ok", b"x" * 100)[:at])
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(Broken, match="was closed"):
        channel.call("x", answer="b")
    assert channel.is_closed
    with pytest.raises(Broken, match="was closed"):
        channel.sync()
    theirs.close()


# Lies about files


@pytest.fixture
def outside(tmp_path):
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret").write_text("host")
    return place


def lying(**answers):
    """Answer each operation by these values, or by what a function of its arguments returns."""

    def answer(operation, *values):
        said = answers.get(operation, [])
        return ["ok", *(said(*values) if callable(said) else said)]

    return guest(answer)


@pytest.mark.parametrize("form", ["..", ".", "", "{outside}/secret", "{outside}/new", "../outside/secret", "a\0b", "x" * 256])
def test_name_with_path_is_rejected(tmp_path, outside, form):
    # Nothing but this test's own directory is ever named: what does not refuse a name writes there.
    name = os.fsencode(form.format(outside=outside))
    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=[0, name, FILE, 4, 0, 0], open=[4, FILE], read=[b"evil"]) as channel:
        tools = tools_guest.FixedTools(channel)
        assert code(tools.copy_out, LAB, "/tree", str(tmp_path / "tree")) == constants.VIX_E_FILE_ERROR
        assert code(tools.list_directory, LAB, "/tree") == constants.VIX_E_FILE_ERROR
    assert (outside / "secret").read_text() == "host"
    assert os.listdir(outside) == ["secret"]
    assert not (tmp_path / "tree").exists()


def test_link_of_guest_is_not_followed_on_host(tmp_path, outside):
    """The second copy finds links where the first had directories and files."""
    where = [DIRECTORY, 0, 0, 0, 1]

    def listed(account, base, rest, cookie):
        return [0, b"secret", FILE, 4, 0, 0] if rest else [0, b"x", DIRECTORY, 0, 0, int(linked), b"y", FILE, 4, 0, int(linked)]

    with lying(
        stat=where, list=listed, readlink=lambda _, base, rest: [os.fsencode(outside if rest == b"x" else outside / "secret")], open=[4, FILE]
    ) as channel:
        tools = tools_guest.FixedTools(channel)
        linked = True
        tools.copy_out(LAB, "/tree", str(tmp_path / "tree"))
        assert os.readlink(tmp_path / "tree/x") == str(outside)
        linked = False
        with pytest.raises(VixError):
            tools.copy_out(LAB, "/tree", str(tmp_path / "tree"))
    assert (outside / "secret").read_text() == "host"


def test_endless_tree_is_rejected(tmp_path):
    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=[0, b"d", DIRECTORY, 0, 0, 0]) as channel:
        assert code(tools_guest.FixedTools(channel).copy_out, LAB, "/tree", str(tmp_path / "tree")) == constants.VIX_E_FILE_NAME_TOO_LONG


def named(first, name, kind=FILE):
    """What a directory says of many files."""
    return [value for number in range(first, first + 10_000) for value in (name % number, kind, 0, 0, 0)]


@pytest.mark.parametrize(
    "said",
    [
        lambda account, base, rest, cookie: [cookie + 1, *named(cookie * 10_000, b"%d")],
        lambda account, base, rest, cookie: [cookie + 1, *named(cookie * 10_000, b"%0255d")],
        lambda account, base, rest, cookie: [cookie + 1, *named(0, b"%d")],
        [1],
    ],
    ids=["short", "long", "the same", "nothing"],
)
def test_endless_directory_is_rejected(said):
    asked = []

    def answer(*values):
        asked.append(values)
        return said(*values) if callable(said) else said

    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=answer) as channel:
        assert code(tools_guest.FixedTools(channel).list_directory, LAB, "/") == constants.VIX_E_FILE_ERROR
    assert len(asked) <= 26


def test_nested_directories_share_one_size_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("openvix.backends.qemu.tools.NAMES", 5_000_000)
    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=lambda account, base, rest, cookie: [0, *named(0, b"%05d", DIRECTORY)]) as channel:
        assert code(tools_guest.FixedTools(channel).copy_out, LAB, "/tree", str(tmp_path / "tree")) == constants.VIX_E_FILE_ERROR
    place, depth = tmp_path / "tree", 0
    while names := os.listdir(place):
        place, depth = place / names[0], depth + 1
    assert 3 <= depth < 5


def test_maximum_number_of_files_is_listed():
    def said(account, base, rest, cookie):
        return [cookie + 1 if cookie < 13 else 0, *named(cookie * 10_000, b"%070d")]

    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=said) as channel:
        found = tools_guest.FixedTools(channel).list_directory(LAB, "/")
    assert len(found) == 140_000
    # The list fits into one frame of the client.
    assert len(frames.encode([[0, each.name, 0, each.size, 0, each.flags, 0, each.modified] for each in found])) < frames.LARGEST


def test_file_is_read_up_to_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("openvix.backends.qemu.tools.SIZELESS", 1 << 20)
    monkeypatch.setattr("openvix.backends.qemu.tools.PIECE", 1 << 18)
    with lying(stat=[FILE, 0, 0, 0, 1], open=[0, FILE], read=lambda file, offset, size: [b"x" * size]) as channel:
        tools_guest.FixedTools(channel).copy_out(LAB, "/file", str(tmp_path / "file"))
    assert (tmp_path / "file").stat().st_size == 1 << 20
    with lying(stat=[FILE, 0, 0, 0, 1], open=[0, FILE], read=lambda file, offset, size: [b"x" * (size + 1)]) as channel:
        assert code(tools_guest.FixedTools(channel).copy_out, LAB, "/file", str(tmp_path / "file")) == constants.VIX_E_FILE_ERROR


@pytest.mark.parametrize("directory", [b"/etc", b"/tmp", b"/tmp/vmware-lab_1-2/..", b"/tmp/vmware-other_1-2", b"/etc/vmware-lab_1-2"])
def test_temporary_files_are_in_a_directory_of_tools(directory):
    with lying(tempdir=[directory]) as channel:
        assert code(tools_guest.FixedTools(channel).create_temp_file, LAB) == constants.VIX_E_FILE_ERROR


def test_endless_removal_is_aborted(monkeypatch):
    monkeypatch.setattr("openvix.backends.qemu.tools.CLEAR_SECONDS", 0.2)
    with lying(clear=[0]) as channel:
        assert code(tools_guest.FixedTools(channel).delete_directory, LAB, "/tree") == constants.VIX_E_OBJECT_IS_BUSY


@pytest.mark.parametrize("mode", [-1, 1 << 16, 1 << 40, -(1 << 63)])
def test_invalid_mode_is_reported_and_nothing_copied(tmp_path, mode):
    with lying(stat=[mode, 0, 0, 0, 1], list=[0, b"x", mode, 0, 0, 0]) as channel:
        tools = tools_guest.FixedTools(channel)
        assert code(tools.file_info, LAB, "/x") == constants.VIX_E_FILE_ERROR
        assert code(tools.list_directory, LAB, "/") == constants.VIX_E_FILE_ERROR
        assert code(tools.copy_out, LAB, "/x", str(tmp_path / "x")) == constants.VIX_E_FILE_ERROR
        assert code(tools.run_program, LAB, "/x", None, wait=True) == constants.VIX_E_FILE_NOT_FOUND
        assert (tools.file_exists(LAB, "/x"), tools.directory_exists(LAB, "/x")) == (False, False)
    assert not (tmp_path / "x").exists()
    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=[0, b"x", mode, 0, 0, 0]) as channel:
        assert code(tools_guest.FixedTools(channel).copy_out, LAB, "/tree", str(tmp_path / "tree")) == constants.VIX_E_FILE_ERROR
    assert not (tmp_path / "tree").exists()


def test_invalid_size_is_reported():
    with lying(stat=[FILE, -2, 0, 0, 1]) as channel:
        assert code(tools_guest.FixedTools(channel).file_info, LAB, "/x") == constants.VIX_E_FILE_ERROR
    with lying(stat=[DIRECTORY, 0, 0, 0, 1], list=[0, b"x", FILE, -2, 0, 0]) as channel:
        tools = tools_guest.FixedTools(channel)
        assert code(tools.list_directory, LAB, "/") == constants.VIX_E_FILE_ERROR


@pytest.mark.parametrize("pid", [-1, 0, 1 << 31])
def test_invalid_process_id_is_reported(pid):
    with lying(stat=[FILE, 0, 0, 0, 1], run=[pid], ended=[0, 0], processes=[pid, b"root", b"init", b"", 0]) as channel:
        tools = tools_guest.FixedTools(channel)
        assert code(tools.run_program, LAB, "/x", None, wait=True) == constants.VIX_E_PROGRAM_NOT_STARTED
        assert code(tools.processes) == constants.VIX_E_FILE_ERROR


@pytest.mark.parametrize("ended", [-65, 256, 1 << 40])
def test_invalid_exit_code_is_reported(ended):
    with lying(stat=[FILE, 0, 0, 0, 1], run=[7], ended=[0, ended]) as channel:
        assert code(tools_guest.FixedTools(channel).run_program, LAB, "/x", None, wait=True) == constants.VIX_E_FILE_ERROR


def test_invalid_data_means_tools_not_running():
    with lying(stat=[b"x"]) as channel:
        assert code(tools_guest.FixedTools(channel).file_info, LAB, "/x") == constants.VIX_E_TOOLS_NOT_RUNNING
