# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import threading
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
VISITOR = {"guest_username": "visitor", "guest_password": "s3cret-visitor"}
AWKWARD = ["/srv/with space", '/srv/it\'s "quoted" $HOME;', "/srv/zwölf 日", "/srv/-n", "/srv/two\nlines", "/srv/*"]
INFO, LIST, RUN, RENAME = "VixVM_GetFileInfoInGuest", "VixVM_ListDirectoryInGuest", "VixVM_RunProgramInGuest", "VixVM_RenameFileInGuest"
NO_SHELL = {"call": RUN, "error": 3003}
OLD = 1_000_000_000  # seconds since 1970


@pytest.fixture
def web(openvix):
    files = {"/srv/file": "Welcome\n", "/srv/folder/a": "a", "/srv/folder/b/c": "c", "/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/etc/group": "root:x:0:\n"}
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files=files)


@pytest.fixture
def srv(openvix, web):
    return openvix.disk(web) / "srv"


def below(folder):
    """The contents of a directory, with type and mode."""
    return sorted((str(path.relative_to(folder)), oct(path.lstat().st_mode)) for path in folder.rglob("*"))


def bits(path):
    return stat.S_IMODE(path.stat().st_mode)


def after_login(openvix):
    """What is asked of VIX within a login."""
    names = [call["call"] for call in openvix.calls() if call["call"].startswith("VixVM_")]
    first = len(names) - names[::-1].index("VixVM_LoginInGuest")
    return names[first : names.index("VixVM_LogoutFromGuest", first)]


@pytest.mark.parametrize("path", ["/srv/new", "/srv/some/more/new", *AWKWARD])
def test_directory_created_with_parents(openvix, ladder, web, srv, path):
    done = ladder("guest_file", lambda: below(srv), vm=web, path=path, state="directory", **LOGIN)

    assert (openvix.disk(web) / path[1:]).is_dir()
    assert done["vm"] == web
    assert done["diff"] == {"before": {"path": path, "state": "absent"}, "after": {"path": path, "state": "directory"}}


@pytest.mark.parametrize("path", ["/srv/file", "/srv/folder", "/srv/folder/", *AWKWARD])
def test_absent_deletes_only_path(openvix, ladder, web, srv, path):
    place = openvix.disk(web) / path[1:]
    if path in AWKWARD:
        place.mkdir()
        (place / "inside\n").write_text("x")
    others = [each for each in below(srv) if not f"/srv/{each[0]}".startswith(path.rstrip("/"))]

    done = ladder("guest_file", lambda: below(srv), vm=web, path=path, state="absent", **LOGIN)

    assert done["diff"]["before"]["state"] in ("file", "directory")
    assert done["diff"]["after"] == {"path": path.rstrip("/"), "state": "absent"}
    assert below(srv) == others


@pytest.mark.parametrize("target", ["file", "folder", "nowhere", ".."])
def test_absent_link_keeps_target(openvix, ladder, web, srv, target):
    before = below(srv)
    (srv / "link").symlink_to(target)

    done = ladder("guest_file", lambda: below(srv), vm=web, path="/srv/link", state="absent", **LOGIN)

    assert done["diff"]["before"]["state"] in ("file", "directory")
    assert below(srv) == before
    assert openvix.calls("VixVM_DeleteDirectoryInGuest") == []


def test_absent_deletes_pipe(ladder, web, srv):
    os.mkfifo(srv / "pipe")

    ladder("guest_file", lambda: below(srv), vm=web, path="/srv/pipe", state="absent", **LOGIN)


@pytest.mark.parametrize(
    "path", ["/", "//", "/.", "/srv/..", "/etc", "/etc/", "/etc/.", "/srv/../etc", "/usr/lib/../bin", "/tmp", "/home/lab", "/root", "/var/tmp/"]
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_absent_critical_path_refused(openvix, run_module, web, path, check_mode):
    result = run_module("guest_file", vm=web, path=path, state="absent", check_mode=check_mode, **LOGIN)

    assert result["error"] == "Refused"
    assert result["msg"].startswith("deleting /")
    assert result["msg"].endswith(f" in the guest of {web} as lab: refused, as the guest or its user depends on this path: use a path inside it")
    assert [call for call in openvix.calls() if "Delete" in call["call"]] == []


@pytest.mark.parametrize("state", ["absent", "file", "directory", "touch"])
@pytest.mark.parametrize("path", ["srv", "./srv", "../srv", "", "C:\\srv"])
def test_relative_path_refused(openvix, run_module, web, path, state):
    result = run_module("guest_file", vm=web, path=path, state=state, **LOGIN)

    assert result["msg"] == f"looking at {path} in the guest of {web} as lab: {path} is not an absolute path of a Linux guest, such as /home/lab"


def test_nul_in_path_refused(run_module, web, srv):
    # Newer Pythons do not let Ansible log it, and then Ansible fails before our code is asked.
    result = run_module("guest_file", vm=web, path="/srv/folder\0/b", state="absent", _ansible_no_log=True, **LOGIN)

    assert "a path cannot contain a NUL character" in result["msg"]
    assert (srv / "folder" / "b").exists()


@pytest.mark.parametrize("path", ["/srv/new", *AWKWARD])
def test_touch_creates_empty_file(openvix, ladder, web, srv, path):
    times = {"access_time": "preserve", "modification_time": "preserve"}
    done = ladder("guest_file", lambda: below(srv), vm=web, path=path, state="touch", **times, **LOGIN)

    assert (openvix.disk(web) / path[1:]).read_bytes() == b""
    assert done["diff"] == {"before": {"path": path, "state": "absent"}, "after": {"path": path, "state": "file"}}


@pytest.mark.parametrize("name", ["file", "folder"])
@pytest.mark.parametrize(("access", "modification"), [("now", "now"), ("now", "preserve"), ("preserve", "now")])
def test_touch_sets_requested_times_each_time(run_module, web, srv, name, access, modification):
    place, times = srv / name, {"access_time": access, "modification_time": modification}
    content = below(srv)
    os.utime(place, (OLD, OLD))
    predicted = run_module("guest_file", vm=web, path=f"/srv/{name}", state="touch", check_mode=True, **times, **LOGIN)
    assert (place.stat().st_atime, place.stat().st_mtime) == (OLD, OLD)

    done = run_module("guest_file", vm=web, path=f"/srv/{name}", state="touch", **times, **LOGIN)
    now = place.stat()

    assert predicted == done
    assert done["changed"]
    assert (now.st_atime > OLD, now.st_mtime > OLD) == (access == "now", modification == "now")
    assert done["diff"]["before"].get("modification_time", OLD) == OLD
    assert {key: done["diff"]["after"].get(key) for key in times} == {key: value if value == "now" else None for key, value in times.items()}
    assert below(srv) == content
    assert run_module("guest_file", vm=web, path=f"/srv/{name}", state="touch", **times, **LOGIN)["changed"]


@pytest.mark.parametrize("name", ["file", "folder"])
def test_file_renamed(ladder, web, srv, name):
    content = [each[1] for each in below(srv / name)] if name == "folder" else (srv / name).read_text()

    done = ladder("guest_file", lambda: below(srv), vm=web, src=f"/srv/{name}", path="/srv/two\nlines", state="renamed", **LOGIN)

    assert not (srv / name).exists()
    assert ([each[1] for each in below(srv / "two\nlines")] if name == "folder" else (srv / "two\nlines").read_text()) == content
    kind = "directory" if name == "folder" else "file"
    assert done["diff"]["before"] == {"path": "/srv/two\nlines", "src": kind, "state": "absent"}
    assert done["diff"]["after"] == {"path": "/srv/two\nlines", "src": "absent", "state": kind}


def test_rename_replaces_file_only_with_force(openvix, ladder, run_module, web, srv):
    (srv / "new").write_text("new")

    refused = run_module("guest_file", vm=web, src="/srv/new", path="/srv/file", state="renamed", **LOGIN)
    assert refused["msg"].endswith(": a file of that name already exists: delete it first, or set force=true")
    assert (srv / "file").read_text() == "Welcome\n"

    ladder("guest_file", lambda: below(srv), vm=web, src="/srv/new", path="/srv/file", state="renamed", force=True, **LOGIN)
    assert (srv / "file").read_text() == "new"


@pytest.mark.parametrize(
    ("src", "path", "words"),
    [
        ("/srv/file", "/srv/folder", ": a directory of that name already exists: delete it first"),
        ("/srv/folder", "/srv/file", ": a file of that name already exists: delete it first"),
        ("/srv/file", "/srv/./file", ": both paths are the same"),
        ("/srv/none", "/srv/nor", ": neither this file nor /srv/nor exists in the guest (VIX_E_FILE_NOT_FOUND, 4)"),
        ("/srv/file", "/none/file", ": the directory /none does not exist in the guest: create it first (VIX_E_FILE_NOT_FOUND, 4)"),
        ("/etc", "/srv/etc", ": refused, as the guest or its user depends on this path: use a path inside it"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_failed_rename_reported_nothing_changed(run_module, web, srv, src, path, words, check_mode):
    before = below(srv)

    result = run_module("guest_file", vm=web, src=src, path=path, state="renamed", force=True, check_mode=check_mode, **LOGIN)

    assert result["msg"].endswith(words)
    assert f"in the guest of {web} as lab" in result["msg"]
    assert below(srv) == before


def test_hard_link_renamed_to_the_other(ladder, web, srv):
    os.link(srv / "file", srv / "same")

    ladder("guest_file", lambda: below(srv), vm=web, src="/srv/same", path="/srv/file", state="renamed", force=True, **LOGIN)

    assert (srv / "file").read_text() == "Welcome\n"


def test_rename_ignored_by_vix_reported(run_module, web, srv, openvix):
    openvix.fault(**NO_SHELL)
    os.link(srv / "file", srv / "same")

    result = run_module("guest_file", vm=web, src="/srv/same", path="/srv/file", state="renamed", force=True, **LOGIN)

    assert result["msg"].endswith(
        ": /srv/file is a copy or the same file, since /srv/same is still there although VMware Tools report success: "
        "compare them before one of them is deleted"
    )
    assert (srv / "same").samefile(srv / "file")


@pytest.mark.parametrize("target", ["nowhere", "file", "folder"])
def test_link_renamed(ladder, web, srv, target):
    (srv / "old").symlink_to(target)

    ladder("guest_file", lambda: below(srv), vm=web, src="/srv/old", path="/srv/new", state="renamed", **LOGIN)

    assert os.readlink(srv / "new") == target


def test_dangling_link_not_renamed_without_shell(openvix, run_module, web, srv):
    """VMware Tools do not rename it."""
    openvix.fault(**NO_SHELL)
    (srv / "old").symlink_to("nowhere")

    result = run_module("guest_file", vm=web, src="/srv/old", path="/srv/new", state="renamed", **LOGIN)

    assert result["error"] == "Refused"
    assert result["msg"].endswith("to nothing, which VMware Tools do not rename, and the guest has no /bin/sh that could")
    assert os.readlink(srv / "old") == "nowhere"


def test_mode_of_dangling_link_refused(run_module, web, srv):
    (srv / "old").symlink_to("nowhere")

    result = run_module("guest_file", vm=web, src="/srv/old", path="/srv/new", state="renamed", mode="0600", **LOGIN)

    assert result["msg"].endswith(": a symbolic link that leads to nothing has no mode, owner and group")


def test_dangling_link_replaced_only_with_force(ladder, run_module, web, srv):
    (srv / "new").symlink_to("nowhere")

    refused = run_module("guest_file", vm=web, src="/srv/file", path="/srv/new", state="renamed", **LOGIN)
    assert refused["msg"].endswith(": a file of that name already exists: delete it first, or set force=true")

    ladder("guest_file", lambda: below(srv), vm=web, src="/srv/file", path="/srv/new", state="renamed", force=True, **LOGIN)
    assert (srv / "new").read_text() == "Welcome\n"


@pytest.mark.parametrize(("name", "path", "is_warned"), [("file", "/srv/new", False), ("file", "/tmp/new", True), ("folder", "/etc/new", False)])
def test_rename_without_shell_reported(openvix, run_module, web, srv, name, path, is_warned):
    """VMware Tools copy a file to another file system, and its mode and owner are lost."""
    openvix.fault(**NO_SHELL)

    result = run_module("guest_file", vm=web, src=f"/srv/{name}", path=path, state="renamed", **LOGIN)

    assert result["changed"]
    assert ("it is unknown whether /tmp/new kept its mode and owner" in str(result.get("warnings"))) == is_warned


def test_directory_to_other_disk_without_shell_refused(openvix, run_module, web, srv):
    openvix.fault(**NO_SHELL)
    openvix.fault(call=RENAME, error=20001)

    result = run_module("guest_file", vm=web, src="/srv/folder", path="/tmp/new", state="renamed", **LOGIN)

    assert (result["error"], result["vix_code"]) == ("Refused", 20001)
    assert ": VMware Tools do not rename a directory to another file system, and the guest has no /bin/sh that could" in result["msg"]


@pytest.fixture
def with_tools(openvix, web):
    """Let the shell of the guest find programs of the test before its own, each with a text."""

    def add(**programs):
        place = openvix.disk(web) / "bin"
        place.unlink()
        place.mkdir()
        for name, text in {"sh": 'PATH=/bin:/usr/bin exec /usr/bin/sh "$@"', **programs}.items():
            (place / name).write_text(f"#!/usr/bin/sh\n{text}\n")
            (place / name).chmod(0o755)

    return add


# Two file systems: that of /tmp, and that of everything else.
STAT = 'for last; do :; done; case "$* " in *" %d "*/tmp/*) echo 99 ;; *) exec /usr/bin/stat "$@" ;; esac'


def test_mode_kept_on_other_file_system(openvix, ladder, web, srv, with_tools):
    with_tools(stat=STAT)
    (srv / "file").chmod(0o640)

    done = ladder("guest_file", lambda: below(srv), vm=web, src="/srv/file", path="/tmp/new", state="renamed", **LOGIN)

    assert bits(openvix.disk(web) / "tmp" / "new") == 0o640
    assert [path.name for path in openvix.disk(web).glob("tmp/*") if not path.name.startswith("vmware-")] == ["new"]
    assert "warnings" not in done


@pytest.mark.parametrize("options", [{}, {"mode": "0600"}, {"mode": "0600", "owner": "0", "group": "0"}])
def test_lost_mode_on_other_file_system_reported(openvix, run_module, web, srv, with_tools, options):
    with_tools(stat=STAT, cp='/usr/bin/cp "$@" && chmod 600 /tmp/.vmlab.vix-*/part')
    (srv / "file").chmod(0o640)

    done = run_module("guest_file", vm=web, src="/srv/file", path="/tmp/new", state="renamed", **options, **LOGIN)

    warning = "/tmp/new is on another file system than /srv/file was, and not everything kept its mode, owner and group: lab may not set them"
    assert done["changed"]
    assert (warning in str(done.get("warnings"))) == (len(options) < 3)


def test_copy_that_stays_named(openvix, run_module, web, srv, with_tools):
    with_tools(stat=STAT, rm="exit 1")

    result = run_module("guest_file", vm=web, src="/srv/file", path="/tmp/new", state="renamed", **LOGIN)

    text = "/tmp/new is a complete copy, but lab could not remove the original: delete /srv/file as a user who may do so"
    assert result["msg"] == f"renaming /srv/file to /tmp/new in the guest of {web} as lab: {text}"


def test_killed_rename_reported(openvix, run_module, web, srv, with_tools):
    with_tools(mv="kill -9 $PPID")

    result = run_module("guest_file", vm=web, src="/srv/file", path="/srv/new", state="renamed", **LOGIN)

    assert "the script that renames it ended with exit code " in result["msg"]
    assert "before it was done; it may have been killed" in result["msg"]


@pytest.mark.parametrize(("name", "state"), [("file", "file"), ("folder", "directory")])
@pytest.mark.parametrize("mode", ["0640", 0o700, "u+s,o=", "g=u", "2750"])
def test_mode_set_once(ladder, web, srv, name, state, mode):
    (srv / name).chmod(0o755)

    done = ladder("guest_file", lambda: below(srv), vm=web, path=f"/srv/{name}", state=state, mode=mode, **LOGIN)

    wanted = {"0640": 0o640, 0o700: 0o700, "u+s,o=": 0o4750, "g=u": 0o775, "2750": 0o2750}[mode]
    assert bits(srv / name) == wanted
    assert done["diff"]["before"] == {"path": f"/srv/{name}", "state": state, "mode": "0755"}
    assert done["diff"]["after"] == {"path": f"/srv/{name}", "state": state, "mode": f"{mode:04o}" if isinstance(mode, int) else mode}


def test_mode_applies_to_created_parents(ladder, web, srv):
    ladder("guest_file", lambda: below(srv), vm=web, path="/srv/some/more", state="directory", mode="0751", owner="root", group="0", **LOGIN)
    times = {"access_time": "preserve", "modification_time": "preserve"}
    ladder("guest_file", lambda: below(srv), vm=web, path="/srv/some/file", state="touch", mode="0604", **times, **LOGIN)

    assert [bits(srv / name) for name in ("some", "some/more", "some/file")] == [0o751, 0o751, 0o604]
    assert bits(srv / "folder") != 0o751


def test_mode_applies_to_renamed_file(ladder, web, srv):
    ladder("guest_file", lambda: below(srv), vm=web, src="/srv/file", path="/srv/new", state="renamed", mode="0604", **LOGIN)

    assert bits(srv / "new") == 0o604


@pytest.mark.parametrize(
    ("options", "words"),
    [({"owner": "nobody-here"}, "the guest has no user nobody-here"), ({"group": "nogroup-here"}, "the guest has no group nogroup-here")],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_unknown_account_reported(run_module, web, options, words, check_mode):
    result = run_module("guest_file", vm=web, path="/srv/file", check_mode=check_mode, **options, **LOGIN)

    assert result["msg"] == f"looking at mode and owner of /srv/file in the guest of {web} as lab: {words}"


def test_owner_not_permitted_reported(openvix, run_module, web):
    # A simulated guest has a single user: all others are nobody's.
    result = run_module("guest_file", vm=web, path="/srv/file", owner="4711", **LOGIN)

    assert result["msg"].startswith(f"setting mode and owner of /srv/file in the guest of {web} as lab: owner 4711 could not be set (exit code 13)")


@pytest.mark.parametrize("options", [{"mode": "0644"}, {"owner": "lab"}, {"group": "lab"}])
def test_mode_on_windows_refused(openvix, run_module, options):
    vm = openvix.add_vm("win", power="powered_on", guest_os="windows11-64", accounts=ACCOUNTS)

    result = run_module("guest_file", vm=vm, path="C:\\data", **options, **LOGIN)

    assert result["msg"] == ("setting mode and owner of C:\\data in the guest: mode, owner and group cannot be set in a Windows guest: omit these options")


@pytest.mark.parametrize("mode", ["rwx", "0999", "preserve", -1])
def test_invalid_mode_reported(run_module, web, mode):
    assert f"{mode} is not a mode: use an octal number" in run_module("guest_file", vm=web, path="/srv/file", mode=mode, **LOGIN)["msg"]


def test_mode_with_absent_refused(run_module, web, srv):
    assert "cannot be used with state=absent" in run_module("guest_file", vm=web, path="/srv/file", state="absent", mode="0644", **LOGIN)["msg"]
    assert (srv / "file").exists()


@pytest.mark.parametrize(
    ("path", "state", "words"),
    [
        ("/srv/none", "file", ": no such file in the guest (VIX_E_FILE_NOT_FOUND, 4)"),
        ("/srv/folder", "file", ": it is a directory, not a file: delete it first"),
        ("/srv/file", "directory", ": it is a file, not a directory: delete it first"),
        ("/srv/file/more", "directory", ": /srv/file is a file, not a directory: delete it first"),
        ("/none/file", "touch", ": the directory /none does not exist in the guest: create it first (VIX_E_FILE_NOT_FOUND, 4)"),
        ("/srv/file/more", "touch", ": the directory /srv/file does not exist in the guest: create it first (VIX_E_FILE_NOT_FOUND, 4)"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_blocking_path_reported(run_module, web, srv, path, state, words, check_mode):
    before = below(srv)

    result = run_module("guest_file", vm=web, path=path, state=state, check_mode=check_mode, **LOGIN)

    assert result["msg"].endswith(words)
    assert f"{path} in the guest of {web} as lab" in result["msg"]
    assert below(srv) == before


@pytest.mark.parametrize(("path", "state"), [("/srv/file", "absent"), ("/srv/folder", "absent"), ("/srv/new", "directory")])
def test_missing_permission_reported(run_module, web, srv, path, state):
    before = below(srv)

    result = run_module("guest_file", vm=web, path=path, state=state, **VISITOR)

    assert result["vix_code"] == 13
    assert result["msg"].endswith("(VIX_E_FILE_ACCESS_ERROR, 13); the guest user may not do this: log in as another guest_username")
    assert "as visitor: " in result["msg"]
    assert below(srv) == before


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"path": "/srv/file"}, [INFO]),
        ({"path": "/srv/file", "mode": "0600"}, [INFO, RUN]),
        ({"path": "/srv/folder", "state": "directory"}, [INFO]),
        ({"path": "/srv/none", "state": "absent"}, [INFO, LIST]),
        ({"path": "/srv/file", "state": "touch", "access_time": "preserve", "modification_time": "preserve"}, [INFO]),
        ({"path": "/srv/file", "src": "/srv/none", "state": "renamed"}, [INFO, INFO, LIST]),
    ],
)
def test_unchanged_task_needs_few_calls(openvix, run_module, web, srv, options, asked):
    (srv / "file").chmod(0o600)

    assert not run_module("guest_file", vm=web, **options, **LOGIN)["changed"]

    assert after_login(openvix) == asked


@pytest.mark.openvix(clock="stepped")
def test_directory_created_meanwhile_accepted(openvix, run_module, web, srv):
    openvix.fault(call="VixVM_CreateDirectoryInGuest", delay=2)
    results = []
    task = threading.Thread(target=lambda: results.append(run_module("guest_file", vm=web, path="/srv/new", state="directory", **LOGIN)))

    task.start()
    while task.is_alive() and not openvix.calls("VixVM_CreateDirectoryInGuest"):
        time.sleep(0.01)
    (srv / "new").mkdir()
    openvix.advance(2)
    task.join()

    assert results[0]["diff"]["after"] == {"path": "/srv/new", "state": "directory"}


@pytest.mark.parametrize(
    ("call", "options"),
    [
        ("VixVM_DeleteFileInGuest", {"path": "/srv/file", "state": "absent"}),
        ("VixVM_RenameFileInGuest", {"path": "/srv/new", "src": "/srv/file", "state": "renamed"}),
    ],
)
def test_fault_reported_with_code(openvix, run_module, web, srv, call, options):
    openvix.fault(call=call, error=7)
    openvix.fault(**NO_SHELL)

    result = run_module("guest_file", vm=web, secrets=["s3cret-lab"], **options, **LOGIN)

    assert result["vix_code"] == 7
    assert "/srv/file" in result["msg"]
    assert (srv / "file").exists()


def test_timeout_in_guest_reported(openvix, run_module, web):
    openvix.fault(call=INFO, delay=60)

    result = run_module("guest_file", vm=web, path="/srv/file", timeout=1, passed=lambda: bool(openvix.calls(INFO)), secrets=["s3cret-lab"], **LOGIN)

    assert result["error"] == "TimedOut"
    assert result["msg"].startswith(f"looking at /srv/file in the guest of {web} as lab: timed out")
