# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware Tools do not distinguish what is absent from what the user cannot reach: no module may take one for the other."""

from __future__ import annotations

import os

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
INFO, LIST, RUN, SCRIPT = "VixVM_GetFileInfoInGuest", "VixVM_ListDirectoryInGuest", "VixVM_RunProgramInGuest", "VixVM_RunScriptInGuest"
CLOSED = "not accessible to lab: this user may not enter /srv/shut; log in as another guest_username"
# A shell that cannot enter /srv/shut: programs of a simulated guest run as root. Its argument is -c and a script, or the path of a script.
SHELL = """#!/usr/bin/sh
closed='cd() { case $1 in /srv/shut) return 1 ;; esac; command cd "$@"; }
'
case $1 in
-c) exec /usr/bin/sh -c "$closed$2" ;;
*) exec /usr/bin/sh -c "$closed. \\"\\$0\\"" "$1" ;;
esac
"""


@pytest.fixture
def web(openvix):
    web = openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/srv/shut/x": "hidden\n", "/srv/open/y": "seen\n"})
    place = openvix.disk(web) / "bin"
    place.unlink()
    place.mkdir()
    (place / "sh").write_text(SHELL)
    (place / "sh").chmod(0o755)
    return web


@pytest.fixture
def srv(openvix, web):
    """The directory /srv, in which lab may neither enter nor list /srv/shut."""
    return openvix.disk(web) / "srv"


@pytest.fixture
def blind(openvix, srv):
    """Let VMware Tools find nothing, as if every path were below a closed directory."""
    openvix.fault(call=INFO, error=4)
    openvix.fault(call="VixVM_DirectoryExistsInGuest", error=4)
    return openvix.fault(call=LIST, error=20002)


TASKS = [
    ("guest_file", {"path": "/srv/shut/x", "state": "absent"}),
    ("guest_file", {"path": "/srv/shut/x", "state": "file"}),
    ("guest_file", {"path": "/srv/shut/x", "state": "touch"}),
    ("guest_file", {"path": "/srv/shut/new", "state": "directory"}),
    ("guest_file", {"path": "/srv/shut/x/deep/er", "state": "directory"}),
    ("guest_file", {"src": "/srv/shut/x", "path": "/srv/x", "state": "renamed"}),
    ("guest_file", {"src": "/srv/open/y", "path": "/srv/shut/y", "state": "renamed"}),
    ("guest_stat", {"path": "/srv/shut/x"}),
    ("guest_stat", {"path": "/srv/shut/none", "details": True}),
    ("guest_stat", {"path": "/srv/shut/x", "get_checksum": True}),
    ("guest_fetch", {"src": "/srv/shut/x", "dest": "/nowhere", "flat": True}),
    ("guest_fetch", {"src": "/srv/shut/x", "dest": "/nowhere", "flat": True, "fail_on_missing": False}),
    ("guest_copy", {"content": "new\n", "dest": "/srv/shut/x"}),
    ("guest_copy", {"content": "new\n", "dest": "/srv/shut/x", "force": False}),
    ("guest_command", {"argv": ["true"], "creates": "/srv/shut/x"}),
    ("guest_command", {"argv": ["true"], "removes": "/srv/shut/x"}),
    ("guest_script", {"content": "true", "creates": "/srv/shut/x"}),
]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("module", "options"), TASKS)
def test_closed_path_not_absent(run_module, web, blind, srv, module, options, check_mode):
    result = run_module(module, vm=web, check_mode=check_mode, **options, **LOGIN)

    assert result["error"] == "Inaccessible"
    assert result["msg"].endswith(f" in the guest of {web} as lab: {CLOSED}")
    assert os.listdir(srv / "shut") == ["x"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_directory_copied_to_closed_directory_refused(run_module, web, srv, tmp_path, check_mode):
    (tmp_path / "site" / "in").mkdir(parents=True)
    (tmp_path / "site" / "in" / "index.html").write_text("x")

    result = run_module("guest_copy", vm=web, src=f"{tmp_path}/site/", dest="/srv/shut/site", remote_src=True, check_mode=check_mode, **LOGIN)

    assert result["error"] == "Inaccessible"
    assert result["msg"].endswith(f" in the guest of {web} as lab: {CLOSED}")


@pytest.mark.parametrize("path", ["/srv/none", "/srv/none/deep/er", "/srv/open/y/below"])
def test_missing_path_absent_for_shell(run_module, web, blind, path):
    assert run_module("guest_stat", vm=web, path=path, **LOGIN)["stat"] == {"exists": False}
    assert not run_module("guest_file", vm=web, path=path, state="absent", **LOGIN)["changed"]


def test_find_names_closed_path(run_module, web, blind):
    result = run_module("guest_find", vm=web, paths=["/srv/shut/x", "/srv/none", "/srv/shut"], **LOGIN)

    assert result["files"] == []
    assert result["skipped_paths"] == {
        "/srv/shut/x": "not accessible to lab: this user may not enter /srv/shut",
        "/srv/none": "no such directory in the guest (VIX_E_FILE_NOT_FOUND, 4)",
        "/srv/shut": "not accessible to lab through VMware Tools, although it is there",
    }
    assert len(result["warnings"]) == 3


@pytest.mark.parametrize("programs", [True, False])
def test_directory_without_search_right_skipped(openvix, run_module, web, srv, programs):
    """VMware Tools list the names in a directory with r and without x as empty files of the time -1."""
    (srv / "open" / "y").write_text("")
    os.utime(srv / "open" / "y", (5, -1))
    if not programs:
        openvix.fault(call=RUN, error=3003)
        openvix.fault(call=SCRIPT, error=3003)
    reason = "the guest user may list it but not enter it, so nothing but the names in it is known"

    found = run_module("guest_find", vm=web, paths=["/srv/open"], **LOGIN)
    below = run_module("guest_find", vm=web, paths=["/srv"], recurse=True, excludes=["x"], **LOGIN)

    assert (found["files"], found["skipped_paths"]) == ([], {"/srv/open": reason})
    assert f"/srv/open of the guest of {web} could not be searched as lab: {reason}" in str(found["warnings"])
    if not programs:
        assert below["skipped_paths"] == {"/srv/open": reason}
        openvix.fault(call=INFO, from_=2, error=4)
        assert run_module("guest_stat", vm=web, path="/srv/open", **LOGIN)["stat"]["isdir"]
        openvix.fault(call=INFO, error=4)
        closed = run_module("guest_stat", vm=web, path="/srv/open/y", **LOGIN)
        assert closed["msg"].endswith(": not accessible to lab: this user may not enter /srv/open; log in as another guest_username")


def test_no_shell_doubt_reported(openvix, run_module, web, srv):
    openvix.fault(call=RUN, error=3003)
    openvix.fault(call=INFO, error=4)
    openvix.fault(call=LIST, error=13)

    result = run_module("guest_file", vm=web, path="/srv/shut/x", state="absent", **LOGIN)

    assert result["error"] == "Inaccessible"
    assert ": it is absent or not accessible to lab: the guest has no /bin/sh that shows which; " in result["msg"]


def test_killed_shell_not_an_answer(openvix, run_module, web, blind):
    shell = openvix.disk(web) / "bin" / "sh"
    shell.write_text("#!/usr/bin/sh\nexit 0\n")

    result = run_module("guest_file", vm=web, path="/srv/none", state="absent", **LOGIN)

    assert result["msg"].endswith(": the script that looks for it ended with exit code 0 before it was done; it may have been killed")


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"path": "/srv/none", "state": "absent"}, [INFO, LIST]),
        ({"path": "/srv/none/deep", "state": "absent"}, [INFO, LIST, LIST]),
        ({"path": "/srv/open/y/below", "state": "absent"}, [INFO, LIST, LIST]),
    ],
)
def test_readable_directory_needs_no_shell(openvix, run_module, web, srv, options, asked):
    run_module("guest_file", vm=web, **options, **LOGIN)

    names = [call["call"] for call in openvix.calls() if call["call"].startswith("VixVM_")]
    assert names[names.index("VixVM_LoginInGuest") + 1 : names.index("VixVM_LogoutFromGuest")] == asked


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("path", ["/srv/dangling", "/srv/dangling/deep/er"])
def test_directory_at_dangling_link_refused(run_module, web, srv, path, check_mode):
    (srv / "dangling").symlink_to("nowhere/at/all")

    result = run_module("guest_file", vm=web, path=path, state="directory", check_mode=check_mode, **LOGIN)

    assert result["error"] == "Refused"
    assert result["msg"].endswith(": /srv/dangling is a symbolic link that leads to nothing: delete it first")


def test_dangling_link_named_for_file(run_module, web, srv):
    (srv / "dangling").symlink_to("nowhere")

    result = run_module("guest_file", vm=web, path="/srv/dangling", **LOGIN)

    assert result["msg"].endswith(": /srv/dangling is a symbolic link that leads to nothing (VIX_E_FILE_NOT_FOUND, 4)")


@pytest.mark.parametrize("programs", [True, False])
def test_dangling_link_deleted(openvix, run_module, web, srv, programs):
    (srv / "dangling").symlink_to("nowhere")
    if not programs:
        openvix.fault(call=RUN, error=3003)

    result = run_module("guest_file", vm=web, path="/srv/dangling", state="absent", **LOGIN)

    assert (result["changed"], result["diff"]["before"]["state"]) == (True, "file")
    assert not (srv / "dangling").is_symlink()


def test_missing_right_to_create_named(openvix, run_module, web):
    """VMware Tools 12.5 report VIX_E_FILE_NOT_FOUND where the user may not create a directory."""
    openvix.fault(call="VixVM_CreateDirectoryInGuest", error=4)

    made = run_module("guest_file", vm=web, path="/srv/new", state="directory", **LOGIN)
    copied = run_module("guest_copy", vm=web, content="x", dest="/srv/new", **LOGIN)

    text = "lab may not create it, or a symbolic link that leads to nothing is in its path (VIX_E_FILE_NOT_FOUND, 4); log in as another guest_username"
    assert (made["error"], made["vix_code"]) == ("Inaccessible", 4)
    assert made["msg"] == f"creating the directory /srv/new in the guest of {web} as lab: {text}"
    assert copied["msg"].endswith("lab may not create anything in /srv (VIX_E_FILE_NOT_FOUND, 4); log in as another guest_username")


VISITOR = {"guest_username": "visitor", "guest_password": "s3cret-visitor"}


@pytest.fixture
def plain(openvix):
    """A guest with VMware's rights, and its own shell."""
    accounts = [*ACCOUNTS, {"name": "visitor", "password": "s3cret-visitor"}]
    return openvix.add_vm("plain", power="powered_on", accounts=accounts, files={"/srv/motd": "Welcome\n", "/etc/shadow": "secret\n"})


def test_unreadable_file_has_no_size(openvix, run_module, plain):
    """VMware Tools report -1."""
    assert run_module("guest_stat", vm=plain, path="/etc/shadow", **VISITOR)["stat"]["size"] is None
    openvix.fault(call=RUN, error=3003)
    openvix.fault(call=SCRIPT, error=3003)
    found = run_module("guest_find", vm=plain, paths=["/etc"], patterns=["shadow"], **VISITOR)["files"]
    assert [(file["path"], file["size"]) for file in found] == [("/etc/shadow", None)]
    assert run_module("guest_find", vm=plain, paths=["/etc"], patterns=["shadow"], size="3", **VISITOR)["files"] == []
    fetched = run_module("guest_fetch", vm=plain, src="/etc/shadow", dest="/nowhere", flat=True, **VISITOR)
    assert fetched["msg"].endswith(": not accessible to visitor: this user may not read it; log in as another guest_username")


@pytest.mark.parametrize("force", [True, False])
def test_copy_by_tools_named(openvix, run_module, plain, force):
    """VMware Tools copy a file that the user may read and not remove, and report success."""
    openvix.fault(call=RUN, error=3003)
    new = openvix.disk(plain) / "home" / "visitor" / "new"
    new.parent.mkdir(parents=True, exist_ok=True)
    if force:
        new.write_text("old")

    result = run_module("guest_file", vm=plain, src="/srv/motd", path="/home/visitor/new", state="renamed", force=force, **VISITOR)

    assert result["failed"]
    text = "since /srv/motd is still there although VMware Tools report success" if force else "visitor could not remove the original: delete /srv/motd"
    assert text in result["msg"]
    assert ((openvix.disk(plain) / "srv" / "motd").read_text(), new.read_text()) == ("Welcome\n", "Welcome\n")
