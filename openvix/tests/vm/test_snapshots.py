# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from protocol_client import Client

from openvix.vix import constants
from openvix.vmware import vmsd

SNAPSHOT, NONE = constants.VIX_HANDLETYPE_SNAPSHOT, constants.VIX_PROPERTY_NONE
NOT_FOUND = constants.VIX_E_SNAPSHOT_NOTFOUND
TREE = [{"name": "base", "children": [{"name": "patched"}, {"name": "broken", "children": [{"name": "patched"}]}]}, {"name": "other"}]


@pytest.fixture
def client(openvix):
    with Client(openvix.directory) as connected:
        yield connected


@pytest.fixture
def tree(openvix):
    return openvix.add_vm("web", snapshots=TREE)


def name(client, snapshot):
    [[_, text]] = client.items("Vix_GetProperties", SNAPSHOT, snapshot, [constants.VIX_PROPERTY_SNAPSHOT_DISPLAYNAME])
    return text


def power(client, snapshot):
    [[_, bits]] = client.items("Vix_GetProperties", SNAPSHOT, snapshot, [constants.VIX_PROPERTY_SNAPSHOT_POWERSTATE])
    return bits


def named(client, vm, path):
    return client.one("VixVM_GetNamedSnapshot", vm, path)


def family(client, vm):
    """The tree as it is walked: (name, children) for each root."""

    def below(snapshot):
        children = [client.one("VixSnapshot_GetChild", snapshot, index) for index in range(client.one("VixSnapshot_GetNumChildren", snapshot))]
        for child in children:
            assert client.one("VixSnapshot_GetParent", child) == snapshot
        return name(client, snapshot), [below(child) for child in children]

    roots = [client.one("VixVM_GetRootSnapshot", vm, index) for index in range(client.one("VixVM_GetNumRootSnapshots", vm))]
    for root in roots:
        assert client.one("VixSnapshot_GetParent", root) is None
    return [below(root) for root in roots]


WHOLE = [("base", [("patched", []), ("broken", [("patched", [])])]), ("other", [])]


def test_tree_of_world_file_is_returned(client, tree):
    assert family(client, tree) == WHOLE
    assert name(client, client.one("VixVM_GetCurrentSnapshot", tree)) == "other"


@pytest.mark.parametrize("index", [-1, 2])
def test_index_out_of_range_is_an_error(client, tree, index):
    assert client.code("VixVM_GetRootSnapshot", tree, index) == constants.VIX_E_INVALID_ARG
    assert client.code("VixSnapshot_GetChild", named(client, tree, "base"), index) == constants.VIX_E_INVALID_ARG


@pytest.mark.parametrize("path", ["base", "base/patched", "base\\broken\\patched", "broken", "base/broken"])
def test_snapshot_is_found_by_name_or_path(client, tree, path):
    assert name(client, named(client, tree, path)) == path.replace("\\", "/").split("/")[-1]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("patched", constants.VIX_E_SNAPSHOT_NONUNIQUE_NAME),
        ("none", NOT_FOUND),
        ("broken/patched", NOT_FOUND),
        ("base/broken\\patched", NOT_FOUND),
        ("base/", NOT_FOUND),
        ("/base", NOT_FOUND),
        ("BASE", NOT_FOUND),
        ("", constants.VIX_E_INVALID_ARG),
        (None, constants.VIX_E_INVALID_ARG),
    ],
)
def test_missing_or_ambiguous_path_is_an_error(client, tree, path, code):
    assert client.code("VixVM_GetNamedSnapshot", tree, path) == code


def test_equal_names_of_siblings_are_ambiguous(openvix, client):
    vm = openvix.add_vm("web", snapshots=[{"name": "a", "children": [{"name": "b"}, {"name": "b"}]}])
    assert client.code("VixVM_GetNamedSnapshot", vm, "a/b") == constants.VIX_E_SNAPSHOT_NONUNIQUE_NAME


def test_vm_without_snapshots_has_no_current(openvix, client):
    vm = openvix.add_vm("web")
    assert client.code("VixVM_GetCurrentSnapshot", vm) == NOT_FOUND
    assert family(client, vm) == []


def test_new_snapshot_is_current_child(openvix, client, tree):
    taken = client.one("VixVM_CreateSnapshot", tree, "new", "why", 0, [])
    assert family(client, tree) == [WHOLE[0], ("other", [("new", [])])]
    assert client.one("VixVM_GetCurrentSnapshot", tree) == taken
    [[_, text]] = client.items("Vix_GetProperties", SNAPSHOT, taken, [constants.VIX_PROPERTY_SNAPSHOT_DESCRIPTION])
    assert text == "why"


def test_snapshot_may_lack_name_and_description(openvix, client):
    vm = openvix.add_vm("web")
    taken = client.one("VixVM_CreateSnapshot", vm, None, None, 0, [])
    assert name(client, taken) == ""


def test_vmsd_contains_the_same_tree(openvix, client, tree):
    client.take(tree, "mem")
    read = vmsd.read(Path(tree).with_suffix(".vmsd").read_bytes())
    assert [(each.name, each.parent) for each in read.snapshots] == [("base", 0), ("patched", 1), ("broken", 1), ("patched", 3), ("other", 0), ("mem", 5)]
    assert read.current == 6
    assert {path.name for path in Path(tree).parent.glob("*.vmsn")} == {f"web-Snapshot{number}.vmsn" for number in range(1, 7)}


def test_children_of_removed_parent_move_up(client, tree):
    client.items("VixVM_RemoveSnapshot", tree, named(client, tree, "base"), 0)
    assert family(client, tree) == [("patched", []), ("broken", [("patched", [])]), ("other", [])]


def test_children_are_removed_on_request(openvix, client, tree):
    base, broken = named(client, tree, "base"), named(client, tree, "broken")
    client.items("VixVM_RemoveSnapshot", tree, base, constants.VIX_SNAPSHOT_REMOVE_CHILDREN)
    assert family(client, tree) == [("other", [])]
    assert client.code("VixSnapshot_GetParent", broken) == NOT_FOUND
    assert client.code("VixVM_RemoveSnapshot", tree, base, 0) == NOT_FOUND
    assert client.revert(tree, base) == NOT_FOUND
    assert [path.name for path in Path(tree).parent.glob("*.vmsn")] == ["web-Snapshot5.vmsn"]


def test_parent_is_current_after_removal(openvix, client):
    vm = openvix.add_vm("web")
    first, second = client.take(vm), client.take(vm)
    client.items("VixVM_RemoveSnapshot", vm, second, 0)
    assert client.one("VixVM_GetCurrentSnapshot", vm) == first
    client.items("VixVM_RemoveSnapshot", vm, first, 0)
    assert client.code("VixVM_GetCurrentSnapshot", vm) == NOT_FOUND


def test_snapshot_of_another_vm_is_invalid(openvix, client, tree):
    other = openvix.add_vm("db")
    taken = client.take(other)
    assert client.code("VixVM_RemoveSnapshot", tree, taken, 0) == constants.VIX_E_INVALID_ARG
    assert client.revert(tree, taken) == constants.VIX_E_INVALID_ARG


@pytest.mark.parametrize(("call", "arguments"), [("VixVM_CreateSnapshot", ("x", None, 1, [])), ("VixVM_CreateSnapshot", ("x", None, 0, [108, "x"]))])
def test_unknown_snapshot_option_is_invalid(openvix, client, call, arguments):
    assert client.code(call, openvix.add_vm("web"), *arguments) == constants.VIX_E_INVALID_ARG


OFF, ON, SUSPENDED, PAUSED = "powered_off", "powered_on", "suspended", "paused"


@pytest.mark.parametrize(
    ("state", "memory", "reverted", "bits"),
    [
        (OFF, False, OFF, constants.VIX_POWERSTATE_POWERED_OFF),
        (OFF, True, OFF, constants.VIX_POWERSTATE_POWERED_OFF),
        (ON, False, OFF, constants.VIX_POWERSTATE_POWERED_OFF),
        (ON, True, ON, constants.VIX_POWERSTATE_POWERED_ON),
        (PAUSED, True, PAUSED, constants.VIX_POWERSTATE_POWERED_ON | constants.VIX_POWERSTATE_PAUSED),
        (SUSPENDED, False, SUSPENDED, constants.VIX_POWERSTATE_SUSPENDED),
    ],
)
@pytest.mark.parametrize("later", [OFF, ON])
def test_revert_restores_disk_and_power_state(openvix, client, state, memory, reverted, bits, later):
    vm = openvix.add_vm("web", power=state, files={"/etc/motd": "before"})
    taken = client.take(vm, memory=memory)
    assert openvix.vms == {vm: state}
    assert power(client, taken) == bits
    (openvix.disk(vm) / "etc" / "motd").write_text("after")
    if state in (OFF, SUSPENDED):
        client.items("VixVM_PowerOn", vm, 0, [])
    if later == OFF:
        client.items("VixVM_PowerOff", vm, 0)

    for _ in range(2):
        client.items("VixVM_RevertToSnapshot", vm, taken, 0, [])
        assert openvix.vms == {vm: reverted}
        assert (openvix.disk(vm) / "etc" / "motd").read_text() == "before"
        (openvix.disk(vm) / "etc" / "motd").write_text("after again")
    assert client.one("VixVM_GetCurrentSnapshot", vm) == taken


def test_declared_processes_run_after_memory_revert(openvix, client):
    vm = openvix.add_vm("web", power=ON, processes=[{"name": "apache2"}])
    taken = client.take(vm, memory=True)
    client.items("VixVM_PowerOff", vm, 0)
    client.revert(vm, taken)
    client.log_in(vm)
    assert any("apache2" in item for item in client.items("VixVM_ListProcessesInGuest", vm, 0))


def test_revert_can_leave_vm_off(openvix, client):
    vm = openvix.add_vm("web", power=ON)
    taken = client.take(vm, memory=True)
    stay_off = constants.VIX_VMPOWEROP_SUPPRESS_SNAPSHOT_POWERON
    assert client.revert(vm, taken, stay_off | constants.VIX_VMPOWEROP_LAUNCH_GUI) == constants.VIX_E_INVALID_ARG
    assert client.revert(vm, taken, constants.VIX_VMPOWEROP_LAUNCH_GUI) == constants.VIX_E_NO_DISPLAY_SERVER
    assert openvix.vms == {vm: ON}
    assert client.revert(vm, taken, stay_off) == 0
    assert openvix.vms == {vm: OFF}


def test_suspended_vm_is_captured_once(openvix, client):
    vm = openvix.add_vm("web", power=SUSPENDED)
    taken = client.take(vm)
    again = ("VixVM_CreateSnapshot", vm, "again", None, 0, [])
    assert client.code(*again) == constants.VIX_E_SNAPSHOT_NOCHANGE
    assert client.revert(vm, taken) == 0
    assert client.code(*again) == constants.VIX_E_SNAPSHOT_NOCHANGE
    client.items("VixVM_PowerOn", vm, 0, [])
    client.items("VixVM_Suspend", vm, 0)
    assert client.code(*again) == 0


def test_unused_disks_are_removed(openvix, client):
    vm = openvix.add_vm("web", snapshots=[{"name": "a"}, {"name": "b"}])
    disks = openvix.disk(vm).parent
    taken = client.take(vm)
    assert len(list(disks.iterdir())) == 3
    client.revert(vm, taken)
    assert len(list(disks.iterdir())) == 3
    client.items("VixVM_RemoveSnapshot", vm, taken, 0)
    assert len(list(disks.iterdir())) == 2
    client.items("VixVM_RemoveSnapshot", vm, named(client, vm, "a"), 0)
    client.items("VixVM_RemoveSnapshot", vm, named(client, vm, "b"), 0)
    assert list(disks.iterdir()) == [openvix.disk(vm)]


def test_snapshots_outlive_the_daemon(openvix, tree):
    openvix.kill_daemon()
    openvix.status()
    with Client(openvix.directory) as client:
        assert family(client, tree) == WHOLE
        assert client.revert(tree, named(client, tree, "base")) == 0


@pytest.mark.parametrize("operation", ["take", "remove", "revert"])
def test_snapshot_is_atomic_if_daemon_is_killed(openvix, operation):
    vm = openvix.add_vm("web", snapshots=[{"name": "a", "children": [{"name": "b"}]}], files={"/etc/motd": "a"})
    for part in range(10):
        client = Client(openvix.directory)
        first = client.one("VixVM_GetRootSnapshot", vm, 0)
        before = family(client, vm)
        (openvix.disk(vm) / "etc" / "motd").write_text("changed")
        begin = {
            "take": ("VixVM_CreateSnapshot", vm, "c", None, 0, []),
            "remove": ("VixVM_RemoveSnapshot", vm, first, 0),
            "revert": ("VixVM_RevertToSnapshot", vm, first, 0, []),
        }[operation]
        number = client.connection.begin(*begin)
        if part % 2:
            # Killed just after it has ended.
            client.connection.wait(number)
        openvix.kill_daemon()
        client.connection.close()
        openvix.status()
        with Client(openvix.directory) as again:
            after = family(again, vm)
            current = again.one("VixVM_GetCurrentSnapshot", vm) if after else None
            reverted = (openvix.disk(vm) / "etc" / "motd").read_text() == "a"
            if operation == "revert":
                assert after == before
                assert reverted == (current == first)
                again.revert(vm, named(again, vm, "a/b"))
            elif operation == "take":
                assert after in (before, added(before))
            else:
                assert after in (before, before[0][1])
                if not after:
                    break
        state = Path(vm).parent / "openvix"
        assert not list(state.glob("journal.json"))


def added(tree):
    """The tree with "c" below the last of its line."""
    [(root, children)] = tree
    return [(root, added(children) if children else [("c", [])])]


@pytest.mark.openvix(product="player")
def test_player_has_no_snapshots_or_pause(openvix):
    vm = openvix.add_vm("web")
    with Client(openvix.directory, provider=constants.VIX_SERVICEPROVIDER_VMWARE_PLAYER) as client:
        for call in (("VixVM_GetNumRootSnapshots", vm), ("VixVM_CreateSnapshot", vm, "x", None, 0, []), ("VixVM_Pause", vm, 0, [])):
            assert client.code(*call) == constants.VIX_E_NOT_SUPPORTED
        client.items("VixVM_PowerOn", vm, 0, [])
