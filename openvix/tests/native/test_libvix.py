# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvix.so and the world together, seen by a client written in C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

import programs
import pytest
from waiting import bounded, eventually

from openvix.vix import constants


def start(openvix, *verbs: str) -> contextlib.AbstractContextManager[subprocess.Popen]:
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return bounded(subprocess.Popen(programs.command("drive", *verbs), env=os.environ | openvix.environment, text=True, **streams))


def drive(openvix, *verbs: str, returncode: int = 0) -> list[str]:
    """Return the lines that a client prints, which does what the verbs say."""
    with start(openvix, *verbs) as client:
        said, complaints = client.communicate(timeout=100)
    assert (client.returncode, complaints) == (returncode, "")
    return said.splitlines()


def test_client_finds_opens_and_reads_running_vm(openvix):
    web = openvix.add_vm("web", power="powered_on", memory=2048, cpus=2, guest_os="debian12-64")
    openvix.add_vm("db")

    assert drive(openvix, "connect", "find", f"open={web}", "properties", "release", "disconnect") == [
        "connect 0",
        f"found {web}",
        "find 0",
        "open 0",
        f"vm web|{web}|debian12-64|2048|2|1",
        "properties 0",
    ]


def test_client_powers_vm_and_handles_snapshots(openvix):
    db = openvix.add_vm("db")

    said = drive(
        openvix, "connect", f"open={db}", "off", "on", "on", "off", "snapshot=base", "snapshots", "remove=base", "remove=base", "release", "disconnect"
    )

    assert said == ["connect 0", "open 0", "off 3006", "on 0", "on 3007", "off 0", "snapshot 0", "root base", "snapshots 0", "remove 0", "remove 13003"]
    assert openvix.vms[db] == "powered_off"


@pytest.mark.openvix(product="player")
def test_missing_function_of_product_not_supported(openvix):
    db = openvix.add_vm("db")

    assert drive(openvix, "connect", f"open={db}", "clone=/tmp/copy.vmx", "release", "disconnect")[-1] == f"clone {constants.VIX_E_NOT_SUPPORTED}"


def test_open_of_missing_vm_fails_and_leaks_nothing(openvix):
    assert drive(openvix, "connect", "open=/none.vmx", "disconnect") == ["connect 0", f"open {constants.VIX_E_VM_NOT_FOUND}"]


@pytest.mark.parametrize(
    ("verbs", "types", "buffers"),
    [
        (["release", "disconnect"], [], 0),
        (["disconnect"], [constants.VIX_HANDLETYPE_VM], 0),
        (["release"], [constants.VIX_HANDLETYPE_HOST], 0),
        (["keep-text", "release", "disconnect"], [], 1),
        (["start", "release", "disconnect"], [constants.VIX_HANDLETYPE_JOB], 0),
        (["keep-text", "leave"], [constants.VIX_HANDLETYPE_HOST, constants.VIX_HANDLETYPE_VM], 1),
    ],
)
def test_leaks_are_seen_after_the_client_ends(openvix, verbs, types, buffers):
    openvix.forgive_leaks("leaving things open is what is tested")
    db = openvix.add_vm("db")
    drive(openvix, "connect", f"open={db}", *verbs)

    assert left(openvix) == (types, buffers)


@pytest.mark.parametrize(("verbs", "times"), [(["release", "release", "disconnect"], 1), (["disconnect", "release"], 1), (["release", "disconnect"], 0)])
def test_excess_releases_are_counted(openvix, verbs, times):
    """VMware's library may crash of it, at once or later."""
    openvix.forgive_leaks("releasing too often is what is tested")
    db = openvix.add_vm("db")
    drive(openvix, "connect", f"open={db}", *verbs)

    left(openvix)
    assert [row["too_often"] for row in openvix.handles()] == [times] * bool(times)


def test_leaks_of_killed_client_are_seen(openvix):
    openvix.forgive_leaks("leaving things open is what is tested")
    db = openvix.add_vm("db")
    drive(openvix, "connect", f"open={db}", "keep-text", "killed", returncode=-signal.SIGKILL)

    assert left(openvix) == ([constants.VIX_HANDLETYPE_HOST, constants.VIX_HANDLETYPE_VM], 1)


def left(openvix) -> tuple[list[int], int]:
    """Return the types of the handles that the ended clients left, and the number of buffers."""
    eventually(lambda: all(row["ended"] for row in openvix.handles()))
    rows = openvix.handles()
    return sorted(each["type"] for row in rows for each in row["open"]), sum(row["buffers"] for row in rows)


def test_handles_of_running_client_are_seen(openvix):
    db = openvix.add_vm("db")
    with start(openvix, "connect", f"open={db}", "keep-text", "pause", "release", "disconnect", "pause") as client:
        try:
            assert [client.stdout.readline() for _ in range(4)][-1] == "pause 0\n"
            (row,) = openvix.handles()
            assert (row["client"], row["ended"], row["disconnected"], row["buffers"]) == (client.pid, False, False, 1)
            assert sorted((each["type"], each["references"]) for each in row["open"]) == [(constants.VIX_HANDLETYPE_HOST, 1), (constants.VIX_HANDLETYPE_VM, 1)]
            client.stdin.write("\n")
            client.stdin.flush()
            assert client.stdout.readline() == "pause 0\n"
            (row,) = openvix.handles()
            assert (row["disconnected"], row["open"], row["buffers"]) == (True, [], 1)
            openvix.forgive_leaks("the text was kept to be seen")
        finally:
            client.communicate("\n", timeout=100)


ENDS = {"crash": -signal.SIGSEGV, "abort": -signal.SIGABRT, "exit": 3}


@programs.unwatched
@pytest.mark.parametrize("where", ["call", "job"])
@pytest.mark.parametrize("end", ENDS)
def test_fault_ends_client_like_the_library(openvix, end, where):
    openvix.forgive_leaks("the client ends in the middle of a call")
    db = openvix.add_vm("db")
    openvix.fault(call="VixVM_PowerOn", where=where, **{end: True})

    assert drive(openvix, "connect", f"open={db}", "on", returncode=ENDS[end]) == ["connect 0", "open 0"]


@pytest.mark.parametrize("call", ["Vix_GetProperties", "VixHost_Connect", "VixVM_GetNumRootSnapshots"])
def test_fault_applies_to_any_call(openvix, call):
    openvix.forgive_leaks("the client ends in the middle of a call")
    db = openvix.add_vm("db")
    openvix.fault(call=call, exit=True)

    drive(openvix, "connect", f"open={db}", "properties", "snapshots", returncode=3)
    assert [each["call"] for each in openvix.calls()][-1] == call


@pytest.mark.parametrize("where", ["call", "job"])
def test_hang_occurs_where_it_is_set(openvix, where):
    openvix.forgive_leaks("the client is killed while it hangs")
    db = openvix.add_vm("db")
    openvix.fault(call="VixVM_PowerOn", where=where, hang=True)
    with start(openvix, "connect", f"open={db}", "start", "pause") as client:
        try:
            assert [client.stdout.readline() for _ in range(2)] == ["connect 0\n", "open 0\n"]
            if where == "job":
                assert [client.stdout.readline() for _ in range(2)] == ["start 0\n", "pause 0\n"]
            else:
                eventually(lambda: openvix.calls("VixVM_PowerOn"))
                with pytest.raises(subprocess.TimeoutExpired):
                    client.wait(0.3)
        finally:
            client.kill()
        assert client.stdout.read() == ""


def test_junk_bits_stay_out_of_the_code(openvix):
    db = openvix.add_vm("db")
    openvix.fault(call="VixVM_PowerOn", error=3008, junk=0xFFFF)

    assert drive(openvix, "connect", f"open={db}", "on", "release", "disconnect")[-1] == "on 3008"


def test_killed_daemon_disconnects_and_restarts(openvix):
    db = openvix.add_vm("db")
    with start(
        openvix, "connect", f"open={db}", "pause", "on", "properties", "release", "disconnect", "connect", f"open={db}", "on", "release", "disconnect"
    ) as client:
        assert [client.stdout.readline() for _ in range(3)][-1] == "pause 0\n"
        openvix.kill_daemon()
        said, complaints = client.communicate("\n", timeout=100)

    assert complaints == ""
    assert said.splitlines() == ["on 36", "properties 36", "connect 0", "open 0", "on 0"]
    assert openvix.vms[db] == "powered_on"


def test_daemon_killed_at_start_is_restarted(openvix):
    openvix.kill_daemon()
    serve = openvix.directory / "run" / "serve"
    once = ["/bin/sh", "-c", 'mkdir "$0/killed" 2>/dev/null && kill -9 $$; exec "$@"', str(openvix.directory / "run")]
    serve.write_bytes(b"".join(each.encode() + b"\0" for each in once) + serve.read_bytes())

    assert drive(openvix, "connect", "disconnect") == ["connect 0"]
    assert (openvix.directory / "run" / "killed").is_dir()


def test_started_daemon_inherits_nothing(openvix):
    """communicate() reads to the end of the output: a daemon that held it would keep it open."""
    openvix.kill_daemon()

    assert drive(openvix, "connect", "disconnect") == ["connect 0"]
    pid = openvix.status()["pid"]
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) == pid


def test_client_does_not_start_stopped_world(openvix):
    (openvix.directory / "run" / "stopped").touch()
    openvix.kill_daemon()

    assert drive(openvix, "connect") == [f"connect {constants.VIX_E_HOST_NOT_CONNECTED}"]
    (openvix.directory / "run" / "stopped").unlink()


def test_guest_login_ends_with_last_vm_reference(openvix):
    web = openvix.add_vm("web", power="powered_on", processes=[{"name": "apache2", "command": "/usr/sbin/apache2"}])

    said = drive(openvix, "connect", f"open={web}", "login=lab", "list", "release", f"open={web}", "list", "release", "disconnect")

    assert said[2:] == ["login 0", "list 0", "open 0", "list 3018"]


def test_property_takes_one_round_trip(openvix):
    web = openvix.add_vm("web", power="powered_on")
    drive(openvix, "connect", f"open={web}", "properties", "release", "disconnect")

    assert len(openvix.calls("Vix_GetProperties")) == 1
