# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of QEMU guests through the guest tools: the cases of simulated guests, and those that depend on the guest's kernel."""

from __future__ import annotations

import os
import stat

import pytest
import tools_guest

# The same tests, on the fixtures of this file.
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

from openvix.backends.qemu.channel import Channel
from openvix.system import fault_context
from openvix.vix import constants

pytestmark = tools_guest.needs_root


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    tools_guest.make_disk(place, ACCOUNTS, {"/etc/motd": "Welcome", "/srv/data/a": "aa", "/srv/data/deep/b": "b"})
    return place


@pytest.fixture
def guest(disk):
    # A large frame comes in pieces, between which a busy machine may do other things for a while.
    with tools_guest.serving(disk, ["-DSILENCE_MILLISECONDS=60000"]) as port:
        yield tools_guest.FixedTools(Channel(port))


def test_account_writes_where_the_guest_permits(guest, ann, disk, tmp_path):
    new = host_file(tmp_path)
    for path in ("/home/ann/new", "/tmp/new", "/var/tmp/new"):
        guest.copy_in(ann, new, path)
        assert (disk / path[1:]).read_text() == "new"
        assert (disk / path[1:]).stat().st_uid == 1001
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
    assert (disk / "etc/motd").read_text() == "Welcome"
    assert code(guest.copy_in, ann, new, "/tmp/link") == constants.VIX_E_FILE_ERROR
    assert sorted(os.listdir(disk / "home/ann")) == ["a", "new", "other"]


def test_tree_copies_keep_modes_and_links(guest, ann, tmp_path):
    source, back = tmp_path / "tree", tmp_path / "back"
    (source / "deep/deeper").mkdir(parents=True)
    (source / "deep/read-only").write_text("x" * 3_000_000)
    (source / "deep/read-only").chmod(0o444)
    (source / "deep/deeper/empty").touch()
    (source / "deep/out").symlink_to("/etc/passwd")
    (source / os.fsdecode(b"\xff")).write_text("no text")
    (source / "deep").chmod(0o711)
    guest.copy_in(ann, str(source), "/home/ann/tree")
    guest.copy_out(ann, "/home/ann/tree", str(back))

    def seen(top):
        return {
            (os.path.relpath(path, top), oct(path.lstat().st_mode), os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes())
            for path in top.rglob("*")
        }

    assert seen(back) == seen(source)
    assert code(guest.copy_in, ann, str(source), "/home/ann/tree") == constants.VIX_E_FILE_ACCESS_ERROR


def test_file_without_size_or_growing_is_read(guest, lab, tmp_path):
    guest.copy_out(lab, "/proc/1/status", str(tmp_path / "status"))
    assert "Pid:\t1\n" in (tmp_path / "status").read_text()
    assert list(guest._blocks(1, 0)) == []


def test_fault_truncates_copy_and_fills_disk(guest, lab, disk, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    with fault_context.injected(cut=1_500_000):
        guest.copy_in(lab, str(tmp_path / "big"), "/opt/cut")
    assert (disk / "opt/cut").stat().st_size == 1_500_000
    with fault_context.injected(room=1_500_000):
        assert code(guest.copy_in, lab, str(tmp_path / "big"), "/opt/full") == constants.VIX_E_DISK_FULL
    paces = []
    with fault_context.paced(paces.append):
        guest.copy_in(lab, str(tmp_path / "big"), "/opt/paced")
        guest.copy_out(lab, "/opt/paced", str(tmp_path / "paced"))
    assert sum(paces) == 6_000_000


def test_full_disk_has_its_code(guest, lab, tmp_path):
    guest.run_program(lab, "/bin/mount", "-t tmpfs -o size=1m none /opt", wait=True)
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    assert code(guest.copy_in, lab, str(tmp_path / "big"), "/opt/big") == constants.VIX_E_DISK_FULL
    guest.run_program(lab, "/bin/mount", "-o remount,ro /opt", wait=True)
    assert code(guest.delete_file, lab, "/opt/big") == constants.VIX_E_FILE_ERROR


def test_removed_account_has_no_rights(guest, ann, disk):
    (disk / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    for call in ((guest.file_exists, ann, "/etc/motd"), (guest.run_program, ann, "/bin/true", None), (guest.create_temp_file, ann)):
        options = {"wait": True} if call[0] == guest.run_program else {}
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call[0](*call[1:], **options)
        assert caught.value.code == constants.VIX_E_GUEST_USER_PERMISSIONS


def test_copied_file_keeps_an_existing_mode(guest, lab, disk, tmp_path):
    (disk / "etc/motd").chmod(0o600)
    guest.copy_in(lab, host_file(tmp_path, "new", 0o644), "/etc/motd")
    assert stat.S_IMODE((disk / "etc/motd").stat().st_mode) == 0o600
