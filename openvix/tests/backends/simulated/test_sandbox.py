# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from descriptors import opened
from guest_program_cases import BECOMING
from simulated_guest import Guest
from waiting import eventually

from openvix.backends.simulated import processes, sandbox
from openvix.guest import disks
from openvix.vix import constants
from openvix.vix.errors import VixError

ACCOUNTS = [{"name": "lab", "password": "lab", "administrator": True}, {"name": "ann", "password": "a"}]
PROCESSES = [
    {"name": "apache2", "command": '/usr/sbin/apache2  -k start -D "A B"', "owner": "www-data"},
    {"name": "mysqld", "command": "", "owner": "mysql"},
    {"name": "a-name-of-more-than-fifteen", "command": "/opt/a-name-of-more-than-fifteen", "owner": "ann"},
    {"name": "mysqld", "command": "mysqld --second", "owner": "mysql"},
]
allowed = pytest.mark.skipif(not sandbox.is_allowed(), reason="this machine allows no user namespaces")


@pytest.fixture
def born():
    """The processes that this one got below it since the test began."""
    before = host_processes_below(os.getpid())
    return lambda: [process for process in host_processes_below(os.getpid()) if process not in before]


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    disks.create(place, hostname="web", accounts=ACCOUNTS, files={})
    return place


@pytest.fixture
def make(tmp_path):
    """Make Guest objects of one guest, as daemons would one after another."""
    made = []

    def new(processes=()):
        made.append(Guest(tmp_path / "run", accounts=ACCOUNTS, processes=list(processes)))
        return made[-1]

    yield new
    for guest in made:
        guest.halt()


def lab(guest):
    return guest.login("lab", "lab")


def shell(guest, disk, script):
    """Run a script in the guest and return what it says and its exit code."""
    status = guest.run_script(lab(guest), None, f"({script}\n) > /said 2>&1", wait=True)[2]
    return (disk / "said").read_text(errors="replace"), status


def init_of(tmp_path):
    return sandbox.Init(*json.loads((tmp_path / "run/guest.json").read_text())["init"])


def host_processes_below(pid):
    """The processes of the host whose first ancestor is this one."""
    children = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(int((each / "stat").read_text().rpartition(")")[2].split()[1]), []).append(int(each.name))
    found, rest = [], [pid]
    while rest:
        below = children.get(rest.pop(), [])
        found += below
        rest += below
    return found


def children():
    """The child processes of this one, ended ones that nobody has waited for included."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def described(guest):
    return [(process.name, process.command, process.owner) for process in guest.processes()]


DESCRIBED = [
    ("init", "/sbin/init", "root"),
    ("apache2", '/usr/sbin/apache2  -k start -D "A B"', "www-data"),
    ("mysqld", "mysqld", "mysql"),
    ("a-name-of-more-than-fifteen", "/opt/a-name-of-more-than-fifteen", "ann"),
    ("mysqld", "mysqld --second", "mysql"),
]


# Processes


@allowed
def test_declared_processes_exist(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    assert described(guest) == DESCRIBED
    assert guest.processes()[0].pid == 1
    assert all(abs(process.start_time - time.time()) < 30 for process in guest.processes())
    said, _ = shell(guest, disk, "cat /proc/[0-9]*/comm; tr '\\0' ' ' < /proc/1/cmdline")
    assert {"apache2", "mysqld", "init", "a-name-of-more-"} <= set(said.split())
    # What was run ended a moment ago.
    eventually(lambda: len(host_processes_below(init_of(tmp_path).pid)) == len(PROCESSES))


@allowed
def test_killed_process_vanishes_from_the_host(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    init = init_of(tmp_path)
    before = set(host_processes_below(init.pid))
    victim = guest.processes()[1]
    guest.kill(lab(guest), victim.pid)
    assert victim not in guest.processes()
    eventually(lambda: len(host_processes_below(init.pid)) == len(PROCESSES) - 1)
    (gone,) = before - set(host_processes_below(init.pid))
    assert state_of(gone) is None


@allowed
def test_declared_processes_obey_sigterm(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    apache = guest.processes()[1]
    _, status = shell(guest, disk, f"kill {apache.pid}; (sleep 0.01 &) ; true")
    assert status == 0
    eventually(lambda: len(host_processes_below(init_of(tmp_path).pid)) == len(PROCESSES) - 1)
    assert "apache2" not in [process.name for process in guest.processes()]


@allowed
def test_sandbox_is_created_on_demand(make, disk, tmp_path):
    guest = make()
    guest.boot(disk)
    assert json.loads((tmp_path / "run/guest.json").read_text())["init"] is None
    assert guest.file_exists(lab(guest), "/etc/hostname")
    assert described(guest) == [("init", "/sbin/init", "root")]
    init = init_of(tmp_path)
    assert guest.run_program(lab(guest), "/bin/true", None, wait=True)[2] == 0
    assert init_of(tmp_path) == init


@allowed
def test_files_and_programs_share_one_disk(make, disk, tmp_path):
    guest = make()
    guest.boot(disk)
    (tmp_path / "in").write_text("from the host")
    guest.copy_in(lab(guest), str(tmp_path / "in"), "/opt/in")
    said, status = shell(guest, disk, "cat /opt/in; hostname; cat /etc/hostname; echo made > /opt/made; pwd; awk 'BEGIN { print 6 * 7 }'")
    assert (said, status) == ("from the hostweb\nweb\n/\n42\n", 0)
    assert (disk / "opt/made").read_text() == "made\n"


@allowed
def test_frozen_guest_stands_still(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    # A shell that starts other programs would wait for them to begin (D), and not be seen to stand still.
    guest.run_program(lab(guest), "/bin/sh", "-c 'while :; do echo >> /opt/ticks; done'", wait=False)
    ticks = disk / "opt/ticks"
    eventually(lambda: ticks.exists() and ticks.stat().st_size > 3)
    guest.freeze()
    below = host_processes_below(init_of(tmp_path).pid)
    eventually(lambda: {state_of(pid) for pid in below} == {"T"})
    size = ticks.stat().st_size
    threading.Event().wait(0.1)
    assert ticks.stat().st_size == size
    guest.thaw()
    eventually(lambda: ticks.stat().st_size > size)
    guest.freeze()
    guest.halt()
    assert not any(state_of(pid) for pid in below)


# Isolation


@allowed
def test_program_sees_nothing_of_the_host(make, disk, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENVIX_TEST_SECRET", "do-not-tell")
    (tmp_path / "secret").write_text("")
    leaked = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    guest = make(PROCESSES)
    try:
        guest.boot(disk)
        said, _ = shell(guest, disk, "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; env; ls -l /proc/[0-9]*/fd; ls -d /proc/[0-9]*")
    finally:
        os.close(leaked)
    assert "apache2" in said
    assert "USER=www-data" in said
    for word in ("do-not-tell", "pytest", str(tmp_path), f"/proc/{os.getpid()}\n"):
        assert word not in said
    said, _ = shell(guest, disk, "ls -A /; echo ====; ls -A /root; ls -A /home; echo ====; ls /dev; echo ====; ls /dev/shm; stat -c %i /")
    root, homes, devices, rest = (part.split() for part in said.split("====\n"))
    assert sorted(root) == sorted(os.listdir(disk))
    assert homes == ["ann", "lab"]
    assert devices == ["fd", "full", "null", "openvix", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
    assert rest == [str(disk.stat().st_ino)]


@allowed
def test_program_has_no_network(make, disk):
    guest = make()
    guest.boot(disk)
    said, _ = shell(guest, disk, "sed 1,2d /proc/net/dev | cut -d: -f1; sed 1d /proc/net/route; cat /proc/net/ipv6_route | grep -v ' lo$'")
    assert said.split() == ["lo"]
    here = {name: os.readlink(f"/proc/self/ns/{name}") for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")}
    said, _ = shell(guest, disk, "for name in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$name; done")
    assert len(said.split()) == len(here)
    assert not set(said.split()) & set(here.values())


@allowed
def test_program_cannot_change_the_host(make, disk):
    guest = make()
    guest.boot(disk)
    attempts = {
        "usr": "touch /usr/openvix-test",
        "bin": "touch /bin/openvix-test",
        "lib": "touch /lib/openvix-test",
        "deep": 'touch "$(find /usr -mindepth 2 -maxdepth 2 -type d | head -n 1)/openvix-test"',
        "mode": "chmod 755 /usr",
        "alternatives": "touch /etc/alternatives/openvix-test",
        "linker": ": >> /etc/ld.so.cache",
        "device": "chmod 666 /dev/null",
        "device of init": "chmod 666 /proc/1/fd/0",
        "settings": "cat /proc/sys/vm/swappiness > /tmp/value && cat /tmp/value > /proc/sys/vm/swappiness",
        "helper": ": >> /dev/openvix/sandbox",
        "helper of init": ": >> /proc/1/exe",
        "writable /usr": "mount -o remount,rw,bind /usr",
        "writable /proc": "mount -o remount,rw,bind /proc",
        "no /usr": "umount /usr",
        "new proc": "mount -t proc proc /mnt",
        "new namespaces": "unshare -U true",
        "new mounts": "unshare -m true",
        "own root": "unshare -Ur -m sh -c 'mount -o remount,rw,bind /usr'",
        "device node": "mknod /tmp/null c 1 3",
        "hostname": "hostname other",
    }
    script = "\n".join(f"if ({attempt}); then echo 'done: {name}'; fi" for name, attempt in attempts.items())
    said, _ = shell(guest, disk, script)
    done = [line for line in said.splitlines() if line.startswith("done: ")]
    made = [path for path in ("/usr/openvix-test", "/bin/openvix-test", "/lib/openvix-test", "/etc/alternatives/openvix-test") if os.path.exists(path)]
    for path in made:
        os.unlink(path)
    assert (done, made) == ([], [])
    assert "Read-only file system" in said
    said, _ = shell(guest, disk, "echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 1 /dev/urandom | wc -c; echo y > /dev/shm/y; cat /dev/shm/y")
    assert said.split() == ["3", "1", "y"]


@allowed
def test_mounts_are_read_only_except_disk_and_shm(make, disk):
    guest = make()
    guest.boot(disk)
    said, _ = shell(guest, disk, "cat /proc/self/mounts")
    mounts = {line.split()[1]: line.split()[3].split(",") for line in said.splitlines()}
    writable = {place for place, options in mounts.items() if "rw" in options}
    assert writable == {"/", "/dev/shm"}
    assert {"/usr", "/proc", "/dev", "/dev/null"} <= set(mounts)
    assert all("nosuid" in options for options in mounts.values())
    said, _ = shell(guest, disk, "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status")
    effective, bounding, barred = (int(line.split()[1], 16) for line in said.splitlines())
    # CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_MKNOD
    assert (effective | bounding) & (1 << 21 | 1 << 19 | 1 << 2 | 1 << 27) == 0
    assert barred == 1


@allowed
@pytest.mark.parametrize("name", ["proc", "dev"])
def test_links_at_mount_points_prevent_the_start(make, disk, tmp_path, name, born):
    (tmp_path / "outside").mkdir()
    (disk / name).rmdir()
    (disk / name).symlink_to(tmp_path / "outside")
    with pytest.raises(VixError) as caught:
        make(PROCESSES).boot(disk)
    assert caught.value.code == constants.VIX_E_CANNOT_POWER_ON_VM
    assert os.listdir(tmp_path / "outside") == []
    assert born() == []


@allowed
def test_process_is_listed_once_it_is_in_the_guest(make, disk):
    guest = make()
    guest.boot(disk)
    done = threading.Event()

    def keep_starting():
        while not done.is_set():
            guest.run_program(lab(guest), "/bin/sleep", "0.1", wait=False)
            guest.run_program(lab(guest), "/bin/sleep", "0.02", wait=True)

    thread = threading.Thread(target=keep_starting)
    thread.start()
    try:
        seen = {process.command for _ in range(200) for process in guest.processes()}
        eventually(lambda: "/bin/sleep 0.1" in [process.command for process in guest.processes()])
    finally:
        done.set()
        thread.join()
    assert not {command for command in seen if command.startswith("sandbox")}


@allowed
def test_arguments_during_exec_are_old_or_new(make, disk, tmp_path):
    guest = make()
    guest.boot(disk)
    pid, _, _ = guest.run_program(lab(guest), "/bin/sh", f"-c '{BECOMING}'", wait=False)
    init, seen = init_of(tmp_path), set()

    def has_become():
        seen.add(processes.arguments_of(init, pid)[0])
        return "/bin/sleep" in seen

    eventually(has_become)
    assert seen <= {"/bin/sh", "/bin/sleep"}


@allowed
def test_check_for_sandboxes_leaves_nothing(tmp_path, monkeypatch, born):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = opened()
    sandbox._trial.cache_clear()
    assert sandbox.is_allowed()
    assert born() == []
    assert os.listdir(tmp_path) == []
    assert opened() <= before


# Its life


@allowed
def test_halt_leaves_nothing(make, disk, tmp_path, born):
    def there():
        return {*opened(), *threading.enumerate(), *Path("/proc/self/mountinfo").read_text().splitlines()}

    before = there()
    guest = make(PROCESSES)
    guest.boot(disk)
    init = init_of(tmp_path)
    guest.run_program(lab(guest), "/bin/sleep", "60", wait=False)
    guest.run_script(lab(guest), None, "sleep 60 & sleep 60", wait=False)
    below = host_processes_below(init.pid)
    assert len(below) >= len(PROCESSES) + 1
    guest.halt()
    assert [pid for pid in (init.pid, *below) if state_of(pid)] == []
    eventually(lambda: there() <= before and not born())
    assert os.listdir(tmp_path / "run") == []


@allowed
def test_next_boot_has_new_processes(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    first = init_of(tmp_path)
    guest.run_program(lab(guest), "/bin/sleep", "60", wait=False)
    guest.boot(disk)
    assert not sandbox.is_alive(first)
    assert described(guest) == DESCRIBED


DAEMON = """
import os, signal, sys
from pathlib import Path
from openvix.backends.simulated.system import System
place = Path(sys.argv[1])
guest = System(place / "run", hostname="web", declared=[{"name": "apache2", "command": "apache2 -k start", "owner": "www-data"}])
guest.boot(place / "disk")
os.kill(os.getpid(), signal.SIGKILL)
"""


@allowed
def test_guest_outlives_killed_daemon(make, disk, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", DAEMON, str(tmp_path)], env=environment, capture_output=True, timeout=60, check=False)
    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, b"")
    init = init_of(tmp_path)
    assert sandbox.is_alive(init)
    guest = make()
    assert guest.attach(disk)
    assert guest.disk == disk
    assert described(guest)[1:] == [("apache2", "apache2 -k start", "www-data")]
    assert guest.run_program(lab(guest), "/bin/true", None, wait=True)[2] == 0
    assert init_of(tmp_path) == init
    guest.halt()
    eventually(lambda: state_of(init.pid) in (None, "Z"))
    assert not sandbox.is_alive(init)


@allowed
def test_guest_without_processes_is_taken_over(make, disk):
    assert not make().attach(disk)
    make().boot(disk)
    assert make().attach(disk)


@allowed
def test_ended_guest_or_other_disk_is_not_taken_over(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    init = init_of(tmp_path)
    other = make(PROCESSES)
    assert not other.attach(tmp_path / "other-disk")
    assert other.disk is None
    assert not sandbox.is_alive(init)
    guest.boot(disk)
    os.kill(init_of(tmp_path).pid, signal.SIGKILL)
    eventually(lambda: not make().attach(disk))


@allowed
def test_interrupted_boot_is_not_taken_over(make, disk, tmp_path):
    make(PROCESSES).boot(disk)
    init = init_of(tmp_path)
    record = tmp_path / "run/guest.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "complete": False}))
    assert not make(PROCESSES).attach(disk)
    assert not sandbox.is_alive(init)


@allowed
def test_reused_process_id_is_not_taken_or_killed(make, disk, tmp_path):
    make(PROCESSES).boot(disk)
    record, init = tmp_path / "run/guest.json", init_of(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as innocent:
        try:
            record.write_text(json.dumps({**json.loads(record.read_text()), "init": [innocent.pid, init.start - 1]}))
            guest = make(PROCESSES)
            assert not guest.attach(disk)
            guest.halt()
            false = sandbox.Init(innocent.pid, init.start - 1)
            with pytest.raises(ProcessLookupError):
                sandbox.launch(false, {}, "/bin/true", ["true"])
            with pytest.raises(ProcessLookupError):
                sandbox.kill(false, -1, signal.SIGKILL)
            assert innocent.poll() is None
        finally:
            innocent.kill()
            sandbox.stop(init)
    assert not sandbox.is_alive(init)


@allowed
def test_sandbox_dies_if_it_cannot_be_recorded(disk):
    seen = []

    def forget(init):
        seen.append(init)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        sandbox.start(disk, "web", [], forget)
    assert state_of(seen[0].pid) is None


@allowed
def test_incomplete_disk_starts_no_sandbox(disk, make):
    (disk / "proc").rmdir()
    before = children()
    with pytest.raises(OSError, match="proc") as refused:
        sandbox.start(disk, "web", [], lambda init: None)
    assert isinstance(refused.value, FileNotFoundError)
    with pytest.raises(VixError) as caught:
        make(PROCESSES).boot(disk)
    assert caught.value.code == constants.VIX_E_CANNOT_POWER_ON_VM
    assert children() <= before


@allowed
def test_guests_do_not_see_each_other(make, disk, tmp_path):
    guest = make(PROCESSES)
    guest.boot(disk)
    disks.copy(disk, tmp_path / "disk2")
    other = Guest(tmp_path / "run2", hostname="db", accounts=ACCOUNTS, processes=[])
    other.boot(tmp_path / "disk2")
    try:
        assert described(other) == [("init", "/sbin/init", "root")]
        said, status = shell(other, tmp_path / "disk2", "hostname; kill -9 -1")
        assert (said, status) == ("db\n", 0)
        assert described(guest) == DESCRIBED
    finally:
        other.halt()


# Without sandboxes


@pytest.fixture
def forbidden(monkeypatch):
    monkeypatch.setenv("OPENVIX_SANDBOX", "none")


def test_no_program_runs_without_sandboxes(forbidden, make, disk, tmp_path, born):
    guest = make(PROCESSES)
    guest.boot(disk)
    for call in (guest.run_program, guest.run_script):
        with pytest.raises(VixError) as caught:
            call(lab(guest), "/bin/sh", "true", wait=True)
        assert caught.value.code == constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST
    guest.freeze()
    guest.thaw()
    assert guest.file_exists(lab(guest), "/etc/hostname")
    assert not born()


def test_processes_listed_and_killed_without_sandboxes(forbidden, make, disk):
    guest = make(PROCESSES)
    guest.boot(disk)
    listed = guest.processes()
    assert described(guest) == DESCRIBED
    assert len({process.pid for process in listed}) == len(listed)
    ann = guest.login("ann", "a")
    with pytest.raises(VixError) as caught:
        guest.kill(ann, listed[1].pid)
    assert caught.value.code == constants.VIX_E_GUEST_USER_PERMISSIONS
    guest.kill(ann, listed[3].pid)
    guest.kill(lab(guest), listed[1].pid)
    later = make(PROCESSES)
    assert later.attach(disk)
    assert later.processes() == [listed[0], listed[2], listed[4]]
    for pid, code in ((listed[1].pid, constants.VIX_E_NO_SUCH_PROCESS), (1, constants.VIX_E_GUEST_USER_PERMISSIONS)):
        with pytest.raises(VixError) as caught:
            later.kill(lab(later), pid)
        assert caught.value.code == code
    later.boot(disk)
    assert described(later) == DESCRIBED


def test_mode_of_null_device_is_unchanged():
    assert stat.S_IMODE(os.stat("/dev/null").st_mode) == 0o666
