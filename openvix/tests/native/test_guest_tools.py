# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The agent in the guests of QEMU, asked over its port."""

from __future__ import annotations

import errno
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest
import tools_guest
from guest_program_cases import BECOMING
from waiting import eventually

from openvix.backends.qemu.channel import LARGEST, Channel
from openvix.protocol import frames
from openvix.system import c_build

pytestmark = tools_guest.needs_root

KILL = int(signal.SIGKILL)
ACCOUNTS = [
    {"name": "lab", "password": "lab", "administrator": True},
    {"name": "ann", "password": "a"},
    {"name": "bob", "password": "b"},
    {"name": "open", "password": ""},
]


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    tools_guest.make_disk(place, ACCOUNTS, {"/etc/motd": "Welcome"})
    return place


@pytest.fixture
def port(disk):
    with tools_guest.serving(disk) as port:
        yield port


@pytest.fixture
def channel(port):
    return Channel(port)


def number(channel, operation, *values, **options):
    """Return the errno that an operation is refused by."""
    with pytest.raises(OSError) as caught:  # noqa: PT011
        channel.call(operation, *values, **options)
    return caught.value.errno


def ran(channel, account, *line):
    """Run a line of the guest's shell to its end and return its exit code."""
    (pid,) = channel.call("run", account, ["/bin/sh", "sh", "-c", *line], ["A=1"], answer="i")
    seen = []
    eventually(lambda: not seen.append(channel.call("ended", pid, answer="ii")) and not seen[-1][0])
    return seen[-1][1]


# The port


def test_hello_identifies_the_tools(channel):
    version, boot, since, largest = channel.call("hello", answer="ibii")
    assert (version, largest) == (1, LARGEST)
    assert re.fullmatch(rb"[0-9a-f-]{36}", boot)
    assert since > 0


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (frames.encode(), errno.EBADMSG),
        (frames.encode("hello", *[None] * 8), errno.EBADMSG),
        (b"\x01\0\0\0x", errno.EBADMSG),
        (b"\x05\0\0\0s\x01\0\0\0", errno.EBADMSG),
        (b"\x06\0\0\0b\xff\xff\xff\xffa", errno.EBADMSG),
        (b"\x0d\0\0\0s\x0a\0\0\0remove" + b"xx", errno.EBADMSG),
        (b"\x0f\0\0\0" + frames.encode("ended")[4:] + b"i\1\2\3\4", errno.EBADMSG),
        (b"\x05\0\0\0l\1\0\0\0", errno.EBADMSG),
        (frames.encode("run", "lab", [["/bin/true"]], []), errno.EBADMSG),
        (frames.encode("run", "lab", [b"/bin/true", b"a\0b"], []), errno.EBADMSG),
        (frames.encode("nothing"), errno.ENOSYS),
        (frames.encode(1), errno.ENOSYS),
        (frames.encode(["hello"]), errno.ENOSYS),
        (frames.encode("hello", 1), errno.EINVAL),
        (frames.encode("ended", "1"), errno.EINVAL),
        (frames.encode("remove", "lab", b"/etc/mo\0td"), errno.EINVAL),
        (frames.encode("sync", b"short"), errno.EINVAL),
        (frames.encode("write", 1, 0, ["x"]), errno.EINVAL),
    ],
    ids=range(18),
)
def test_invalid_request_fails_and_next_succeeds(port, frame, expected):
    port.settimeout(20)
    port.sendall(frame + frames.encode("sync", b"n" * 16))
    answers = frames.frames(port)
    assert next(answers)[:2] == ["error", expected]
    assert next(answers) == ["ok", b"n" * 16]


def test_oversized_or_partial_frame_is_skipped(port, channel):
    channel.sync(20)
    for begun in (frames.LENGTH.pack(LARGEST + 1) + b"x" * 100_000, frames.LENGTH.pack(1000) + b"s", b"\x01"):
        port.sendall(begun)
        channel.sync(20)
        assert channel.call("hello", answer="ibii")[0] == 1


def test_aborted_frame_of_a_host_is_dropped(disk, tmp_path):
    # Each message is read at once or not at all, and an empty one is the end of what the host says, as on the port.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # It waits longer for the rest of a frame than this does for the answer: it is forgotten for nothing else.
    agent = subprocess.Popen([tools_guest.build(["-DSILENCE_MILLISECONDS=600000"]), "-"], stdin=theirs)
    try:
        for message in (frames.LENGTH.pack(100), b"x" * 10, b"", frames.LENGTH.pack(30), frames.encode("sync", b"n" * 16)[4:]):
            ours.send(message)
        assert select.select([ours], [], [], 60)[0]
        assert ours.recv(100) == frames.encode("ok", b"n" * 16)
    finally:
        agent.kill()
        agent.wait()


def test_slow_host_gets_the_whole_answer(port, disk):
    (disk / "opt/big").write_bytes(b"x" * (4 << 20))
    port.sendall(frames.encode("open", "lab", "/opt/big", "", 0, 0, 7) + frames.encode("read", 7, 0, 4 << 20) + frames.encode("sync", b"n" * 16))
    time.sleep(0.3)
    port.settimeout(20)
    answers = frames.frames(port)
    assert next(answers) == ["ok", 4 << 20, os.stat(disk / "opt/big").st_mode]
    assert next(answers) == ["ok", b"x" * (4 << 20)]
    assert next(answers) == ["ok", b"n" * 16]


# Accounts


def test_login_distinguishes_wrong_locked_and_empty(channel, disk):
    shadow = (disk / "etc/shadow").read_text()
    with open(disk / "etc/passwd", "a", encoding="utf-8") as file:
        file.write("gone:x:1010:1010::/:/bin/sh\nold:x:1011:1011::/:/bin/sh\nlocked:x:1012:1012::/:/bin/sh\n-1:x:-1:-1::/:/bin/sh\nnone:x:none:0::/:/bin/sh\n")
        file.write("bare:x:1013:1013::/:\nshut:x:1014:1014::/:/bin/false\n")
        file.write("half:x:0x:0::/:/bin/sh\nmost:x:4294967295:0::/:/bin/sh\nround:x:18446744073709551616:0::/:/bin/sh\n")
    lab = next(line for line in shadow.splitlines() if line.startswith("lab:")).split(":")[1]
    more = f"old:{lab}::::::1:\nlocked:!{lab}:::::::\n-1:{lab}:::::::\nnone:{lab}:::::::\n"
    more += "".join(f"{name}:{lab}:::::::\n" for name in ("half", "most", "round", "bare", "shut"))
    (disk / "etc/shadow").write_text(shadow + more, encoding="utf-8")
    assert channel.call("login", "lab", "lab", answer="iibb") == [0, 0, b"/home/lab", b"/bin/bash"]
    assert channel.call("login", "ann", "a", answer="iibb") == [1001, 1001, b"/home/ann", b"/bin/bash"]
    for password in ("", "x"):
        assert channel.call("login", "open", password, answer="iibb")[2:] == [b"/home/open", b"/bin/bash"]
    # Without a shell in its line, an account has /bin/sh.
    assert channel.call("login", "bare", "lab", answer="iibb") == [1013, 1013, b"/", b"/bin/sh"]
    expected = {
        ("ann", "b"): errno.EKEYREJECTED,
        ("ann", ""): errno.EKEYREJECTED,
        ("an", "a"): errno.EKEYREJECTED,
        ("", ""): errno.EKEYREJECTED,
        ("shut", "lab"): errno.EKEYREVOKED,
        ("shut", "wrong"): errno.EKEYREJECTED,
        ("root", ""): errno.EKEYREVOKED,
        ("root", "*"): errno.EKEYREVOKED,
        ("locked", "lab"): errno.EKEYREVOKED,
        ("old", "lab"): errno.EKEYREVOKED,
        ("gone", ""): errno.EKEYREVOKED,
        # An invalid user id must never become that of root.
        ("-1", "lab"): errno.EKEYREJECTED,
        ("none", "lab"): errno.EKEYREJECTED,
        ("half", "lab"): errno.EKEYREJECTED,
        ("most", "lab"): errno.EKEYREJECTED,
        ("round", "lab"): errno.EKEYREJECTED,
    }
    assert {login: number(channel, "login", *login) for login in expected} == expected
    for name in ("nobody-here", "ann:x:1001", "ann\n", "x" * 5000):
        assert number(channel, "account", name) == errno.EKEYREJECTED
        assert number(channel, "stat", name, "/etc/motd", "") == errno.EKEYREJECTED


def test_program_has_only_rights_of_its_account(channel, disk):
    with open(disk / "etc/group", "a", encoding="utf-8") as file:
        file.write("some:x:2000:bob,ann\nothers:x:2001:bob\n")
    state = "grep -E '^(Sig(Blk|Ign|Cgt)|Cap(Prm|Eff|Amb))' /proc/self/status"
    command = f"id -u; id -ru; id -G; umask; pwd; echo $A $HOME.; ls /proc/self/fd; {state}"
    assert ran(channel, "ann", f'({command}) > /tmp/said 2>&1; [ "$(ps -o sid= $$)" -ne $$ ]') == 0
    said = (disk / "tmp/said").read_text().split("\n")
    assert said[:6] == ["1001", "1001", "1001 2000", "0022", "/", "1 ."]
    # 3 is the directory that ls reads.
    assert said[6:10] == ["0", "1", "2", "3"]
    # The C library keeps signals 32 and 33 to itself, and lets nobody change them.
    values = {name: int(value, 16) & ~(3 << 31) for name, value in (line.split(":") for line in said[10:16])}
    del values["SigCgt"]
    assert values.pop("SigIgn") == 1 << (signal.SIGPIPE - 1)
    assert set(values.values()) == {0}
    for path in ("/etc/shadow", "/root/x"):
        assert ran(channel, "ann", f"cat {path} 2>/dev/null") == 1
    assert ran(channel, "lab", "cat /etc/shadow > /dev/null") == 0


def test_operations_have_rights_of_the_account(channel, disk):
    (disk / "home/bob/secret").write_text("bob's")
    (disk / "home/bob").chmod(0o700)
    refused = [
        number(channel, "stat", "ann", "/home/bob/secret", ""),
        number(channel, "stat", "ann", "/home", "bob/secret"),
        number(channel, "list", "ann", "/home/bob", "", 0),
        number(channel, "open", "ann", "/etc/shadow", "", 0, 0, 1),
        number(channel, "open", "ann", "/etc/motd", "", 1, 0o644, 1),
        number(channel, "open", "ann", "/etc/new", "", 2, 0o644, 1),
        number(channel, "mkdir", "ann", "/etc/new", "", 0o755, 0),
        number(channel, "symlink", "ann", "/etc/new", "", "motd"),
        number(channel, "remove", "ann", "/etc/motd"),
        number(channel, "clear", "ann", "/etc"),
        number(channel, "rename", "ann", "/etc/shadow", "/tmp/shadow"),
        number(channel, "rename", "ann", "/etc/motd", "/etc/other"),
        number(channel, "run", "ann", ["/home/bob/secret", "x"], []),
    ]
    assert set(refused) == {errno.EACCES}
    assert (disk / "etc/motd").read_text() == "Welcome"


def test_user_kills_no_other_children_of_the_tools(channel):
    """A user may end all that runs in the user's name; the agent goes on meanwhile and afterwards."""
    hunter = "for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in openvix-tools) kill -KILL ${p#/proc/} 2>/dev/null;; esac; done"
    (pid,) = channel.call("run", "ann", ["/bin/sh", "sh", "-c", f"while :; do {hunter}; done"], [], answer="i")
    seen = set()
    for _ in range(300):
        try:
            channel.call("stat", "ann", "/etc/motd", "", answer="iiiii")
            seen.add(0)
        except OSError as refused:
            seen.add(refused.errno)
    assert seen <= {0, errno.EIO}
    channel.call("kill", "ann", pid, KILL)
    assert channel.call("stat", "ann", "/etc/motd", "", answer="iiiii")[1] == 7


# Programs


def test_exit_code_is_kept_until_pid_is_reused(channel):
    assert ran(channel, "lab", "exit 7") == 7
    assert ran(channel, "lab", "kill -9 $$") == -KILL
    (pid,) = channel.call("run", "ann", ["/bin/sleep", "sleeper", "60"], [], answer="i")
    assert channel.call("ended", pid, answer="ii") == [1, 0]
    assert channel.call("command", pid, answer="b") == [b"sleeper\x0060\0"]
    assert channel.call("kill", "lab", pid, KILL) == []
    eventually(lambda: channel.call("ended", pid, answer="ii") == [0, -KILL])
    assert number(channel, "command", pid) == errno.ESRCH
    for none in (0, -1, 2**22 + 1, 2**31, -(2**31), 2**32 + pid, 2**63 - 1):
        assert {number(channel, operation, none) for operation in ("ended", "command")} == {errno.ESRCH}
        assert number(channel, "kill", "lab", none, KILL) == errno.ESRCH


def test_command_during_exec_is_old_or_new(channel):
    (pid,) = channel.call("run", "ann", ["/bin/sh", "sh", "-c", BECOMING], [], answer="i")
    seen = set()

    def has_become():
        (command,) = channel.call("command", pid, answer="b")
        seen.add(command.split(b"\0", 1)[0])
        return b"/bin/sleep" in seen

    eventually(has_become)
    assert seen <= {b"sh", b"/bin/sleep"}


def test_reused_pid_belongs_to_the_new_program(channel):
    (pid,) = channel.call("run", "lab", ["/bin/sh", "sh", "-c", "exit 7"], [], answer="i")
    eventually(lambda: channel.call("ended", pid, answer="ii") == [0, 7])
    assert ran(channel, "lab", f"echo {pid - 1} > /proc/sys/kernel/ns_last_pid") == 0
    assert channel.call("run", "lab", ["/bin/sleep", "sleep", "60"], [], answer="i") == [pid]
    assert channel.call("ended", pid, answer="ii") == [1, 0]


def test_failed_start_of_program_reports_why(channel, disk):
    (disk / "tmp/plain").write_text("")
    (disk / "tmp/format").write_text("none")
    (disk / "tmp/format").chmod(0o755)
    expected = {
        ("/nowhere", "x"): errno.ENOENT,
        ("/tmp/plain", "x"): errno.EACCES,
        ("/tmp/format", "x"): errno.ENOEXEC,
        ("/bin/true", "x" * 200_000): errno.E2BIG,
        ("/bin/true", *"x" * 2000): errno.E2BIG,
        (): errno.EINVAL,
    }
    assert {line: number(channel, "run", "lab", list(line), []) for line in expected} == expected
    assert number(channel, "run", "nobody-here", ["/bin/true", "true"], []) == errno.EKEYREJECTED


def test_only_two_signals_are_sent(channel):
    (pid,) = channel.call("run", "ann", ["/bin/sleep", "sleeper", "60"], [], answer="i")
    for other in (0, int(signal.SIGSTOP), -1, 2**32 + KILL):
        assert number(channel, "kill", "lab", pid, other) == errno.EINVAL
    channel.call("kill", "lab", pid, int(signal.SIGTERM))
    eventually(lambda: channel.call("ended", pid, answer="ii") == [0, -signal.SIGTERM])


def test_init_and_tools_cannot_be_killed(channel):
    found = {said[2]: said[0] for said in listed(channel)}
    for pid in (1, found[b"openvix-tools"]):
        assert number(channel, "kill", "lab", pid, KILL) == errno.EPERM


def test_thread_id_cannot_be_killed(channel, disk, tmp_path):
    source = tmp_path / "threads.c"
    source.write_text(
        "#include <pthread.h>\n#include <unistd.h>\nstatic void *run(void *a) { pause(); return a; }\n"
        "int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); pause(); return 0; }\n"
    )
    shutil.copy(c_build.compile_program([source], "threads"), disk / "opt/threads")
    (pid,) = channel.call("run", "lab", ["/opt/threads", "threads"], [], answer="i")
    eventually(lambda: ran(channel, "lab", f"test $(ls /proc/{pid}/task | wc -l) = 2") == 0)
    assert ran(channel, "lab", f"ls /proc/{pid}/task > /tmp/tasks") == 0
    (thread,) = {int(task) for task in (disk / "tmp/tasks").read_text().split()} - {pid}
    assert number(channel, "kill", "lab", thread, KILL) == errno.ESRCH
    assert channel.call("ended", pid, answer="ii") == [1, 0]
    channel.call("kill", "lab", pid, KILL)


def listed(channel):
    said = channel.call("processes", each="ibbbi")
    return [said[at : at + 5] for at in range(0, len(said), 5)]


def test_owner_is_exact_for_shared_user_ids(channel):
    owners = {}
    for account in ("lab", "ann", "root"):
        (pid,) = channel.call("run", account, ["/bin/sleep", "sleep", "60"], [f"USER={account}"], answer="i")
        owners[pid] = account.encode()
    (pid,) = channel.call("run", "ann", ["/bin/sleep", "sleep", "60"], ["USER=root"], answer="i")
    owners[pid] = b"ann"
    (pid,) = channel.call("run", "lab", ["/bin/sleep", "sleep", "60"], ["USER=ann"], answer="i")
    owners[pid] = b"root"
    assert {pid: owner for pid, owner, *_ in listed(channel) if pid in owners} == owners


def test_process_name_cannot_fake_a_line(channel):
    name = "a) S 1 1\n(b"
    script = f"printf '%s' '{name}' > /proc/self/comm; exec 3< /proc/self/stat; sleep 60; true"
    (pid,) = channel.call("run", "ann", ["/bin/sh", "sh", "-c", script], [], answer="i")
    eventually(lambda: any(said[0] == pid and said[2] == name.encode() for said in listed(channel)))
    found = next(said for said in listed(channel) if said[0] == pid)
    assert found[1] == b"ann"
    assert abs(found[4] - time.time()) < 60


# Files


def test_no_link_is_followed_below_the_base(channel, disk):
    (disk / "srv/tree/deep").mkdir(parents=True)
    (disk / "srv/tree/out").symlink_to("/etc")
    (disk / "srv/top").symlink_to("tree")
    (disk / "srv/tree/file").symlink_to("/etc/motd")
    assert channel.call("stat", "lab", "/srv/top/file", "", answer="iiiii")[3] == 1
    assert channel.call("list", "lab", "/srv/top", "deep", 0, answer="i", each="biiii") == [0]
    for rest in ("out/motd", "../../etc/motd", "deep/../../../etc/motd"):
        assert number(channel, "stat", "lab", "/srv/top", rest) in (errno.ELOOP, errno.EXDEV)
        assert number(channel, "open", "lab", "/srv/top", rest, 1, 0o644, 1) in (errno.ELOOP, errno.EXDEV)
    for rest in ("out", "file"):
        assert number(channel, "list", "lab", "/srv/top", rest, 0) == errno.ENOTDIR
    for rest in ("..", ".", "deep/..", "/", "deep/"):
        assert number(channel, "mkdir", "lab", "/srv/top", rest, 0o755, 2) == errno.EINVAL
    for base, rest in (("/srv/top", "file"), ("/srv/top/file", "")):
        assert number(channel, "open", "lab", base, rest, 1, 0o644, 1) == errno.EIO
    assert (disk / "etc/motd").read_text() == "Welcome"
    assert number(channel, "stat", "lab", "srv", "top") == errno.EINVAL


def test_only_files_are_opened(channel, disk):
    os.mkfifo(disk / "srv/pipe")
    for path in ("/srv/pipe", "/srv", "/dev/null"):
        assert number(channel, "open", "lab", path, "", 0, 0o644, 1) == errno.EISDIR
        assert number(channel, "open", "lab", path, "", 1, 0o644, 1) == (errno.EEXIST if path == "/srv" else errno.EIO)
    assert number(channel, "open", "lab", "/etc/motd", "", 2, 0o644, 1) == errno.EEXIST
    assert number(channel, "open", "lab", "/etc/motd", "", 3, 0o644, 1) == errno.EINVAL
    for operation in (("read", 1, 0, 1), ("write", 1, 0, b"")):
        assert number(channel, *operation) == errno.EBADF
    assert channel.call("close", 1) == []


def test_file_is_read_and_written_at_offsets(channel, disk):
    channel.call("open", "ann", "/home/ann/new", "", 1, 0o6640, 1, answer="ii")
    channel.call("write", 1, 3, b"def")
    channel.call("write", 1, 0, b"abc")
    assert number(channel, "read", 1, 0, 1) == errno.EBADF
    assert number(channel, "write", 1, -1, b"x") == errno.EINVAL
    channel.call("close", 1)
    found = (disk / "home/ann/new").stat()
    assert (found.st_uid, found.st_mode & 0o7777) == (1001, 0o640)
    channel.call("open", "ann", "/home/ann/new", "", 0, 0, 2**63 - 1, answer="ii")
    assert [channel.call("read", 2**63 - 1, at, 4, answer="b") for at in (0, 4, 6)] == [[b"abcd"], [b"ef"], [b""]]
    assert channel.call("read", 2**63 - 1, 0, 2**62, answer="b") == [b"abcdef"]


def test_least_recently_used_file_is_closed(channel):
    for file in range(64):
        channel.call("open", "lab", "/etc/motd", "", 0, 0, file, answer="ii")
    channel.call("read", 0, 0, 1, answer="b")
    channel.call("open", "lab", "/etc/motd", "", 0, 0, 64, answer="ii")
    assert number(channel, "read", 1, 0, 1) == errno.EBADF
    for file in (0, *range(2, 65)):
        assert channel.call("read", file, 0, 3, answer="b") == [b"Wel"]


def test_open_file_belongs_to_its_user_only(channel, disk):
    channel.call("open", "ann", "/home/ann/new", "", 1, 0o644, 1, answer="ii")
    (file,) = [said[0] for said in listed(channel) if said[1:3] == [b"ann", b"openvix-tools"]]
    assert ran(channel, "lab", f"readlink /proc/{file}/fd/* > /tmp/open; grep -E '^(Uid|Gid|Groups):' /proc/{file}/status > /tmp/is") == 0
    others = [line for line in (disk / "tmp/open").read_text().splitlines() if line != "/home/ann/new"]
    assert sorted(line.partition(":")[0] for line in others) == ["/dev/null", "/dev/null", "socket"] or len(others) == 4
    assert {word for line in (disk / "tmp/is").read_text().splitlines() for word in line.split()[1:]} == {"1001"}
    # Whoever ends it has lost the file and nothing more.
    channel.call("kill", "ann", file, KILL)
    assert number(channel, "write", 1, 0, b"x") in (errno.EIO, errno.EBADF)
    assert number(channel, "write", 1, 0, b"x") == errno.EBADF
    channel.call("open", "ann", "/home/ann/new", "", 1, 0o644, 1, answer="ii")
    assert channel.call("write", 1, 0, b"x") == []


def test_large_directory_is_listed_in_parts(channel, disk):
    (disk / "srv/large").mkdir()
    for name in range(5000):
        (disk / f"srv/large/{name:0200}").touch()
    names, cookie, parts = [], 0, 0
    while not parts or cookie:
        cookie, *said = channel.call("list", "ann", "/srv/large", "", cookie, answer="i", each="biiii")
        names += said[::5]
        parts += 1
    assert parts > 1
    assert sorted(map(int, names)) == list(range(5000))


def test_removal_of_deep_tree_keeps_mounts(channel, disk):
    top = os.open(disk / "srv", os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=top)
        inner = os.open("d", os.O_RDONLY, dir_fd=top)
        os.close(os.open("file", os.O_CREAT, dir_fd=inner))
        os.close(top)
        top = inner
    os.close(top)
    (disk / "srv/d/out").symlink_to("/etc")
    while channel.call("clear", "lab", "/srv/d///", answer="i") == [0]:
        pass
    assert os.listdir(disk / "srv") == []
    assert (disk / "etc/motd").exists()
    for path in ("/", "/srv/..", "/proc", "/usr"):
        assert number(channel, "clear", "lab", path) == errno.EBUSY
    (disk / "opt/x").mkdir()
    assert ran(channel, "lab", "mkdir /opt/x/y && mount -t tmpfs none /opt/x/y && touch /opt/x/y/file") == 0
    assert number(channel, "clear", "lab", "/opt/x") == errno.EBUSY
    assert channel.call("stat", "lab", "/opt/x/y/file", "", answer="iiiii")[1] == 0
    # The same device in another place is mounted there as well.
    assert ran(channel, "lab", "mkdir -p /srv/here /srv/there/z && touch /srv/here/file && mount --bind /srv/here /srv/there/z") == 0
    for path in ("/srv/there", "/srv/there/z"):
        assert number(channel, "clear", "lab", path) == errno.EBUSY
    assert (disk / "srv/here/file").exists()


def test_large_removal_runs_in_parts(disk):
    for name in range(500):
        (disk / f"srv/large/{name % 10}").mkdir(parents=True, exist_ok=True)
        (disk / f"srv/large/{name % 10}/{name}").touch()
    with tools_guest.serving(disk, ["-DREMOVAL_MILLISECONDS=1"]) as port:
        channel, asked = Channel(port), []
        while not asked or asked[-1] == [0]:
            asked.append(channel.call("clear", "lab", "/srv/large", answer="i"))
    assert len(asked) > 1
    assert not (disk / "srv/large").exists()


# The machine


def test_machine_requests_require_the_port(channel):
    for request in (("stop",), ("restart",), ("clock", int(time.time()), 0)):
        assert number(channel, *request) == errno.EPERM
    assert channel.call("hello", answer="ibii")


def test_other_name_idles_until_killed(tmp_path):
    (tmp_path / "apache2").symlink_to(tools_guest.build())
    process = subprocess.Popen([tmp_path / "apache2", "-k", "start"], stdin=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert subprocess.run([tools_guest.build()], capture_output=True, check=False).returncode == 2
