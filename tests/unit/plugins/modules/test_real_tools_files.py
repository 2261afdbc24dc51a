# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules for files make of the answers of VMware's own Tools: "nox -s open_vm_tools"."""

from __future__ import annotations

import pytest
from real_tools import NEEDED

pytestmark = NEEDED
CLOSED = "not accessible to ann: this user may not enter /srv/shut; log in as another guest_username"


@pytest.fixture
def guest(real_guest):
    """A guest with files that ann cannot reach, cannot read, and can only list."""
    real_guest.run(
        "cd /srv; install -d -m 700 shut; install -d -m 755 open listed; echo hidden >shut/x; echo secret >open/secret; echo seen >open/seen;"
        " chmod 600 open/secret; chmod 644 open/seen; echo name >listed/file; chmod 744 listed; ln -s nowhere dangling; ln -s shut/x away"
    )
    return real_guest


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("guest_file", {"path": "/srv/shut/x", "state": "absent"}),
        ("guest_file", {"path": "/srv/shut/x"}),
        ("guest_file", {"path": "/srv/shut/new", "state": "directory"}),
        ("guest_file", {"src": "/srv/shut/x", "path": "/tmp/x", "state": "renamed"}),
        ("guest_stat", {"path": "/srv/shut/x"}),
        ("guest_stat", {"path": "/srv/shut/x", "details": True}),
        ("guest_fetch", {"src": "/srv/shut/x", "dest": "/nowhere", "flat": True, "fail_on_missing": False}),
        ("guest_copy", {"content": "new\n", "dest": "/srv/shut/x"}),
        ("guest_command", {"argv": ["true"], "removes": "/srv/shut/x"}),
    ],
)
def test_closed_path_not_absent(run_module, guest, module, options):
    for check_mode in (True, False):
        result = run_module(module, vm=guest.vmx, check_mode=check_mode, **options, **guest.ann)

        assert result["error"] == "Inaccessible", result
        assert result["msg"].endswith(f": {CLOSED}")
    assert guest.text("/srv/shut/x") == "hidden\n"


def test_missing_path_absent(run_module, guest):
    for path in ("/srv/none", "/srv/none/deep", "/srv/open/seen/below", "/srv/dangling", "/root"):
        result = run_module("guest_stat", vm=guest.vmx, path=path, **guest.ann)
        assert result["stat"]["exists"] == (path == "/root"), result


def test_link_out_of_reach_not_absent(run_module, guest):
    result = run_module("guest_stat", vm=guest.vmx, path="/srv/away", **guest.ann)

    assert result["msg"].endswith("not accessible to ann: a symbolic link leads to a directory that this user may not enter; log in as another guest_username")


def test_directory_copied_to_closed_directory_refused(run_module, guest, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "page").write_text("x")

    result = run_module("guest_copy", vm=guest.vmx, src=f"{tmp_path}/site/", dest="/srv/shut/site", remote_src=True, **guest.ann)

    assert result["msg"].endswith(f": {CLOSED}")


def test_unreadable_file_has_no_size(run_module, guest):
    path = "/srv/open/secret"

    assert run_module("guest_stat", vm=guest.vmx, path=path, **guest.ann)["stat"]["size"] is None
    assert run_module("guest_stat", vm=guest.vmx, path=path, details=True, **guest.ann)["stat"]["size"] == 7
    found = run_module("guest_find", vm=guest.vmx, paths=["/srv/open"], file_type="any", patterns=["s*"], **guest.ann)["files"]
    assert [(file["path"], file["size"]) for file in found] == [("/srv/open/secret", 7), ("/srv/open/seen", 5)]
    fetched = run_module("guest_fetch", vm=guest.vmx, src=path, dest="/nowhere", flat=True, **guest.ann)
    assert fetched["msg"].endswith(": not accessible to ann: this user may not read it; log in as another guest_username")


@pytest.mark.parametrize("recurse", [True, False])
def test_find_names_what_was_skipped(run_module, guest, recurse):
    result = run_module("guest_find", vm=guest.vmx, paths=["/srv/listed", "/srv/shut", "/srv/none", "/srv/shut/x"], recurse=recurse, **guest.ann)

    assert result["files"] == []
    assert {path: reason.partition(" (")[0] for path, reason in result["skipped_paths"].items()} == {
        "/srv/listed": "the guest user may list it but not enter it, so nothing but the names in it is known",
        "/srv/shut": "Permission to the file was refused",
        "/srv/none": "no such directory in the guest",
        "/srv/shut/x": "not accessible to ann: this user may not enter /srv/shut",
    }


def test_fetched_directory_without_search_right_fails(run_module, guest, tmp_path):
    result = run_module("guest_fetch", vm=guest.vmx, src="/srv/listed", dest=f"{tmp_path}/here/", remote_dest=True, **guest.ann)

    assert result["failed"]
    assert "/srv/listed cannot be read" in result["msg"]


def test_missing_right_to_create_reported(run_module, guest):
    made = run_module("guest_file", vm=guest.vmx, path="/srv/open/new", state="directory", **guest.ann)
    copied = run_module("guest_copy", vm=guest.vmx, content="x", dest="/srv/open/new", **guest.ann)

    for result in (made, copied):
        assert result["error"] == "Inaccessible"
        assert "log in as another guest_username" in result["msg"]


def test_directory_at_dangling_link_refused(run_module, guest):
    result = run_module("guest_file", vm=guest.vmx, path="/srv/dangling", state="directory", **guest.lab)

    assert result["msg"].endswith(": /srv/dangling is a symbolic link that leads to nothing: delete it first")


def test_links_deleted_without_targets(run_module, guest):
    guest.run("ln -s open /srv/link")

    for path in ("/srv/dangling", "/srv/link"):
        for changed in (True, False):
            assert run_module("guest_file", vm=guest.vmx, path=path, state="absent", **guest.lab)["changed"] is changed
    assert guest.text("/srv/open/seen") == "seen\n"


@pytest.mark.parametrize("disk", ["same", "other"])
@pytest.mark.parametrize("name", ["file", "tree", "link"])
def test_rename_keeps_mode_and_owner(run_module, guest, disk, name):
    """VMware Tools copy a file to another file system, and lose both there; they refuse directories and dangling links."""
    new = {"same": "/srv/new", "other": "/dev/shm/new"}[disk]
    guest.run("cd /srv; echo one >file; mkdir tree; echo two >tree/in; ln -s nowhere link; chmod 640 file tree/in; chmod 2750 tree")
    guest.run(f"chown -h ann:ann /srv/{name}")
    facts = guest.run(f"cd /srv; stat -c '%a %U %G %F' {name}")

    for changed in (True, False):
        result = run_module("guest_file", vm=guest.vmx, src=f"/srv/{name}", path=new, state="renamed", **guest.lab)
        assert (result["changed"], result.get("warnings")) == (changed, None), result

    assert guest.run(f"stat -c '%a %U %G %F' {new}") == facts
    assert guest.run(f"ls -A /srv /dev/shm | grep -e '^{name}$' -e vmlab || true") == ""


def test_owner_that_is_lost_reported(run_module, guest):
    guest.run("install -o root -g root -m 644 /srv/open/seen /home/ann/theirs")

    result = run_module("guest_file", vm=guest.vmx, src="/home/ann/theirs", path="/dev/shm/mine", state="renamed", **guest.ann)

    assert result["changed"]
    assert "not everything kept its mode, owner and group: ann may not set them" in str(result["warnings"])
    assert guest.run("stat -c '%a %U' /dev/shm/mine; ls /home/ann") == "644 ann\n"


@pytest.mark.parametrize("new", ["/home/ann/copy", "/dev/shm/copy"])
def test_file_of_others_not_copied_by_rename(run_module, guest, new):
    """VMware Tools would copy it and report success."""
    result = run_module("guest_file", vm=guest.vmx, src="/srv/open/seen", path=new, state="renamed", **guest.ann)

    assert result["failed"]
    assert result["msg"].endswith("; nothing was changed")
    assert guest.run(f"cat /srv/open/seen; ls {new} 2>/dev/null || true") == "seen\n"


def test_original_that_stays_named(run_module, guest):
    guest.run("install -m 644 /srv/open/seen /tmp/theirs; chmod 1777 /tmp")

    result = run_module("guest_file", vm=guest.vmx, src="/tmp/theirs", path="/dev/shm/mine", state="renamed", **guest.ann)

    assert result["msg"].endswith(": /dev/shm/mine is a complete copy, but ann could not remove the original: delete /tmp/theirs as a user who may do so")
    assert guest.run("cat /tmp/theirs /dev/shm/mine") == "seen\nseen\n"


def test_directory_never_replaces_file(run_module, guest):
    result = run_module("guest_file", vm=guest.vmx, src="/srv/open", path="/srv/listed/file", state="renamed", force=True, **guest.lab)

    assert result["msg"].endswith(": a file of that name already exists: delete it first")
    assert guest.text("/srv/listed/file") == "name\n"


class TestWithoutShell:
    """A guest that has no /bin/sh, but for VMware Tools, which start programs by bash."""

    @pytest.fixture
    def guest(self, openvix, guest):
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
        openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
        return guest

    def test_doubt_reported(self, run_module, guest):
        result = run_module("guest_file", vm=guest.vmx, path="/srv/shut/x", state="absent", **guest.ann)
        assert ": it is absent or not accessible to ann: the guest has no /bin/sh that shows which" in result["msg"]
        closed = run_module("guest_stat", vm=guest.vmx, path="/srv/listed/file", **guest.ann)
        assert closed["msg"].endswith(": not accessible to ann: this user may not enter /srv/listed; log in as another guest_username")
        assert run_module("guest_stat", vm=guest.vmx, path="/srv/open/none", **guest.ann)["stat"] == {"exists": False}

    def test_unreadable_size_is_unknown(self, run_module, guest):
        found = run_module("guest_find", vm=guest.vmx, paths=["/srv/open"], file_type="any", patterns=["s*"], **guest.ann)["files"]
        assert [(file["path"], file["size"]) for file in found] == [("/srv/open/secret", None), ("/srv/open/seen", 5)]
        assert not run_module("guest_find", vm=guest.vmx, paths=["/srv/open"], size="6", **guest.ann)["files"]

    def test_copies_that_stay_named(self, run_module, guest):
        new = run_module("guest_file", vm=guest.vmx, src="/srv/open/seen", path="/home/ann/new", state="renamed", **guest.ann)
        text = "/home/ann/new is a complete copy, but ann could not remove the original: delete /srv/open/seen as a user who may do so"
        assert new["msg"].endswith(f": {text}")
        again = run_module("guest_file", vm=guest.vmx, src="/srv/open/seen", path="/home/ann/new", state="renamed", force=True, **guest.ann)
        assert "since /srv/open/seen is still there although VMware Tools report success" in again["msg"]
        assert guest.text("/srv/open/seen") == "seen\n"

    def test_lost_modes_reported(self, run_module, guest, tmp_path):
        renamed = run_module("guest_file", vm=guest.vmx, src="/srv/open/seen", path="/dev/shm/new", state="renamed", **guest.lab)
        assert "it is unknown whether /dev/shm/new kept its mode and owner" in str(renamed["warnings"])
        assert guest.run("stat -c %a /dev/shm/new") == "600\n"
        guest.run("chmod 640 /srv/listed/file")
        copied = run_module("guest_copy", vm=guest.vmx, content="new\n", dest="/srv/listed/file", **guest.lab)
        assert "could preserve the mode and the owner of the replaced files: /srv/listed/file" in str(copied["warnings"])

    @pytest.mark.parametrize(("name", "words"), [("dangling", "VMware Tools do not rename, and"), ("open", "rename a directory to another file system, and")])
    def test_what_tools_do_not_rename_refused(self, run_module, guest, name, words):
        result = run_module("guest_file", vm=guest.vmx, src=f"/srv/{name}", path="/dev/shm/new", state="renamed", **guest.lab)
        assert (result["error"], words in result["msg"]) == ("Refused", True), result
        assert guest.text("/srv/open/seen") == "seen\n"

    def test_dangling_link_deleted(self, run_module, guest):
        assert run_module("guest_file", vm=guest.vmx, path="/srv/dangling", state="absent", **guest.lab)["changed"]
        assert guest.run("ls -A /srv | grep dangling || true") == ""
