# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import struct
import subprocess

import pytest

from openvix.vix import constants
from openvix.world import ledger


def write(folder, name, slots=(), buffers=0, disconnected=0, magic=b"OVLEDGR2", too_often=0):
    path = folder / name
    path.write_bytes(struct.pack("<8sqqqq", magic, buffers, len(slots), disconnected, too_often) + b"".join(struct.pack("<iiii", *slot, 0) for slot in slots))
    with open(path, "r+b") as file:
        file.truncate(40 + 16 * ledger.SLOTS)
    return path


@pytest.fixture
def folder(tmp_path):
    clients = tmp_path / "clients"
    clients.mkdir()
    return clients


JOB, VM = constants.VIX_HANDLETYPE_JOB, constants.VIX_HANDLETYPE_VM


def test_released_handles_are_not_open(folder):
    path = write(folder, "7-a.ledger", [(1, JOB, 0), (-5, VM, 2)], buffers=3, disconnected=1)
    assert ledger.read(path) == {"disconnected": True, "buffers": 3, "too_often": 0, "open": [{"handle": -5, "type": VM, "references": 2}]}


@pytest.mark.parametrize("raw", [b"", b"OVLEDGR2", b"OVLEDGR1" + b"x" * 32, b"x" * 40])
def test_invalid_ledger_is_ignored(folder, raw):
    (folder / "7-a.ledger").write_bytes(raw)
    assert ledger.read(folder / "7-a.ledger") is None


def test_slot_count_beyond_the_file_is_ignored(folder):
    path = folder / "7-a.ledger"
    path.write_bytes(struct.pack("<8sqqqq", b"OVLEDGR2", 0, 2**62, 0, 0) + struct.pack("<iiii", 1, JOB, 1, 0))
    assert len(ledger.read(path)["open"]) == 1


def test_client_is_recorded_after_last_connection(folder):
    ledgers, name = ledger.Ledgers(folder), f"{os.getpid()}-a.ledger"
    path = write(folder, name, [(1, JOB, 1)])
    ledgers.begin(name)
    ledgers.begin(name)
    ledgers.end(name)
    assert [row["ended"] for row in ledgers.report()] == [False]
    ledgers.end(name)
    [row] = ledgers.report()
    assert (row["client"], row["ended"], row["open"]) == (os.getpid(), True, [{"handle": 1, "type": JOB, "references": 1}])
    assert not path.exists()


def test_client_without_leaks_is_not_reported(folder):
    ledgers, name = ledger.Ledgers(folder), f"{os.getpid()}-a.ledger"
    write(folder, name, [(1, JOB, 0)], disconnected=1)
    ledgers.begin(name)
    assert ledgers.report() == []
    ledgers.end(name)
    assert ledgers.report() == []


def test_buffers_alone_are_a_leak(folder):
    ledgers, name = ledger.Ledgers(folder), f"{os.getpid()}-a.ledger"
    write(folder, name, buffers=1)
    ledgers.begin(name)
    ledgers.end(name)
    assert [row["buffers"] for row in ledgers.report()] == [1]


def test_client_ended_without_daemon_is_recorded(folder):
    ended = subprocess.Popen(["true"])
    ended.wait()
    write(folder, f"{ended.pid}-a.ledger", [(1, JOB, 1)])
    write(folder, f"{os.getpid()}-b.ledger", [(1, JOB, 1)])
    assert [row["client"] for row in ledger.Ledgers(folder).report()] == [ended.pid]


def test_client_that_lost_its_connection_goes_on(folder):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as client:
        ledgers, name = ledger.Ledgers(folder), f"{client.pid}-a.ledger"
        write(folder, name, [(1, JOB, 1)])
        ledgers.begin(name)
        ledgers.end(name, is_lost=True)
        assert [(row["client"], row["ended"]) for row in ledgers.report()] == [(client.pid, False)]
        # It releases the handle later.
        write(folder, name)
        assert ledgers.report() == []
    assert ledgers.report() == []
    assert not (folder / name).exists()


def test_leaks_outlive_the_daemon_until_forgotten(folder):
    name = f"{os.getpid()}-a.ledger"
    write(folder, name, buffers=2)
    first = ledger.Ledgers(folder)
    first.begin(name)
    first.end(name)
    second = ledger.Ledgers(folder)
    assert [row["buffers"] for row in second.report()] == [2]
    second.forget()
    assert ledger.Ledgers(folder).report() == []
