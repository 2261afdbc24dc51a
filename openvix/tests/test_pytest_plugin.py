# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# A client process that leaves this in its ledger and exits at once.
CLIENT = """
import os, struct, subprocess, sys

def client(openvix, buffers=0, handles=(), lives="", too_often=0):
    code = f'''
import os, struct, sys
from openvix.daemon import control
from openvix.world import layout
from pathlib import Path
world = Path(os.environ["OPENVIX_WORLD"])
name = f"{{os.getpid()}}-test.ledger"
slots = {list(handles)!r}
head = struct.pack("<8sqqqq", b"OVLEDGR2", {buffers}, len(slots), 1, {too_often})
(world / "run/clients" / name).write_bytes(head + b"".join(struct.pack("<iiii", *slot) for slot in slots))
connection = control.Connection(layout.dial(world), name)
{lives}
os._exit(0)
'''
    return subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
"""


@pytest.fixture
def outcome(pytester, monkeypatch, openvix_library):
    # The inner run is separate: its plugin must not find the world of this test.
    monkeypatch.delenv("OPENVIX_WORLD", raising=False)
    # Its home is new, and without this it would compile the library each time.
    monkeypatch.setenv("OPENVIX_CACHE", str(Path(openvix_library).parents[1]))

    def run(test):
        pytester.makepyfile(CLIENT + test)
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=240)
        return result, result.parseoutcomes()

    return run


def test_clean_test_passes(outcome):
    _, answer = outcome("def test(openvix):\n    client(openvix, handles=[(1, 6, 0, 0)])\n    client(openvix)\n")
    assert answer == {"passed": 1}


def test_leaked_handle_fails_the_test(outcome):
    result, answer = outcome("def test(openvix):\n    client(openvix, handles=[(4711, 6, 2, 0)])\n")
    assert answer == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*left handles, buffers or processes behind*", "*'handle': 4711*"])


def test_leaked_buffer_fails_the_test(outcome):
    result, answer = outcome("def test(openvix):\n    client(openvix, buffers=3)\n")
    assert answer == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*left 3 buffers*"])


def test_excess_release_fails_the_test(outcome):
    result, answer = outcome("def test(openvix):\n    client(openvix, too_often=2)\n")
    assert answer == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*; it released 2 handles that it did not own*"])


def test_leak_is_seen_after_client_and_daemon_killed(outcome):
    _, answer = outcome(
        "def test(openvix):\n"
        "    try:\n"
        "        client(openvix, buffers=1, lives='os.kill(os.getpid(), 9)')\n"
        "    except subprocess.CalledProcessError:\n"
        "        openvix.kill_daemon()\n"
    )
    assert answer == {"passed": 1, "errors": 1}


def test_leak_is_seen_in_a_stopped_world(outcome):
    _, answer = outcome("def test(openvix):\n    from openvix.daemon import control\n    client(openvix, buffers=1)\n    control.end(openvix.directory)\n")
    assert answer == {"passed": 1, "errors": 1}


def test_leak_can_be_forgiven(outcome):
    _, answer = outcome("def test(openvix):\n    client(openvix, buffers=3)\n    openvix.forgive_leaks('the client is killed')\n")
    assert answer == {"passed": 1}


def test_remaining_process_fails_test_and_is_killed(outcome, pytester):
    result, answer = outcome(
        "def test(openvix):\n"
        "    process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', str(openvix.directory)])\n"
        "    print('PID', process.pid)\n"
        "    process.returncode = 0\n"
    )
    assert answer == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(["*was still running after the stop of the world: *time.sleep(300)*"])
    [line] = [line for line in result.outlines if line.startswith("PID ")]
    # Killed: gone, or waiting for its parent to notice.
    assert cmdline(line.split()[1]) == ""


def test_each_test_has_its_own_world(outcome):
    _, answer = outcome(
        "seen = []\n"
        "def check(openvix):\n"
        "    assert openvix.vms == {}\n"
        "    assert os.environ['OPENVIX_WORLD'] == openvix.environment['OPENVIX_WORLD'] == str(openvix.directory)\n"
        "    assert os.path.isfile(os.environ['VIX_LIBRARY'])\n"
        "    openvix.add_vm('web')\n"
        "    seen.append(str(openvix.directory))\n"
        "def test_one(openvix):\n    check(openvix)\n"
        "def test_two(openvix):\n    check(openvix)\n"
        "def test_after():\n"
        "    assert len(set(seen)) == 2\n"
        "    assert 'OPENVIX_WORLD' not in os.environ\n"
        "    assert [path for path in seen if os.path.exists(path)] == []\n"
    )
    assert answer == {"passed": 3}


def test_failed_test_keeps_world_without_processes(outcome):
    result, answer = outcome(
        "def test(openvix):\n"
        "    openvix.add_vm('web', power='powered_on', processes=[{'name': 'apache2'}])\n"
        "    print('WORLD', openvix.directory)\n"
        "    assert False\n"
    )
    assert answer["failed"] == 1
    [line] = [line for line in result.outlines if line.startswith("WORLD ")]
    world = line.split()[1]
    assert [path for path in os.listdir("/proc") if path.isdigit() and world in cmdline(path)] == []


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def test_killed_daemon_is_restarted_on_demand(openvix):
    vm = openvix.add_vm("web")
    before = openvix.status()["pid"]
    openvix.kill_daemon()
    assert not os.path.exists(f"/proc/{before}")
    assert openvix.vms == {vm: "powered_off"}
    assert openvix.status()["pid"] != before


def test_disk_returns_files_of_the_guest(openvix):
    vm = openvix.add_vm("web", files={"/etc/motd": "Welcome"})
    assert (openvix.disk(vm) / "etc/motd").read_text() == "Welcome"


def test_forgiving_requires_a_reason(openvix):
    with pytest.raises(ValueError, match="reason"):
        openvix.forgive_leaks("")
