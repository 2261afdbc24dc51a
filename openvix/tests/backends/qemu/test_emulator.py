# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A separate QEMU process for each VM, with an empty disk and nothing to boot: its start, its end, and its takeover by another daemon."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from waiting import eventually

from openvix.backends.qemu import disk, emulator
from openvix.backends.qemu.disk import Disk, DiskError, tag
from openvix.backends.qemu.emulator import CannotStart, Emulator, Hardware, Software
from openvix.backends.qemu.qmp import Qmp, QmpDisconnected, QmpError
from openvix.system import process_locks
from openvix.world import layout

pytestmark = [pytest.mark.qemu, pytest.mark.skipif(not shutil.which(emulator.PROGRAM) or not shutil.which("qemu-img"), reason="QEMU is not installed here")]

HARDWARE = Hardware("pc", 96, 1, False, "tcg")


class Bare(Emulator):
    """One whose machine has nothing to boot."""

    def _command(self, *what):
        command = super()._command(*what)
        at = command.index("-kernel")
        return command[:at] + command[at + 6 :]


@pytest.fixture
def folder(tmp_path):
    """The directory of a VM in a world, with characters that are special on a command line."""
    own = tmp_path / "a world, of $some" / "vms" / "web" / "openvix"
    (own / "disks").mkdir(parents=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(Disk(own / "disks").path), "64M"], check=True)
    yield own
    layout.end_emulating(own.parents[2])


def started(folder, **more):
    own = Bare(folder / "guest")
    own.start(HARDWARE, Software(folder, folder, ""), Disk(folder / "disks").path, **{"tag": None, "paused": False, **more})
    return own


def talk(own, events=None):
    return Qmp(own.dial(emulator.QMP), (events if events is not None else []).append)


def test_qemu_runs_until_ended_and_keeps_its_errors(folder):
    own, events = started(folder), []
    qmp = talk(own, events)
    assert qmp.ask("query-status")["running"] is True
    assert own.is_alive()
    assert len(layout.emulating(folder.parents[2])) == 1

    own.end()

    eventually(lambda: events == [None])
    assert not own.is_alive()
    assert os.listdir(folder / "guest") == [emulator.COMPLAINTS]
    assert layout.emulating(folder.parents[2]) == set()


def test_qemu_outlives_its_starter(folder):
    code = f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; import test_emulator; test_emulator.started(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=60)
    later = Bare(folder / "guest")
    assert later.is_alive()
    assert later.hardware() == HARDWARE
    first = talk(later)
    first.close()
    qmp = talk(later)
    assert qmp.ask("query-status")["running"] is True
    qmp.ask("quit")
    later.reap()
    assert not later.is_alive()


def test_lock_check_does_not_prevent_a_start(folder, monkeypatch):
    monkeypatch.setattr(emulator, "LOOK_SECONDS", 60)
    (folder / "guest").mkdir()
    with open(folder / "guest" / emulator.LOCK, "w") as looked:
        fcntl.flock(looked, fcntl.LOCK_SH)
        assert not process_locks.is_held(Path(looked.name))
        ending = threading.Timer(0.2, fcntl.flock, (looked, fcntl.LOCK_UN))
        ending.start()
        assert started(folder).is_alive()
        ending.join()


def test_unexecutable_qemu_is_reported(folder, tmp_path, monkeypatch):
    (tmp_path / emulator.PROGRAM).touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match=r"^cannot start qemu-system-x86_64: Exec format error$"):
        started(folder)


def test_second_qemu_of_a_vm_is_rejected(folder):
    own = started(folder)
    with pytest.raises(CannotStart, match="another QEMU process already runs this VM"):
        started(folder)
    assert talk(own).ask("query-status")["running"] is True


def test_killed_qemu_is_noticed_and_restartable(folder):
    own, events = started(folder), []
    talk(own, events)
    [pid] = process_locks.holders(folder / "guest" / emulator.LOCK)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: events == [None])
    eventually(lambda: not own.is_alive())
    assert talk(started(folder)).ask("query-status")["running"] is True


def test_failed_start_reports_why(folder):
    own = started(folder, tag="7")
    with pytest.raises(QmpDisconnected):
        talk(own)
    own.end()
    assert "7" in own.complaint()
    assert "snapshot" in own.complaint().lower()


def test_missing_qemu_is_reported_with_remedy(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CannotStart, match="is not installed; run 'openvix doctor' to see how"):
        started(folder)
    with pytest.raises(DiskError, match="is not installed; run 'openvix doctor' to see how"):
        Disk(folder / "disks").numbers()


def test_snapshot_of_running_qemu_is_in_its_disk(folder):
    own, kept = started(folder, paused=True), Disk(folder / "disks")
    qmp = talk(own)
    assert qmp.ask("query-status")["running"] is False
    number = kept.announce(HARDWARE)
    qmp.job("snapshot-save", "save", tag=tag(number), vmstate="disk0", devices=["disk0"])
    with pytest.raises(QmpError, match=r"^snapshot-save: .*exist"):
        qmp.job("snapshot-save", "again", tag=tag(number), vmstate="disk0", devices=["disk0"])
    assert (kept.numbers(), kept.kept()) == ({1}, {1: {"hardware": [*HARDWARE], "qemu": ""}})
    own.end()

    for paused in (False, True):
        resumed = started(folder, tag=tag(1), paused=paused)
        assert talk(resumed).ask("query-status")["running"] is not paused
        resumed.end()


def test_disk_snapshots_restores_copies_and_deletes(folder):
    kept = Disk(folder / "disks")

    def write(pattern):
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} 0 4096", str(kept.path)], check=True, capture_output=True)

    def holds(pattern, path=None):
        command = ["qemu-io", "-f", "qcow2", "-c", f"read -P {pattern} 0 4096", str(path or kept.path)]
        return b"Pattern verification failed" not in subprocess.run(command, check=False, capture_output=True).stdout

    write(1)
    assert kept.keep() == 1
    write(2)
    assert kept.keep() == 2
    write(3)
    assert holds(3)
    kept.restore(1)
    assert holds(1)
    kept.copy(2, folder / "copy")
    kept.copy(0, folder / "now")
    assert holds(2, folder / "copy")
    assert holds(1, folder / "now")
    kept.drop(1)
    kept.drop(1)
    assert (kept.numbers(), list(kept.kept())) == ({2}, [2])
    assert kept.keep() == 3
    with pytest.raises(DiskError, match=r"^qemu-img snapshot failed: "):
        kept.restore(1)
    # Numbers and the ids of QEMU are no longer the same once a keeping has failed.
    kept.path.rename(folder / "away")
    with pytest.raises(DiskError):
        kept.keep()
    (folder / "away").rename(kept.path)
    write(5)
    assert kept.keep() == 5
    write(6)
    assert kept.keep() == 6
    kept.restore(5)
    assert holds(5)
    kept.drop(4)
    assert set(kept.kept()) == kept.numbers() == {2, 3, 5, 6}


def test_announced_number_without_snapshot_is_dropped(folder):
    kept = Disk(folder / "disks")
    number = kept.announce(HARDWARE)
    assert disk.Disk(folder / "disks").kept() == {number: {"hardware": [*HARDWARE], "qemu": ""}}
    kept.drop(number)
    assert kept.kept() == {}
