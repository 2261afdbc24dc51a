# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests of file operations for all kinds of guest. Each kind imports them and provides the fixture guest."""

from __future__ import annotations

import os
import re
import stat

import pytest

from openvix.guest.files import FileInfo
from openvix.guest.tools_options import ToolsOptions
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
    assert {path: code(guest.delete_directory, lab, path) for path in expected} == expected
    # For these two, whatever leads to nothing is alike.
    missing = {path: constants.VIX_E_FILE_NOT_FOUND if path else constants.VIX_E_INVALID_ARG for path in expected}
    assert {path: code(guest.file_info, lab, path) for path in expected} == missing
    no_directory = {path: constants.VIX_E_NOT_A_DIRECTORY if path else constants.VIX_E_INVALID_ARG for path in expected}
    assert {path: code(guest.list_directory, lab, path) for path in expected} == no_directory


def test_relative_path_begins_at_the_root(guest, lab, disk, tmp_path):
    assert guest.file_info(lab, "etc/motd").size == 7
    assert guest.file_exists(lab, "etc/motd")
    assert guest.directory_exists(lab, "srv")
    assert {each.name for each in guest.list_directory(lab, "srv")} == {"data"}
    guest.create_directory(lab, "srv/new/deep")
    guest.rename(lab, "etc/motd", "srv/new/motd")
    guest.copy_in(lab, host_file(tmp_path), "srv/new/copy")
    guest.copy_out(lab, "srv/new/copy", str(tmp_path / "back"))
    assert sorted(os.listdir(disk / "srv/new")) == ["copy", "deep", "motd"]
    guest.delete_file(lab, "srv/new/motd")
    guest.delete_directory(lab, "srv/new")
    assert os.listdir(disk / "srv") == ["data"]
    assert (tmp_path / "back").read_text() == "new"


def test_account_sees_all_but_homes_and_secrets(guest, lab, ann, disk, tmp_path):
    for place in ("root/x", "home/ann/x", "home/bob/x"):
        (disk / place).write_text(place)
    out = str(tmp_path / "out")
    guest.copy_out(ann, "/home/ann/x", out)
    guest.copy_out(ann, "/etc/motd", out)
    assert guest.directory_exists(ann, "/root")
    assert guest.file_info(ann, "/etc/shadow").size == -1
    assert guest.file_info(lab, "/etc/shadow").size > 0
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
        code(guest.delete_file, ann, "/home/bob/x"),
    ]
    assert set(refused) == {constants.VIX_E_FILE_ACCESS_ERROR}
    assert code(guest.file_info, ann, "/root/x") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.list_directory, ann, "/root/x") == constants.VIX_E_NOT_A_DIRECTORY
    guest.copy_out(lab, "/home/bob/x", out)
    guest.copy_out(lab, "/etc/shadow", out)
    assert len(guest.list_directory(lab, "/root")) == 1


def test_account_is_held_by_modes(guest, lab, ann, disk, tmp_path):
    for name, mode in {"closed": 0o700, "listed": 0o744, "entered": 0o711}.items():
        (disk / "srv" / name).mkdir()
        (disk / "srv" / name / "x").write_text(name)
        (disk / "srv" / name).chmod(mode)
    (disk / "srv/secret").write_text("secret")
    (disk / "srv/secret").chmod(0o640)
    (disk / "srv/link").symlink_to("secret")
    for path in ("/srv/closed/x", "/srv/listed/x"):
        assert code(guest.file_info, ann, path) == constants.VIX_E_FILE_NOT_FOUND
        assert not guest.file_exists(ann, path)
        assert code(guest.copy_out, ann, path, str(tmp_path / "out")) == constants.VIX_E_FILE_ACCESS_ERROR
        assert code(guest.create_directory, ann, path) == constants.VIX_E_FILE_ACCESS_ERROR
    assert guest.list_directory(ann, "/srv/listed") == [FileInfo("x", 0, 0, -1)]
    assert guest.file_info(ann, "/srv/entered/x").size == 7
    assert guest.file_info(ann, "/srv/secret").size == guest.file_info(ann, "/srv/link").size == -1
    assert {each.name: each.size for each in guest.list_directory(ann, "/srv")}["secret"] == -1
    refused = [code(guest.list_directory, ann, "/srv/closed"), code(guest.list_directory, ann, "/srv/entered")]
    refused += [code(guest.copy_out, ann, f"/srv/{name}", str(tmp_path / "out")) for name in ("secret", "closed", "listed")]
    assert set(refused) == {constants.VIX_E_FILE_ACCESS_ERROR}
    assert guest.file_info(lab, "/srv/closed/x").size == 6
    assert guest.file_info(lab, "/srv/secret").size == 6


def test_directory_without_right_by_version_of_tools(guest, ann):
    """Observed on open-vm-tools 12.2.0 and 12.5.0."""
    for version, expected in (("12.2", constants.VIX_E_FILE_ACCESS_ERROR), ("12.5", constants.VIX_E_FILE_NOT_FOUND)):
        guest._options = lambda version=version: ToolsOptions(version=version)
        assert code(guest.create_directory, ann, "/etc/new") == expected


def test_administrator_ignores_modes(guest, lab, disk, tmp_path):
    (disk / "srv/data").chmod(0)
    (disk / "etc/motd").chmod(0o444)
    try:
        assert {each.name for each in guest.list_directory(lab, "/srv/data")} == {"a", "deep"}
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


def test_copy_overwrites_a_file_in_place(guest, lab, disk, tmp_path):
    os.link(disk / "srv/data/a", disk / "srv/hard")
    (disk / "srv/hard").chmod(0o604)
    guest.copy_in(lab, host_file(tmp_path, "new", 0o755), "/srv/data/a")
    assert (disk / "srv/hard").read_text() == "new"
    assert stat.S_IMODE((disk / "srv/data/a").stat().st_mode) == 0o604


def test_copy_gives_new_files_the_mode_without_umask(guest, lab, disk, tmp_path):
    source = tmp_path / "tree"
    source.mkdir()
    (source / "file").touch()
    (source / "file").chmod(0o666)
    source.chmod(0o777)
    before = os.umask(0o077)
    try:
        guest.copy_in(lab, str(source), "/srv/tree")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((disk / path).stat().st_mode) for path in ("srv/tree", "srv/tree/file")] == [0o755, 0o644]


def test_copy_refuses_links_and_pipes(guest, lab, disk, tmp_path):
    (disk / "srv/file").symlink_to("data/a")
    (disk / "srv/directory").symlink_to("data")
    (disk / "srv/dangling").symlink_to("none")
    os.mkfifo(disk / "srv/pipe")
    source = tmp_path / "tree"
    source.mkdir()
    (source / "file").touch()
    for name in ("file", "directory", "dangling", "pipe"):
        assert code(guest.copy_in, lab, host_file(tmp_path), f"/srv/{name}") == constants.VIX_E_FILE_ERROR
        assert code(guest.copy_in, lab, str(source), f"/srv/{name}") == constants.VIX_E_FILE_ALREADY_EXISTS
    # Below the target too.
    assert code(guest.copy_in, lab, str(source), "/srv") == constants.VIX_E_FILE_ERROR
    assert sorted(os.listdir(disk / "srv")) == ["dangling", "data", "directory", "file", "pipe"]
    assert (disk / "srv/data/a").read_text() == "aa"


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
    assert code(guest.copy_in, lab, new, "/srv/data") == constants.VIX_E_FILE_ALREADY_EXISTS
    assert code(guest.copy_in, lab, new, "/tmp/new/") == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_in, lab, new, "/srv/pipe") == constants.VIX_E_FILE_ERROR
    assert code(guest.copy_in, lab, str(tmp_path / "pipe"), "/tmp/pipe") == constants.VIX_E_NOT_A_FILE
    assert code(guest.copy_in, lab, str(empty), "/etc/motd") == constants.VIX_E_FILE_ALREADY_EXISTS
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
    assert code(guest.directory_exists, lab, "") == constants.VIX_E_INVALID_ARG


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
    (disk / "srv/x/e").symlink_to("/srv/data")
    listed = guest.list_directory(lab, "/srv/x")
    link, directory = constants.VIX_FILE_ATTRIBUTES_SYMLINK, constants.VIX_FILE_ATTRIBUTES_DIRECTORY
    assert sorted((each.name, each.size, each.flags) for each in listed) == [
        ("a", 7, link),
        ("b", 2, 0),
        ("c", 0, link),
        ("d", 0, directory),
        ("e", 0, directory),
        ("ä", 0, 0),
        ("\ufffd", 0, 0),
    ]
    assert [each.modified for each in listed if each.modified < 0] == [-1]
    # The order is the same each time, and nobody may rely on that of names.
    assert guest.list_directory(lab, "/srv/x") == listed
    assert [each.name for each in listed] != sorted(each.name for each in listed)
    assert guest.list_directory(lab, "/srv/x/d") == []
    assert code(guest.list_directory, lab, "/srv/x/b") == constants.VIX_E_NOT_A_DIRECTORY
    assert code(guest.list_directory, lab, "/srv/none") == constants.VIX_E_NOT_A_DIRECTORY
    assert {"bin", "etc", "usr", "tmp"} <= {each.name for each in guest.list_directory(lab, "/")}


def test_directory_is_created_with_parents(guest, lab, disk):
    guest.create_directory(lab, "/srv/new/and/deep/")
    for name in ("new", "new/and", "new/and/deep"):
        assert stat.S_IMODE((disk / "srv" / name).stat().st_mode) == 0o700
    (disk / "srv/dangling").symlink_to("none")
    (disk / "srv/there").symlink_to("data")
    for path in ("/srv/new/and/deep", "/etc/motd", "/", "/srv/there"):
        assert code(guest.create_directory, lab, path) == constants.VIX_E_FILE_ALREADY_EXISTS
    for path in ("/srv/dangling", "/srv/dangling/", "/srv/dangling/x/y"):
        assert code(guest.create_directory, lab, path) == constants.VIX_E_FILE_NOT_FOUND
    assert not (disk / "srv/none").exists()
    for path in ("/etc/motd/", "/etc/motd/x"):
        assert code(guest.create_directory, lab, path) == constants.VIX_E_NOT_A_DIRECTORY
    assert code(guest.create_directory, lab, "") == constants.VIX_E_INVALID_ARG
    guest.create_directory(lab, "/srv/there/x")
    assert (disk / "srv/data/x").is_dir()


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
    assert code(guest.delete_directory, lab, "/srv/data/a") == constants.VIX_E_NOT_A_DIRECTORY
    guest.delete_directory(lab, "/srv/data")
    assert not (disk / "srv/data").exists()
    assert (disk / "etc/motd").exists()
    assert code(guest.delete_directory, lab, "/srv/data") == constants.VIX_E_FILE_NOT_FOUND


@pytest.mark.parametrize("path", ["/srv/link", "/srv/link/"])
def test_deleting_link_empties_its_directory(guest, lab, disk, path):
    (disk / "srv/link").symlink_to("data")
    assert code(guest.delete_directory, lab, path) == constants.VIX_E_NOT_A_DIRECTORY
    assert os.readlink(disk / "srv/link") == "data"
    assert os.listdir(disk / "srv/data") == []
    (disk / "srv/dangling").symlink_to("none")
    assert code(guest.delete_directory, lab, "/srv/dangling") == constants.VIX_E_FILE_NOT_FOUND


def test_directory_that_must_stay_is_emptied(guest, ann, disk):
    (disk / "home/ann/a").mkdir()
    (disk / "home/ann/b").write_text("b")
    assert code(guest.delete_directory, ann, "/home/ann") == constants.VIX_E_FILE_ACCESS_ERROR
    assert os.listdir(disk / "home/ann") == []
    assert code(guest.delete_directory, ann, "/srv/data") == constants.VIX_E_FILE_ACCESS_ERROR
    assert sorted(os.listdir(disk / "srv/data")) == ["a", "deep"]


def test_rename_moves_file_or_directory(guest, lab, disk):
    guest.rename(lab, "/etc/motd", "/srv/data/a")
    assert (disk / "srv/data/a").read_text() == "Welcome"
    guest.rename(lab, "/srv/data", "/opt/data/")
    assert (disk / "opt/data/deep/b").exists()
    (disk / "srv/link").symlink_to("../opt/data/a")
    guest.rename(lab, "/srv/link", "/srv/other")
    assert os.readlink(disk / "srv/other") == "../opt/data/a"


def test_rename_to_another_file_system_copies(guest, lab, disk):
    (disk / "etc/motd").chmod(0o640)
    (disk / "srv/link").symlink_to("data/a")
    (disk / "tmp/there").write_text("there")
    (disk / "tmp/there").chmod(0o604)
    there = (disk / "tmp/there").stat().st_ino
    guest.rename(lab, "/etc/motd", "/tmp/motd")
    guest.rename(lab, "/srv/link", "/tmp/there")
    assert not (disk / "etc/motd").exists()
    assert not (disk / "srv/link").is_symlink()
    assert ((disk / "tmp/motd").read_text(), stat.S_IMODE((disk / "tmp/motd").stat().st_mode)) == ("Welcome", 0o600)
    assert ((disk / "tmp/there").read_text(), stat.S_IMODE((disk / "tmp/there").stat().st_mode)) == ("aa", 0o604)
    assert (disk / "tmp/there").stat().st_ino == there
    assert (disk / "srv/data/a").read_text() == "aa"
    assert code(guest.rename, lab, "/srv/data", "/tmp/data") == constants.VIX_E_NOT_A_FILE
    assert code(guest.rename, lab, "/srv/data", "/tmp/motd") == constants.VIX_E_NOT_A_FILE
    assert sorted(os.listdir(disk / "srv/data")) == ["a", "deep"]
    assert os.listdir(disk / "tmp") == ["there"]
    os.mkfifo(disk / "srv/pipe")
    assert code(guest.rename, lab, "/srv/pipe", "/tmp/pipe") == constants.VIX_E_NOT_A_FILE
    assert os.listdir(disk / "tmp") == ["there"]


def test_rename_of_foreign_file_leaves_it(guest, ann, disk):
    guest.rename(ann, "/etc/motd", "/home/ann/motd")
    assert (disk / "etc/motd").read_text() == "Welcome"
    assert ((disk / "home/ann/motd").read_text(), stat.S_IMODE((disk / "home/ann/motd").stat().st_mode)) == ("Welcome", 0o600)
    assert code(guest.rename, ann, "/etc/shadow", "/home/ann/shadow") == constants.VIX_E_FILE_ACCESS_ERROR
    assert os.listdir(disk / "home/ann") == ["motd"]


def test_rename_of_directory_deletes_a_file(guest, lab, disk):
    (disk / "srv/link").symlink_to("data/a")
    (disk / "srv/dangling").symlink_to("made")
    assert code(guest.rename, lab, "/srv/data", "/etc/motd") == constants.VIX_E_NOT_A_FILE
    assert not (disk / "etc/motd").exists()
    assert code(guest.rename, lab, "/srv/data", "/srv/link") == constants.VIX_E_NOT_A_FILE
    assert (disk / "srv/data/a").read_text() == ""
    assert code(guest.rename, lab, "/srv/data", "/srv/dangling") == constants.VIX_E_NOT_A_FILE
    assert sorted(os.listdir(disk / "srv")) == ["data", "made"]


def test_rename_between_names_of_a_file_does_nothing(guest, lab, disk):
    (disk / "srv/link").symlink_to("data")
    (disk / "srv/file").symlink_to("data/a")
    os.link(disk / "srv/data/a", disk / "srv/hard")
    for old, new in (("link", "data"), ("data", "link"), ("file", "data/a"), ("data/a", "file"), ("data/a", "hard")):
        guest.rename(lab, f"/srv/{old}", f"/srv/{new}")
    assert sorted(os.listdir(disk / "srv")) == ["data", "file", "hard", "link"]
    assert os.readlink(disk / "srv/file") == "data/a"


def test_impossible_rename_fails(guest, lab, disk):
    (disk / "srv/link").symlink_to("data")
    guest.rename(lab, "/srv/data/a", "/srv/./data/../data/a")
    assert (disk / "srv/data/a").exists()
    assert code(guest.rename, lab, "/srv/none", "/srv/none") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.rename, lab, "/srv/none", "/srv/x") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.rename, lab, "/etc/motd", "/nowhere/x") == constants.VIX_E_FILE_NOT_FOUND
    for target in ("/srv/data", "/srv/link", "/"):
        assert code(guest.rename, lab, "/etc/motd", target) == constants.VIX_E_ALREADY_EXISTS
    (disk / "srv/dangling").symlink_to("none")
    assert code(guest.rename, lab, "/srv/dangling", "/srv/x") == constants.VIX_E_FILE_NOT_FOUND
    assert os.readlink(disk / "srv/dangling") == "none"
    assert code(guest.rename, lab, "/srv/data", "/srv/data/x") == constants.VIX_E_NOT_A_FILE
    assert code(guest.rename, lab, "/etc/motd", "/srv/" + "n" * 256) == constants.VIX_E_FILE_NAME_TOO_LONG
    assert code(guest.rename, lab, "", "/srv/x") == constants.VIX_E_INVALID_ARG
    assert code(guest.rename, lab, "/etc/motd", "") == constants.VIX_E_INVALID_ARG
    assert (disk / "etc/motd").read_text() == "Welcome"


def test_temporary_file_is_empty_and_private(guest, ann, disk):
    first, second = guest.create_temp_file(ann), guest.create_temp_file(ann)
    assert first != second
    found = (disk / first[1:]).stat()
    assert re.fullmatch(r"/tmp/vmware-ann_\d+-\d+/vmware\d+", first)
    assert os.path.dirname(first) == os.path.dirname(second)
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    assert stat.S_IMODE((disk / first[1:]).parent.stat().st_mode) == 0o700


def test_temporary_files_are_in_the_home_if_tmp_is_closed(guest, lab, ann, disk):
    shut = os.path.dirname(guest.create_temp_file(ann))
    # Somebody else's directory of that name is not used.
    (disk / shut[1:]).chmod(0o777)
    assert re.fullmatch(r"/home/ann/vmware-ann_\d+-\d+/vmware\d+", guest.create_temp_file(ann))
    (disk / shut[1:]).chmod(0o700)
    assert guest.create_temp_file(ann).startswith("/tmp/")
    guest.delete_directory(lab, shut)
    (disk / "tmp").chmod(0o755)
    assert guest.create_temp_file(ann).startswith("/home/ann/")
    assert os.listdir(disk / "tmp") == []
