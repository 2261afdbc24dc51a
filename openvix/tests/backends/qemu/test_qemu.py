# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of real machines behind the VIX API: each of these boots a Linux in QEMU."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import real_machines
from protocol_client import Client
from real_machines import ACCOUNTS, OFF, ON, PAUSED, READY, SECONDS, SUSPENDED, Machine, digest
from waiting import eventually

from openvix.backends.qemu import emulator
from openvix.daemon import control
from openvix.protocol import frames
from openvix.vix import constants
from openvix.world import layout

pytestmark = real_machines.NEEDED

LARGE = 100_000_000


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def machine(openvix, client):
    """A machine that is off, with what a test of its life needs."""
    processes = [{"name": "apache2", "command": "/usr/sbin/apache2 -k start", "owner": "www-data"}]
    path = openvix.add_vm("web", hypervisor="qemu", memory=128, accounts=ACCOUNTS, processes=processes, files={"/etc/motd": "Welcome"})
    return Machine(openvix, client, path)


def stop_tools(machine, folder, then="true"):
    """Have the agent stand still, and a shell in the guest go on with this; return the agent's process id."""
    folder.mkdir()
    assert machine.EnableSharedFolders(True, 0) == 0
    assert machine.AddSharedFolder("control", str(folder), constants.VIX_SHAREDFOLDER_WRITE_ACCESS) == 0
    [agent] = [pid for pid, (name, _, _) in machine.processes().items() if name == "openvix-tools"]
    machine.begin("/bin/sh", f"-c 'sleep 2; kill -STOP {agent}; touch /mnt/hgfs/control/stopped; {then}'")
    eventually((folder / "stopped").exists, SECONDS)
    return agent


def test_guest_boots_runs_programs_and_shuts_down(machine, tmp_path):
    assert machine.power == OFF
    assert machine.LoginInGuest("lab", "secret", 0) == constants.VIX_E_VM_NOT_RUNNING
    assert machine.PowerOn(0, []) == 0
    assert machine.PowerOn(0, []) == constants.VIX_E_VM_IS_RUNNING
    assert machine.WaitForToolsInGuest(SECONDS) == 0
    assert machine.power == READY
    assert machine.LoginInGuest("lab", "wrong", 0) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert machine.ListProcessesInGuest(0) == constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED
    machine.client.log_in(machine.path, "lab", "secret")

    eventually(lambda: ("apache2", "www-data", "/usr/sbin/apache2 -k start") in machine.processes().values())
    assert machine.processes()[1][0] == "init"
    assert machine.run("test $(hostname) = web && grep -q Welcome /etc/motd && test $(id -u) = 0") == 0
    assert machine.run("exit 7") == 7
    assert machine.run("kill -9 $$") == 0
    assert machine.run("[[ $BASH_VERSION ]]", "/bin/bash") == 0
    sleeper = machine.begin("/bin/sleep", "1000")
    assert machine.processes()[sleeper][:2] == ("sleep", "lab")
    assert machine.KillProcessInGuest(sleeper, 0) == 0
    eventually(lambda: sleeper not in machine.processes())
    assert machine.KillProcessInGuest(999999, 0) == constants.VIX_E_NO_SUCH_PROCESS

    assert machine.PowerOff(constants.VIX_VMPOWEROP_FROM_GUEST) == 0
    assert machine.power == OFF
    assert machine.emulators == []
    assert "guest-shutdown" in machine.log()


def test_user_has_the_rights_of_the_guest_kernel(machine, tmp_path):
    machine.boot()
    machine.client.log_in(machine.path, "guest", "guest")
    (tmp_path / "mine").write_text("mine")
    assert machine.CopyFileFromHostToGuest(str(tmp_path / "mine"), "/home/guest/mine", 0, []) == 0
    assert machine.text("/home/guest/mine", tmp_path) == "mine"
    assert machine.run("test $(id -un) = guest && test $(stat -c %U /home/guest/mine) = guest") == 0
    for path in ("/etc/evil", "/root/evil", "/home/lab/evil"):
        assert machine.CopyFileFromHostToGuest(str(tmp_path / "mine"), path, 0, []) == constants.VIX_E_FILE_ACCESS_ERROR, path
    assert machine.CopyFileFromGuestToHost("/etc/shadow", str(tmp_path / "stolen"), 0, []) == constants.VIX_E_FILE_ACCESS_ERROR
    assert not (tmp_path / "stolen").exists()
    [init] = [pid for pid, (name, _, _) in machine.processes().items() if name == "init" and pid == 1]
    assert machine.KillProcessInGuest(init, 0) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert machine.run("cat /etc/shadow") != 0


def test_copy_of_100_mb_is_unchanged(machine, tmp_path):
    with open(tmp_path / "large", "wb") as file:
        block = os.urandom(1_000_000)
        for number in range(LARGE // len(block)):
            file.write(number.to_bytes(8) + block[8:])
    machine.boot()
    assert machine.CopyFileFromHostToGuest(str(tmp_path / "large"), "/root/large", 0, []) == 0
    wanted = digest(tmp_path / "large")
    assert machine.run(f"echo '{wanted}  /root/large' | sha256sum -c") == 0
    assert machine.CopyFileFromGuestToHost("/root/large", str(tmp_path / "back"), 0, []) == 0
    assert digest(tmp_path / "back") == wanted


def test_memory_snapshot_restores_processes_and_files(machine, tmp_path):
    machine.boot()
    sleeper = machine.begin("/bin/sleep", "100000")
    assert machine.run("echo before >/root/state; mkdir -p /run/x; echo memory >/run/x/state") == 0
    snapshot = machine.client.take(machine.path, "one", memory=True)
    assert machine.run("echo after >/root/state; rm -r /run/x; touch /root/new") == 0
    assert machine.KillProcessInGuest(sleeper, 0) == 0
    eventually(lambda: sleeper not in machine.processes())

    assert machine.client.revert(machine.path, snapshot) == 0
    # A login does not outlive a revert.
    assert machine.ListProcessesInGuest(0) in (constants.VIX_E_TOOLS_NOT_RUNNING, constants.VIX_E_ANON_GUEST_OPERATIONS_PROHIBITED)
    machine.ready()

    assert machine.processes()[sleeper] == ("sleep", "lab", "/bin/sleep 100000")
    assert machine.text("/root/state", tmp_path) == "before\n"
    assert machine.run("test -e /run/x/state -a ! -e /root/new") == 0
    # The clock is that of the host, not of then.
    assert machine.run(f"test $(date +%s) -ge {int(time.time()) - 5}") == 0


def test_snapshot_tree_is_reverted_in_any_order(machine):
    client, path = machine.client, machine.path
    machine.boot()
    taken = {}
    for name in ("a", "b", "a"):
        assert machine.run(f"echo {len(taken)} >/root/number") == 0
        taken[len(taken)] = client.take(path, name, memory=True)
    client.revert(path, taken[0])
    machine.ready()
    assert machine.run("echo side >/root/number") == 0
    taken["side"] = client.take(path, "side", memory=True)
    assert client.code("VixVM_GetNamedSnapshot", path, "a") == constants.VIX_E_SNAPSHOT_NONUNIQUE_NAME
    assert client.one("VixVM_GetNamedSnapshot", path, "a/side") == taken["side"]

    for name in (2, "side", 0, 1, "side", 2):
        assert client.revert(path, taken[name]) == 0
        machine.ready()
        assert machine.run(f"test $(cat /root/number) = {name}") == 0, name

    assert machine.RemoveSnapshot(taken[1], constants.VIX_SNAPSHOT_REMOVE_CHILDREN) == 0
    assert client.revert(path, taken[2]) == constants.VIX_E_SNAPSHOT_NOTFOUND
    assert client.revert(path, taken["side"]) == 0
    machine.ready()
    disk = Path(path).parent / "openvix" / "disks"
    assert {each.name for each in disk.glob("*.json")} == {"1.json", "4.json"}


def test_revert_without_memory_powers_off(machine, tmp_path):
    client, path = machine.client, machine.path
    off = client.take(path, "off")
    machine.boot()
    assert machine.run("echo ran >/root/state; sync") == 0
    running = client.take(path, "running, disk only")
    assert machine.run("rm /root/state") == 0
    assert client.revert(path, running) == 0
    assert (machine.power, machine.emulators) == (OFF, [])
    machine.boot()
    assert machine.text("/root/state", tmp_path) == "ran\n"
    assert client.revert(path, off) == 0
    assert machine.power == OFF
    machine.boot()
    assert machine.run("test -e /root/state") != 0


def test_vm_suspended_resumed_paused_and_reset(machine):
    machine.boot()
    sleeper = machine.begin("/bin/sleep", "100000")
    assert machine.Suspend(0) == 0
    assert (machine.power, machine.emulators) == (SUSPENDED, [])
    kept = machine.client.take(machine.path, "suspended")
    machine.boot()
    assert sleeper in machine.processes()

    assert machine.Pause(0, []) == 0
    assert machine.power == PAUSED
    assert machine.ListProcessesInGuest(0) == constants.VIX_E_TOOLS_NOT_RUNNING
    assert machine.Unpause(0, []) == 0
    machine.ready()
    assert sleeper in machine.processes()

    for reset in (0, constants.VIX_VMPOWEROP_FROM_GUEST):
        sleeper = machine.begin("/bin/sleep", "100000")
        assert machine.Reset(reset) == 0
        machine.ready()
        assert ("sleep", "lab", "/bin/sleep 100000") not in machine.processes().values()

    assert machine.client.revert(machine.path, kept) == 0
    assert machine.power == SUSPENDED
    machine.boot()
    assert ("sleep", "lab", "/bin/sleep 100000") in machine.processes().values()
    assert machine.PowerOff(0) == 0
    assert (machine.power, machine.emulators) == (OFF, [])


def test_restart_and_shutdown_by_guest_are_noticed(machine):
    machine.boot()
    machine.begin("/bin/sh", "-c 'sleep 0.3; reboot -f'")
    eventually(lambda: "the guest restarts" in machine.log(), SECONDS)
    machine.ready()
    machine.begin("/bin/sh", "-c 'sleep 0.3; poweroff -f'")
    eventually(lambda: machine.power == OFF, SECONDS)
    eventually(lambda: machine.emulators == [])


def test_power_button_stops_guest_without_tools(machine, tmp_path):
    machine.boot()
    # What hears the button begins after Tools.
    eventually(lambda: any(name == "acpid" for name, _, _ in machine.processes().values()), SECONDS)
    stop_tools(machine, tmp_path / "control")
    assert machine.PowerOff(constants.VIX_VMPOWEROP_FROM_GUEST) == 0
    assert machine.power == OFF


def test_silent_tools_count_as_not_running(machine, tmp_path):
    machine.boot()
    agent = stop_tools(machine, tmp_path / "control", "until test -e /mnt/hgfs/control/go; do sleep 0.5; done; kill -CONT $(pidof openvix-tools)")
    # The next request after a resume sets the clock of the guest.
    assert machine.Pause(0, []) == 0
    assert machine.Unpause(0, []) == 0
    assert machine.power == ON
    assert machine.ListProcessesInGuest(0) == constants.VIX_E_TOOLS_NOT_RUNNING
    (tmp_path / "control" / "go").touch()
    machine.ready()
    assert machine.power == READY
    assert agent in machine.processes()


def test_vm_without_tools_allows_all_but_soft_reset(machine, tmp_path):
    machine.boot()
    stop_tools(machine, tmp_path / "control")
    assert machine.Reset(constants.VIX_VMPOWEROP_FROM_GUEST) == constants.VIX_E_TOOLS_NOT_RUNNING
    assert machine.power == ON
    machine.client.take(machine.path, "after")
    assert machine.Reset(0) == 0
    machine.ready()


def test_resumed_guest_has_the_time_of_its_host(machine, tmp_path):
    machine.boot()
    assert machine.Pause(0, []) == 0
    time.sleep(4)
    assert machine.Unpause(0, []) == 0
    assert machine.run("date +%s >/root/now") == 0
    assert abs(int(machine.text("/root/now", tmp_path)) - time.time()) < 3


@pytest.mark.parametrize("room", [0, 200])
def test_vm_with_failed_suspend_continues(machine, room):
    """There is no room for what is to be known of its memory, or for the state of the VM."""
    machine.boot()
    machine.world.fault(call="VixVM_Suspend", disk_full=room)
    assert machine.Suspend(0) == constants.VIX_E_DISK_FULL
    assert machine.run("true") == 0
    assert machine.Pause(0, []) == 0
    assert machine.Suspend(0) == constants.VIX_E_DISK_FULL
    assert machine.power == PAUSED
    machine.world.clear_faults()
    assert machine.Suspend(0) == 0
    machine.boot()


def test_vm_with_failed_shares_does_not_run(machine):
    config = Path(machine.path)
    config.write_text(config.read_text() + 'isolation.tools.hgfs.disable = "FALSE"\nsharedFolder.maxNum = "many"\n')
    assert machine.PowerOn(0, []) == constants.VIX_E_CANNOT_READ_VM_CONFIG
    assert (machine.power, machine.emulators) == (OFF, [])


@pytest.mark.parametrize("operation", ["snapshot", "suspend", "revert"])
def test_qemu_killed_in_operation_leaves_intact_vm(machine, operation):
    machine.boot()
    assert machine.run("echo kept >/root/state; sync") == 0
    kept = machine.client.take(machine.path, "kept", memory=True)
    calls = {
        "snapshot": ("VixVM_CreateSnapshot", machine.path, "again", None, constants.VIX_SNAPSHOT_INCLUDE_MEMORY, []),
        "suspend": ("VixVM_Suspend", machine.path, 0),
        "revert": ("VixVM_RevertToSnapshot", machine.path, kept, 0, []),
    }
    for pause in (0.0, 0.05, 0.2):
        job = machine.client.connection.begin(*calls[operation])
        machine.client.connection.receive(job, frames.EVENT)
        time.sleep(pause)
        for pid in machine.emulators:
            os.kill(pid, signal.SIGKILL)
        machine.client.connection.wait(job)
        # As before, without the power, or as after.
        eventually(lambda: (machine.power == OFF and not machine.emulators) or machine.power == SUSPENDED or (machine.emulators and machine.power & ON))
        if machine.power in (OFF, SUSPENDED):
            assert machine.PowerOn(0, []) == 0
        machine.ready()
        assert machine.run("grep -q kept /root/state") == 0
    assert machine.client.revert(machine.path, kept) == 0
    machine.ready()
    assert machine.PowerOff(0) == 0
    assert subprocess.run(["qemu-img", "check", "-q", str(Path(machine.path).parent / "openvix/disks/machine.qcow2")], check=False).returncode == 0


def test_killed_daemon_finds_its_vms_again(machine, openvix):
    machine.boot()
    sleeper, emulators = machine.begin("/bin/sleep", "100000"), machine.emulators
    machine.client.connection.close()
    openvix.kill_daemon()
    assert openvix.vms == {machine.path: "powered_on"}
    with Client(openvix.directory) as client:
        machine.client = client
        machine.ready()
        assert sleeper in machine.processes()
        assert machine.emulators == emulators
        assert machine.PowerOff(0) == 0


def test_vm_with_killed_qemu_is_off_and_restartable(machine, openvix):
    machine.boot()
    assert machine.run("echo kept >/root/state; sync") == 0
    [pid] = machine.emulators
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: machine.power == OFF)
    assert "QEMU exited" in machine.log()
    machine.boot()
    assert machine.run("grep -q kept /root/state") == 0

    # So it is when nobody serves the world meanwhile.
    [pid] = machine.emulators
    machine.client.connection.close()
    openvix.kill_daemon()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: openvix.vms == {machine.path: "powered_off"})
    with Client(openvix.directory) as client:
        machine.client = client
        machine.boot()


def test_stopped_world_has_no_process_and_resumes(machine, openvix):
    machine.boot()
    sleeper = machine.begin("/bin/sleep", "100000")
    machine.client.connection.close()
    control.end(openvix.directory)
    assert layout.processes(openvix.directory) == {}
    assert {each.name for each in (Path(machine.path).parent / "openvix" / "guest").iterdir()} <= {emulator.COMPLAINTS}
    layout.stopped(openvix.directory).unlink()
    assert openvix.vms == {machine.path: "powered_on"}
    with Client(openvix.directory) as client:
        machine.client = client
        machine.ready()
        assert sleeper in machine.processes()


def test_full_and_linked_clones_are_independent(machine, openvix, tmp_path):
    client = machine.client
    machine.boot()
    assert machine.run("echo original >/root/state; sync") == 0
    assert machine.PowerOff(constants.VIX_VMPOWEROP_FROM_GUEST) == 0
    for number, kind in enumerate((constants.VIX_CLONETYPE_FULL, constants.VIX_CLONETYPE_LINKED)):
        target = str(tmp_path / f"copy{number}" / f"copy{number}.vmx")
        [item] = client.items("VixVM_Clone", machine.path, None, kind, target, 0, [])
        copy = Machine(openvix, client, item[1])
        copy.boot()
        assert copy.text("/root/state", tmp_path) == "original\n"
        assert copy.run("echo copied >/root/state; sync") == 0
        assert copy.PowerOff(0) == 0
        assert copy.Delete(constants.VIX_VMDELETE_DISK_FILES) == 0
        assert not Path(target).parent.exists()
    machine.boot()
    assert machine.text("/root/state", tmp_path) == "original\n"


def test_screenshot_shows_the_vm(machine):
    machine.boot()

    def picture():
        [item] = machine.has("CaptureScreenImage", constants.VIX_CAPTURESCREENFORMAT_PNG, [])
        return dict(zip(item[::2], item[1::2], strict=True))[constants.VIX_PROPERTY_JOB_RESULT_SCREEN_IMAGE_DATA]

    before = picture()
    assert before.startswith(b"\x89PNG")
    assert int.from_bytes(before[16:20]) >= 640
    assert machine.run("for i in 1 2 3 4 5 6; do echo $i >/dev/tty1; done") == 0
    # The guest draws its console when it comes to it.
    eventually(lambda: picture() != before)


def test_address_with_and_without_network_card(openvix, client):
    ip = ("ReadVariable", constants.VIX_VM_GUEST_VARIABLE, "ip", 0)
    for name, keys, wanted in (("wired", {"ethernet0.present": "TRUE"}, "10.0.2.15"), ("bare", {}, "")):
        path = openvix.add_vm(name, hypervisor="qemu", memory=128, accounts=ACCOUNTS)
        with open(path, "a", encoding="utf-8") as config:
            config.writelines(f'{key} = "{value}"\n' for key, value in keys.items())
        machine = Machine(openvix, client, path)
        machine.boot()
        eventually(lambda machine=machine, wanted=wanted: machine.has(*ip)[0][1] == wanted)
        assert machine.run("true") == 0
        assert machine.PowerOff(0) == 0


def test_variables_reach_programs_of_the_guest(machine):
    machine.boot()
    assert machine.WriteVariable(constants.VIX_GUEST_ENVIRONMENT_VARIABLE, "COLOUR", "blue", 0) == 0
    assert machine.run('test "$COLOUR" = blue') == 0
    assert machine.WriteVariable(constants.VIX_VM_GUEST_VARIABLE, "role", "db", 0) == 0
    assert machine.has("ReadVariable", constants.VIX_VM_GUEST_VARIABLE, "role", 0)[0][1] == "db"


def test_25_snapshots_and_reverts_succeed(machine):
    client, path = machine.client, machine.path
    machine.boot()
    for number in range(25):
        assert machine.run(f"echo {number} >/root/number") == 0
        snapshot = client.take(path, f"round {number}", memory=True)
        assert machine.run("rm /root/number") == 0
        assert client.revert(path, snapshot) == 0, number
        machine.ready()
        assert machine.run(f"test $(cat /root/number) = {number}") == 0, number
        if number % 5 == 4:
            assert machine.RemoveSnapshot(snapshot, 0) == 0
    assert machine.PowerOff(0) == 0
    checked = subprocess.run(["qemu-img", "check", str(Path(path).parent / "openvix" / "disks" / "machine.qcow2")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_several_vms_run_concurrently(openvix, client):
    paths = [openvix.add_vm(f"vm{number}", hypervisor="qemu", memory=128, accounts=ACCOUNTS, power="powered_on") for number in range(3)]
    machines = [Machine(openvix, client, path) for path in paths]
    for number, machine in enumerate(machines):
        machine.ready()
        assert machine.run(f"test $(hostname) = vm{number}") == 0
    assert len({pid for machine in machines for pid in machine.emulators}) == 3


def test_damaged_vmx_harms_no_other_vm(openvix, client, tmp_path):
    machine, other = (Machine(openvix, client, openvix.add_vm(name, hypervisor="qemu", memory=128, accounts=ACCOUNTS)) for name in ("web", "db"))
    machine.boot()
    machine.client.log_in(machine.path, "lab", "secret")
    assert machine.run("echo kept > /run/memory") == 0
    emulators = machine.emulators
    whole = Path(machine.path).read_bytes()
    openvix.kill_daemon()
    Path(machine.path).write_bytes(b"\0\377")

    assert openvix.vms == {machine.path: "powered_on", other.path: "powered_off"}
    with Client(openvix.directory) as again:
        machine.client = other.client = again
        assert machine.client.code("VixVM_Open", again.host, machine.path) == constants.VIX_E_CANNOT_READ_VM_CONFIG
        assert other.PowerOn(0, []) == 0
        other.ready()
        assert machine.emulators == emulators
    control.end(openvix.directory)
    assert machine.emulators == other.emulators == []
    log = (openvix.directory / "run" / "log").read_text()
    assert "Traceback" not in log
    assert log.endswith(" stopped\n")

    Path(machine.path).write_bytes(whole)
    layout.stopped(openvix.directory).unlink()
    assert set(openvix.vms.values()) == {"powered_on"}
    with Client(openvix.directory) as again:
        machine.client = other.client = again
        for each in (machine, other):
            assert each.WaitForToolsInGuest(SECONDS) == 0
        machine.client.log_in(machine.path, "lab", "secret")
        assert machine.run("grep -q kept /run/memory") == 0


def test_removed_world_leaves_no_process(machine, openvix):
    machine.boot()
    [pid] = machine.emulators
    machine.client.connection.close()
    daemon = openvix.status()["pid"]
    shutil.rmtree(openvix.directory)
    try:
        eventually(lambda: not Path(f"/proc/{daemon}").exists() and not is_running(pid))
    finally:
        openvix.directory.mkdir()
        layout.prepare(openvix.directory)


def is_running(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    return False


def test_missing_accelerator_is_logged(openvix, client):
    machine = Machine(openvix, client, openvix.add_vm("fast", hypervisor="qemu", memory=128, accelerator="hvf"))
    assert machine.PowerOn(0, []) == constants.VIX_E_CANNOT_POWER_ON_VM
    assert machine.power == OFF
    assert "the accelerator hvf cannot be used: " in machine.log()


def test_hypervisor_is_in_vmx_and_directory(machine):
    folder = Path(machine.path).parent
    assert 'openvix.hypervisor = "qemu"' in (folder / "web.vmx").read_text()
    assert json.loads((folder / "openvix" / "machine.json").read_bytes())["hypervisor"] == "qemu"
    assert {each.name for each in (folder / "openvix").iterdir()} >= {"kernel", "initrd", "append", "disks"}
