# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import threading

import pytest
from descriptors import opened
from guest_file_cases import (  # noqa: F401
    ACCOUNTS,
    ann,
    code,
    host_file,
    lab,
    outside,
    test_account_is_held_by_modes,
    test_account_sees_all_but_homes_and_secrets,
    test_administrator_ignores_modes,
    test_copied_out_link_does_not_redirect_copies,
    test_copy_gives_new_files_the_mode_without_umask,
    test_copy_overwrites_a_file_in_place,
    test_copy_refuses_links_and_pipes,
    test_copy_replaces_file_without_set_id_bits,
    test_delete_file_accepts_files_and_links_only,
    test_deleting_link_empties_its_directory,
    test_directories_are_merged,
    test_directory_is_created_with_parents,
    test_directory_is_deleted_with_its_content,
    test_directory_that_must_stay_is_emptied,
    test_exists_checks_the_type,
    test_failed_copy_keeps_what_was_copied,
    test_file_info_has_size_type_and_time,
    test_file_survives_a_round_trip,
    test_impossible_copy_has_code_of_its_errno,
    test_impossible_path_has_code_of_its_errno,
    test_impossible_rename_fails,
    test_listing_is_complete_without_dots,
    test_relative_path_begins_at_the_root,
    test_rename_between_names_of_a_file_does_nothing,
    test_rename_moves_file_or_directory,
    test_rename_of_directory_deletes_a_file,
    test_rename_of_foreign_file_leaves_it,
    test_rename_to_another_file_system_copies,
    test_temporary_file_is_empty_and_private,
    test_temporary_files_are_in_the_home_if_tmp_is_closed,
)
from simulated_guest import Guest

from openvix.guest import disks, paths, rights, trees
from openvix.vix import constants
from openvix.vix.errors import VixError


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    disks.create(place, hostname="web", accounts=ACCOUNTS, files={"/etc/motd": "Welcome", "/srv/data/a": "aa", "/srv/data/deep/b": "b"})
    return place


@pytest.fixture
def guest(tmp_path, disk):
    guest = Guest(tmp_path / "run", accounts=ACCOUNTS, processes=[])
    guest.boot(disk)
    yield guest
    guest.halt()


# Paths


def path_of(disk, path, follow=True):
    with paths.find(disk, path, follow=follow) as place:
        return place.path


def test_links_and_dots_resolve_within_the_guest(disk):
    (disk / "srv/absolute").symlink_to("/etc/motd")
    (disk / "srv/upwards").symlink_to("../../../../../etc/motd")
    (disk / "srv/there").symlink_to("data/deep")
    (disk / "srv/root").symlink_to("/")
    assert path_of(disk, "/srv/absolute") == "/etc/motd"
    assert path_of(disk, "/srv/upwards") == "/etc/motd"
    assert path_of(disk, "/srv/upwards", follow=False) == "/srv/upwards"
    assert path_of(disk, "/srv/there/../a") == "/srv/data/a"
    assert path_of(disk, "/../../srv/./data//a") == "/srv/data/a"
    assert path_of(disk, "/srv/data/deep/..") == "/srv/data"
    assert path_of(disk, "/srv/there/", follow=False) == "/srv/data/deep"
    assert path_of(disk, "/srv/root/etc/motd") == "/etc/motd"
    for root in ("/", "/..", "/srv/root", "/srv/.."):
        assert path_of(disk, root) == "/"


def test_link_target_may_be_missing(disk):
    (disk / "srv/dangling").symlink_to("/srv/later")
    assert path_of(disk, "/srv/dangling") == "/srv/later"


@pytest.mark.parametrize("link", ["{}", "../../../../../../../../../..{}", "/../../..{}"])
def test_no_link_leads_to_the_host(guest, lab, disk, outside, tmp_path, link):
    (disk / "srv/out").symlink_to(link.format(outside))
    (disk / "srv/file").symlink_to(link.format(outside / "secret"))
    new = host_file(tmp_path)
    assert not guest.file_exists(lab, "/srv/out/secret")
    assert not guest.directory_exists(lab, "/srv/out")
    assert code(guest.copy_out, lab, "/srv/file", str(tmp_path / "stolen")) == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.copy_in, lab, new, "/srv/out/secret") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.copy_in, lab, new, "/srv/file") == constants.VIX_E_FILE_ERROR
    assert code(guest.delete_file, lab, "/srv/out/secret") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.delete_directory, lab, "/srv/out/") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.rename, lab, "/etc/motd", "/srv/out/motd") == constants.VIX_E_FILE_NOT_FOUND
    assert code(guest.create_directory, lab, "/srv/out/new") == constants.VIX_E_FILE_NOT_FOUND
    assert os.listdir(outside) == ["secret"]
    assert (outside / "secret").read_text() == "host"


@pytest.mark.parametrize("replaced", ["directory", "file"])
def test_late_link_does_not_lead_to_the_host(guest, lab, disk, outside, tmp_path, monkeypatch, replaced):
    (disk / "srv/x").mkdir()
    (disk / "srv/x/secret").write_text("guest")
    must_write = rights.must_write

    def replace_and_ask(account, path):
        if replaced == "directory":
            os.rename(disk / "srv/x", disk / "srv/y")
            (disk / "srv/x").symlink_to(outside)
        else:
            (disk / "srv/x/secret").unlink()
            (disk / "srv/x/secret").symlink_to(outside / "secret")
        must_write(account, path)

    monkeypatch.setattr(rights, "must_write", replace_and_ask)
    if replaced == "directory":
        guest.copy_in(lab, host_file(tmp_path), "/srv/x/secret")
        assert (disk / "srv/y/secret").read_text() == "new"
    else:
        assert code(guest.copy_in, lab, host_file(tmp_path), "/srv/x/secret") == constants.VIX_E_FILE_ERROR
    assert (outside / "secret").read_text() == "host"


def test_links_are_not_opened(disk, outside):
    (disk / "srv/link").symlink_to(outside / "secret")
    (disk / "srv/directory").symlink_to(outside)
    (outside / "secret").chmod(0o444)
    before = (outside / "secret").stat().st_ctime_ns
    for name, flags in (("link", os.O_RDONLY), ("link", os.O_WRONLY | os.O_CREAT), ("directory", os.O_RDONLY | os.O_DIRECTORY)):
        for forced in (False, True):
            with pytest.raises(OSError, match=name), trees.opened(str(disk / "srv" / name), flags, None, forced=forced):
                pass
    assert (outside / "secret").stat().st_ctime_ns == before


def test_repeatedly_replaced_directory_leads_nowhere(guest, lab, disk, outside, tmp_path):
    new, done = host_file(tmp_path), threading.Event()
    (disk / "srv/x").mkdir()

    def keep_replacing():
        while not done.is_set():
            os.rename(disk / "srv/x", disk / "srv/y")
            (disk / "srv/x").symlink_to(outside)
            (disk / "srv/x").unlink()
            os.rename(disk / "srv/y", disk / "srv/x")

    thread = threading.Thread(target=keep_replacing)
    thread.start()
    try:
        for _ in range(300):
            with contextlib.suppress(VixError):
                guest.copy_in(lab, new, "/srv/x/secret")
    finally:
        done.set()
        thread.join()
    assert (outside / "secret").read_text() == "host"


def test_host_files_are_visible_but_not_changed(guest, lab, tmp_path):
    new = host_file(tmp_path)
    assert guest.file_exists(lab, "/usr/bin/env")
    assert guest.file_exists(lab, "/bin/sh")
    assert guest.file_info(lab, "/usr/bin/env").size == os.stat("/usr/bin/env").st_size
    assert "bin" in [each.name for each in guest.list_directory(lab, "/usr")]
    guest.copy_out(lab, "/usr/bin/env", str(tmp_path / "env"))
    assert (tmp_path / "env").stat().st_size == os.stat("/usr/bin/env").st_size
    refused = [
        code(guest.copy_in, lab, new, "/usr/openvix-test"),
        code(guest.copy_in, lab, new, "/bin/openvix-test"),
        code(guest.copy_in, lab, new, "/usr/bin/env"),
        code(guest.delete_file, lab, "/usr/bin/env"),
        code(guest.delete_directory, lab, "/usr/share"),
        code(guest.delete_directory, lab, "/usr"),
        code(guest.rename, lab, "/etc/motd", "/usr/motd"),
        code(guest.create_directory, lab, "/usr/openvix-test/x"),
        code(guest.create_directory, lab, "/dev/x"),
        code(guest.copy_in, lab, new, "/proc/x"),
        code(guest.delete_directory, lab, "/dev"),
    ]
    assert set(refused) == {constants.VIX_E_FILE_ACCESS_ERROR}
    assert os.path.exists("/usr/bin/env")
    assert code(guest.delete_directory, lab, "/") == constants.VIX_E_OBJECT_IS_BUSY


def test_resolving_leaves_no_open_file(guest, lab):
    def use():
        guest.file_info(lab, "/srv/data/deep/../../../bin/sh")
        code(guest.file_info, lab, "/srv/data/nothing/x")
        guest.list_directory(lab, "/usr/bin")

    use()
    before = opened()
    use()
    assert opened() <= before


# Rights


def test_account_writes_to_home_and_tmp(guest, ann, disk, tmp_path):
    new = host_file(tmp_path)
    for path in ("/home/ann/new", "/tmp/new", "/var/tmp/new"):
        guest.copy_in(ann, new, path)
        assert (disk / path[1:]).read_text() == "new"
    guest.rename(ann, "/tmp/new", "/home/ann/other")
    guest.create_directory(ann, "/home/ann/a/b")
    (disk / "tmp/link").symlink_to("/etc/motd")
    refused = [
        code(guest.copy_in, ann, new, "/etc/motd"),
        code(guest.copy_in, ann, new, "/home/bob/new"),
        code(guest.copy_in, ann, new, "/tmp/../etc/motd"),
        code(guest.create_directory, ann, "/opt/x"),
        code(guest.create_directory, ann, "/home/annex"),
        code(guest.delete_file, ann, "/etc/motd"),
        code(guest.delete_directory, ann, "/srv/data"),
        code(guest.rename, ann, "/home/ann/other", "/etc/other"),
    ]
    assert set(refused) == {constants.VIX_E_FILE_ACCESS_ERROR}
    assert code(guest.copy_in, ann, new, "/tmp/link") == constants.VIX_E_FILE_ERROR
    assert (disk / "etc/motd").read_text() == "Welcome"


def test_homes_have_defaults():
    accounts = [{"name": "root", "administrator": True}, {"name": "ann"}, {"name": "bob", "home": "/srv/bob/"}]
    ann, bob = rights.account_of("ann", accounts), rights.account_of("bob", accounts)
    assert (ann.home, bob.home, rights.account_of("root", accounts).home) == ("/home/ann", "/srv/bob", "/root")
    assert ann.hidden == ("/root", "/srv/bob")
    assert bob.hidden == ("/home/ann", "/root")
    assert not ann.administrator


# Copies


# Files and directories
