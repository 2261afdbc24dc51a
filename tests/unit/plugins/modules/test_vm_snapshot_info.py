# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import pathlib

import pytest

TREE = [
    {"name": "base", "description": "As installed", "children": [{"name": "patched", "children": [{"name": "clean"}]}, {"name": "broken"}]},
    {"name": "other"},
]


@pytest.fixture
def web(openvix, run_module):
    vm = openvix.add_vm("web", snapshots=TREE)
    run_module("vm_snapshot", vm=vm, name="clean", state="reverted")
    return vm


def test_snapshots_returned_with_paths(run_module, web):
    """The lesson of hashicorp/vagrant issue 13694: flat names and paths confuse, so both are returned."""
    found = run_module("vm_snapshot_info", vm=web)

    assert [snapshot["path"] for snapshot in found["snapshots"]] == ["base", "base/patched", "base/patched/clean", "base/broken", "other"]
    assert [snapshot["name"] for snapshot in found["snapshots"]] == ["base", "patched", "clean", "broken", "other"]
    assert [snapshot["is_current"] for snapshot in found["snapshots"]] == [False, False, True, False, False]
    assert found["snapshots"][0]["description"] == "As installed"
    assert not found["changed"]


def test_tree_and_diagram_returned(run_module, web):
    found = run_module("vm_snapshot_info", vm=web)

    base, other = found["tree"]
    assert (base["name"], other["name"], other["children"]) == ("base", "other", [])
    assert [child["path"] for child in base["children"]] == ["base/patched", "base/broken"]
    assert found["diagram"] == ["├── base", "│   ├── patched", "│   │   └── clean (current)", "│   └── broken", "└── other"]


def test_power_and_creation_time_returned(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    run_module("vm_snapshot", vm=web, name="running")
    run_module("vm_power", vm=web, state="powered_off", stop="hard")
    run_module("vm_snapshot", vm=web, name="off")

    running, off = run_module("vm_snapshot_info", vm=web)["snapshots"]

    assert (running["power"], off["power"]) == ("powered_on", "powered_off")
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.strptime(running["created"], "%Y-%m-%dT%H:%M:%S%z")
    assert datetime.timedelta(seconds=-1) < age < datetime.timedelta(minutes=5)


@pytest.mark.parametrize("content", [None, "no dictionary\n\0", 'snapshot0.uid = "1"\nsnapshot0.parent = "1"\n'])
def test_missing_creation_time_null(run_module, web, content):
    path = pathlib.Path(web).with_suffix(".vmsd")
    path.unlink()
    if content is not None:
        path.write_text(content)

    assert {snapshot["created"] for snapshot in run_module("vm_snapshot_info", vm=web)["snapshots"]} == {None}


def test_vm_without_snapshots_empty(openvix, run_module):
    found = run_module("vm_snapshot_info", vm=openvix.add_vm("web"), check_mode=True)

    assert (found["snapshots"], found["tree"], found["diagram"]) == ([], [], [])
