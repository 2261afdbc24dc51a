# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import vmsd, vmx

# As Workstation writes it, but for the names.
WORKSTATION = """\
.encoding = "UTF-8"
snapshot.lastUID = "7"
snapshot.current = "4"
snapshot0.uid = "1"
snapshot0.filename = "web-Snapshot1.vmsn"
snapshot0.displayName = "base"
snapshot0.description = "As |22installed|22"
snapshot0.createTimeHigh = "416404"
snapshot0.createTimeLow = "1361996416"
snapshot0.numDisks = "1"
snapshot0.disk0.fileName = "web.vmdk"
snapshot0.disk0.node = "scsi0:0"
snapshot1.uid = "4"
snapshot1.parent = "1"
snapshot1.displayName = "patched"
snapshot1.createTimeHigh = "416404"
snapshot1.createTimeLow = "-1361996416"
snapshot2.uid = "7"
snapshot2.parent = "1"
snapshot2.displayName = "a/b"
snapshot.numSnapshots = "3"
snapshot.mru0.uid = "7"
"""


@pytest.fixture
def read(tmp_path):
    def write_and_read(text):
        path = tmp_path / "web.vmsd"
        path.write_bytes(text.encode("utf-8"))
        return vmsd.read(str(path))

    return write_and_read


def picture(*entries, **other):
    """A .vmsd of (uid, parent, name)."""
    lines = [f'snapshot.{key} = "{value}"' for key, value in {"numSnapshots": len(entries), **other}.items()]
    for index, (uid, parent, name) in enumerate(entries):
        lines += [f'snapshot{index}.uid = "{uid}"', f'snapshot{index}.parent = "{parent}"', f'snapshot{index}.displayName = "{name}"']
    return "\n".join(lines)


def shape(found):
    return [(snapshot.uid, snapshot.parent, snapshot.path, snapshot.place) for snapshot in found.snapshots]


def test_snapshots_of_workstation_read(read):
    found = read(WORKSTATION)

    assert shape(found) == [(1, None, "base", (0,)), (4, 1, "base/patched", (0, 0)), (7, 1, "base/a/b", (0, 1))]
    assert [snapshot.name for snapshot in found.snapshots] == ["base", "patched", "a/b"]
    assert found.snapshots[0].description == 'As "installed"'
    assert found.current == 4
    assert found.problems == []


def test_creation_time_from_signed_halves(read):
    base, patched, unknown = read(WORKSTATION).snapshots

    assert base.created == 1788442923.92  # 3 September 2026, 13:42:03 UTC
    assert patched.created == ((416404 << 32) + (1 << 32) - 1361996416) / 1e6
    assert unknown.created is None


def test_creation_time_beyond_calendar_unknown(read):
    found = read(WORKSTATION.replace('High = "416404"', 'High = "-1"'))

    assert [snapshot.created for snapshot in found.snapshots] == [None, None, None]
    assert found.problems == [f"the creation time of snapshot{index} is beyond the year 9999" for index in (0, 1)]


def test_no_snapshots_empty_or_no_file(read, tmp_path):
    assert read("") == vmsd.read(str(tmp_path / "other.vmsd")) == ([], None, [])


def test_file_is_beside_vmx():
    assert vmsd.beside("/vms/web.1/web.vmx") == "/vms/web.1/web.vmsd"


def test_tree_lists_parents_first(read):
    """The tree of vmware.vmware#330 (lesson 27): branches at several levels, written in another order than that of the tree."""
    found = read(picture((5, 2, "c"), (1, 0, "a"), (2, 1, "b"), (9, 0, "a"), (3, 1, "b"), (4, 3, "c"), (8, 4, "d"), current=8))

    assert shape(found) == [
        (1, None, "a", (0,)),
        (2, 1, "a/b", (0, 0)),
        (5, 2, "a/b/c", (0, 0, 0)),
        (3, 1, "a/b", (0, 1)),
        (4, 3, "a/b/c", (0, 1, 0)),
        (8, 4, "a/b/c/d", (0, 1, 0, 0)),
        (9, None, "a", (1,)),
    ]
    assert found.current == 8
    assert found.problems == []


def test_snapshot_matched_by_path_then_place(read):
    snapshots = read(picture((1, 0, "a"), (2, 1, "b"), (3, 1, "b"), (4, 3, "c"))).snapshots

    def uid(path, place):
        found = vmsd.match(snapshots, path, place)
        return found and found.uid

    assert [uid("a/b", (0, 0)), uid("a/b", [0, 1]), uid("a/b", (1, 1))] == [2, 3, None]
    assert [uid("a", (0,)), uid("a", (5,)), uid("a/b/c", ())] == [1, 1, 4]  # the only one there is of its path
    assert uid("b", (0,)) is None


@pytest.mark.parametrize(
    ("text", "seen", "problem"),
    [
        (picture((1, 7, "a"), (2, 1, "b")), ["a", "a/b"], "the parent of snapshot 1, 7, is not there"),
        (picture((1, 1, "a"), (2, 1, "b")), ["a", "a/b"], "snapshot 1 is below itself"),
        (picture((1, 3, "a"), (2, 1, "b"), (3, 2, "c"), (4, 3, "d")), ["a", "a/b", "a/b/c", "a/b/c/d"], "snapshot 1 is below itself"),
        (picture((4, 3, "d"), (3, 2, "c"), (2, 3, "b")), ["c", "c/d", "c/b"], "snapshot 3 is below itself"),
        (picture((1, 0, "a"), (2, 0, "gone"), numSnapshots=1), ["a"], "it says that there are 1 snapshots, and has 2"),
        (picture((1, 0, "a"), numSnapshots=10**18), ["a"], "it says that there are 1000000000000000000 snapshots, and has 1"),
        (picture((1, 0, "a"), numSnapshots=-1), [], "it says that there are -1 snapshots, and has 1"),
        (picture((1, 0, "a"), numSnapshots="many"), ["a"], "it does not contain the number of snapshots"),
        (picture((1, 0, "a"), (1, 0, "b")), ["a"], "snapshot1 has no uid, and is skipped"),
        (picture((1, 0, "a"), ("x", 0, "b")), ["a"], "snapshot1 has no uid, and is skipped"),
        (picture((0, 0, "a")), [], "snapshot0 has no uid, and is skipped"),
        (picture((1, 0, "a"), current=3), ["a"], "the current snapshot, 3, is not there"),
        (picture((1, 0, "a")) + '\nsnapshot0.displayName = "b"', ["b"], "line 5 repeats snapshot0.displayname, and the last one counts"),
    ],
)
def test_errors_reported_rest_read(read, text, seen, problem):
    found = read(text)

    assert [snapshot.path for snapshot in found.snapshots] == seen
    assert found.problems == [problem]
    assert found.current is None


def test_broken_file_raises(read):
    with pytest.raises(vmx.BrokenFile, match=r"web\.vmsd: line 1 is not"):
        read("snapshot")


@pytest.mark.parametrize(
    ("parent", "whole"),
    [("{above}", False), ("{below}", False), ("1", True), ("0", True), ("{uid}", True)],
    ids=["each below the one before", "each below the next", "all below one", "roots", "each below itself"],
)
def test_many_snapshots_bounded_time(read, parent, whole):
    entries = [(uid, parent.format(above=uid - 1, below=uid + 1, uid=uid), "") for uid in range(1, 20001)]
    begin = time.process_time()
    if whole:
        assert len(read(picture(*entries)).snapshots) == 20000
    else:
        with pytest.raises(vmx.BrokenFile, match="the paths of its snapshots are too long"):
            read(picture(*entries))

    assert time.process_time() - begin < 20  # seconds; a quadratic way takes many minutes


def test_long_snapshot_paths_refused(read):
    with pytest.raises(vmx.BrokenFile, match="too long"):
        read(picture((1, 0, "x" * (1 << 20)), *((uid, 1, "y") for uid in range(2, 30))))


def test_any_parents_each_snapshot_once():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    small = st.integers(-1, 8)

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(st.lists(st.tuples(small, small, st.sampled_from(["a", "b", "a/b", ""])), max_size=9), small)
    def grow(entries, current):
        values = vmx.parse(picture(*entries, current=current).encode("utf-8"), "web.vmsd")
        problems = []
        snapshots = vmsd._tree(vmsd._entries(values, problems), problems, "web.vmsd")

        assert sorted(snapshot.uid for snapshot in snapshots) == sorted({uid for uid, dummy, other in entries if uid > 0})
        assert len({snapshot.place for snapshot in snapshots}) == len(snapshots)
        above = {}
        for snapshot in snapshots:
            start = f"{above[snapshot.parent].path}/" if snapshot.parent else ""
            assert snapshot.path == start + snapshot.name
            assert vmsd.match(snapshots, snapshot.path, snapshot.place) is snapshot
            above[snapshot.uid] = snapshot

    grow()


def test_any_bytes_snapshots_or_broken_file(tmp_path):
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    path = tmp_path / "web.vmsd"
    pieces = ["snapshot", "0", "1", ".uid", ".parent", ".createTimeHigh", ".numSnapshots", ".current", " = ", '"', "\n", "-", "9" * 30, "|00", "ä"]
    lines = WORKSTATION.splitlines(True)

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(st.one_of(st.binary(), st.lists(st.sampled_from(pieces + lines)).map(lambda texts: "".join(texts).encode("utf-8"))))
    def throw(raw):
        path.write_bytes(raw)
        try:
            found = vmsd.read(str(path))
        except vmx.BrokenFile:
            return
        assert len({snapshot.uid for snapshot in found.snapshots}) == len(found.snapshots)

    throw()
