# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module by itself, which fetches to the machine that it runs on; for the way to the controller see the tests of the action plugin."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
CONTENTS = {"text": b"Welcome\n", "empty": b"", "binary": bytes(range(256)) * 5000}
AWKWARD = ["with space", 'it\'s "quoted" $HOME;', "zwölf 日", "-n", "*", "back\\slash"]
INFO, SCRIPT, RUN, DELETE = (f"VixVM_{name}InGuest" for name in ("GetFileInfo", "RunScript", "RunProgram", "DeleteDirectory"))
OUT = "VixVM_CopyFileFromGuestToHost"
NO_PROGRAMS = [{"call": "VixVM_RunProgramInGuest", "error": 3003}, {"call": "VixVM_RunScriptInGuest", "error": 3003}]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/etc/motd": "Welcome\n"})


@pytest.fixture
def srv(openvix, web):
    place = openvix.disk(web) / "srv"
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture
def fetched(tmp_path):
    (tmp_path / "fetched").mkdir()
    return tmp_path / "fetched"


def sum_of(content):
    return hashlib.sha256(content).hexdigest()


def below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def after_login(openvix):
    """What is asked of VIX within the last login."""
    names = [call["call"] for call in openvix.calls() if call["call"].startswith("VixVM_")]
    first = len(names) - names[::-1].index("VixVM_LoginInGuest")
    return names[first : names.index("VixVM_LogoutFromGuest", first)]


@pytest.mark.parametrize("programs", [True, False])
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", ["file", *AWKWARD])
def test_file_fetched_byte_by_byte(openvix, ladder, web, srv, fetched, name, content, programs):
    (srv / name).write_bytes(CONTENTS[content])
    for rule in () if programs else NO_PROGRAMS:
        openvix.fault(**rule)

    done = ladder("guest_fetch", lambda: below(fetched), vm=web, src=f"/srv/{name}", dest=f"{fetched}/new/", remote_dest=True, **LOGIN)

    saved = f"{fetched}/new/{name}"
    assert below(fetched) == {"new": None, f"new/{name}": CONTENTS[content]}
    assert (done["vm"], done["saved"]) == (web, saved)
    assert done["diff"]["before"] == {"path": saved, "state": "absent"}
    assert done["diff"]["after"] == {"path": saved, "state": "file", "checksum": sum_of(CONTENTS[content]), "size": len(CONTENTS[content])}
    assert (done["checksum"], done["size"]) == (sum_of(CONTENTS[content]), len(CONTENTS[content]))
    assert done["files"] == [{"name": "", "checksum": done["checksum"], "size": done["size"], "changed": True}]
    assert {"dest", "path", "state", "src", "mode"} & set(done) == set()


@pytest.mark.parametrize("programs", [True, False])
def test_different_content_replaced_atomically(openvix, ladder, web, srv, fetched, programs):
    """The lesson of ansible/ansible issue 40112: a partial copy is an error."""
    (srv / "log").write_bytes(b"new")
    (fetched / "log").write_bytes(b"older")
    for rule in () if programs else NO_PROGRAMS:
        openvix.fault(**rule)

    done = ladder("guest_fetch", lambda: below(fetched), vm=web, src="/srv/log", dest=f"{fetched}/log", remote_dest=True, **LOGIN)

    assert below(fetched) == {"log": b"new"}
    assert done["diff"]["before"] == {"path": f"{fetched}/log", "state": "file", "checksum": sum_of(b"older"), "size": 5}


def test_unchanged_file_checked_by_one_program(openvix, run_module, web, fetched):
    (fetched / "motd").write_text("Welcome\n")

    result = run_module("guest_fetch", vm=web, src="/etc/motd", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    assert (result["changed"], result["checksum"]) == (False, sum_of(b"Welcome\n"))
    assert after_login(openvix) == [INFO, RUN]


def test_fetch_needs_few_calls(openvix, run_module, web, fetched):
    run_module("guest_fetch", vm=web, src="/etc/motd", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    assert after_login(openvix) == [INFO, SCRIPT, OUT, DELETE, OUT]  # the checksum, and the file


def plant(folder):
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "hollow").mkdir()
    for name, content in {"a": b"A", 'sub/it\'s "b" zwölf': b"B" * 100000, "sub/deep/empty": b"", ".hidden": b"h"}.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("programs", [True, False])
@pytest.mark.parametrize("dest", ["", "new/"])
def test_directory_fetched_with_contents(openvix, ladder, web, srv, fetched, dest, programs):
    (srv / "site").mkdir()
    plant(srv / "site")
    for rule in () if programs else NO_PROGRAMS:
        openvix.fault(**rule)
    (fetched / "site").mkdir()
    (fetched / "site" / "own").write_bytes(b"own")
    (fetched / "site" / "a").write_bytes(b"old")
    (fetched / "site" / ".hidden").write_bytes(b"h")

    done = ladder("guest_fetch", lambda: below(fetched), vm=web, src="/srv/site", dest=f"{fetched}/{dest or 'site'}", remote_dest=True, **LOGIN)

    there = fetched / (f"{dest}site")
    own = {} if dest else {"own": b"own"}
    assert below(there) == {**below(srv / "site"), **own}
    assert done["diff"]["after"]["files"] == {name: "directory" if content is None else sum_of(content) for name, content in below(srv / "site").items()}
    assert done["diff"]["before"].get("files") == (None if dest else {".hidden": sum_of(b"h"), "a": sum_of(b"old")})
    assert {file["name"]: file["changed"] for file in done["files"]} == {"a": True, ".hidden": bool(dest), 'sub/it\'s "b" zwölf': True, "sub/deep/empty": True}
    assert "checksum" not in done


def test_unchanged_directory_needs_one_program(openvix, run_module, web, srv, fetched):
    (srv / "site").mkdir()
    plant(srv / "site")
    options = {"vm": web, "src": "/srv/site", "dest": f"{fetched}/", "remote_dest": True, **LOGIN}
    assert run_module("guest_fetch", **options)["changed"]

    assert not run_module("guest_fetch", **options)["changed"]

    assert after_login(openvix) == [INFO, SCRIPT, OUT, DELETE]


@pytest.mark.parametrize("programs", [True, False])
def test_links_and_devices_skipped_and_reported(openvix, run_module, web, srv, fetched, programs):
    site = srv / "site"
    site.mkdir()
    (site / "page").write_text("x")
    (site / "secret").symlink_to("/etc/motd")
    (site / "broken").symlink_to("nowhere")
    os.mkfifo(site / "pipe")
    if programs:  # for VIX it is a directory
        (site / "up").symlink_to("..")
    for rule in () if programs else NO_PROGRAMS:
        openvix.fault(**rule)

    result = run_module("guest_fetch", vm=web, src="/srv/site", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    link = "symbolic links are not followed"
    links = dict.fromkeys(["/srv/site/secret", "/srv/site/broken", *(["/srv/site/up"] if programs else [])], link)
    assert result["skipped_paths"] == {**links, "/srv/site/pipe": "it is not a regular file"}
    assert len(result["warnings"]) == 1
    assert f"{len(links) + 1} entries of the directory were skipped: " in str(result["warnings"][0])
    assert below(fetched) == {"site": None, "site/page": b"x"}


@pytest.mark.parametrize("programs", [True, False])
def test_control_characters_skipped_with_contents(openvix, run_module, web, srv, fetched, programs):
    site = srv / "site"
    (site / "fold\x1b[2Jer").mkdir(parents=True)
    (site / "fold\x1b[2Jer" / "x").write_text("x")
    (site / "two\nlines").write_text("x")
    (site / "good").write_text("x")
    for rule in () if programs else NO_PROGRAMS:
        openvix.fault(**rule)

    result = run_module("guest_fetch", vm=web, src="/srv/site", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    assert sorted(result["skipped_paths"]) == ["/srv/site/fold\x1b[2Jer", "/srv/site/two\nlines"]
    assert below(fetched) == {"site": None, "site/good": b"x"}


def test_dest_link_does_not_lead_outside(run_module, web, srv, fetched, tmp_path):
    (srv / "site" / "sub").mkdir(parents=True)
    (srv / "site" / "sub" / "page").write_text("x")
    (fetched / "site").mkdir()
    (fetched / "site" / "sub").symlink_to(tmp_path)

    result = run_module("guest_fetch", vm=web, src="/srv/site", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    assert result["msg"] == f"fetching to {fetched}/site: {fetched}/site/sub is a symbolic link, which is not followed: remove it"
    assert not (tmp_path / "page").exists()


def test_dest_link_replaced_target_kept(run_module, web, srv, fetched, tmp_path):
    (srv / "site").mkdir()
    (srv / "site" / "page").write_text("new")
    (fetched / "site").mkdir()
    (tmp_path / "target").write_text("mine")
    (fetched / "site" / "page").symlink_to(tmp_path / "target")

    assert run_module("guest_fetch", vm=web, src="/srv/site", dest=f"{fetched}/", remote_dest=True, **LOGIN)["changed"]

    assert (tmp_path / "target").read_text() == "mine"
    assert not (fetched / "site" / "page").is_symlink()
    assert (fetched / "site" / "page").read_text() == "new"


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("src", "dest", "words"),
    [
        ("/srv/site", "taken", "{}/taken is a file here, but a directory in the guest: remove it first"),
        ("/srv/site", "other", "{}/other/sub is a file here, but a directory in the guest: remove it first"),
        ("/etc/motd", "other", "{}/other is a directory here, but a file in the guest: remove it first, or end dest with a slash"),
        ("/srv/pipe", "null", "devices, sockets and pipes cannot be fetched"),
        ("/none", "none", "no such file in the guest (VIX_E_FILE_NOT_FOUND, 4)"),
        ("/etc/motd/none", "none", "no such file in the guest (VIX_E_FILE_NOT_FOUND, 4)"),
        ("etc/motd", "motd", "etc/motd is not an absolute path of a Linux guest, such as /home/lab"),
    ],
)
def test_conflict_reported_nothing_changed(run_module, web, srv, fetched, src, dest, words, check_mode):
    """The lesson of ansible/ansible issue 40377: a directory as the destination was mishandled."""
    (srv / "site" / "sub").mkdir(parents=True)
    os.mkfifo(srv / "pipe")
    (fetched / "taken").write_text("x")
    (fetched / "other").mkdir()
    (fetched / "other" / "sub").write_text("x")
    before = below(fetched)

    result = run_module("guest_fetch", vm=web, src=src, dest=f"{fetched}/{dest}", remote_dest=True, check_mode=check_mode, **LOGIN)

    assert result["msg"].endswith(f": {words.format(fetched)}")
    assert f"in the guest of {web} as lab" in result["msg"] or f"out of the guest of {web} as lab" in result["msg"]
    assert below(fetched) == before


@pytest.mark.parametrize("dest", ["relative/", "relative"])
def test_relative_dest_on_vm_host_refused(run_module, web, dest):
    assert run_module("guest_fetch", vm=web, src="/etc/motd", dest=dest, remote_dest=True, **LOGIN)["msg"] == (
        f"fetching /etc/motd: {dest} is not an absolute path on the VM host"
    )


def test_fail_on_missing_false_succeeds(run_module, web, fetched):
    for check_mode in (True, False):
        options = {"src": "/none", "dest": f"{fetched}/", "remote_dest": True, "fail_on_missing": False, "check_mode": check_mode}
        result = run_module("guest_fetch", vm=web, **options, **LOGIN)

        assert (result["changed"], result["files"], result["_rc"]) == (False, [], 0)
        assert result["msg"].endswith(": no such file in the guest (VIX_E_FILE_NOT_FOUND, 4)")
    assert below(fetched) == {}


def test_new_file_permissions_follow_umask(run_module, web, srv, fetched):
    """What a guest says of modes, set-user-id among them, is nothing to this machine."""
    (srv / "tool").write_text("x")
    (srv / "tool").chmod(0o6777)

    run_module("guest_fetch", vm=web, src="/srv/tool", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE((fetched / "tool").stat().st_mode) == 0o666 & ~umask


@pytest.mark.openvix(clock="stepped")
@pytest.mark.parametrize("src", ["/srv/log", "/srv"])
def test_file_changed_during_fetch_detected(openvix, run_module, web, srv, fetched, src):
    """The lesson of ansible/ansible issue 40112: what was transferred is verified."""
    (srv / "log").write_bytes(b"one")
    (fetched / "srv").mkdir()
    (fetched / "srv" / "log").write_bytes(b"old")
    (fetched / "log").write_bytes(b"old")
    openvix.fault(call=OUT, from_=2, delay=3)
    results = []
    options = {"src": src, "dest": f"{fetched}/", "remote_dest": True}
    task = threading.Thread(target=lambda: results.append(run_module("guest_fetch", vm=web, **options, **LOGIN)))

    task.start()
    while task.is_alive() and len(openvix.calls(OUT)) < 2:
        time.sleep(0.01)
    (srv / "log").write_bytes(b"two")
    openvix.advance(3)
    task.join()

    assert results[0]["msg"] == (
        f"fetching /srv/log out of the guest of {web} as lab: "
        "the received content differs from the file in the guest: the file was changed meanwhile, or the transfer damaged it; run the task again"
    )
    assert below(fetched) == {"srv": None, "srv/log": b"old", "log": b"old"}


@pytest.mark.parametrize("programs", [True, False])
def test_fault_leaves_no_part(openvix, run_module, web, srv, fetched, programs):
    (srv / "one").write_bytes(b"one")
    (srv / "two").write_bytes(b"two")
    (fetched / "srv").mkdir()
    for name in ("one", "two"):
        (fetched / "srv" / name).write_bytes(b"old")
    for rule in () if programs else NO_PROGRAMS:
        openvix.fault(**rule)
    openvix.fault(call=OUT, from_=3 if programs else 2, error=7)

    result = run_module("guest_fetch", vm=web, src="/srv", dest=f"{fetched}/", remote_dest=True, **LOGIN)

    assert (result["vix_code"], result["error"]) == (7, "Inaccessible")
    assert below(fetched) == {"srv": None, "srv/one": b"one" if programs else b"old", "srv/two": b"old"}


def test_timeout_leaves_no_part(openvix, run_module, web, fetched, tmp_path_factory):
    openvix.fault(call=OUT, from_=2, hang=True)
    openvix.forgive_leaks("the process of the library is killed")

    def passed():
        return 9 * (len(openvix.calls(OUT)) == 2)

    result = run_module("guest_fetch", vm=web, src="/etc/motd", dest=f"{fetched}/", remote_dest=True, timeout=1, passed=passed, **LOGIN)

    assert result["error"] == "TimedOut"
    assert below(fetched) == {}
    assert [path for folder in tmp_path_factory.getbasetemp().glob("task*") for path in folder.rglob("fetched-*")] == []


def test_unreadable_file_fails_task(run_module, web, fetched):
    result = run_module(
        "guest_fetch", vm=web, src="/etc/shadow", dest=f"{fetched}/", remote_dest=True, guest_username="visitor", guest_password="s3cret-visitor"
    )

    assert result["error"] == "Inaccessible"
    assert result["msg"].endswith("log in as another guest_username")


def test_unwritable_dest_reported(run_module, web):
    result = run_module("guest_fetch", vm=web, src="/etc/motd", dest="/proc/none/motd", remote_dest=True, **LOGIN)

    assert result["msg"].startswith("fetching to /proc/none/motd: ")
    assert "exception" not in result


def test_device_at_dest_not_written(run_module, web):
    result = run_module("guest_fetch", vm=web, src="/etc/motd", dest="/dev/null", remote_dest=True, **LOGIN)

    assert result["msg"] == "fetching to /dev/null: it is a device, a socket or a pipe: use the path of a file"


def test_controller_gets_missing_files_as_bundle(run_module, web, srv, tmp_path):
    (srv / "site").mkdir()
    plant(srv / "site")
    known = {"": None, "sub": None, ".hidden": [sum_of(b"h"), 1], "own": [sum_of(b""), 0]}
    place = {"path": "/home/me/site", "known": known, "bundle": str(tmp_path / "bundle")}

    predicted = run_module("guest_fetch", vm=web, src="/srv/site", dest="x", _place=place, check_mode=True, **LOGIN)
    assert not (tmp_path / "bundle").exists()
    done = run_module("guest_fetch", vm=web, src="/srv/site", dest="x", _place=place, **LOGIN)

    content, names = (tmp_path / "bundle").read_bytes(), ["hollow", "a", "sub/deep", 'sub/it\'s "b" zwölf', "sub/deep/empty"]
    new = json.loads(content.partition(b"\n")[0])
    assert sorted(new) == sorted(names)
    assert [file["name"] for file in done["files"] if file["changed"]] == [name for name in new if new[name]]
    assert (new["hollow"], new["a"], new["sub/deep/empty"]) == (None, [sum_of(b"A"), 1], [sum_of(b""), 0])
    assert content.partition(b"\n")[2] == b"A" + b"B" * 100000
    assert stat.S_IMODE((tmp_path / "bundle").stat().st_mode) == 0o600
    assert predicted == done
    assert done["saved"] == "/home/me/site"


def test_password_in_names_not_masked(run_module, web, srv, tmp_path):
    (srv / "site").mkdir()
    (srv / "site" / "my s3cret-lab file").write_bytes(b"x")
    place = {"path": "/home/me/site", "known": {}, "bundle": str(tmp_path / "bundle")}

    run_module("guest_fetch", vm=web, src="/srv/site", dest="x", _place=place, **LOGIN)

    assert set(json.loads((tmp_path / "bundle").read_bytes().partition(b"\n")[0])) == {"", "my s3cret-lab file"}
