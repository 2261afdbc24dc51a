# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import lineage, rewrite, vmx


@pytest.fixture
def make(tmp_path):
    """Make the files of a VM, with values of its .vmx and of its .vmsd, and return the path of the .vmx."""

    def make(name, vmsd=None, **values):
        folder = tmp_path / "vms" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.vmx").write_text("".join(f'{key} = "{value}"\n' for key, value in {"displayName": name, **values}.items()))
        if vmsd is not None:
            (folder / f"{name}.vmsd").write_text(vmsd)
        return str(folder / f"{name}.vmx")

    return make


def mark(path, source, linked=True, uuid="", snapshot=""):
    rewrite.set_values(path, lineage.marks(path, lineage.Origin(source, uuid, linked, snapshot)))


def test_marks_read_back(make):
    web, copy = make("web"), make("copy")
    origin = lineage.Origin(web, "56 4d", True, "base/patched")

    rewrite.set_values(copy, lineage.marks(copy, origin))

    assert lineage.origin(copy) == origin
    assert lineage.origin(web) is None


@pytest.mark.parametrize("written", ["{web}", "../web/web.vmx"])
def test_linked_clone_notes_of_vmware_read(make, written):
    web = make("web")
    copy = make("copy", vmsd=f'cloneOf0 = "{written.format(web=web)}"\nnumCloneOf = "1"\n')

    found = lineage.origin(copy)

    assert lineage.is_of(found, web, "")
    assert (found.linked, found.snapshot) == (True, "")


@pytest.mark.parametrize("source", ["D:\\VMs\\web\\web.vmx", "D:/VMs/web/web.vmx", "\\\\nas\\vms\\web.vmx"])
def test_windows_path_of_origin_kept(make, source):
    copy = make("copy", vmsd=f'cloneOf0 = "{source}"\nnumCloneOf = "1"\n')

    assert lineage.origin(copy) == lineage.Origin(source, "", True, "")


def test_mark_of_copied_clone(make):
    web, copy = make("web"), make("copy")
    mark(copy, web)
    values = vmx.read(copy)

    second = make("second", **values)

    assert lineage.origin(copy).source == web
    assert lineage.origin(second) is None


def test_moved_clone_keeps_origin(make, tmp_path):
    web, copy = make("web"), make("copy")
    mark(copy, web)
    (tmp_path / "vms" / "copy").rename(tmp_path / "vms" / "moved")

    assert lineage.origin(str(tmp_path / "vms" / "moved" / "copy.vmx")).source == web


def test_moved_source_known_by_uuid(make, tmp_path):
    web, other = make("web", **{"uuid.bios": "56 4d"}), make("other", **{"uuid.bios": "56 4e"})
    origin = lineage.Origin(web, lineage.uuid(web), False, "")
    (tmp_path / "vms" / "web").rename(tmp_path / "vms" / "moved")
    moved = str(tmp_path / "vms" / "moved" / "web.vmx")

    assert lineage.is_of(origin, moved, lineage.uuid(moved))
    assert not lineage.is_of(origin, other, lineage.uuid(other))


def test_existing_source_not_mistaken_for_copy(make):
    web, copied = make("web", **{"uuid.bios": "56 4d"}), make("copied", **{"uuid.bios": "56 4d"})

    assert not lineage.is_of(lineage.Origin(web, "56 4d", False, ""), copied, "56 4d")


def test_sources_without_uuid_differ(make, tmp_path):
    assert not lineage.is_of(lineage.Origin(str(tmp_path / "gone.vmx"), "", False, ""), make("web"), "")


def test_linked_clones_found_everywhere(make, tmp_path):
    web = make("web", vmsd='snapshot0.uid = "1"\nsnapshot0.clone0 = "../listed/listed.vmx"\nsnapshot0.clone1 = "/gone/gone.vmx"\nsnapshot0.numClones = "2"\n')
    listed, noted, marked, full = make("listed"), make("noted", vmsd=f'cloneOf0 = "{web}"\n'), make("marked"), make("full")
    make("another")
    mark(marked, web)
    mark(full, web, linked=False)
    home = tmp_path / "home"
    (home / ".vmware").mkdir(parents=True)
    far = tmp_path / "far" / "away"
    far.mkdir(parents=True)
    (far / "far.vmx").write_text('displayName = "far"\n')
    mark(str(far / "far.vmx"), web)
    (home / ".vmware" / "inventory.vmls").write_text(f'vmlist1.config = "{far}/far.vmx"\nvmlist1.DisplayName = "far"\n')

    assert lineage.linked_clones(web, str(home)) == sorted([listed, noted, marked, str(far / "far.vmx")])


def test_listed_vm_of_other_origin_skipped(make, tmp_path):
    other = make("other")
    copy = make("copy")
    mark(copy, other)
    web = make("web", vmsd=f'snapshot0.uid = "1"\nsnapshot0.clone0 = "{copy}"\n')

    assert lineage.linked_clones(web, str(tmp_path)) == []


def test_listed_unreadable_clone_reported(make, tmp_path):
    copy = make("copy")
    web = make("web", vmsd=f'snapshot0.uid = "1"\nsnapshot0.clone0 = "{copy}"\n')
    (tmp_path / "vms" / "copy" / "copy.vmx").write_bytes(b"\0")

    assert lineage.linked_clones(web, str(tmp_path)) == [copy]


def test_unreadable_list_hides_only_its_vms(make, tmp_path):
    web, copy = make("web"), make("copy")
    mark(copy, web)
    (tmp_path / ".vmware").mkdir()
    (tmp_path / ".vmware" / "inventory.vmls").write_bytes(b"\0")

    assert lineage.linked_clones(web, str(tmp_path)) == [copy]


def test_vm_of_other_machine_unknown(tmp_path):
    assert lineage.linked_clones("[standard] web/web.vmx", None) == []


def test_dependents_by_snapshot(make, tmp_path):
    vmsd = """snapshot.numSnapshots = "2"
snapshot0.uid = "4"
snapshot0.clone0 = "{place}/one/one.vmx"
snapshot0.clone1 = "../gone/gone.vmx"
snapshot0.numClones = "2"
snapshot1.uid = "7"
snapshot1.clone0 = "../two/two.vmx"
snapshot1.clone1 = "../one/one.vmx"
"""
    web = make("web", vmsd=vmsd.replace("{place}", str(tmp_path / "vms")))
    one, two, three, four = (make(name) for name in ("one", "two", "three", "four"))
    mark(three, web, snapshot="base/patched")
    mark(four, web, linked=False, snapshot="base/patched")

    assert sorted(lineage.dependents(web, str(tmp_path)), key=str) == sorted(
        [
            lineage.Dependent(one, 4, ""),
            lineage.Dependent(one, 7, ""),
            lineage.Dependent(two, 7, ""),
            lineage.Dependent(three, None, "base/patched"),
        ],
        key=str,
    )
