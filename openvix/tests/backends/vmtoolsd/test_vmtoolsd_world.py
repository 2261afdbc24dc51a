# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs of a world in whose guests VMware's own Tools run, as a client sees them."""

from __future__ import annotations

import os
import threading
import time

import pytest
import real_tools
from protocol_client import Client
from real_machines import OFF, PAUSED, READY, SUSPENDED, Machine
from waiting import eventually

from openvix.vix import constants

pytestmark = real_tools.NEEDED
FROM_GUEST = constants.VIX_VMPOWEROP_FROM_GUEST
MEMORY = constants.VIX_SNAPSHOT_INCLUDE_MEMORY


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def guest(openvix):
    processes = [{"name": "svc", "command": "/usr/bin/svc -x 1", "owner": "svc"}]
    return real_tools.RealGuest(openvix, processes=processes, files={"/srv/data/hello": "hello\n"})


@pytest.fixture
def web(openvix, client, guest):
    machine = Machine(openvix, client, guest.vmx)
    log_in(machine)
    return machine


def log_in(machine, name="lab"):
    begun = time.monotonic()
    assert machine.WaitForToolsInGuest(90) == 0
    # A call that nobody wakes ends with its time limit, and without an error if the Tools run by then.
    assert time.monotonic() - begun < 80
    machine.client.log_in(machine.path, name, "s3cret")


def boots(guest):
    """Return what is new after each boot of the guest."""
    return guest.pid, guest.run("cat /proc/1/stat").split()[21]


def test_guest_has_accounts_files_and_processes(web, guest):
    assert guest.text("/srv/data/hello") == "hello\n"
    assert guest.run("stat -c '%a %U' /srv/data/hello; stat -c %U /home/ann") == "644 root\nann\n"
    assert guest.run("cat /etc/hostname; hostname; id -u lab; cat /proc/sys/kernel/hostname") == "web\nweb\n0\nweb\n"
    found = {name: (owner, command) for name, owner, command in web.processes().values()}
    assert found["svc"] == ("svc", "/usr/bin/svc -x 1")
    assert web.run("exit 7") == 7


def test_programs_run_as_their_user(web, guest):
    log_in(web, "ann")
    assert web.run("id -un >/tmp/who; cat /etc/shadow") == 1
    assert guest.text("/tmp/who") == "ann\n"


def test_guest_does_not_reach_the_host(guest):
    assert guest.run("ls -A /run/host /proc/1/root/run/host 2>/dev/null", check=False) == ""
    assert guest.run("cut -d' ' -f5 /proc/1/mountinfo | sort").split() == sorted(["/", "/proc", "/run", "/dev", "/dev/pts", "/dev/shm", "/run/openvix"])
    # Its init has no rights beyond its namespaces: a device of the host cannot be made, nor anything mounted.
    status = guest.run("sed -n 's/^CapBnd:.//p' /proc/1/status")
    assert not int(status, 16) & (1 << 21 | 1 << 16 | 1 << 27 | 1 << 17 | 1 << 22)


def test_disk_lasts_through_power_off_and_reset(web, guest):
    guest.run("echo kept >/tmp/kept")
    before = boots(guest)
    assert web.Reset(0) == 0
    assert boots(guest) != before
    log_in(web)
    assert guest.text("/tmp/kept") == "kept\n"
    assert web.PowerOff(0) == 0
    assert web.power == OFF
    assert web.PowerOn(0, []) == 0
    log_in(web)
    assert guest.text("/tmp/kept") == "kept\n"
    assert web.power == READY


def test_suspend_and_pause(web, guest):
    guest.run("echo kept >/tmp/kept")
    assert web.Pause(0, []) == 0
    assert web.power == PAUSED
    assert guest_state(guest) == "T"
    assert web.Unpause(0, []) == 0
    assert guest_state(guest) != "T"
    assert web.run("exit 3") == 3
    assert web.Suspend(0) == 0
    assert web.power == SUSPENDED
    assert web.PowerOn(0, []) == 0
    log_in(web)
    assert guest.text("/tmp/kept") == "kept\n"


def guest_state(guest):
    with open(f"/proc/{guest.pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_snapshot_keeps_deletions_owners_and_modes(web, guest):
    guest.run("echo one >/srv/one; chown ann /srv/one; chmod 640 /srv/one; rm /etc/debian_version; mkdir /srv/d; ln -s ../one /srv/d/l; ln /srv/one /srv/two")
    [[_, snapshot]] = web.has("CreateSnapshot", "first", "", 0, [])
    guest.run("rm -r /srv; touch /etc/debian_version")
    assert web.RevertToSnapshot(snapshot, 0, []) == 0
    assert web.power == OFF
    assert web.PowerOn(0, []) == 0
    log_in(web)
    assert guest.run("stat -c '%a %U %h' /srv/one; readlink /srv/d/l; ls /etc/debian_version 2>/dev/null || echo none") == "640 ann 2\n../one\nnone\n"


def test_reverted_with_memory_runs(web, guest):
    guest.run("echo one >/srv/one")
    [[_, snapshot]] = web.has("CreateSnapshot", "first", "", MEMORY, [])
    guest.run("echo two >/srv/one")
    assert web.RevertToSnapshot(snapshot, 0, []) == 0
    log_in(web)
    assert guest.text("/srv/one") == "one\n"


def test_clone_has_its_own_disk(web, guest, client, openvix, tmp_path):
    guest.run("echo one >/srv/one; chown ann /srv/one")
    assert web.PowerOff(0) == 0
    path = f"{tmp_path}/copy/copy.vmx"
    assert web.Clone(None, constants.VIX_CLONETYPE_FULL, path, 0, []) == 0
    other = Machine(openvix, client, path)
    assert other.PowerOn(0, []) == 0
    log_in(other)
    assert other.run("test $(stat -c %U /srv/one) = ann && echo two >/srv/one") == 0
    assert web.PowerOn(0, []) == 0
    log_in(web)
    assert guest.text("/srv/one") == "one\n"


@pytest.mark.parametrize("reset", [False, True], ids=["halt", "restart"])
def test_guest_obeys_soft_requests(web, guest, reset):
    guest.run("echo kept >/srv/kept")
    before = boots(guest)
    assert (web.Reset(FROM_GUEST) if reset else web.PowerOff(FROM_GUEST)) == 0
    if not reset:
        assert web.power == OFF
        assert web.PowerOn(0, []) == 0
    log_in(web)
    assert boots(guest) != before or reset
    assert guest.text("/srv/kept") == "kept\n"
    assert web.run("exit 3") == 3


def test_poweroff_in_guest_powers_vm_off(web):
    web.begin("/bin/sh", "-c 'poweroff -f'")
    eventually(lambda: web.power == OFF, 20)


def test_next_daemon_takes_guest_over(web, guest, openvix):
    guest.run("sleep 1000 </dev/null >/dev/null 2>&1 & disown")
    before = boots(guest)
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as again:
        machine = Machine(openvix, again, guest.vmx)
        log_in(machine)
        assert boots(guest) == before
        assert machine.run("exit 3") == 3
        assert "sleep" in {name for name, *_ in machine.processes().values()}
        assert machine.PowerOff(0) == 0


def test_guest_that_is_killed_powers_vm_off(web, guest):
    os.kill(guest.pid, 9)
    eventually(lambda: web.power == OFF, 20)
    assert web.PowerOn(0, []) == 0
    log_in(web)


def test_tools_start_anew(web, guest):
    for _ in range(2):
        guest.kill_tools()
        answered(web)
        assert web.run("exit 3") == 3


def test_deleted_vm_leaves_nothing(web, guest, openvix, client):
    pid = guest.pid
    assert web.PowerOff(0) == 0
    assert not os.path.exists(f"/proc/{pid}")
    assert client.code("VixVM_Delete", guest.vmx, constants.VIX_VMDELETE_DISK_FILES) == 0
    assert not os.path.exists(os.path.dirname(guest.vmx))


def test_guest_variables_seen_by_guest_and_host(web, guest):
    [[_, value]] = web.has("ReadVariable", constants.VIX_VM_GUEST_VARIABLE, "role", 0)
    assert value == ""
    assert guest.run("vmware-rpctool 'info-get guestinfo.role' 2>&1", check=False) == "No value found\n"
    assert web.WriteVariable(constants.VIX_VM_GUEST_VARIABLE, "role", "web ä", 0) == 0
    assert guest.run("vmware-rpctool 'info-get guestinfo.Role'") == "web ä\n"
    guest.run("vmware-rpctool 'info-set guestinfo.answer 4 2'")
    [[_, value]] = web.has("ReadVariable", constants.VIX_VM_GUEST_VARIABLE, "answer", 0)
    assert value == "4 2"
    assert web.PowerOff(0) == 0
    assert web.PowerOn(0, []) == 0
    log_in(web)
    assert guest.run("vmware-rpctool 'info-get guestinfo.answer' || echo none") == "none\n"


def test_administrator_sets_environment_of_programs(web, guest):
    assert web.WriteVariable(constants.VIX_GUEST_ENVIRONMENT_VARIABLE, "COLOUR", "blue", 0) == 0
    assert web.run('test "$COLOUR" = blue') == 0
    # It is lost with vmtoolsd, and given to the next one.
    guest.kill_tools()
    answered(web)
    assert web.run('test "$COLOUR" = blue') == 0


def answered(machine):
    """Wait until the Tools answer again; until then there is one error, and nothing hangs."""
    code, end = None, time.monotonic() + 30
    while code != 0 and time.monotonic() < end:
        code = machine.FileExistsInGuest("/etc/passwd")
        assert code in (0, constants.VIX_E_TOOLS_NOT_RUNNING)
    assert code == 0


STEPS = {
    "login": lambda machine, folder: machine.LoginInGuest("ann", "s3cret", 0),
    "program": lambda machine, folder: machine.RunProgramInGuest("/bin/sleep", "5", 0, []),
    "script": lambda machine, folder: machine.RunScriptInGuest("/bin/sh", "sleep 5", 0, []),
    "list of processes": lambda machine, folder: machine.ListProcessesInGuest(0),
    "kill": lambda machine, folder: machine.KillProcessInGuest(99999, 0),
    "copy into": lambda machine, folder: machine.CopyFileFromHostToGuest(f"{folder}/large", "/srv/large", 0, []),
    "copy out": lambda machine, folder: machine.CopyFileFromGuestToHost("/usr/bin/perl", f"{folder}/perl", 0, []),
    "list": lambda machine, folder: machine.ListDirectoryInGuest("/usr/share", 0),
    "info": lambda machine, folder: machine.GetFileInfoInGuest("/etc/passwd"),
    "create": lambda machine, folder: machine.CreateDirectoryInGuest("/srv/d", []),
    "delete": lambda machine, folder: machine.DeleteFileInGuest("/srv/none"),
    "rename": lambda machine, folder: machine.RenameFileInGuest("/srv/none", "/srv/other", 0, []),
    "temporary file": lambda machine, folder: machine.CreateTempFileInGuest(0, []),
    "environment": lambda machine, folder: machine.ReadVariable(constants.VIX_GUEST_ENVIRONMENT_VARIABLE, "HOME", 0),
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_tools_end_operation(web, guest, openvix, tmp_path, step):
    (tmp_path / "large").write_bytes(bytes(8 << 20))
    codes = set()
    with Client(openvix.directory) as other:
        machine = Machine(openvix, other, guest.vmx)
        log_in(machine)

        def work():
            for _ in range(60):
                codes.add(STEPS[step](machine, tmp_path))
                if constants.VIX_E_TOOLS_NOT_RUNNING in codes:
                    return

        worker = threading.Thread(target=work)
        worker.start()
        for _ in range(20):
            time.sleep(0.1 if step not in ("program", "script") else 0.7)
            guest.kill_tools()
            if not worker.is_alive():
                break
        worker.join(60)
        assert not worker.is_alive(), "an operation hangs"
    assert constants.VIX_E_TOOLS_NOT_RUNNING in codes
    answered(web)
    assert web.run("exit 3") == 3


def test_shared_folders_are_seen_by_programs(web, guest, openvix, tmp_path):
    folder = tmp_path / "two words"
    folder.mkdir()
    (folder / "in").write_text("of the host\n", encoding="utf-8")
    assert web.EnableSharedFolders(True, 0) == 0
    for name, writable in {"one": constants.VIX_SHAREDFOLDER_WRITE_ACCESS, "two": 0}.items():
        assert web.AddSharedFolder(name, str(folder), writable) == 0
    assert guest.run("cat /mnt/hgfs/one/in /mnt/hgfs/two/in") == "of the host\nof the host\n"
    assert web.run("echo back >/mnt/hgfs/one/out && ! echo no >/mnt/hgfs/two/out") == 0
    assert (folder / "out").read_text(encoding="utf-8") == "back\n"
    assert web.FileExistsInGuest("/mnt/hgfs/two/in") == 0
    assert web.RemoveSharedFolder("one", 0) == 0
    assert guest.run("ls /mnt/hgfs") == "two\n"
    assert web.Reset(0) == 0
    log_in(web)
    assert guest.run("cat /mnt/hgfs/two/in") == "of the host\n"
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as again:
        machine = Machine(openvix, again, guest.vmx)
        assert machine.WaitForToolsInGuest(60) == 0
        assert machine.EnableSharedFolders(False, 0) == 0
        assert guest.run("ls -A /mnt/hgfs") == ""
    assert (folder / "in").exists()


@pytest.mark.parametrize("end", ["power off", "kill of the Tools"])
def test_hung_tools_do_not_hang_the_vm(web, guest, openvix, end):
    guest.run("kill -STOP $(cat /proc/[0-9]*/stat | sed -n 's/^\\([0-9]*\\) (vmtoolsd).*/\\1/p')")
    codes = []
    with Client(openvix.directory) as other:
        machine = Machine(openvix, other, guest.vmx)
        worker = threading.Thread(target=lambda: codes.append(machine.LoginInGuest("ann", "s3cret", 0)))
        worker.start()
        time.sleep(0.5)
        assert worker.is_alive()
        if end == "power off":
            assert web.PowerOff(0) == 0
        else:
            guest.kill_tools()
        worker.join(20)
        assert not worker.is_alive(), "an operation hangs"
    assert codes == [constants.VIX_E_VM_NOT_RUNNING if end == "power off" else constants.VIX_E_TOOLS_NOT_RUNNING]
    if end == "power off":
        assert web.PowerOn(0, []) == 0
    log_in(web)
    assert web.run("exit 3") == 3


def test_copied_directory_keeps_links_and_modes(web, guest, tmp_path):
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "large").write_bytes(os.urandom(300_000))
    (tree / "deep" / "large").chmod(0o640)
    (tree / "run").write_text("#!/bin/sh\n", encoding="utf-8")
    (tree / "run").chmod(0o750)
    (tree / "ä link").symlink_to("deep/large")
    (tree / "dangling").symlink_to("nowhere")

    assert web.CopyFileFromHostToGuest(str(tree), "/srv/tree", 0, []) == 0
    listed = "cd /srv/tree; stat -c '%n %a %F' run deep/large; readlink 'ä link' dangling"
    assert guest.run(listed) == "run 750 regular file\ndeep/large 640 regular file\ndeep/large\nnowhere\n"
    assert web.CopyFileFromGuestToHost("/srv/tree", f"{tmp_path}/back", 0, []) == 0
    assert (tmp_path / "back" / "deep" / "large").read_bytes() == (tree / "deep" / "large").read_bytes()
    assert os.readlink(tmp_path / "back" / "ä link") == "deep/large"
    assert os.readlink(tmp_path / "back" / "dangling") == "nowhere"
    assert (tmp_path / "back" / "run").stat().st_mode & 0o777 == 0o750
