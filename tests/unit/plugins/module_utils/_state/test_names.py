# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils import _worker
from ansible_collections.vmlab.vix.plugins.module_utils._state import names


@pytest.fixture
def home(tmp_path):
    """A user's home, with a VMware that knows some VMs: home.lists(path=name)."""
    folder = tmp_path / "home"
    (folder / ".vmware").mkdir(parents=True)

    class Home:
        path = str(folder)
        library = folder / ".vmware" / "inventory.vmls"

        def lists(self, *vms):
            lines = [f'vmlist{number}.config = "{path}"\nvmlist{number}.DisplayName = "{name}"\n' for number, (path, name) in enumerate(vms, 1)]
            self.library.write_bytes("".join(lines).encode("utf-8"))

    return Home()


@pytest.fixture
def find(openvix, on_host):
    return lambda wanted, home=None, directories=(): on_host(lambda host: names.find(host, wanted, home, directories))


def rename(path, name):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r'displayName = ".*"', f'displayName = "{name}"', text))


@pytest.mark.parametrize("path", ["/nowhere/web.vmx", "[standard] web/web.vmx", "vms/web", "web.vmx", "WEB.VMX"])
def test_path_returned_without_vix(openvix, find, home, path):
    home.library.write_bytes(b"broken")

    assert find(path) == find(path, home.path) == path
    assert openvix.calls("VixHost_FindItems") == openvix.calls("VixHost_OpenVM") == []


def test_running_vm_found_by_name(openvix, find, home):
    web = openvix.add_vm("web", power="powered_on")
    db = openvix.add_vm("db", power="powered_on")

    assert (find("web"), find("db"), find("web", home.path)) == (web, db, web)


def test_stopped_vm_found_in_list(openvix, find, home):
    web, db = openvix.add_vm("web"), openvix.add_vm("db")
    home.lists((web, "web"), (db, "db"))

    assert find("db", home.path) == db


def test_list_not_used_for_remote_host(openvix, find, home):
    home.lists((openvix.add_vm("web"), "web"))

    with pytest.raises(_worker.Failure, match="no VM with a name is known") as caught:
        find("web")

    assert caught.value.kind == "VMNotFound"


def test_running_and_listed_vm_is_one(openvix, find, home, tmp_path):
    web = openvix.add_vm("web", power="powered_on")
    os.symlink(os.path.dirname(web), str(tmp_path / "link"))
    home.lists((str(tmp_path / "link" / "web.vmx"), "web"), (web, "web"))

    assert find("web", home.path) == web


@pytest.mark.parametrize("wanted", ["we", "web-", "Web", "web ", "eb"])
def test_only_whole_name_matches(openvix, find, home, wanted):
    """rapid7/vm-automation#4 (lesson 29): a part of a name chose the wrong one."""
    home.lists((openvix.add_vm("web"), "web"), (openvix.add_vm("web-2"), "web-2"))

    with pytest.raises(_worker.Failure, match=re.escape(f"finding VM {wanted}: no VM has that name; known names: web, web-2; ")) as caught:
        find(wanted, home.path)

    assert caught.value.kind == "VMNotFound"


def test_ambiguous_name_refused_with_paths(openvix, find, home):
    paths = [openvix.add_vm("one", power="powered_on"), openvix.add_vm("two", power="powered_on"), openvix.add_vm("three")]
    for path in paths:
        rename(path, "web")
    home.lists((paths[2], "web"))

    with pytest.raises(_worker.Failure, match="finding VM web: 3 VMs have that name: ") as caught:
        find("web", home.path)

    assert caught.value.kind == "Refused"
    assert all(path in str(caught.value) for path in paths)


def test_vm_without_files_has_no_name(openvix, find, home):
    web = openvix.add_vm("web")
    home.lists(("/vms/deleted/web.vmx", "web"), (web, "web"), ("/vms/deleted/db.vmx", "db"))

    assert find("web", home.path) == web
    with pytest.raises(_worker.Failure, match="known names: web;"):
        find("db", home.path)


def test_vmx_name_precedes_list(openvix, find, home):
    web = openvix.add_vm("web")
    home.lists((web, "old"))

    assert find("web", home.path) == web
    with pytest.raises(_worker.Failure, match="known names: web;"):
        find("old", home.path)


def test_listed_name_if_vmx_has_none(find, home, tmp_path):
    nameless, broken = tmp_path / "nameless.vmx", tmp_path / "broken.vmx"
    nameless.write_bytes(b'memsize = "4"\n')
    broken.write_bytes(b'displayName = "we')
    home.lists((str(nameless), "nameless"), (str(broken), "broken"))

    assert find("nameless", home.path) == str(nameless)
    assert find("broken", home.path) == str(broken)


def test_unopenable_running_vm_read_from_vmx(openvix, find, home):
    """OSWorld#42 (lesson 12): what is listed as running may be dead; and an encrypted VM does not open without its password."""
    web, db = openvix.add_vm("web", power="powered_on"), openvix.add_vm("db", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", vm=db, error=3038)

    assert find("web") == web
    assert find("db", home.path) == db
    with pytest.raises(_worker.Failure, match="known names: web;"):
        find("db")


def test_timeout_is_not_unopenable_vm(openvix, on_host):
    openvix.add_vm("web", power="powered_on")
    openvix.fault(call="VixHost_OpenVM", where="job", hang=True)
    openvix.forgive_leaks("the job outlives its client")

    with pytest.raises(_worker.Failure) as caught:
        on_host(lambda host: names.find(host, "db"), timeout=2)

    assert caught.value.kind == "TimedOut"


def test_unreadable_list_refused(openvix, find, home):
    openvix.add_vm("web", power="powered_on")
    home.library.write_bytes(b'vmlist1.config = "/vms')

    with pytest.raises(
        _worker.Failure, match=r"finding VM web: a VM list of VMware cannot be read .*inventory\.vmls: line 1 is not .*; use the path"
    ) as caught:
        find("web", home.path)

    assert caught.value.kind == "Refused"


def test_at_most_twenty_names_shown(find, home, tmp_path):
    vms = []
    for number in reversed(range(23)):
        path = tmp_path / f"{number}.vmx"
        path.write_bytes(b"")
        vms.append((str(path), f"vm{number:02}"))
    home.lists(*vms)

    with pytest.raises(_worker.Failure, match=r"known names: vm00, .*, vm19 and 3 more; looked at"):
        find("web", home.path)


# -- whatever its state (msteinhoff/vmfusion-python#9, bottkars/vmxtoolkit#17, thbishop/fission#2, elsudano/terraform-provider-vmworkstation#11)


def vm_in(path, name):
    path.parent.mkdir(parents=True)
    path.write_text(f'displayName = "{name}"\n')
    return str(path)


def test_stopped_vm_of_world_found(openvix, find, home):
    """OpenVIX writes a list of its world, and never to that of the user."""
    web, db = openvix.add_vm("web", power="powered_off"), openvix.add_vm("db", power="suspended")
    before = sorted(os.listdir(home.path))

    assert (find("web", home.path), find("db", home.path)) == (web, db)
    assert sorted(os.listdir(home.path)) == before
    assert not home.library.exists()


def test_clone_beside_listed_vm_found(find, home, tmp_path):
    """A clone of vm_clone is in no list of VMware's until it is opened in the window."""
    home.lists((vm_in(tmp_path / "vms/base/base.vmx", "base"), "base"))
    clone = vm_in(tmp_path / "vms/student01/student01.vmx", "student01")

    assert find("student01", home.path) == clone


def test_vm_in_default_directory_found(find, home, tmp_path):
    web = vm_in(tmp_path / "home/vmware/web/web.vmx", "web")

    assert find("web", home.path) == web


def test_vm_in_named_directory_found(find, home, tmp_path):
    web = vm_in(tmp_path / "labs/a/b/web/web.vmx", "web")
    vm_in(tmp_path / "labs/a/b/db/._web.vmx", "web")

    assert find("web", home.path, [str(tmp_path / "labs")]) == web
    with pytest.raises(_worker.Failure, match="no VM has that name"):
        find("web", home.path)


def test_listed_vm_precedes_searched_one(find, home, tmp_path):
    listed = vm_in(tmp_path / "vms/web/web.vmx", "web")
    home.lists((listed, "web"))
    vm_in(tmp_path / "labs/web/web.vmx", "web")

    assert find("web", home.path, [str(tmp_path / "labs")]) == listed


def test_several_searched_vms_refused(find, home, tmp_path):
    one, two = vm_in(tmp_path / "labs/one/web.vmx", "web"), vm_in(tmp_path / "labs/two/web.vmx", "web")

    with pytest.raises(_worker.Failure, match=re.escape(f"2 VMs have that name: {one}, {two}; use the path")):
        find("web", home.path, [str(tmp_path / "labs")])


def test_message_says_what_was_looked_at(openvix, find, home, tmp_path):
    labs = tmp_path / "labs"
    vm_in(labs / "db/db.vmx", "db")
    openvix.add_vm("web")

    with pytest.raises(_worker.Failure) as caught:
        find("wab", home.path, [str(labs)])

    assert str(caught.value) == (
        f"finding VM wab: no VM has that name; known names: db, web; looked at the running VMs, VMware's lists ({openvix.directory}/inventory.vmls), "
        f"the directories {labs}, {openvix.directory}/vms; set vm_directories or VIX_VM_DIRECTORIES to search for VMs that are off and in no list; "
        "names are case-sensitive, and the path of the .vmx always works"
    )
    with pytest.raises(_worker.Failure, match="no VM with a name is known; looked at the running VMs; names are case-sensitive"):
        find("wab")


# -- a directory (cuckoosandbox/cuckoo#1935, thbishop/fission#2)


@pytest.mark.parametrize("name", ["web.vmwarevm", "web", "web.vmx"])
def test_directory_stands_for_its_vmx(find, home, tmp_path, name):
    web = vm_in(tmp_path / name / "web.vmx", "web")
    (tmp_path / name / "._web.vmx").write_bytes(b"")
    (tmp_path / name / "web.vmxf").write_bytes(b"")

    assert find(str(tmp_path / name), home.path) == web
    assert find(f"{tmp_path / name}/", home.path) == web
    assert find(str(tmp_path / name)) == str(tmp_path / name)  # of a host elsewhere nothing is known


def test_directory_without_one_vmx_refused(find, home, tmp_path):
    (tmp_path / "none").mkdir()
    vm_in(tmp_path / "two/a.vmx", "a")
    (tmp_path / "two/b.vmx").write_bytes(b"")

    with pytest.raises(_worker.Failure, match=r"finding VM .*/none: the directory contains no \.vmx file") as caught:
        find(str(tmp_path / "none"), home.path)
    assert caught.value.kind == "VMNotFound"
    with pytest.raises(_worker.Failure, match=r"the directory contains 2 \.vmx files: a\.vmx, b\.vmx; use the path of one of them") as caught:
        find(str(tmp_path / "two"), home.path)
    assert caught.value.kind == "Refused"
