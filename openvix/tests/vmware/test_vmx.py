# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from openvix.vmware import vmsd, vmx

WRITTEN = b"""\
#!/usr/bin/vmware
.encoding = "windows-1252"
displayName = "M\xfcller |22box|22"
MemSize = "1024"
scsi0:0.fileName=web.vmdk
answer.msg.unknown = "a | b" # why
"""


def test_values_are_decoded_by_encoding():
    settings = vmx.read(WRITTEN)
    assert settings.get("displayname") == 'Müller "box"'
    assert settings.get("memsize") == "1024"
    assert settings.get("scsi0:0.fileName") == "web.vmdk"
    assert settings.get("answer.msg.unknown") == "a | b"
    assert settings.get("nothing") is None


def test_unchanged_lines_are_preserved():
    settings = vmx.read(WRITTEN)
    settings.set("MEMSIZE", "2048")
    assert settings.write() == WRITTEN.replace(b"1024", b"2048")


def test_new_key_is_last_and_quoted():
    settings = vmx.read(WRITTEN)
    settings.set("annotation", 'a|b"c\nd')
    assert settings.write() == WRITTEN + b'annotation = "a|7Cb|22c|0Ad"\n'
    assert vmx.read(settings.write()).get("annotation") == 'a|b"c\nd'


def test_unencodable_text_converts_to_utf_8():
    settings = vmx.read(WRITTEN)
    settings.set("annotation", "日本")
    again = vmx.read(settings.write())
    assert (again.encoding, again.get("annotation"), again.get("displayName")) == ("UTF-8", "日本", 'Müller "box"')
    assert again.keys()[0] == ".encoding"


@pytest.mark.parametrize("raw", [b'.encoding = "klingon"\n', b'.encoding = "UTF-8"\nx = "\xff"\n'])
def test_invalid_file_is_a_value_error(raw):
    with pytest.raises(ValueError, match=r"klingon|codec"):
        vmx.read(raw)


# As VMware Workstation writes it.
FOREIGN = b"""\
.encoding = "windows-1252"
snapshot.lastUID = "7"
snapshot.current = "7"
snapshot0.uid = "3"
snapshot0.filename = "Ubuntu-Snapshot3.vmsn"
snapshot0.displayName = "Snapshot 1"
snapshot0.description = "vor dem Update|0Azwei"
snapshot0.type = "1"
snapshot0.createTimeHigh = "310738"
snapshot0.createTimeLow = "-1043195392"
snapshot0.numDisks = "1"
snapshot0.disk0.fileName = "Ubuntu.vmdk"
snapshot0.disk0.node = "scsi0:0"
snapshot1.uid = "7"
snapshot1.filename = "Ubuntu-Snapshot7.vmsn"
snapshot1.parent = "3"
snapshot1.displayName = "child"
snapshot1.createTimeHigh = "310738"
snapshot1.createTimeLow = "5"
snapshot.numSnapshots = "2"
"""


def test_vmsd_of_vmware_is_read():
    tree = vmsd.read(FOREIGN)
    first, second = tree.snapshots
    assert (tree.current, tree.last) == (7, 7)
    assert (first.uid, first.parent, first.name, first.description, first.memory) == (3, 0, "Snapshot 1", "vor dem Update\nzwei", True)
    assert first.created == (310738 << 32) + (2**32 - 1043195392)
    assert (second.uid, second.parent, second.memory) == (7, 3, False)


def test_vmsd_survives_a_round_trip():
    tree = vmsd.Tree().with_new('a "b"', "one\ntwo", (5 << 32) + 0xFFFFFFFF, True).with_new("c", "", 1, False)
    written = vmsd.write(tree, "web")
    assert vmsd.read(written) == tree
    assert b'snapshot0.createTimeLow = "-1"\n' in written
    assert b'snapshot1.parent = "1"\n' in written
    assert b"snapshot0.parent" not in written


def family():
    """1 with the children 2 (with the child 3) and 4; 4 is the current one."""
    tree = vmsd.Tree()
    for parent in (0, 1, 2, 1):
        tree = vmsd.Tree(tree.snapshots, parent, tree.last).with_new("x", "", 0, False)
    return tree


def parents(tree):
    return {snapshot.uid: snapshot.parent for snapshot in tree.snapshots}


def test_children_of_removed_snapshot_move_up():
    tree = family().without(1, children=False)
    assert (parents(tree), tree.current) == ({2: 0, 3: 2, 4: 0}, 4)


def test_children_are_removed_with_parent():
    tree = family().without(2, children=True)
    assert (parents(tree), tree.current) == ({1: 0, 4: 1}, 4)


@pytest.mark.parametrize(("gone", "children", "current"), [(4, False, 1), (1, True, 0)])
def test_parent_becomes_current_after_removal(gone, children, current):
    assert family().without(gone, children).current == current


def test_snapshot_uid_is_never_reused():
    tree = family().without(4, children=False)
    assert tree.with_new("y", "", 0, False).current == 5
