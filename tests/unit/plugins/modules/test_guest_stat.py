# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
PASSWD = {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/etc/group": "wheel:x:0:\n"}
INFO, LIST, EXISTS, SCRIPT, OUT, DELETE = (
    "VixVM_GetFileInfoInGuest",
    "VixVM_ListDirectoryInGuest",
    "VixVM_FileExistsInGuest",
    "VixVM_RunScriptInGuest",
    "VixVM_CopyFileFromGuestToHost",
    "VixVM_DeleteDirectoryInGuest",
)
NO_PROGRAMS = {"call": SCRIPT, "error": 3003}
AWKWARD = ["with space", 'it\'s "quoted" $HOME;', "zwölf 日", "-n", "*", "two\nlines", "\nend\n"]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/data/motd": "Welcome\n", "/data/empty": "", "/root/key": "x", **PASSWD})


@pytest.fixture
def data(openvix, web):
    return openvix.disk(web) / "data"


@pytest.fixture
def stat(run_module, web):
    def look(path, **options):
        result = run_module("guest_stat", vm=web, path=path, secrets=["s3cret-lab"], **options, **LOGIN)
        assert (result["_rc"], result["changed"], result["vm"]) == (0, False, web)
        assert {"path", "state", "dest", "mode"} & set(result) == set()
        return result["stat"]

    return look


def after_login(openvix):
    """What is asked of VIX within the last login."""
    names = [call["call"] for call in openvix.calls() if call["call"].startswith("VixVM_")]
    first = len(names) - names[::-1].index("VixVM_LoginInGuest")
    return names[first : names.index("VixVM_LogoutFromGuest", first)]


def kinds(kind):
    return {"kind": kind, "isreg": kind == "file", "isdir": kind == "directory", "islnk": kind == "link"}


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("/data/motd", {**kinds("file"), "size": 8}),
        ("/data/../data//motd", {**kinds("file"), "size": 8}),
        ("/data/empty", {**kinds("file"), "size": 0}),
        ("/data", {**kinds("directory"), "size": 0}),
        ("/data/", {**kinds("directory"), "size": 0}),
        ("/data/link", {**kinds("link"), "size": 8}),
        ("/data/pipe", {**kinds("other"), "size": 0}),
    ],
)
def test_facts_known_to_vix_returned(stat, data, path, facts):
    (data / "link").symlink_to("motd")
    os.mkfifo(data / "pipe")
    for name in ("motd", "empty", "pipe", ""):
        os.utime(data / name, (5, 1_700_000_000))

    plain = "/data/motd" if path.endswith("motd") else path.rstrip("/")
    assert stat(path) == {"exists": True, "path": plain, "mtime": 1_700_000_000, **facts}


@pytest.mark.parametrize("path", ["/none", "/data/motd/none", "/none/none"])
@pytest.mark.parametrize("details", [True, False])
def test_missing_path_not_exists(stat, path, details):
    assert stat(path, details=details, get_checksum=True) == {"exists": False}


@pytest.mark.parametrize("name", ["motd", *AWKWARD])
def test_details_add_facts(stat, data, name):
    (data / name).write_text("Welcome\n")
    (data / name).chmod(0o4751)
    os.utime(data / name, (1_600_000_000, 1_700_000_000))
    found = (data / name).stat()

    assert stat(f"/data/{name}", details=True) == {
        "exists": True,
        "path": f"/data/{name}",
        **kinds("file"),
        "size": 8,
        "mtime": 1_700_000_000,
        "atime": 1_600_000_000,
        "ctime": int(found.st_ctime),
        "mode": "4751",
        "uid": 0,
        "gid": 0,
        "pw_name": "root",
        "gr_name": "wheel",
        "inode": found.st_ino,
        "dev": found.st_dev,
        "nlink": 1,
    }


@pytest.mark.parametrize("target", ["motd", "..", "nowhere", "two\nlines", "end\n", "\nend\n", "x//\nend"])
def test_details_describe_links(stat, data, target):
    (data / "link").symlink_to(target)

    found = stat("/data/link", details=True, get_checksum=True)

    assert (found["kind"], found["lnk_target"], found["size"]) == ("link", target, len(target))
    assert "checksum" not in found


@pytest.mark.parametrize(("path", "kind"), [("/dev/null", "character_device"), ("/data/pipe", "fifo"), ("/data", "directory")])
def test_details_distinguish_types(stat, data, path, kind):
    os.mkfifo(data / "pipe")

    found = stat(path, details=True, get_checksum=True)

    assert found["kind"] == kind
    assert "checksum" not in found


def test_unnamed_account_is_null(stat, data):
    (data.parent / "etc/passwd").write_text("")
    (data.parent / "etc/group").write_text("")

    found = stat("/data/motd", details=True)

    assert (found["uid"], found["pw_name"], found["gid"], found["gr_name"]) == (0, None, 0, None)


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize("programs", [True, False])
@pytest.mark.parametrize("content", ["Welcome\n", ""])
def test_checksum_returned_on_request(openvix, stat, data, details, programs, content):
    (data / "motd").write_text(content)
    if not programs:
        openvix.fault(**NO_PROGRAMS)

    assert stat("/data/motd", details=details, get_checksum=True)["checksum"] == hashlib.sha256(content.encode()).hexdigest()
    assert "checksum" not in stat("/data/motd", details=details)
    assert "checksum" not in stat("/data", details=details, get_checksum=True)


def test_details_without_program_reported(openvix, run_module, web):
    openvix.fault(**NO_PROGRAMS)

    result = run_module("guest_stat", vm=web, path="/data/motd", details=True, **LOGIN)

    assert "mode" not in result["stat"]
    assert "the guest has no program that returns more about /data/motd than VMware Tools" in str(result["warnings"])


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"path": "/data/motd"}, [INFO]),
        ({"path": "/data/empty"}, [INFO, EXISTS]),
        ({"path": "/none"}, [INFO, LIST]),
        ({"path": "/data/motd", "details": True}, [SCRIPT, OUT, DELETE]),
        ({"path": "/data/motd", "details": True, "get_checksum": True}, [SCRIPT, OUT, DELETE]),
        ({"path": "/data/motd", "get_checksum": True}, [SCRIPT, OUT, DELETE, INFO]),
    ],
)
def test_stat_needs_few_calls(openvix, stat, options, asked):
    stat(**options)

    assert after_login(openvix) == asked


@pytest.mark.parametrize("path", ["data", "", "C:\\data", "/da\0ta"])
def test_invalid_path_reported(run_module, web, path):
    # Newer Pythons do not let Ansible log a NUL, and then Ansible fails before our code is asked.
    result = run_module("guest_stat", vm=web, path=path, _ansible_no_log="\0" in path, **LOGIN)

    assert result["error"] == "Refused"
    assert result["msg"].startswith(f"looking at {path} in the guest of {web} as lab: ")


def test_windows_path_used_unchanged(openvix, run_module):
    vm = openvix.add_vm("win", power="powered_on", guest_os="windows11-64", accounts=ACCOUNTS)
    openvix.fault(call=INFO, error=4)

    assert run_module("guest_stat", vm=vm, path="C:\\data\\..\\data", **LOGIN)["stat"] == {"exists": False}


def test_missing_permission_reported(run_module, web):
    result = run_module("guest_stat", vm=web, path="/root/key", guest_username="visitor", guest_password="s3cret-visitor")

    assert result["error"] == "Inaccessible"
    assert result["msg"].endswith("log in as another guest_username")
    assert result["msg"].startswith(f"looking at /root/key in the guest of {web} as visitor: ")
