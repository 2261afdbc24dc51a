# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of file operations for all kinds of guest. Each kind imports them and provides the fixture guest."""

from __future__ import annotations

import os
import stat

import pytest

from openvix.guest.files import FileInfo
from openvix.vix import constants
from openvix.vix.errors import VixError

ACCOUNTS = [
    {"name": "lab", "password": "lab", "administrator": True},
    {"name": "ann", "password": "a"},
    {"name": "bob", "password": "b"},
]


@pytest.fixture
def lab(guest):
    return guest.login("lab", "lab")


@pytest.fixture
def ann(guest):
    return guest.login("ann", "a")


@pytest.fixture
def outside(tmp_path):
    """A directory of the host with a file that no guest may access."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret").write_text("host")
    return place


def code(call, *arguments):
    with pytest.raises(VixError) as caught:
        call(*arguments)
    return caught.value.code


def host_file(tmp_path, text="new", mode=0o644):
    place = tmp_path / "from-host"
    place.write_text(text)
    place.chmod(mode)
    return str(place)


def test_impossible_path_has_code_of_its_errno(guest, lab, disk):
    (disk / "srv/loop").symlink_to("loop")
    (disk / "srv/ping").symlink_to("pong/x")
    (disk / "srv/pong").symlink_to("ping/x")
    expected = {
        "": constants.VIX_E_INVALID_ARG,
        "etc/motd": constants.VIX_E_INVALID_ARG,
        "/nowhere": constants.VIX_E_FILE_NOT_FOUND,
        "/nowhere/at/all": constants.VIX_E_FILE_NOT_FOUND,
        "/etc/motd/x": constants.VIX_E_NOT_A_DIRECTORY,
        "/etc/motd/": constants.VIX_E_NOT_A_DIRECTORY,
        "/etc/motd/..": constants.VIX_E_NOT_A_DIRECTORY,
        "/srv/loop": constants.VIX_E_OUT_OF_MEMORY,
        "/srv/ping/x": constants.VIX_E_OUT_OF_MEMORY,
        "/" + "n" * 256: constants.VIX_E_FILE_NAME_TOO_LONG,
        "/n" * 2048: constants.VIX_E_FILE_NAME_TOO_LONG,
    }
    assert {path: code(guest.file_info, lab, path) for path in expected} == expected


def test_account_sees_all_but_homes_and_secrets(guest, lab, ann, disk, tmp_path):
    for place in ("root/x", "home/ann/x", "home/bob/x"):
        (disk / place).write_text(place)
    out = str(tmp_path / "out")
    guest.copy_out(ann, "/home/ann/x", out)
    guest.copy_out(ann, "/etc/motd", out)
    assert guest.directory_exists(ann, "/root")
    assert guest.file_info(ann, "/etc/shadow").size > 0
    assert not guest.file_exists(ann, "/home/bob/x")
    (disk / "tmp/bob").symlink_to("/home/bob")
    refused = [
        code(guest.copy_out, ann, "/home/bob/x", out),
        code(guest.copy_out, ann, "/tmp/bob/x", out),
        code(guest.copy_out, ann, "/root/x", out),
        code(guest.copy_out, ann, "/etc/shadow", out),
        code(guest.copy_out, ann, "/home", str(tmp_path / "homes")),
        code(guest.list_directory, ann, "/root"),
        code(guest.list_directory, ann, "/tmp/bob"),
        code(guest.file_info, ann, "/root/x"),
        code(guest.delete_file, ann, "/home/bob/x"),
    ]
    assert set(refused) == {constants.VIX_E_FILE_ACCESS_ERROR}
    guest.copy_out(lab, "/home/bob/x", out)
    guest.copy_out(lab, "/etc/shadow", out)
    assert len(guest.list_directory(lab, "/root")) == 1


def test_administrator_ignores_modes(guest, lab, disk, tmp_path):
    (disk / "srv/data").chmod(0)
    (disk / "etc/motd").chmod(0o444)
    try:
        assert [each.name for each in guest.list_directory(lab, "/srv/data")] == ["a", "deep"]
        guest.copy_in(lab, host_file(tmp_path), "/etc/motd")
        guest.copy_out(lab, "/srv/data", str(tmp_path / "data"))
        assert (tmp_path / "data/deep/b").read_text() == "b"
        assert (disk / "etc/motd").read_text() == "new"
        assert stat.S_IMODE((disk / "etc/motd").stat().st_mode) == 0o444
        assert stat.S_IMODE((disk / "srv/data").stat().st_mode) == 0
    finally:
        (disk / "srv/data").chmod(0o755)


def test_file_survives_a_round_trip(guest, lab, tmp_path):
    content = os.urandom((3 << 20) + 17)
    (tmp_path / "big").write_bytes(content)
    guest.copy_in(lab, str(tmp_path / "big"), "/opt/big")
    guest.copy_out(lab, "/opt/big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


def test_copy_replaces_file_without_set_id_bits(guest, lab, disk, tmp_path):
    guest.copy_in(lab, host_file(tmp_path, "much longer than before"), "/etc/motd")
    guest.copy_in(lab, host_file(tmp_path, "short", 0o6755), "/etc/motd")
    guest.copy_in(lab, host_file(tmp_path, "short", 0o6755), "/opt/program")
    assert (disk / "etc/motd").read_text() == "short"
    assert stat.S_IMODE((disk / "opt/program").stat().st_mode) == 0o755
    (disk / "opt/program").chmod(0o4755)
    guest.copy_out(lab, "/opt/program", str(tmp_path / "program"))
    assert stat.S_IMODE((tmp_path / "program").stat().st_mode) == 0o755


def test_directories_are_merged(guest, lab, disk, tmp_path):
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "a").write_text("changed")
    (source / "deep/c").write_text("c")
    (source / "deep/link").symlink_to("/etc/motd")
    guest.copy_in(lab, str(source), "/srv/data")
    assert (disk / "srv/data/a").read_text() == "changed"
    assert (disk / "srv/data/deep/b").read_text() == "b"
    assert (disk / "srv/data/deep/c").read_text() == "c"
    assert os.readlink(disk / "srv/data/deep/link") == "/etc/motd"
    guest.copy_in(lab, str(source), "/srv/data")
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep/mine").write_text("mine")
    guest.copy_out(lab, "/srv/data", str(out))
    assert sorted(os.listdir(out / "deep")) == ["b", "c", "link", "mine"]
    assert os.readlink(out / "deep/link") == "/etc/motd"


def test_copied_out_link_does_not_redirect_copies(guest, lab, disk, outside, tmp_path):
    (disk / "srv/data/a").unlink()
    (disk / "srv/data/a").symlink_to(outside / "secret")
    guest.copy_out(lab, "/srv/data", str(tmp_path / "out"))
    (disk / "srv/data/a").unlink()
    (disk / "srv/data/a").write_text("guest")
    guest.copy_out(lab, "/srv/data", str(tmp_path / "out"))
    assert (tmp_path / "out/a").read_text() == "guest"
    assert (outside / "secret").read_text() == "host"


def test_impossible_copy_has_code_of_its_errno(guest, lab, disk, tmp_path):
    new, out, empty = host_file(tmp_path), str(tmp_path / "out"), tmp_path / "empty"
    empty.mkdir()
    os.mkfifo(disk / "srv/pipe")
    os.mkfifo(tmp_path / "pipe")
    assert code(guest.copy_in, lab, str(tmp_path / "none"), "/tmp/x") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.copy_in, lab, new, "/nowhere/x") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.copy_in, lab, new, "/srv/data") == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_in, lab, new, "/tmp/new/") == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_in, lab, new, "/srv/pipe") == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_in, lab, str(tmp_path / "pipe"), "/tmp/pipe") == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_in, lab, str(empty), "/etc/motd") == constants.VIX_E_NOT_A_DIRECTORY
    assert code(guest.copy_in, lab, new, "") == constants.VIX_E_INVALID_ARG
    assert code(guest.copy_in, lab, "", "/tmp/x") == constants.VIX_E_INVALID_ARG
    assert code(guest.copy_in, lab, "from-host", "/tmp/x") == constants.VIX_E_INVALID_ARG
    assert code(guest.copy_out, lab, "/srv/none", out) == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.copy_out, lab, "/srv/pipe", out) == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_out, lab, "/etc/motd", str(tmp_path / "none/x")) == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.copy_out, lab, "/etc/motd", str(empty)) == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_out, lab, "/srv/data", new) == constants.VIX_E_NOT_A_DIRECTORY
    assert not os.path.exists(out)
    assert not (disk / "tmp/new").exists()


def test_failed_copy_keeps_what_was_copied(guest, lab, disk, tmp_path):
    source = tmp_path / "tree"
    source.mkdir()
    (source / "a").write_text("a")
    os.mkfifo(source / "b")
    (source / "c").write_text("c")
    assert code(guest.copy_in, lab, str(source), "/opt/tree") == constants.VIX_E_NOT_A_FILE
    assert os.listdir(disk / "opt/tree") == ["a"]


def test_exists_checks_the_type(guest, lab, disk):
    os.mkfifo(disk / "srv/pipe")
    (disk / "srv/file").symlink_to("data/a")
    (disk / "srv/directory").symlink_to("data")
    (disk / "srv/dangling").symlink_to("none")
    seen = {
        name: (guest.file_exists(lab, f"/srv/{name}"), guest.directory_exists(lab, f"/srv/{name}"))
        for name in ("data/a", "data", "pipe", "file", "directory", "dangling", "none", "data/a/x")
    }
    assert seen == {
        "data/a": (True, False),
        "data": (False, True),
        "pipe": (False, False),
        "file": (True, False),
        "directory": (False, True),
        "dangling": (False, False),
        "none": (False, False),
        "data/a/x": (False, False),
    }
    assert code(guest.file_exists, lab, "") == constants.VIX_E_INVALID_ARG
    assert code(guest.directory_exists, lab, "srv") == constants.VIX_E_INVALID_ARG


def test_file_info_has_size_type_and_time(guest, lab, disk):
    os.utime(disk / "srv/data/a", (1000000000, 1234567890))
    os.mkfifo(disk / "srv/pipe")
    (disk / "srv/file").symlink_to("data/a")
    (disk / "srv/directory").symlink_to("data")
    (disk / "srv/dangling").symlink_to("none")
    assert guest.file_info(lab, "/srv/data/a") == FileInfo("a", 2, 0, 1234567890)
    link = guest.file_info(lab, "/srv/file")
    assert (link.size, link.flags, link.modified) == (2, constants.VIX_FILE_ATTRIBUTES_SYMLINK, 1234567890)
    for path in ("/srv/data", "/srv/directory", "/"):
        info = guest.file_info(lab, path)
        assert (info.size, info.flags) == (0, constants.VIX_FILE_ATTRIBUTES_DIRECTORY)
    pipe = guest.file_info(lab, "/srv/pipe")
    assert (pipe.size, pipe.flags) == (0, 0)
    assert code(guest.file_info, lab, "/srv/dangling") == constants.VIX_E_FILE_NOT_FOUND


def test_listing_is_complete_without_dots(guest, lab, disk):
    (disk / "srv/x").mkdir()
    (disk / "srv/x/b").write_text("bb")
    (disk / "srv/x/a").symlink_to("/etc/motd")
    (disk / "srv/x/c").symlink_to("nothing")
    (disk / "srv/x/d").mkdir()
    (disk / "srv/x/ä").write_text("")
    (disk / os.fsdecode(b"srv/x/\xff")).write_text("")
    seen = [(each.name, each.size, each.flags) for each in guest.list_directory(lab, "/srv/x")]
    link, directory = constants.VIX_FILE_ATTRIBUTES_SYMLINK, constants.VIX_FILE_ATTRIBUTES_DIRECTORY
    assert seen == [("a", 7, link), ("b", 2, 0), ("c", 0, link), ("d", 0, directory), ("ä", 0, 0), ("\ufffd", 0, 0)]
    assert guest.list_directory(lab, "/srv/x/d") == []
    assert code(guest.list_directory, lab, "/srv/x/b") == constants.VIX_E_NOT_A_DIRECTORY
    assert code(guest.list_directory, lab, "/srv/none") == constants.VIX_E_FILE_NOT_FOUND
    assert {"bin", "etc", "usr", "tmp"} <= {each.name for each in guest.list_directory(lab, "/")}


def test_directory_is_created_with_parents(guest, lab, disk):
    guest.create_directory(lab, "/srv/new/and/deep/")
    for name in ("new", "new/and", "new/and/deep"):
        assert stat.S_IMODE((disk / "srv" / name).stat().st_mode) == 0o700
    (disk / "srv/dangling").symlink_to("none")
    for path in ("/srv/new/and/deep", "/etc/motd", "/", "/srv/dangling"):
        assert code(guest.create_directory, lab, path) == constants.VIX_E_FILE_ALREADY_EXISTS
    assert code(guest.create_directory, lab, "/etc/motd/x") == constants.VIX_E_NOT_A_DIRECTORY
    assert code(guest.create_directory, lab, "") == constants.VIX_E_INVALID_ARG
    assert code(guest.create_directory, lab, "srv/x") == constants.VIX_E_INVALID_ARG


def test_delete_file_accepts_files_and_links_only(guest, lab, disk):
    os.mkfifo(disk / "srv/pipe")
    (disk / "srv/link").symlink_to("data")
    (disk / "srv/dangling").symlink_to("none")
    for path in ("/srv/data/a", "/srv/link", "/srv/dangling"):
        guest.delete_file(lab, path)
        assert code(guest.delete_file, lab, path) == constants.VIX_E_FILE_NOT_FOUND
    assert (disk / "srv/data/deep/b").exists()
    for path in ("/srv/data", "/srv/pipe", "/"):
        assert code(guest.delete_file, lab, path) == constants.VIX_E_NOT_A_FILE


def test_directory_is_deleted_with_its_content(guest, lab, disk):
    (disk / "srv/data/deep/up").symlink_to("/etc")
    (disk / "srv/data/deep").chmod(0)
    (disk / "srv/link").symlink_to("data")
    for path in ("/srv/data/a", "/srv/link", "/srv/link/"):
        assert code(guest.delete_directory, lab, path) == constants.VIX_E_NOT_A_DIRECTORY
    guest.delete_directory(lab, "/srv/data")
    assert not (disk / "srv/data").exists()
    assert (disk / "etc/motd").exists()
    assert code(guest.delete_directory, lab, "/srv/data") == constants.VIX_E_FILE_NOT_FOUND


def test_rename_moves_file_or_directory(guest, lab, disk):
    guest.rename(lab, "/etc/motd", "/srv/data/a")
    assert (disk / "srv/data/a").read_text() == "Welcome"
    guest.rename(lab, "/srv/data", "/opt/data/")
    assert (disk / "opt/data/deep/b").exists()
    (disk / "srv/link").symlink_to("nothing")
    guest.rename(lab, "/srv/link", "/srv/other")
    assert os.readlink(disk / "srv/other") == "nothing"


def test_impossible_rename_fails(guest, lab, disk):
    (disk / "srv/link").symlink_to("data")
    guest.rename(lab, "/srv/data/a", "/srv/./data/../data/a")
    assert (disk / "srv/data/a").exists()
    assert code(guest.rename, lab, "/srv/none", "/srv/none") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.rename, lab, "/srv/none", "/srv/x") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.rename, lab, "/etc/motd", "/nowhere/x") == constants.VIX_E_FILE_NOT_FOUND
    for target in ("/srv/data", "/srv/link", "/"):
        assert code(guest.rename, lab, "/etc/motd", target) == constants.VIX_E_ALREADY_EXISTS
    assert code(guest.rename, lab, "/srv/data", "/etc/motd") == constants.VIX_E_NOT_A_DIRECTORY
    assert code(guest.rename, lab, "/srv/data", "/srv/data/x") == constants.VIX_E_INVALID_ARG
    assert code(guest.rename, lab, "/etc/motd", "/srv/" + "n" * 256) == constants.VIX_E_FILE_NAME_TOO_LONG
    assert code(guest.rename, lab, "", "/srv/x") == constants.VIX_E_INVALID_ARG
    assert code(guest.rename, lab, "/etc/motd", "") == constants.VIX_E_INVALID_ARG
    assert (disk / "etc/motd").read_text() == "Welcome"


def test_temporary_file_is_empty_and_private(guest, ann, disk):
    first, second = guest.create_temp_file(ann), guest.create_temp_file(ann)
    assert first != second
    found = (disk / first[1:]).stat()
    assert first.startswith("/tmp/vmware")
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    (disk / "tmp").rename(disk / "no-tmp")
    assert code(guest.create_temp_file, ann) == constants.VIX_E_FILE_NOT_FOUND
