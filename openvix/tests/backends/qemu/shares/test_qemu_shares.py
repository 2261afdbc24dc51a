# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared folders of QEMU guests, before and after snapshots, suspends and restarts of the daemon."""

from __future__ import annotations

import os

import pytest
import real_machines
from protocol_client import Client
from real_machines import ACCOUNTS, OFF, SUSPENDED, Machine, digest
from waiting import eventually

from openvix.vix import constants

pytestmark = real_machines.NEEDED

WRITE = constants.VIX_SHAREDFOLDER_WRITE_ACCESS
# Counts in a file that it opens once, until it is asked to stop or fails.
COUNTER = "-c 'cd /mnt/hgfs/web; exec 4>count; n=0; while [ ! -e stop ]; do n=$((n + 1)); echo $n >&4 || echo $n >>/root/failed; sleep 0.05; done'"


@pytest.fixture
def folders(tmp_path):
    for name in ("web", "iso"):
        (tmp_path / name).mkdir()
    (tmp_path / "iso/disc").write_text("disc\n")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "iso/up").symlink_to("..")
    return tmp_path


@pytest.fixture
def machine(openvix, folders):
    with Client(openvix.directory) as client:
        machine = Machine(openvix, client, openvix.add_vm("web", hypervisor="qemu", memory=128, accounts=ACCOUNTS))
        machine.boot()
        assert machine.EnableSharedFolders(1, 0) == 0
        assert machine.AddSharedFolder("web", str(folders / "web"), WRITE) == 0
        assert machine.AddSharedFolder("iso", str(folders / "iso"), 0) == 0
        yield machine
        machine.client.connection.close()


def counts(folders):
    """Whether a program in the guest goes on counting."""
    file = folders / "web/count"
    before = file.stat().st_mtime_ns
    eventually(lambda: file.stat().st_mtime_ns > before)
    return True


def test_shares_follow_access_rights_for_all_users(machine, folders):
    assert machine.run("test $(ls /mnt/hgfs | wc -l) = 2 && grep -q disc /mnt/hgfs/iso/disc && echo lab >/mnt/hgfs/web/lab") == 0
    for line in ("echo >/mnt/hgfs/iso/disc", "touch /mnt/hgfs/iso/new", "rm /mnt/hgfs/iso/disc", "cat /mnt/hgfs/iso/up/secret", "ln -s / /mnt/hgfs/web/root"):
        assert machine.run(line) != 0, line
    machine.client.log_in(machine.path, "guest", "guest")
    assert machine.run("grep -q lab /mnt/hgfs/web/lab && echo guest >/mnt/hgfs/web/guest && rm /mnt/hgfs/web/lab") == 0
    assert {each.name: each.read_text() for each in (folders / "web").iterdir()} == {"guest": "guest\n"}
    assert (folders / "iso/disc").read_text() == "disc\n"

    assert machine.RemoveSharedFolder("iso", 0) == 0
    assert machine.run("sleep 0.2; test -d /mnt/hgfs/web -a ! -e /mnt/hgfs/iso") == 0
    assert machine.PowerOff(constants.VIX_VMPOWEROP_FROM_GUEST) == 0
    assert machine.power == OFF


def test_large_file_through_share_is_unchanged(machine, folders):
    (folders / "web/large").write_bytes(os.urandom(20_000_000))
    wanted = digest(folders / "web/large")
    assert machine.run(f"cd /mnt/hgfs/web; echo '{wanted}  large' | sha256sum -c && cp large /root/copy && cp /root/copy back") == 0
    assert digest(folders / "web/back") == wanted


def test_open_file_outlives_snapshot_suspend_daemon(machine, openvix, folders):
    machine.begin("/bin/sh", COUNTER)
    eventually((folders / "web/count").exists)
    assert counts(folders)
    snapshot = machine.client.take(machine.path, "counting", memory=True)
    assert counts(folders)
    for _ in range(2):
        assert machine.client.revert(machine.path, snapshot) == 0
        machine.ready()
        assert counts(folders)
    assert machine.Suspend(0) == 0
    assert machine.power == SUSPENDED
    machine.boot()
    assert counts(folders)

    machine.client.connection.close()
    openvix.kill_daemon()
    assert openvix.vms == {machine.path: "powered_on"}
    with Client(openvix.directory) as client:
        machine.client = client
        machine.ready()
        assert counts(folders)
        assert machine.run("touch /mnt/hgfs/web/stop; sleep 1; test ! -e /root/failed && rm /mnt/hgfs/web/*") == 0
        assert os.listdir(folders / "web") == []
