# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import library, vmx

WORKSTATION = """\
.encoding = "UTF-8"
vmlist10.config = "/vms/ten/ten.vmx"
vmlist10.DisplayName = "ten"
vmlist1.config = "folder1"
vmlist1.Type = "2"
vmlist1.DisplayName = "My VMs"
vmlist1.ParentID = "0"
vmlist1.ItemID = "1"
vmlist2.config = "/vms/web/web.vmx"
vmlist2.DisplayName = "|22web|22"
vmlist2.ParentID = "1"
vmlist2.ItemID = "2"
vmlist2.State = "paused"
vmlist3.config = ""
vmlist3.DisplayName = "removed"
vmlist4.config = "/vms/nameless/nameless.vmx"
vmlist4.DisplayName = ""
vmlist5.config = "/vms/other/../web/web.vmx"
vmlist5.DisplayName = "web again"
vmlist6.config = "ws://elsewhere/x.vmx"
vmlist7.config = "relative.vmx"
vmlist8.config = "/vms/bad|00/bad.vmx"
index0.field0.name = "guest"
index0.hostID = "localhost"
index0.id = "/vms/indexed/indexed.vmx"
index.count = "1"
"""


def put(home, name, text):
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    return path


def test_no_list_no_vms(tmp_path):
    assert library.known_vms(str(tmp_path)) == []


@pytest.mark.parametrize("name", [".vmware/inventory.vmls", "Library/Application Support/VMware Fusion/vmInventory"])
def test_library_in_order_each_vm_once(tmp_path, name):
    put(tmp_path, name, WORKSTATION)

    assert library.known_vms(str(tmp_path)) == [("/vms/web/web.vmx", '"web"'), ("/vms/nameless/nameless.vmx", None), ("/vms/ten/ten.vmx", "ten")]


def test_list_of_player_read(tmp_path):
    text = 'pref.mruVM0.filename = "/vms/web/web.vmx"\npref.mruVM0.displayName = "web"\npref.mruVM0.index = "0"\n'
    put(tmp_path, ".vmware/preferences", text)

    assert library.known_vms(str(tmp_path)) == [("/vms/web/web.vmx", "web")]


def test_vm_in_two_lists_is_one(tmp_path):
    real, link = tmp_path / "real" / "web.vmx", tmp_path / "link"
    put(tmp_path, "real/web.vmx", "")
    os.symlink(str(real.parent), str(link))
    put(tmp_path, ".vmware/inventory.vmls", f'vmlist1.config = "{link}/web.vmx"\nvmlist1.DisplayName = "web"\nvmlist2.config = "{real}"\n')
    put(tmp_path, ".vmware/preferences", f'pref.mruVM0.filename = "{real}"\n')

    assert library.known_vms(str(tmp_path)) == [(f"{link}/web.vmx", "web")]


def test_broken_list_raises(tmp_path):
    path = put(tmp_path, ".vmware/inventory.vmls", 'vmlist1.config = "/vms/we')

    with pytest.raises(vmx.BrokenFile) as caught:
        library.known_vms(str(tmp_path))

    assert caught.value.path == str(path)


def test_broken_list_hides_no_other(tmp_path):
    path = put(tmp_path, ".vmware/inventory.vmls", 'vmlist1.config = "/vms/we')
    put(tmp_path, ".vmware/preferences", 'pref.mruVM0.filename = "/vms/db/db.vmx"\n')

    found, broken = library.listed_vms(str(tmp_path))

    assert found == [("/vms/db/db.vmx", "/vms/db/db.vmx", None)]
    assert [error.path for error in broken] == [str(path)]


@pytest.mark.parametrize("name", [".vmware/preferences", "Library/Preferences/VMware Fusion/preferences"])
def test_preferred_and_default_directories(tmp_path, name):
    chosen = tmp_path / "chosen"
    put(tmp_path, name, f'prefvmx.defaultVMPath = "{chosen}"\n')
    for folder in ("chosen", "vmware", "Virtual Machines.localized"):
        (tmp_path / folder).mkdir()

    assert library.folders(str(tmp_path)) == [str(chosen), str(tmp_path / "vmware"), str(tmp_path / "Virtual Machines.localized")]


@pytest.mark.parametrize(
    "text", ["", 'prefvmx.defaultVMPath = "relative"', 'prefvmx.defaultVMPath = "/nowhere"', 'prefvmx.defaultVMPath = "/', 'prefvmx.defaultVMPath = "|00"']
)
def test_missing_directory_not_searched(tmp_path, text):
    put(tmp_path, ".vmware/preferences", text)

    assert library.folders(str(tmp_path)) == []


def test_tilde_in_preferences_is_home(tmp_path):
    """1 of 12 preferences files found sets the directory, and has a tilde in it."""
    put(
        tmp_path,
        ".vmware/preferences",
        'prefvmx.defaultVMPath = "~/machines"\npref.mruVM0.filename = "~/machines/web/web.vmx"\npref.mruVM0.displayName = "web"\n',
    )
    (tmp_path / "machines").mkdir()

    assert library.folders(str(tmp_path)) == [str(tmp_path / "machines")]
    assert library.known_vms(str(tmp_path)) == [(str(tmp_path / "machines/web/web.vmx"), "web")]
    put(tmp_path, ".vmware/preferences", 'prefvmx.defaultVMPath = "~"\n')
    assert library.folders(str(tmp_path)) == [str(tmp_path)]
    put(tmp_path, ".vmware/preferences", 'prefvmx.defaultVMPath = "~root"\n')
    assert library.folders(str(tmp_path)) == []


def test_any_bytes_vms_or_broken_file(tmp_path):
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    path = put(tmp_path, ".vmware/inventory.vmls", "")
    pieces = ["vmlist", "0", "1", "9" * 12, ".config", ".DisplayName", " = ", '"', "/", "..", "|00", "|FF", "\n", "ä", "x" * 300]

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(
        st.one_of(st.binary(), st.lists(st.sampled_from(pieces + WORKSTATION.splitlines(True))).map(lambda texts: "".join(texts).encode("utf-8")))
    )
    def throw(raw):
        path.write_bytes(raw)
        try:
            found = library.known_vms(str(tmp_path))
        except vmx.BrokenFile:
            return
        assert all(vm.startswith("/") and name != "" for vm, name in found)

    throw()
