# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shared folders of a guest that is mounted here, and what becomes of it when its host goes, and another comes."""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import signal
import subprocess
import sys
import time

import pytest
from checkout import OPENVIX, SUPPORT
from fuse_client import HEAD, Port
from mounted import PATIENT, USUAL, Guest, needs_fuse
from waiting import eventually

from openvix.backends.qemu.shares.fuse import REQUEST, Operation
from openvix.backends.qemu.shares.nodes import Share
from openvix.backends.qemu.shares.requests import Requests
from openvix.backends.qemu.shares.server import Shares, State

pytestmark = needs_fuse

# Shares a directory with a separate guest, step by step, and reports the time of each step.
SHARING = """
import os, socket, sys, time

from fuse_client import Kernel, Port
from openvix.backends.qemu.shares import fuse, server

def ask(node, name):
    size = fuse.REQUEST.size + len(name) + 1
    port.send(b"FUSE", fuse.REQUEST.pack(size, fuse.Operation.LOOKUP, 2, node, 0, 0, 7, 0, 0) + name + b"\\0" + port.nonce)
    while not served._is_asking:
        time.sleep(0.01)

def timed(call):
    began = time.monotonic()
    call()
    print(int(time.monotonic() - began), flush=True)

def quiet():
    with served.quiet(0):
        pass

server.ANSWER_SECONDS = 2
own, end = socket.socketpair()
served, port = server.Shares(own), Port(end)
served.show({"one": (sys.argv[1], True)})
port.synchronise()
kernel = Kernel(port.ask)
node = kernel.look(b"one").node
print("shared", flush=True)
input()
ask(node, b"page")
for call in (quiet, lambda: served.show({"other": (sys.argv[1], False)}), served.restart):
    timed(call)
input()
port.synchronise()
print(*sorted(kernel.list()), flush=True)
input()
ask(fuse.ROOT, b"other")
timed(served.close)
os._exit(0)
"""


@pytest.fixture
def folders(tmp_path):
    own, given = tmp_path / "own", tmp_path / "given"
    for folder in (own, given):
        folder.mkdir()
    (given / "disc").write_text("disc\n")
    return {"web": (str(own), True), "iso": (str(given), False)}


@pytest.fixture
def own(folders, tmp_path):
    return tmp_path / "own"


@pytest.fixture
def guest(request, tmp_path):
    guest = Guest(tmp_path / "hgfs", getattr(request, "param", PATIENT))
    guest.await_mount()
    yield guest
    guest.end()


@pytest.fixture
def serve(guest, folders):
    """Have a host serve the guest in the place of the one before."""
    hosts = []

    def serve():
        hosts.append(Shares(guest.dial()))
        hosts[-1].show(folders)
        return hosts[-1]

    yield serve
    for host in hosts:
        host.close()


@pytest.fixture
def shares(serve):
    return serve()


def test_files_are_shared(guest, shares, own):
    (own / "page").write_text("hello\n")
    (own / "link").symlink_to("/etc/hostname")
    assert guest.run("ls $HGFS") == "iso\nweb\n"
    assert guest.run("cd $HGFS/web && cat page && readlink link && echo more >> page && mkdir -p a/b && mv page a/b && ls -R . && rm -r a && ls") == (
        "hello\n/etc/hostname\n.:\na\nlink\n\n./a:\nb\n\n./a/b:\npage\nlink\n"
    )
    assert guest.run("cd $HGFS/iso && cat disc; echo > disc; touch new; rm disc") == (
        "disc\nsh: 1: cannot create disc: Read-only file system\ntouch: cannot touch 'new': Read-only file system\n"
        "rm: cannot remove 'disc': Read-only file system\n"
    )
    assert guest.run("cd $HGFS/web && ln -s x y; ln link hard; mkfifo pipe; mkdir $HGFS/new; rmdir $HGFS/iso; ls").count("\n") == 6


def test_changes_of_the_host_are_visible(guest, shares, own):
    for number in range(5):
        (own / "page").write_text(f"{number}" * (number + 1))
        assert guest.run("sleep 0.2; cat $HGFS/web/page") == f"{number}" * (number + 1)


def test_large_file_is_unchanged_in_both_directions(guest, shares, own):
    content = os.urandom(1 << 24) + b"end"
    (own / "large").write_bytes(content)
    assert guest.run("cp $HGFS/web/large $HGFS/web/copy && md5sum < $HGFS/web/copy").split()[0] == hashlib.md5(content).hexdigest()
    assert (own / "copy").read_bytes() == content


def test_concurrent_requests_are_answered(guest, shares, own):
    line = "for n in $(seq 40); do echo $n > {0}.$n; cat {0}.$n; rm {0}.$n; done | md5sum"
    running = [guest.start(line.format(f"$HGFS/web/{name}")) for name in range(6)]
    assert len({each.communicate(timeout=60)[0] for each in running}) == 1
    assert os.listdir(own) == []


def test_share_is_added_and_removed(guest, shares, folders, own):
    reader = guest.start("exec 4> $HGFS/web/page; read line; cat >&4")
    eventually((own / "page").exists)
    shares.show({"iso": folders["iso"], "new": folders["web"]})
    assert guest.run("sleep 0.2; ls $HGFS; cat $HGFS/new/page; cat $HGFS/web/page") == f"iso\nnew\ncat: {guest.place}/web/page: No such file or directory\n"
    assert "Stale file handle" in reader.communicate("\nmore\n", timeout=60)[0]
    assert (own / "page").read_text() == ""


def test_open_file_survives_its_host(guest, shares, serve, own):
    program = guest.start(
        "cd $HGFS/web && mkdir -p a/b && cd a/b && exec 4<> page && echo one >&4 && mv ../b ../c && read line && echo two >&4 && cat page && pwd"
    )
    eventually(lambda: (own / "a/c").exists())
    shares.close()
    later = serve()
    assert program.communicate("\n", timeout=60)[0].splitlines()[:2] == ["one", "two"]
    assert (own / "a/c/page").read_text() == "one\ntwo\n"
    # It knows what the guest knows of it, and no more once that is forgotten.
    assert len(later._requests._nodes._nodes) >= 4


def test_number_keeps_its_file_after_new_host(guest, shares, serve, own):
    program = guest.start("exec 4<> $HGFS/web/page; echo one >&4; read line; cat >&4")
    eventually(lambda: (own / "page").exists() and (own / "page").read_text())
    shares.close()
    (own / "page").rename(own / "before")
    (own / "page").write_text("other")
    serve()
    assert "Stale file handle" in program.communicate("\ntwo\n", timeout=60)[0]
    assert (own / "page").read_text() == "other"
    assert (own / "before").read_text() == "one\n"


def test_request_waits_for_the_next_host(guest, shares, serve, own):
    (own / "page").write_text("hello")
    shares.close()
    program = guest.start("cat $HGFS/web/page")
    with pytest.raises(Exception, match="timed out"):
        program.wait(0.5)
    serve()
    assert program.communicate(timeout=60)[0] == "hello"


def test_aborted_hosts_do_no_harm(guest, serve, own):
    content = os.urandom(1 << 20)
    (own / "large").write_bytes(content)
    program = guest.start("until [ -e $HGFS/web/stop ]; do cat $HGFS/web/large > $HGFS/web/copy || exit; md5sum < $HGFS/web/copy; done; echo done")
    for number in range(6):
        host = serve()
        eventually(lambda host=host: host._state is State.SERVED)
        time.sleep(0.03 * number)
    eventually((own / "copy").exists)
    (own / "stop").touch()
    *sums, end = program.communicate(timeout=100)[0].splitlines()
    assert set(sums) == {f"{hashlib.md5(content).hexdigest()}  -"}
    assert end == "done"


def test_guest_waits_until_shares_are_known(guest, folders, own):
    (own / "page").write_text("hello")
    shares = Shares(guest.dial())
    program = guest.start("cat $HGFS/web/page")
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.5)
    shares.show(folders)
    assert program.communicate(timeout=60)[0] == "hello"
    shares.close()


def test_nothing_is_executed_while_quiet(guest, shares, own):
    program = guest.start("cd $HGFS/web && n=0 && while [ ! -e stop ]; do n=$((n + 1)); echo $n > count || exit 1; done; echo done")
    eventually(lambda: (own / "count").exists())
    for _ in range(20):
        with shares.quiet(), shares.quiet():
            assert shares._state is State.QUIET
            before = (own / "count").stat().st_mtime_ns
            time.sleep(0.02)
            assert (own / "count").stat().st_mtime_ns == before
        eventually(lambda before=before: (own / "count").stat().st_mtime_ns != before)
    (own / "stop").touch()
    assert program.communicate(timeout=60)[0] == "done\n"


def test_quiet_lasts_until_the_outer_block_ends(shares):
    eventually(lambda: shares._state is State.SERVED)
    with shares.quiet():
        began = time.monotonic()
        with shares.quiet(200):
            pass
        assert time.monotonic() - began < 100
        assert shares._state is State.QUIET
    eventually(lambda: shares._state is State.SERVED)


def test_paused_guest_continues_after_quiet(guest, shares, own):
    (own / "page").write_text("hello")
    assert guest.run("cat $HGFS/web/page") == "hello"
    os.kill(guest.program.pid, signal.SIGSTOP)
    program = guest.start("cat $HGFS/web/page; echo again > $HGFS/web/page")
    began = time.monotonic()
    with shares.quiet(0.2):
        assert time.monotonic() - began >= 0.2
    os.kill(guest.program.pid, signal.SIGCONT)
    assert program.communicate(timeout=60)[0] == "hello"
    assert (own / "page").read_text() == "again\n"


def test_hanging_file_system_delays_others_briefly(guest, shares):
    """The mount belongs to this guest while it is paused; another program shares a directory in it."""
    places, python = shlex.quote(f"{SUPPORT}:{OPENVIX}/src"), shlex.quote(sys.executable)
    program = guest.start(f"PYTHONPATH={places} exec timeout 60 {python} -P -c '{SHARING}' $HGFS/web")

    def result(*least):
        """Say that it may go on, and check how many seconds each of its steps takes."""
        program.stdin.write("\n")
        program.stdin.flush()
        return all(seconds <= int(program.stdout.readline()) < seconds + 10 for seconds in least)

    assert program.stdout.readline() == "shared\n"
    os.kill(guest.program.pid, signal.SIGSTOP)
    assert result(2, 2, 0)
    os.kill(guest.program.pid, signal.SIGCONT)
    result()
    assert program.stdout.readline() == "b'.' b'..' b'other'\n"
    os.kill(guest.program.pid, signal.SIGSTOP)
    assert result(2)
    os.kill(guest.program.pid, signal.SIGCONT)
    assert program.wait(30) == 0


@pytest.mark.parametrize("guest", [USUAL], indirect=True, ids=["usual"])
def test_requests_fail_without_a_host(guest, shares, own):
    (own / "page").write_text("hello")
    guest.run("cat $HGFS/web/page")
    shares.close()
    guest.cut()
    began = time.monotonic()
    assert "Input/output error" in guest.run("cat $HGFS/web/page")
    assert time.monotonic() - began > 5
    # What is waited for ends otherwise.
    assert "not connected" in guest.run("ls $HGFS/web")
    assert guest.run("umount $HGFS") == ""
    assert guest.program.wait(60) == 0


def test_waiting_process_can_be_killed(guest, shares, own):
    (own / "page").write_text("hello")
    guest.run("cat $HGFS/web/page")
    shares.close()
    guest.cut()
    program = guest.start("exec cat $HGFS/web/page")
    with pytest.raises(Exception, match="timed out"):
        program.wait(0.5)
    program.kill()
    # Sooner than it would end by itself.
    program.wait(100)


def test_killed_server_is_replaced_under_same_host(guest, shares, own):
    (own / "page").write_text("hello")
    assert guest.run("cat $HGFS/web/page") == "hello"
    guest.restart()
    eventually(lambda: guest.run("cat $HGFS/web/page") == "hello")
    # Nothing is left of the mount that was dead.
    assert guest.run("grep -c $HGFS /proc/mounts") == "1\n"


def test_unusable_directory_is_not_shared(guest, shares, folders):
    names = {"..": folders["web"], "a/b": folders["web"], "n" * 256: folders["web"], "nul": ("/\0", True), "gone": ("/nonexistent", True)}
    shares.show({**folders, **names})
    assert guest.run("sleep 0.2; ls $HGFS; ls $HGFS/gone") == f"gone\niso\nweb\nls: cannot access '{guest.place}/gone': No such file or directory\n"


def test_wait_for_mount_only_with_shares(guest, folders):
    shares = Shares(guest.dial())
    shares.show(folders)
    assert shares.await_guest(30)
    os.kill(guest.program.pid, signal.SIGSTOP)
    shares.restart()
    assert not shares.await_guest(0.1)
    shares.show({})
    assert shares.await_guest(0)
    shares.show(folders)
    os.kill(guest.program.pid, signal.SIGCONT)
    assert shares.await_guest(30)
    assert guest.run("ls $HGFS") == "iso\nweb\n"
    shares.close()
    assert shares.await_guest(0)


def test_guest_survives_any_data_of_the_host(guest, serve, own):
    (own / "page").write_text("hello")
    for seed in range(4):
        chance = random.Random(seed)
        guest.cut()
        for _ in range(30):
            size, kind = (
                chance.choice([0, 1, 15, 16, 17, 40, 1 << 17, 1 << 21, 0xFFFFFFFF]),
                chance.choice([b"FUSE", b"SYNC", b"HOLD", b"LOST", b"NODE", b"ELSE"]),
            )
            guest.send(HEAD.pack(size, kind) + chance.randbytes(chance.choice([0, 1, 16, 40, min(size, 1 << 17)])))
        serve()
        assert guest.run("cat $HGFS/web/page") == "hello"


def test_partial_answer_is_never_used(guest, serve, folders, own):
    (own / "page").write_text("all that was written here" * 2)
    requests, port = Requests(), Port(guest.dial())
    requests.show({b"web": Share(*folders["web"])})
    nonce = b"n" * 16
    port.send(b"SYNC", nonce)
    while port.receive() != (b"SYNC", nonce):
        pass
    program = guest.start("cat $HGFS/web/page")
    while True:
        kind, body = port.receive()
        assert (kind, body[-16:]) == (b"FUSE", nonce)
        answer = b"".join(requests.answer(body[:-16]))
        if REQUEST.unpack_from(body)[1] == Operation.READ:
            break
        port.send(b"FUSE", answer + nonce)
    # A host that is killed in the middle of it, and another one that looks the same to the guest.
    half = (HEAD.pack(len(answer) + 16, b"FUSE") + answer + nonce)[: -HEAD.size - 16]
    port.connection.sendall(half + HEAD.pack(16, b"SYNC") + b"m" * 16)
    requests.close_files()
    serve()
    assert program.communicate(timeout=60)[0] == (own / "page").read_text()


def test_holding_guest_asks_nothing(guest, serve):
    port = Port(guest.dial())
    port.send(b"SYNC", b"n" * 16)
    while port.receive() != (b"SYNC", b"n" * 16):
        pass
    port.send(b"HOLD", b"h" * 16)
    assert port.receive() == (b"HOLD", b"h" * 16)
    program = guest.start("ls $HGFS")
    port.connection.settimeout(0.5)
    with pytest.raises(TimeoutError):
        port.receive()
    port.connection.settimeout(30)
    port.send(b"SYNC", b"m" * 16)
    assert port.receive() == (b"SYNC", b"m" * 16)
    kind, body = port.receive()
    assert (kind, body[-16:]) == (b"FUSE", b"m" * 16)
    serve()
    assert program.communicate(timeout=60)[0] == "iso\nweb\n"
