# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import re
import time

import pytest

TREE = [{"name": "base", "children": [{"name": "patched", "children": [{"name": "clean"}]}, {"name": "broken"}]}]
ALL = ["base", "base/broken", "base/patched", "base/patched/clean"]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", snapshots=TREE)


def paths(run_module, vm):
    return run_module("vm_snapshot", vm=vm, name="no such", state="absent")["snapshots"]


def test_first_snapshot_created_and_current(openvix, ladder):
    web = openvix.add_vm("web", power="powered_on")

    done = ladder("vm_snapshot", vm=web, name="clean", description="As installed")

    assert done["diff"] == {"before": {"current": "", "snapshots": []}, "after": {"current": "clean", "snapshots": ["clean"]}}
    assert len(openvix.calls("VixVM_CreateSnapshot")) == 1


def test_new_snapshot_below_current(ladder, web):
    done = ladder("vm_snapshot", vm=web, name="next")

    above = done["diff"]["before"]["current"]
    assert above in ALL
    assert done["current"] == f"{above}/next"
    assert done["snapshots"] == sorted([*ALL, f"{above}/next"])


def test_new_snapshot_elsewhere_refused(run_module, web):
    run_module("vm_snapshot", vm=web, name="broken", state="reverted")

    result = run_module("vm_snapshot", vm=web, name="base/patched/next")

    assert result["msg"] == (
        f"taking snapshot base/patched/next of {web}: a new snapshot is created below the current one (base/broken): revert to snapshot base/patched first"
    )
    assert paths(run_module, web) == ALL


def test_removed_snapshot_children_move_up(ladder, web):
    done = ladder("vm_snapshot", vm=web, name="base/patched", state="absent")

    assert done["snapshots"] == ["base", "base/broken", "base/clean"]


def test_children_removed_on_request(ladder, web):
    done = ladder("vm_snapshot", vm=web, name="patched", state="absent", children=True)

    assert done["snapshots"] == ["base", "base/broken"]


@pytest.mark.parametrize(
    ("gone", "children", "current"), [("clean", False, "base/patched"), ("patched", True, "base"), ("base", True, ""), ("patched", False, "base/clean")]
)
def test_current_after_removal_predicted(run_module, ladder, web, gone, children, current):
    run_module("vm_snapshot", vm=web, name="clean", state="reverted")

    assert ladder("vm_snapshot", vm=web, name=gone, state="absent", children=children)["current"] == current


def test_removed_root_leaves_roots(ladder, web):
    assert ladder("vm_snapshot", vm=web, name="base", state="absent")["snapshots"] == ["broken", "patched", "patched/clean"]


@pytest.mark.parametrize("name", ["clean", "base/patched/clean", "/base/patched/clean"])
def test_reverted_changed_and_current(openvix, run_module, web, name):
    run_module("vm_snapshot", vm=web, name="broken", state="reverted")

    predicted = run_module("vm_snapshot", vm=web, name=name, state="reverted", check_mode=True)
    done = run_module("vm_snapshot", vm=web, name=name, state="reverted")

    assert done.pop("power") == openvix.vms[web]
    assert predicted == done
    assert done["diff"]["before"] == {"current": "base/broken", "snapshots": ALL}
    assert done["current"] == "base/patched/clean"
    assert run_module("vm_snapshot", vm=web, name=name, state="reverted")["changed"]


def test_reverted_restores_files_and_power(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on", files={"/etc/motd": "before"})
    run_module("vm_snapshot", vm=web, name="clean")
    (openvix.disk(web) / "etc/motd").write_text("after")
    run_module("vm_power", vm=web, state="powered_off", stop="hard")

    assert run_module("vm_snapshot", vm=web, name="clean", state="reverted")["changed"]

    assert (openvix.disk(web) / "etc/motd").read_text() == "before"
    assert openvix.vms[web] == "powered_on"


def test_reverted_without_memory_powered_off(openvix, run_module):
    web = openvix.add_vm("web", power="powered_on")
    run_module("vm_snapshot", vm=web, name="clean", memory=False)

    run_module("vm_snapshot", vm=web, name="clean", state="reverted")

    assert openvix.vms[web] == "powered_off"


@pytest.mark.parametrize("state", ["present", "absent", "reverted"])
def test_ambiguous_name_refused_with_paths(openvix, run_module, state):
    """The lesson of ansible/ansible issue 24511 and community.vmware issue 1844: snapshots of one name pile up."""
    web = openvix.add_vm("web", snapshots=[{"name": "base", "children": [{"name": "clean"}]}, {"name": "other", "children": [{"name": "clean"}]}])

    result = run_module("vm_snapshot", vm=web, name="clean", state=state)

    assert result["vix_code"] == 13017
    assert result["msg"] == (
        f"finding snapshot clean of {web}: 2 snapshots have that name: /base/clean, /other/clean (VIX_E_SNAPSHOT_NONUNIQUE_NAME, 13017); use its path"
    )
    assert run_module("vm_snapshot", vm=web, name="other/clean", state="absent")["snapshots"] == ["base", "base/clean", "other"]


def test_leading_slash_selects_root(openvix, run_module):
    web = openvix.add_vm("web", snapshots=[{"name": "clean", "children": [{"name": "clean"}]}])

    assert run_module("vm_snapshot", vm=web, name="/clean", state="absent", children=True)["snapshots"] == []


def test_name_with_slash_found(openvix, run_module):
    web = openvix.add_vm("web", snapshots=[{"name": "2026/11"}])

    assert run_module("vm_snapshot", vm=web, name="2026/11", state="absent")["snapshots"] == []


def test_current_correct_among_equal_paths(openvix, run_module):
    web = openvix.add_vm("web", snapshots=[{"name": "a", "children": [{"name": "b"}]}, {"name": "a/b"}])

    result = run_module("vm_snapshot", vm=web, name="a/b", state="absent")

    assert "2 snapshots have that name: /a/b, /a/b" in result["msg"]


def test_missing_snapshot_lists_existing(run_module, web):
    result = run_module("vm_snapshot", vm=web, name="cleam", state="reverted")

    assert result["msg"].startswith(
        f"reverting to snapshot cleam of {web}: the snapshot does not exist; existing snapshots: {', '.join(ALL)} (VIX_E_SNAPSHOT_NOTFOUND, 13003)"
    )


@pytest.mark.parametrize(
    ("saved", "memory", "wanted", "power"),
    [
        ("powered_on", True, "as_saved", "powered_on"),
        ("powered_on", True, "powered_off", "powered_off"),
        ("powered_on", False, "as_saved", "powered_off"),
        ("powered_on", False, "powered_on", "powered_on"),
        ("powered_off", True, "powered_on", "powered_on"),
        ("powered_off", True, "powered_off", "powered_off"),
    ],
)
def test_power_after_revert(openvix, run_module, saved, memory, wanted, power):
    web = openvix.add_vm("web", power=saved)
    run_module("vm_snapshot", vm=web, name="clean", memory=memory)

    result = run_module("vm_snapshot", vm=web, name="clean", state="reverted", power=wanted)

    assert result["power"] == openvix.vms[web] == power


def test_tools_waited_for_after_revert(openvix, run_module):
    """The lesson of cuckoosandbox/cuckoo issues 1191 and 1872: a fixed sleep after a revert is a race."""
    web = openvix.add_vm("web", boot_seconds=1.5)
    run_module("vm_snapshot", vm=web, name="clean")

    run_module("vm_snapshot", vm=web, name="clean", state="reverted", power="powered_on", tools_timeout=50)

    assert run_module("vm_info", vm=web)["vms"][0]["tools"] == "running"


DAY, NOW = 86400, time.time()


def age(vm, *days):
    """Have VMware's file say that the snapshots, in its order, were taken so many days ago."""
    path = pathlib.Path(vm).with_suffix(".vmsd")
    text = path.read_text()
    for index, ago in enumerate(days):
        microseconds = int((NOW - ago * DAY) * 1_000_000)
        low = microseconds & 0xFFFFFFFF
        halves = {"High": microseconds >> 32, "Low": low - (1 << 32) if low >> 31 else low}
        for half, number in halves.items():
            text = re.sub(rf'(snapshot{index}\.createTime{half} = )"[^"]*"', rf'\g<1>"{number}"', text)
    path.write_text(text)


@pytest.fixture
def nightly(openvix):
    """A VM with snapshots of four nights below each other, the oldest first, and one that is none of them."""
    names = ["n4", "n3", "other", "n2", "n1"]
    tree = []
    for name in reversed(names):
        tree = [{"name": name, "children": tree}]
    vm = openvix.add_vm("web", snapshots=tree)
    age(vm, 4, 3, 2.5, 2, 1)
    return vm


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"keep": 2}, ["n2", "n2/n1"]),
        ({"keep": 2, "name": "n?"}, ["other", "other/n2", "other/n2/n1"]),
        ({"older_than": "60h"}, ["n2", "n2/n1"]),
        ({"older_than": "2d", "name": "n*"}, ["other", "other/n1"]),
        ({"older_than": "36h", "keep": 3}, ["other", "other/n2", "other/n2/n1"]),
        ({"older_than": "72h", "keep": 1, "name": "n*"}, ["other", "other/n2", "other/n2/n1"]),
        ({"keep": 0, "name": "n*"}, ["other"]),
    ],
)
def test_old_snapshots_pruned(ladder, nightly, options, left):
    """The lesson of ansible/ansible issue 41500 and saltstack/salt issue 37127: keep the newest, remove what is older."""
    assert ladder("vm_snapshot", vm=nightly, state="pruned", **options)["snapshots"] == left


def test_unknown_age_not_pruned(run_module, nightly):
    path = pathlib.Path(nightly).with_suffix(".vmsd")
    path.write_text(re.sub(r"snapshot2\.createTime.*\n", "", path.read_text()))

    result = run_module("vm_snapshot", vm=nightly, state="pruned", keep=1)

    assert result["msg"] == f"selecting old snapshots of {nightly}: the creation time is not known of: n4/n3/other; select others with name"


@pytest.mark.parametrize("text", ["7", "d", "7y", "-1d", "1.5h", ""])
def test_invalid_duration_reported(run_module, nightly, text):
    result = run_module("vm_snapshot", vm=nightly, state="pruned", older_than=text)

    assert result["msg"].startswith(f"reading older_than: {text} is not a duration: use a number and one of s, m, h, d, w, such as 7d")


def test_pruned_without_limits_refused(run_module, nightly):
    assert "keep, older_than" in run_module("vm_snapshot", vm=nightly, state="pruned")["msg"]


def test_vms_processed_in_parallel(openvix, ladder):
    """The lesson of Tanzu-Solutions-Engineering/cPodFactory issue 14: snapshot sets of a whole lab."""
    vms = [openvix.add_vm(f"vm{number}") for number in range(3)]

    done = ladder("vm_snapshot", vms=vms, name="clean")

    assert [result["snapshots"] for result in done["results"]] == [["clean"]] * 3


def test_name_matched_as_whole(openvix, run_module):
    """The lesson of rapid7/vm-automation issue 4: a part of a name chose the wrong snapshot."""
    web = openvix.add_vm("web", snapshots=[{"name": "clean-2"}])

    assert not run_module("vm_snapshot", vm=web, name="clean", state="absent")["changed"]
    assert run_module("vm_snapshot", vm=web, name="clean", state="reverted")["_rc"] == 1


def test_deep_tree_walked(openvix, ladder, run_module):
    """The lesson of ansible-collections/vmware.vmware issue 330: reverts pick wrongly in trees that are not trivial."""
    tree = [{"name": "leaf"}]
    for level in range(30):
        tree = [{"name": f"l{level}", "children": tree}, {"name": "leaf"}]
    web = openvix.add_vm("web", snapshots=tree)
    deep = "/".join(f"l{level}" for level in range(29, -1, -1)) + "/leaf"

    assert run_module("vm_snapshot", vm=web, name=deep, state="reverted")["current"] == deep
    assert ladder("vm_snapshot", vm=web, name="l29/l28/leaf", state="absent")["current"] == deep


@pytest.mark.parametrize(("name", "above"), [("backup 01/02/2026", "backup 01/02"), ("sa/me", "sa")])
def test_new_name_with_slash_refused(openvix, run_module, name, above):
    web = openvix.add_vm("web")
    run_module("vm_snapshot", vm=web, name="same", state="present")

    result = run_module("vm_snapshot", vm=web, name=name, state="present")

    reason = "a slash separates the names in a path, so the name of a new snapshot cannot contain one"
    assert result["msg"] == f"taking snapshot {name} of {web}: there is no snapshot {above}: {reason}"
    assert result["error"] == "Refused"


@pytest.fixture
def clones(openvix, run_module, web):
    """Linked clones of two snapshots of web, by the path of the snapshot."""
    run_module("vm_power", vm=web, state="powered_off")
    found = {"base/patched": f"{openvix.directory}/vms/one/one.vmx", "base/patched/clean": f"{openvix.directory}/vms/two/two.vmx"}
    for snapshot, dest in found.items():
        assert run_module("vm_clone", vm=web, dest=dest, linked=True, snapshot=snapshot)["changed"]
    return found


@pytest.mark.parametrize("check_mode", [True, False])
def test_snapshot_of_linked_clone_kept(run_module, web, clones, check_mode):
    """The lesson of users who lost clones: a snapshot that linked clones depend on is not removed silently."""
    one, two = clones.values()
    sentence = f"linked clones depend on snapshot base/patched: {one}"
    options = {"vm": web, "state": "absent", "check_mode": check_mode}

    alone = run_module("vm_snapshot", name="base/patched", **options)
    with_children = run_module("vm_snapshot", name="base", children=True, **options)

    assert alone["msg"] == f"removing snapshot base/patched of {web}: {sentence}; delete them first, or set force=true"
    assert with_children["msg"] == (
        f"removing snapshot base of {web}: {sentence}; linked clones depend on snapshot base/patched/clean: {two}; delete them first, or set force=true"
    )
    assert alone["error"] == with_children["error"] == "Refused"
    assert paths(run_module, web) == ALL


def test_snapshot_of_linked_clone_removed_by_force(run_module, web, clones):
    options = {"vm": web, "name": "base/patched", "state": "absent", "force": True}

    predicted, done = run_module("vm_snapshot", check_mode=True, **options), run_module("vm_snapshot", **options)

    assert predicted == done
    assert (done["linked_clones"], done["snapshots"]) == ([clones["base/patched"]], ["base", "base/broken", "base/clean"])


def test_snapshot_above_linked_clone_removed(run_module, web, clones):
    """The clone depends on the disk of another snapshot, which stays."""
    result = run_module("vm_snapshot", vm=web, name="base", state="absent")

    assert (result["changed"], result["linked_clones"]) == (True, [])
    assert result["snapshots"] == ["broken", "patched", "patched/clean"]
    assert "depend on snapshot patched/clean: " in run_module("vm_snapshot", vm=web, name="patched/clean", state="absent")["msg"]


def test_snapshot_of_deleted_clone_removed(run_module, web, clones):
    for clone in clones.values():
        assert run_module("vm", vm=clone, state="absent", delete_disks=True)["changed"]

    assert run_module("vm_snapshot", vm=web, name="base", state="absent", children=True)["snapshots"] == []


def test_unlisted_clone_recognized(run_module, web, clones):
    """One that no longer is in the list of its base, but records where it comes from."""
    path = pathlib.Path(web).with_suffix(".vmsd")
    path.write_text(re.sub(r"snapshot\d+\.(numClones|clone\d+) = .*\n", "", path.read_text()))

    assert clones["base/patched"] in run_module("vm_snapshot", vm=web, name="base/patched", state="absent")["msg"]
    assert run_module("vm_snapshot", vm=web, name="base/broken", state="absent")["changed"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_pruned_keeps_snapshots_of_clones(openvix, run_module, nightly, check_mode):
    dest = f"{openvix.directory}/vms/copy/copy.vmx"
    run_module("vm_clone", vm=nightly, dest=dest, linked=True, snapshot="n4/n3")

    result = run_module("vm_snapshot", vm=nightly, state="pruned", keep=1, check_mode=check_mode)

    assert (result["snapshots"], result["kept"], result["linked_clones"]) == (["n3", "n3/n1"], ["n4/n3"], [])
    assert f"old snapshots of {nightly} were kept: linked clones depend on snapshot n4/n3: {dest}" in str(result["warnings"])


def test_pruned_by_force(openvix, ladder, run_module, nightly):
    dest = f"{openvix.directory}/vms/copy/copy.vmx"
    run_module("vm_clone", vm=nightly, dest=dest, linked=True, snapshot="n4/n3")

    done = ladder("vm_snapshot", vm=nightly, state="pruned", keep=1, force=True)

    assert (done["snapshots"], done["kept"], done["linked_clones"]) == (["n1"], [], [dest])
    sentence = run_module("vm_power", vm=dest, state="powered_on")["msg"]
    assert "(VIX_E_DISK_OPENPARENT, 16012); a disk that this one depends on is missing" in sentence


def test_several_vms_keep_snapshots_of_clones(openvix, run_module, nightly):
    dest = f"{openvix.directory}/vms/copy/copy.vmx"
    run_module("vm_clone", vm=nightly, dest=dest, linked=True, snapshot="n4/n3")
    other = openvix.add_vm("other")

    result = run_module("vm_snapshot", vms=[nightly, other], state="pruned", keep=1)

    assert [each["kept"] for each in result["results"]] == [["n4/n3"], []]
    assert f"old snapshots of {nightly} were kept" in str(result["warnings"])
