# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
LIST, SCRIPT, OUT, DELETE = "VixVM_ListDirectoryInGuest", "VixVM_RunScriptInGuest", "VixVM_CopyFileFromGuestToHost", "VixVM_DeleteDirectoryInGuest"
NO_PROGRAMS = {"call": SCRIPT, "error": 3003}
FILES = {
    "a.log": b"x" * 10,
    "b.LOG": b"x" * 2048,
    "c.txt": b"",
    ".hidden.log": b"x",
    "sub/d.log": b"x" * 100,
    "sub/.deep/e.log": b"xx",
    'sub/two\nlines "it\'s".log': b"xyz",
    "zwölf 日.log": b"x" * 5,
}


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)


@pytest.fixture
def data(openvix, web):
    place = openvix.disk(web) / "data"
    for name, content in FILES.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return place


@pytest.fixture(params=[True, False], ids=["by a program", "by VIX alone"])
def find(openvix, run_module, web, data, request):
    """Find in /data, and return the names below it; each way does."""
    if not request.param:
        openvix.fault(**NO_PROGRAMS)

    def names(**options):
        result = run_module("guest_find", vm=web, paths=["/data"], **options, **LOGIN)
        assert result["_rc"] == 0, result
        assert (result["changed"], result["vm"], result["matched"]) == (False, web, len(result["files"]))
        return [file["path"].replace("/data/", "", 1) for file in result["files"]]

    return names


def after_login(openvix):
    """What is asked of VIX within the last login."""
    names = [call["call"] for call in openvix.calls() if call["call"].startswith("VixVM_")]
    first = len(names) - names[::-1].index("VixVM_LoginInGuest")
    return names[first : names.index("VixVM_LogoutFromGuest", first)]


DEEP = ["sub/d.log", 'sub/two\nlines "it\'s".log']


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["a.log", "b.LOG", "c.txt", "zwölf 日.log"]),
        ({"recurse": True}, ["a.log", "b.LOG", "c.txt", "zwölf 日.log", *DEEP, "sub/.deep/e.log"]),
        ({"recurse": True, "depth": 2}, ["a.log", "b.LOG", "c.txt", "zwölf 日.log", *DEEP]),
        ({"depth": 2}, ["a.log", "b.LOG", "c.txt", "zwölf 日.log"]),
        ({"hidden": True}, [".hidden.log", "a.log", "b.LOG", "c.txt", "zwölf 日.log"]),
        ({"patterns": ["*.log"], "recurse": True}, ["a.log", "zwölf 日.log", *DEEP, "sub/.deep/e.log"]),
        ({"patterns": ["?.txt", "[bx].*"]}, ["b.LOG", "c.txt"]),
        ({"patterns": ["*.log"], "excludes": ["a*"]}, ["zwölf 日.log"]),
        ({"patterns": [r".*\.(LOG|txt)$"], "use_regex": True}, ["b.LOG", "c.txt"]),
        ({"patterns": ["log"], "use_regex": True}, []),
        ({"excludes": ["[ab]"], "use_regex": True}, ["c.txt", "zwölf 日.log"]),
        ({"file_type": "directory"}, ["sub"]),
        ({"file_type": "directory", "recurse": True, "hidden": True}, ["sub", "sub/.deep"]),
        ({"file_type": "any"}, ["a.log", "b.LOG", "c.txt", "sub", "zwölf 日.log"]),
        ({"size": "10"}, ["a.log", "b.LOG"]),
        ({"size": "2k"}, ["b.LOG"]),
        ({"size": "-10b"}, ["a.log", "c.txt", "zwölf 日.log"]),
        ({"size": "1t", "file_type": "any"}, ["sub"]),
        ({"recurse": True, "limit": 5}, ["a.log", "b.LOG", "c.txt", "zwölf 日.log", "sub/d.log"]),
        ({"limit": 1}, ["a.log"]),
    ],
)
def test_filters_select_files(find, options, names):
    assert find(**options) == names


@pytest.mark.parametrize(
    ("age", "names"),
    [("1h", ["a.log", "b.LOG"]), ("-1h", ["c.txt", "zwölf 日.log"]), ("3d", ["b.LOG"]), ("+72H", ["b.LOG"]), ("-100", ["c.txt", "zwölf 日.log"])],
)
def test_age_counts_from_last_change(find, data, age, names):
    for name, seconds in (("a.log", 7200), ("b.LOG", 4 * 86400)):
        os.utime(data / name, (time.time() - seconds,) * 2)

    assert find(age=age) == names


def test_clock_of_age_returned(openvix, run_module, web, data):
    options = {"vm": web, "paths": ["/data"], "age": "1s", **LOGIN}
    assert run_module("guest_find", **options)["clock"] == "guest"
    openvix.fault(**NO_PROGRAMS)
    assert run_module("guest_find", **options)["clock"] == "host"
    assert "clock" not in run_module("guest_find", vm=web, paths=["/data"], **LOGIN)


def test_facts_named_as_in_builtin_find(openvix, run_module, web, data):
    os.utime(data / "a.log", (5, 1_700_000_000))
    (data / "link").symlink_to("a.log")

    for _run in range(2):
        result = run_module("guest_find", vm=web, paths=["/data"], patterns=["a.log", "link", "sub"], file_type="any", **LOGIN)
        file, link, folder = result["files"]
        description = {"size": 10, "mtime": 1_700_000_000, "isdir": False}
        assert file == {"path": "/data/a.log", "kind": "file", "isreg": True, "islnk": False, **description}
        assert link == {"path": "/data/link", "kind": "link", "isreg": False, "islnk": True, **description}
        assert (folder["kind"], folder["size"], folder["isdir"], folder["isreg"]) == ("directory", 0, True, False)
        assert result["examined"] == 7
        openvix.fault(**NO_PROGRAMS)


@pytest.mark.parametrize(("file_type", "names"), [("link", ["link"]), ("file", ["a.log", "b.LOG", "c.txt", "zwölf 日.log"]), ("directory", ["sub"])])
def test_links_and_pipes_not_files(find, data, file_type, names):
    (data / "link").symlink_to("a.log")
    os.mkfifo(data / "pipe")

    assert find(file_type=file_type) == names
    assert "pipe" in find(file_type="any")


def test_link_to_directory_not_followed(openvix, run_module, web, data):
    (data / "loop").symlink_to(".")
    (data / "sub" / "up").symlink_to("..")

    result = run_module("guest_find", vm=web, paths=["/data"], recurse=True, file_type="any", hidden=True, **LOGIN)

    assert {file["path"] for file in result["files"] if file["islnk"]} == {"/data/loop", "/data/sub/up"}
    assert len(result["files"]) == len(FILES) + 2 + 2
    assert result["skipped_paths"] == {}


def test_link_loop_ends_without_program(openvix, run_module, web, data):
    (data / "loop").symlink_to(".")
    (data / "sub" / "up").symlink_to("..")
    openvix.fault(**NO_PROGRAMS)

    result = run_module("guest_find", vm=web, paths=["/data"], recurse=True, **LOGIN)

    assert sorted(result["skipped_paths"]) == ["/data/loop", "/data/sub/up"]
    assert result["skipped_paths"]["/data/loop"] == "it has the same content as /data: it is treated as a link back there"


def test_unreadable_path_skipped_not_failed(openvix, run_module, web, data):
    result = run_module("guest_find", vm=web, paths=["/none", "/root", "/data/a.log", "/data"], guest_username="visitor", guest_password="s3cret-visitor")

    assert [file["path"] for file in result["files"]] == ["/data/a.log", "/data/b.LOG", "/data/c.txt", "/data/zwölf 日.log"]
    assert {path: reason.split(")")[0] for path, reason in result["skipped_paths"].items()} == {
        "/none": "no such directory in the guest (VIX_E_FILE_NOT_FOUND, 4",
        "/root": "Permission to the file was refused (VIX_E_FILE_ACCESS_ERROR, 13",
        "/data/a.log": "Guest path exists but is not a directory (VIX_E_NOT_A_DIRECTORY, 20002",
    }
    assert len(result["warnings"]) == 3
    for path, reason in result["skipped_paths"].items():  # Ansible's own versions differ in how they wrap a warning
        assert f"{path} of the guest of {web} could not be searched as visitor: {reason}" in str(result["warnings"])


def test_unreadable_subdirectory_reported(openvix, run_module, web, data):
    (openvix.disk(web) / "home" / "lab").mkdir(parents=True, exist_ok=True)
    openvix.fault(**NO_PROGRAMS)

    result = run_module("guest_find", vm=web, paths=["/home"], recurse=True, guest_username="visitor", guest_password="s3cret-visitor")

    assert list(result["skipped_paths"]) == ["/home/lab"]
    assert ", 13); " in result["skipped_paths"]["/home/lab"]


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, [LIST, SCRIPT, OUT, DELETE]),  # an empty file, which might be a device
        ({"patterns": ["*.log"]}, [LIST]),
        ({"patterns": ["*.log"], "file_type": "any"}, [LIST]),
        ({"patterns": ["s*"], "file_type": "directory"}, [LIST, SCRIPT, OUT, DELETE]),
        ({"recurse": True}, [LIST, SCRIPT, OUT, DELETE]),
        ({"recurse": True, "depth": 1, "patterns": ["*.log"]}, [LIST]),
        ({"age": "1d", "patterns": ["*.log"]}, [LIST, SCRIPT, OUT, DELETE]),
    ],
)
def test_program_run_only_if_needed(openvix, run_module, web, data, options, asked):
    run_module("guest_find", vm=web, paths=["/data"], **options, **LOGIN)

    assert after_login(openvix) == asked


def test_flat_tree_needs_one_call(openvix, run_module, web, data):
    run_module("guest_find", vm=web, paths=["/data/sub/.deep"], recurse=True, **LOGIN)

    assert after_login(openvix) == [LIST]


def test_limit_ends_search(openvix, run_module, web, data):
    openvix.fault(**NO_PROGRAMS)

    result = run_module("guest_find", vm=web, paths=["/data", "/etc"], recurse=True, limit=1, **LOGIN)

    assert (result["matched"], result["examined"]) == (1, 2)  # the hidden one comes before
    assert after_login(openvix).count(LIST) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patterns": ["("], "use_regex": True}, "( is not a regular expression: "),
        ({"age": "1 day"}, "1 day is not a valid age: use a number and one of s, m, h, d, w, such as 30s, -2d or 1w"),
        ({"age": "\u0661d"}, "\u0661d is not a valid age: "),
        ({"size": "1.5m"}, "1.5m is not a valid size: use a number and one of b, k, m, g, t, such as 512, 10k or -1m"),
        ({"depth": 0, "recurse": True}, "depth must be 1 or more, not 0"),
        ({"limit": -1}, "limit must be 1 or more, not -1"),
        ({"paths": ["data"]}, "data is not an absolute path of a Linux guest"),
        ({"paths": ["/da\0ta"]}, "a path cannot contain a NUL character"),
    ],
)
def test_invalid_options_reported(run_module, web, options, words):
    result = run_module("guest_find", vm=web, **{"paths": ["/data"], **options}, **LOGIN)

    assert result["error"] == "Refused"
    assert result["msg"].startswith(f"looking for files: {words}")


def test_guest_fault_not_a_skipped_path(openvix, run_module, web, data):
    openvix.fault(**NO_PROGRAMS)
    openvix.fault(call=LIST, from_=2, error=3016)

    result = run_module("guest_find", vm=web, paths=["/data"], recurse=True, **LOGIN)

    assert (result["error"], result["vix_code"]) == ("NoToolsInGuest", 3016)


def test_no_files_left_behind(openvix, run_module, web, data, tmp_path_factory):
    run_module("guest_find", vm=web, paths=["/data"], recurse=True, secrets=["s3cret-lab"], **LOGIN)

    # VMware Tools keep the directory of their temporary files.
    assert [name for name in os.listdir(openvix.disk(web) / "tmp") if not name.startswith("vmware")] == []
    assert [path for folder in tmp_path_factory.getbasetemp().glob("task*") for path in folder.rglob("vmlab*")] == []
