# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

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


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'.encoding = "klingon"\n', "unknown .encoding 'klingon'"),
        (b'.encoding = "UTF-16"\n', "unknown .encoding 'UTF-16'"),
        (b'.encoding = "UTF-8"\nx = "\xff"\n', "line 2: the value of x is not UTF-8"),
        (b'.encoding = "UTF-8"\r\na = "1"\r\nsharedFolder0.guestName = "shared?\r\n', 'line 3 is not KEY = "VALUE"'),  # wild/10-one-broken-line
        (b'versioninfo\r\n{\r\n\t"editorversion" "400"\r\n}\r\n', 'line 1 is not KEY = "VALUE"'),  # wild/07-not-vmware
        (b"\0\x02C\0\0", "it is not a text file"),
        (b"# one\n\nmemsize = 4 MB\n", 'line 3 is not KEY = "VALUE"'),
        (b'a = "1" b\n', 'line 1 is not KEY = "VALUE"'),
        (b'"a b" = "1"\n', 'line 1 is not KEY = "VALUE"'),
    ],
)
def test_what_vmware_refuses_is_refused(raw, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        vmx.read(raw)


@pytest.mark.parametrize(
    ("encoding", "codec", "name"),
    [
        ("windows-949-2000", "cp949", "웹 서버 똠"),  # wild/02-korean-host
        ("Shift_JIS", "cp932", "①1号機 髙橋 Web㈱"),  # wild/04-japanese-host
        ("Big5", "cp950", "裏側 恒"),
        ("ibm-874", "cp874", "เว็บ"),
        ("GBK", "gbk", "虚拟机 亅"),  # whose last byte is | in ASCII
    ],
)
def test_code_pages_of_windows_read_and_written(encoding, codec, name):
    raw = f'.encoding = "{encoding}"\r\nmemsize = "4"\r\n'.encode(codec)
    settings = vmx.read(raw)
    settings.set("displayName", name)
    written = settings.write()
    assert written == raw + b'displayName = "' + name.encode(codec).replace(b"|", b"|7C") + b'"\r\n'
    assert vmx.read(written).get("displayName") == name


def test_euro_of_code_page_936():
    settings = vmx.read(b'.encoding = "GBK"\na = "\x80 \x81\x80"\n')
    assert settings.get("a") == "€ " + b"\x81\x80".decode("gbk")
    settings.set("b", "5 €")
    assert settings.write().endswith(b'b = "5 \x80"\n')


def test_unencodable_text_converts_comments_not():
    settings = vmx.read(b'#!/usr/bin/vmware\n.encoding = "Shift_JIS"\na = "' + "髙".encode("cp932") + b'"\n')
    settings.set("b", "😀")
    assert settings.write().decode("utf-8") == '#!/usr/bin/vmware\n.encoding = "UTF-8"\na = "髙"\nb = "😀"\n'


def test_reader_of_vmsd_names_the_line():
    with pytest.raises(ValueError, match=r"^line 2: snapshot0\.uid is not a number$"):
        vmsd.read(b'snapshot.numSnapshots = "1"\nsnapshot0.uid = "x"\n')
    with pytest.raises(ValueError, match=r"^snapshot0\.uid is not a number$"):
        vmsd.read(b'snapshot.numSnapshots = "1"\n')


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
