# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, accounts and processes of a Windows guest that runs no programs."""

from __future__ import annotations

import os
import stat

import pytest
from windows_guest import ACCOUNTS, code, make_guest

from openvix.backends.wine import disks
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vmware import guest_os

FILES = {"C:\\Lab\\Data\\a.txt": "aa", "c:/lab/data/Deep/b.txt": "b", "C:\\Users\\ann\\secret.txt": "s"}
PROCESSES = [
    {"name": "spoolsv.exe", "command": "C:\\Windows\\System32\\spoolsv.exe", "owner": "root"},
    {"name": "tool.exe", "command": "tool.exe -x", "owner": "Ann"},
]


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    disks.create(place, hostname="win", accounts=ACCOUNTS, files=FILES)
    return place


@pytest.fixture
def guest(tmp_path, disk):
    guest = make_guest(tmp_path / "run", processes=PROCESSES)
    guest.boot(disk)
    yield guest
    guest.halt()


@pytest.fixture
def lab(guest):
    return guest.login("lab", "s3cret-lab")


@pytest.fixture
def ann(guest):
    return guest.login("ann", "s3cret-ann")


def names(guest, account, path):
    return [info.name for info in guest.list_directory(account, path)]


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Lab\\Data\\a.txt",
        "c:\\lab\\DATA\\A.TXT",
        "C:/Lab/data/a.txt",
        "C:\\Lab\\.\\Data\\..\\Data\\a.txt",
        "C:\\..\\Lab\\Data\\a.txt",
        "C:\\Lab\\Data\\a.txt. .",
        "\\\\?\\C:\\Lab\\Data\\a.txt",
    ],
)
def test_file_is_found_by_any_spelling(guest, lab, path, tmp_path):
    assert guest.file_exists(lab, path)
    assert guest.file_info(lab, path).size == 2
    guest.copy_out(lab, path, str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "aa"


def test_new_names_keep_their_case(guest, lab):
    guest.create_directory(lab, "C:\\LAB\\New Dir\\Inner")

    assert names(guest, lab, "C:\\lab") == ["Data", "New Dir"]
    assert names(guest, lab, "C:\\lab\\new dir") == ["Inner"]


def test_declared_paths_share_directories(guest, lab):
    assert names(guest, lab, "C:\\Lab\\Data") == ["Deep", "a.txt"]
    assert {"Users", "Windows", "Program Files", "ProgramData", "Lab"} <= set(names(guest, lab, "C:\\"))
    assert {"lab", "ann", "Public"} <= set(names(guest, lab, "C:\\Users"))


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("C:\\none", constants.VIX_E_FILE_NOT_FOUND),
        ("D:\\Lab", constants.VIX_E_FILE_NOT_FOUND),
        ("Lab\\Data", constants.VIX_E_INVALID_ARG),
        ("/Lab/Data", constants.VIX_E_INVALID_ARG),
        ("C:Lab", constants.VIX_E_INVALID_ARG),
        ("C:\\Lab\\Data\\a.txt:stream", constants.VIX_E_FILE_NAME_INVALID),
        ("C:\\Lab\\a?.txt", constants.VIX_E_FILE_NAME_INVALID),
        ("C:\\Lab\\NUL", constants.VIX_E_FILE_NAME_INVALID),
        ("C:\\Lab\\com1.txt", constants.VIX_E_FILE_NAME_INVALID),
        ("C:\\Lab\\COM\u00b9", constants.VIX_E_FILE_NAME_INVALID),
        ("C:\\Lab\\conin$", constants.VIX_E_FILE_NAME_INVALID),
        ("\\\\.\\PhysicalDrive0", constants.VIX_E_FILE_NAME_INVALID),
        ("\\\\?\\GLOBALROOT\\x", constants.VIX_E_FILE_NAME_INVALID),
        ("\\\\server\\share\\x", constants.VIX_E_FILE_NAME_INVALID),
        ("C:\\" + "a" * 256, constants.VIX_E_FILE_NAME_TOO_LONG),
    ],
)
def test_impossible_path_has_its_error(guest, lab, path, error):
    assert code(guest.file_info, lab, path) == error
    assert error == constants.VIX_E_INVALID_ARG or not guest.file_exists(lab, path)


@pytest.mark.parametrize("name", ["console", "nullable.txt", "com0", "COM10", "lpt", "auxiliary"])
def test_name_like_a_device_is_a_file(guest, lab, name):
    guest.create_directory(lab, f"C:\\Lab\\{name}")

    assert guest.directory_exists(lab, f"C:\\Lab\\{name.upper()}")


def test_drive_cannot_be_removed(guest, lab):
    assert code(guest.delete_directory, lab, "C:\\") == constants.VIX_E_OBJECT_IS_BUSY
    assert code(guest.rename, lab, "C:\\", "C:\\x") == constants.VIX_E_OBJECT_IS_BUSY


def test_rename_may_change_case_alone(guest, lab):
    guest.rename(lab, "C:\\lab\\data\\A.TXT", "C:\\lab\\data\\A.txt")

    assert names(guest, lab, "C:\\Lab\\Data") == ["A.txt", "Deep"]


def test_rename_replaces_file_of_other_case(guest, lab, tmp_path):
    (tmp_path / "new").write_text("new")
    guest.copy_in(lab, str(tmp_path / "new"), "C:\\Lab\\new.txt")
    guest.rename(lab, "C:\\Lab\\new.txt", "C:\\Lab\\Data\\A.TXT")

    guest.copy_out(lab, "C:\\Lab\\Data\\a.txt", str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "new"
    assert names(guest, lab, "C:\\Lab\\Data") == ["Deep", "a.txt"]
    assert code(guest.rename, lab, "C:\\Lab\\Data\\a.txt", "C:\\LAB\\data\\deep") == constants.VIX_E_ALREADY_EXISTS


def test_directories_are_merged_whatever_the_case(guest, lab, tmp_path):
    source = tmp_path / "source"
    (source / "DEEP").mkdir(parents=True)
    (source / "A.TXT").write_text("other")
    (source / "DEEP" / "c.txt").write_text("c")
    (source / "link").symlink_to("A.TXT")
    guest.copy_in(lab, str(source), "C:\\lab\\data")

    assert names(guest, lab, "C:\\Lab\\Data") == ["Deep", "a.txt", "link"]
    assert names(guest, lab, "C:\\Lab\\Data\\Deep") == ["b.txt", "c.txt"]
    guest.copy_out(lab, "C:\\lab\\DATA", str(tmp_path / "out"))
    assert (tmp_path / "out" / "a.txt").read_text() == (tmp_path / "out" / "link").read_text() == "other"
    assert sorted(os.listdir(tmp_path / "out" / "Deep")) == ["b.txt", "c.txt"]


def test_copy_needs_the_parent(guest, lab, tmp_path):
    (tmp_path / "folder").mkdir()

    assert code(guest.copy_in, lab, str(tmp_path / "folder"), "C:\\none\\folder") == constants.VIX_E_FILE_NOT_FOUND
    guest.copy_in(lab, str(tmp_path / "folder"), "C:\\Lab\\folder")
    assert guest.directory_exists(lab, "C:\\Lab\\FOLDER")


def test_copied_name_must_suit_windows(guest, lab, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a:b").touch()

    assert code(guest.copy_in, lab, str(tmp_path / "folder"), "C:\\Lab\\folder") == constants.VIX_E_FILE_NAME_INVALID


def test_delete_distinguishes_files_and_directories(guest, lab):
    assert code(guest.delete_file, lab, "C:\\Lab\\data") == constants.VIX_E_NOT_A_FILE
    assert code(guest.delete_directory, lab, "C:\\Lab\\data\\a.txt") == constants.VIX_E_NOT_A_DIRECTORY
    guest.delete_file(lab, "C:\\LAB\\DATA\\A.TXT")
    guest.delete_directory(lab, "C:\\LAB\\DATA\\deep")
    assert names(guest, lab, "C:\\Lab\\Data") == []


def test_temporary_file_is_in_the_profile(guest, ann):
    path = guest.create_temp_file(ann)

    assert path.startswith("C:\\Users\\ann\\AppData\\Local\\Temp\\vmware")
    assert guest.file_exists(ann, path)


def test_file_shared_by_guests_is_replaced_for_one(guest, lab, disk, tmp_path):
    # As Wine's own files are: a link of the disk to a file of the host.
    system = disk / "windows" / "drive_c" / "Windows" / "System32"
    (disk / "usr").mkdir()
    (system / "env.exe").symlink_to("/usr/bin/env")
    (tmp_path / "mine").write_text("mine")

    info = guest.file_info(lab, "C:\\windows\\system32\\ENV.exe")
    assert (info.size, info.flags) == (os.stat("/usr/bin/env").st_size, 0)
    assert guest.file_exists(lab, "C:\\Windows\\System32\\env.exe")
    assert [info.size for info in guest.list_directory(lab, "C:\\Windows\\System32") if info.name == "env.exe"] == [os.stat("/usr/bin/env").st_size]
    guest.copy_in(lab, str(tmp_path / "mine"), "C:\\Windows\\System32\\env.exe")
    assert (system / "env.exe").read_text() == "mine"
    assert not (system / "env.exe").is_symlink()
    assert os.stat("/usr/bin/env").st_size == info.size


def test_link_on_the_disk_leads_nowhere_else(guest, lab, disk, tmp_path):
    (tmp_path / "private").write_text("private")
    (disk / "windows" / "drive_c" / "out").symlink_to(tmp_path)

    assert not guest.file_exists(lab, "C:\\out\\private")
    assert code(guest.copy_out, lab, "C:\\out\\private", str(tmp_path / "got")) == constants.VIX_E_FILE_NOT_FOUND


def test_account_sees_all_but_profiles_and_registry(guest, ann, lab, tmp_path):
    (tmp_path / "file").write_text("x")
    assert code(guest.list_directory, ann, "C:\\Users\\LAB") == constants.VIX_E_FILE_ACCESS_ERROR
    assert code(guest.list_directory, ann, "C:\\Windows\\System32\\Config") == constants.VIX_E_FILE_ACCESS_ERROR
    assert names(guest, lab, "C:\\users\\ann") == sorted([*names(guest, ann, "C:\\Users\\Ann")])
    assert guest.file_exists(ann, "C:\\Lab\\Data\\a.txt")
    assert code(guest.copy_in, ann, str(tmp_path / "file"), "C:\\Windows\\file") == constants.VIX_E_FILE_ACCESS_ERROR
    for path in ("C:\\Users\\Ann\\file", "C:\\users\\public\\file", "C:\\ProgramData\\file", "C:\\windows\\temp\\file"):
        guest.copy_in(ann, str(tmp_path / "file"), path)
    guest.copy_in(lab, str(tmp_path / "file"), "C:\\Windows\\file")


@pytest.mark.parametrize("name", ["lab", "LAB", ".\\lab", "WIN\\lab"])
def test_login_ignores_case_and_own_computer(guest, name):
    assert guest.login(name, "s3cret-lab").name == "lab"


@pytest.mark.parametrize(("name", "password", "error"), [("lab", "no", 3015), ("other\\lab", "s3cret-lab", 3015), ("none", "x", 3015), ("guest", "", 3033)])
def test_wrong_login_has_its_error(guest, name, password, error):
    assert code(guest.login, name, password) == error


def test_environment_is_of_the_account(guest, ann):
    guest.environment = {"PATH": "C:\\own", "COLOR": "red"}
    environment = guest.environment_of(ann)

    assert environment["USERNAME"] == "ann"
    assert environment["TEMP"] == "C:\\Users\\ann\\AppData\\Local\\Temp"
    assert (environment["Path"], environment["COLOR"], environment["COMPUTERNAME"]) == ("C:\\own", "red", "WIN")
    assert "PATH" not in environment


def test_processes_are_listed_and_killed(guest, lab, ann):
    found = guest.processes()
    assert [(each.name, each.pid, each.owner, each.command) for each in found] == [
        ("System", 4, "SYSTEM", "System"),
        ("spoolsv.exe", 8, "SYSTEM", "C:\\Windows\\System32\\spoolsv.exe"),
        ("tool.exe", 12, "Ann", "tool.exe -x"),
    ]
    assert code(guest.kill, ann, 8) == code(guest.kill, lab, 4) == constants.VIX_E_GUEST_USER_PERMISSIONS
    assert code(guest.kill, lab, 9) == constants.VIX_E_NO_SUCH_PROCESS
    guest.kill(ann, 12)
    guest.kill(lab, 8)
    assert [each.pid for each in guest.processes()] == [4]


def test_program_is_refused_with_advice(guest, lab):
    for run in (
        lambda: guest.run_program(lab, "C:\\Windows\\System32\\cmd.exe", None, wait=True),
        lambda: guest.run_script(lab, None, "echo", wait=True),
    ):
        with pytest.raises(VixError) as raised:
            run()
        assert raised.value.code == constants.VIX_E_OP_NOT_SUPPORTED_ON_GUEST
        assert 'programs = "wine"' in raised.value.reason


def test_shared_folder_is_seen_by_its_windows_name(guest, lab, tmp_path):
    (tmp_path / "given" / "Sub").mkdir(parents=True)
    (tmp_path / "given" / "Sub" / "file").write_text("x")
    guest.share({"Docs": (str(tmp_path / "given"), True)})

    assert names(guest, lab, "\\\\vmware-host\\Shared Folders\\docs\\sub") == ["file"]
    guest.create_directory(lab, "\\\\VMWARE-HOST\\shared folders\\Docs\\new")
    assert (tmp_path / "given" / "new").is_dir()


@pytest.mark.parametrize("path", ["/srv/x", "D:\\x", "C:\\NUL", "C:\\Windows"])
def test_impossible_declared_file_leaves_nothing(tmp_path, path):
    with pytest.raises(VixError):
        disks.create(tmp_path / "disk", hostname="win", accounts=ACCOUNTS, files={path: "x"})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "windows"),
    [("windows11-64", True), ("arm-windows11-64", True), ("winServer2019", True), ("longhorn", True), ("darwin20", False), ("debian12-64", False)],
)
def test_guest_os_names_windows(name, windows):
    assert guest_os.is_windows(name) == windows


def test_mode_of_new_files_is_private(guest, lab, disk):
    path = guest.create_temp_file(lab)
    place = disk / "windows" / "drive_c" / path[3:].replace("\\", "/")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
