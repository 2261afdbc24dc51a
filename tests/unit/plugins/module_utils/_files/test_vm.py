# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files.vm import VMFiles, macs, stem
from ansible_collections.vmlab.vix.plugins.module_utils._files.vmx import BrokenFile, parse

WEB = """\
displayName = "web"
guestOS = "debian12-64"
numvcpus = "2"
memsize = "2048"
annotation = "one|0Atwo"
guestinfo.Role = "front"
guestinfo.userdata = "c2VjcmV0"
guestinfo.ip = "192.0.2.7"
ethernet0.present = "TRUE"
ethernet0.generatedAddress = "00:0C:29:1C:9C:5E"
"""
LEASES = {"00:0c:29:1c:9c:5e": [("192.168.8.128", "lease"), ("192.168.8.10", "reservation")]}


@pytest.fixture
def describe(tmp_path):
    """Describe a VM by its files."""
    path = tmp_path / "web.vmx"

    def write_and_describe(text=WEB, gather=("addresses", "snapshots"), exclude=("userdata*",), leases=None, vmsd=None):
        path.write_text(text)
        if vmsd is not None:
            path.with_suffix(".vmsd").write_text(vmsd)
        return VMFiles(gather, exclude, LEASES if leases is None else leases).describe(str(path))

    write_and_describe.path = str(path)
    return write_and_describe


def test_vmx_values_returned(describe):
    facts, problems = describe(gather=())

    assert facts == {
        "name": "web",
        "power": "powered_off",
        "guest_os": "debian12-64",
        "cpus": 2,
        "memory": 2048,
        "encrypted": False,
        "locked": False,
        "annotation": "one\ntwo",
        "guestinfo": {"role": "front", "ip": "192.0.2.7"},
    }
    assert problems == []


def test_missing_values_left_open(describe):
    facts = describe('config.version = "8"\n', leases={})[0]

    assert (facts["name"], facts["guest_os"], facts["cpus"], facts["memory"]) == (None, None, 1, None)
    assert (facts["annotation"], facts["guestinfo"], facts["addresses"]) == ("", {}, [])


@pytest.mark.parametrize(
    ("more", "power"),
    [('checkpoint.vmState = "web.vmss"\n', "suspended"), ('checkpoint.vmState = ""\n', "powered_off")],
)
def test_unlocked_vm_suspended_or_off(describe, more, power):
    assert describe(WEB + more)[0]["power"] == power


def test_power_of_locked_vm_unknown(describe):
    os.mkdir(f"{describe.path}.lck")
    facts = describe(WEB + 'checkpoint.vmState = "web.vmss"\n')[0]

    assert (facts["power"], facts["locked"]) == ("unknown", True)


def test_vm_of_living_process_is_on(describe):
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("this machine has no /proc")
    with open("/proc/self/stat") as file:
        start = file.read().rpartition(")")[2].split()[19]
    os.mkdir(f"{describe.path}.lck")
    with open(os.path.join(f"{describe.path}.lck", "M1.lck"), "w") as file:
        file.write(f"uuid=1 {os.getpid()}-{start}(vmware-vmx) 0 X [ lc=abc")

    assert describe()[0]["power"] == "powered_on"


def test_addresses_have_sources(describe):
    assert [(each["address"], each["source"]) for each in describe()[0]["addresses"]] == [
        ("192.168.8.128", "lease"),
        ("192.168.8.10", "reservation"),
        ("192.0.2.7", "vmx"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('ethernet0.present = "TRUE"\nethernet0.address = "00:50:56:00:00:01"\n', ["00:50:56:00:00:01"]),
        ('ethernet0.present = "true"\nethernet0.generatedAddress = "00:0C:29:00:00:0A"\n', ["00:0c:29:00:00:0a"]),
        ('ethernet0.present = "FALSE"\nethernet0.generatedAddress = "00:0C:29:00:00:0A"\n', []),
        ('ethernet0.generatedAddress = "00:0C:29:00:00:0A"\n', []),
        ('ethernet9.present = "TRUE"\nethernet9.generatedAddress = "a"\nethernet1.present = "TRUE"\nethernet1.address = "b"\n', ["b", "a"]),
        ('ethernet0.present = "TRUE"\nethernet0.address = ""\n', []),
    ],
)
def test_addresses_of_present_cards_only(text, found):
    assert macs(parse(text.encode("utf-8"), "web.vmx")) == found


def test_snapshots_with_current_one(describe):
    vmsd = 'snapshot.current = "2"\nsnapshot.numSnapshots = "2"\nsnapshot0.uid = "1"\nsnapshot0.displayName = "base"\n'
    vmsd += 'snapshot1.uid = "2"\nsnapshot1.parent = "1"\nsnapshot1.displayName = "a/b"\n'
    facts, problems = describe(vmsd=vmsd)

    assert (facts["snapshots"], facts["snapshot_names"], facts["snapshot_current"]) == (["base", "base/a/b"], ["base", "a/b"], "base/a/b")
    assert problems == []


def test_no_vmsd_no_snapshots(describe):
    facts = describe()[0]

    assert (facts["snapshots"], facts["snapshot_names"], facts["snapshot_current"]) == ([], [], None)


def test_snapshot_loop_one_problem(describe):
    text = "".join(f'snapshot{uid}.uid = "{uid + 1}"\nsnapshot{uid}.parent = "{2 - uid}"\nsnapshot{uid}.displayName = "s{uid}"\n' for uid in (0, 1))
    facts, problems = describe(vmsd=f'snapshot.numSnapshots = "2"\n{text}snapshot.current = "9"\n')

    assert sorted(facts["snapshot_names"]) == ["s0", "s1"]
    [problem] = problems
    assert problem.startswith(f"{describe.path[:-4]}.vmsd: ")
    assert "is below itself; the current snapshot, 9, is not there" in problem


def test_broken_vmsd_one_problem(describe):
    facts, problems = describe(vmsd="snapshot")

    assert facts["name"] == "web"
    assert "snapshots" not in facts
    assert problems == [f'{describe.path[:-4]}.vmsd: line 1 is not KEY = "VALUE"']


def test_repeated_key_problem_names_file(describe):
    facts, problems = describe(WEB + 'displayname = "other"\n')

    assert facts["name"] == "other"
    assert problems == [f"{describe.path}: line 11 repeats displayname, and the last one counts"]


def test_empty_file_is_broken(describe):
    with pytest.raises(BrokenFile, match="it is empty"):
        describe("")


def test_encrypted_vm_flagged(describe):
    assert describe(WEB + 'encryption.keySafe = "vmware:key/list/x"\n')[0]["encrypted"] is True


def test_guestinfo_patterns_exclude(describe):
    text = WEB + 'guestinfo.vmtools.versionString = "12"\nguestinfo.userdata.encoding = "base64"\n'

    assert describe(text, exclude=["userdata*", "vmtools.*", "ip"])[0]["guestinfo"] == {"role": "front"}
    assert "userdata" in describe(text, exclude=[])[0]["guestinfo"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/vms/web.1/web 1.vmx", "web 1"), ("[standard] web/web.VMX", "web"), ("C:\\vms\\web.vmx", "web"), ("web", "web"), ("/vms/.vmx", "")],
)
def test_unnamed_vm_named_after_file(path, name):
    assert stem(path) == name
