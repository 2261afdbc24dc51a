# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}, {"name": "visitor", "password": "s3cret-visitor"}]
CONTENTS = {
    "text": b"Welcome\n",
    "empty": b"",
    "binary": bytes(range(256)) * 5000,
    "other": b"Goodbye\n",
}


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/etc/motd": "Welcome\n"})


@pytest.mark.parametrize("dest", ["/etc/issue.net", "/tmp/with space", '/tmp/it\'s "quoted" $HOME;', "/tmp/zwölf", "/tmp/-n"])
@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_arrives_as_it_is(openvix, ladder, web, tmp_path, dest, content):
    source = tmp_path / "source"
    source.write_bytes(CONTENTS[content])
    target = openvix.disk(web) / dest[1:]

    done = ladder("guest_copy", target.exists, vm=web, src=str(source), dest=dest, **LOGIN)

    checksum = hashlib.sha256(CONTENTS[content]).hexdigest()
    assert target.read_bytes() == CONTENTS[content]
    assert done["diff"]["before"] == {"path": dest, "state": "absent"}
    assert done["diff"]["after"] == {"path": dest, "state": "file", "size": len(CONTENTS[content]), "checksum": checksum}
    assert (done["checksum"], done["size"]) == (checksum, len(CONTENTS[content]))


@pytest.mark.parametrize("content", ["Goodbye\n", "Another length\n"])
def test_a_file_of_another_content_is_replaced(openvix, ladder, web, content):
    ladder("guest_copy", (openvix.disk(web) / "etc/motd").read_text, vm=web, content=content, dest="/etc/motd", **LOGIN)

    assert (openvix.disk(web) / "etc/motd").read_text() == content
    assert [name for name in os.listdir(openvix.disk(web) / "etc") if name.endswith(".part")] == []


def test_a_file_that_is_right_is_neither_sent_nor_fetched(openvix, run_module, web):
    assert not run_module("guest_copy", vm=web, content="Welcome\n", dest="/etc/motd", **LOGIN)["changed"]

    assert openvix.calls("VixVM_CopyFileFromHostToGuest") == []
    assert openvix.calls("VixVM_CopyFileFromGuestToHost") == []
    assert len(openvix.calls("VixVM_RunProgramInGuest")) == 1


def test_where_no_program_can_compare_the_file_is_fetched(openvix, ladder, web):
    openvix.fault(call="VixVM_RunProgramInGuest", error=3003)

    ladder("guest_copy", vm=web, content="Goodbye\n", dest="/etc/motd", **LOGIN)

    assert len(openvix.calls("VixVM_CopyFileFromGuestToHost")) > 0


def test_a_copy_that_arrives_damaged_replaces_nothing(openvix, run_module, web):
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", error=7)

    result = run_module("guest_copy", vm=web, content="Goodbye\n", dest="/etc/motd", **LOGIN)

    assert (result["vix_code"], result.get("changed")) == (7, None)
    assert (openvix.disk(web) / "etc/motd").read_text() == "Welcome\n"
    assert [name for name in os.listdir(openvix.disk(web) / "etc") if name.endswith(".part")] == []


def test_a_rename_that_fails_leaves_no_half_file(openvix, run_module, web):
    openvix.fault(call="VixVM_RenameFileInGuest", error=13)

    assert run_module("guest_copy", vm=web, content="Goodbye\n", dest="/etc/motd", **LOGIN)["vix_code"] == 13

    assert (openvix.disk(web) / "etc/motd").read_text() == "Welcome\n"
    assert [name for name in os.listdir(openvix.disk(web) / "etc") if name.endswith(".part")] == []


def test_a_folder_is_not_a_file(run_module, web):
    result = run_module("guest_copy", vm=web, content="x", dest="/etc", **LOGIN)

    assert result["msg"] == "looking at /etc in the guest: it is a directory: give the full name of the file"


def test_a_source_that_is_not_there_is_told_before_the_guest_is_touched(openvix, run_module, web, tmp_path):
    result = run_module("guest_copy", vm=web, src=str(tmp_path / "none"), dest="/etc/motd", **LOGIN)

    assert result["msg"] == f"reading src: {tmp_path / 'none'} is not a file of the machine that runs VMware"
    assert openvix.calls("VixVM_LoginInGuest") == []


def test_a_user_without_rights_is_told_so(openvix, run_module, web):
    result = run_module("guest_copy", vm=web, content="x", dest="/etc/shadow2", guest_username="visitor", guest_password="s3cret-visitor")

    assert result["vix_code"] == 13
    assert "in the guest of" in result["msg"]
    assert "as visitor" in result["msg"]


def test_content_is_in_no_file_of_this_machine_afterwards(run_module, web, tmp_path_factory):
    begin = time.time() - 1
    run_module("guest_copy", vm=web, content="s3cret-content", dest="/root/key", **LOGIN)

    folders = [path for path in tmp_path_factory.getbasetemp().glob("task*") if path.stat().st_mtime >= begin]
    assert folders
    assert [path for folder in folders for path in folder.rglob("*") if path.is_file() and b"s3cret-content" in path.read_bytes()] == []
