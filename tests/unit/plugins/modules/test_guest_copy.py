# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy a file or content into a guest. The tests of the action plugin are separate, those of directories are in test_guest_copy_folders.py."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import threading
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
NAMES = [
    "/etc/issue.net",
    "/tmp/with space",
    '/tmp/it\'s "quoted" $HOME;',
    "/tmp/zwölf",
    "/tmp/-n",
    "/tmp/two\nlines",
    "/tmp/*",
    "/tmp/back\\slash",
    "/tmp/" + "n" * 255,
]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS, files={"/etc/motd": "Welcome\n"})


@pytest.fixture
def motd(openvix, web):
    path = openvix.disk(web) / "etc" / "motd"
    path.chmod(0o644)
    return path


@pytest.fixture
def copy(run_module, web):
    return lambda **options: run_module("guest_copy", **{"vm": web, "dest": "/etc/motd", **LOGIN, **options})


@pytest.fixture
def no_shell(openvix):
    """Take from the guest what it compares and places files with."""
    for call in ("VixVM_RunProgramInGuest", "VixVM_RunScriptInGuest"):
        openvix.fault(call=call, error=3003)


def facts(result):
    """The diff without the contents of files."""
    return result["diff"][0] if isinstance(result["diff"], list) else result["diff"]


def texts(result):
    return result["diff"][1:] if isinstance(result["diff"], list) else []


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def leftovers(openvix, vm):
    """What our tasks have left on the disk of the guest."""
    return [path for path in openvix.disk(vm).rglob("*") if ".part" in path.name or "vmlab.vix" in path.name]


def outdate(left):
    """Let a leftover look as if it were an hour old, and so its mark."""
    mark = left / "owner"
    if mark.exists():
        process, since = mark.read_text().split()
        mark.write_text(f"{process} {max(1, int(since) - 3600)}\n")
    os.utime(left, (time.time() - 3600,) * 2)


@pytest.mark.parametrize("dest", NAMES)
@pytest.mark.parametrize("content", CONTENTS)
def test_file_copied_byte_by_byte(openvix, ladder, web, tmp_path, dest, content):
    source = tmp_path / "source"
    source.write_bytes(CONTENTS[content])
    target = openvix.disk(web) / dest[1:]

    done = ladder("guest_copy", target.exists, vm=web, src=str(source), dest=dest, **LOGIN)

    checksum = hashlib.sha256(CONTENTS[content]).hexdigest()
    assert target.read_bytes() == CONTENTS[content]
    assert facts(done)["before"] == {"path": dest, "state": "absent"}
    assert facts(done)["after"] == {"path": dest, "state": "file", "size": len(CONTENTS[content]), "checksum": checksum}
    assert (done["checksum"], done["size"], done["target"]) == (checksum, len(CONTENTS[content]), dest)
    assert leftovers(openvix, web) == []


@pytest.mark.parametrize("content", ["Goodbye\n", "Another length\n"])
def test_different_content_replaced(openvix, ladder, web, motd, content):
    ladder("guest_copy", motd.read_text, vm=web, content=content, dest="/etc/motd", **LOGIN)

    assert motd.read_text() == content
    assert leftovers(openvix, web) == []


def test_unchanged_file_not_transferred(openvix, copy):
    """One login, one look and one checksum: more is not needed to find nothing to do."""
    assert not copy(content="Welcome\n")["changed"]

    calls = [call["call"] for call in openvix.calls() if call["call"].startswith("VixVM_")]
    assert calls == ["VixVM_WaitForToolsInGuest", "VixVM_LoginInGuest", "VixVM_GetFileInfoInGuest", "VixVM_RunProgramInGuest", "VixVM_LogoutFromGuest"]


def test_mode_adds_no_calls(openvix, copy, motd):
    motd.chmod(0o640)
    assert not copy(content="Welcome\n", mode="0640", owner="0")["changed"]

    assert len(openvix.calls("VixVM_GetFileInfoInGuest") + openvix.calls("VixVM_RunProgramInGuest")) == 2
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_replace_needs_few_calls(openvix, copy):
    """Look, compare, create a directory, send, move to dest, look again."""
    assert copy(content="Goodbye\n", diff=False)["changed"]

    calls = [call["call"][len("VixVM_") :] for call in openvix.calls() if call["call"].startswith("VixVM_")][2:-1]
    assert calls == ["GetFileInfoInGuest", "RunProgramInGuest", "CreateDirectoryInGuest", "CopyFileFromHostToGuest", "RunScriptInGuest", "GetFileInfoInGuest"]


@pytest.mark.usefixtures("no_shell")
@pytest.mark.parametrize("content", ["Goodbye\n", "Another length\n"])
def test_no_compare_program_file_fetched(openvix, ladder, web, motd, content):
    ladder("guest_copy", motd.read_text, ["warnings"], vm=web, content=content, dest="/etc/motd", **LOGIN)

    assert motd.read_text() == content
    assert len(openvix.calls("VixVM_CopyFileFromGuestToHost")) > 0
    assert leftovers(openvix, web) == []


@pytest.fixture
def no_checksums(openvix, run_module, web):
    """Take from the guest the programs that know checksums: one is there and does not work."""
    tools = openvix.disk(web) / "srv" / "tools"
    tools.mkdir()
    for name in ("sed", "stat", "chmod", "chown", "mv", "cp", "rm", "sync", "mkdir", "grep"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "sha256sum").write_text("#!/bin/sh\nexit 1\n")
    (tools / "sha256sum").chmod(0o755)
    run_module("vm_variable", vm=web, kind="guest_environment", name="PATH", value="/srv/tools", **LOGIN)


@pytest.mark.usefixtures("no_checksums")
def test_no_checksum_program_file_fetched(openvix, ladder, copy, web, motd):
    ladder("guest_copy", motd.read_text, vm=web, content="Goodbye\n", dest="/etc/motd", mode="0600", **LOGIN)

    assert (motd.read_text(), mode_of(motd)) == ("Goodbye\n", 0o600)
    before = len(openvix.calls("VixVM_CopyFileFromGuestToHost"))
    assert not copy(content="Goodbye\n", diff=False)["changed"]
    assert len(openvix.calls("VixVM_CopyFileFromGuestToHost")) == before + 1


@pytest.mark.openvix(clock="stepped")
@pytest.mark.parametrize("shell", ["shell", "no checksums", "no shell"])
@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 100), lambda path: path.write_bytes(b"x" * path.stat().st_size)])
def test_damaged_copy_replaces_nothing(request, openvix, copy, web, motd, tmp_path, shell, damage):
    """The lesson of ansible/ansible issues 40112, 40377 and 44264: partial copies were diff as fine."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100000))
    if shell == "no checksums":
        request.getfixturevalue("no_checksums")
    elif shell == "no shell":
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
    openvix.fault(call="VixVM_RunScriptInGuest", delay=3, **({"error": 3003} if shell == "no shell" else {}))
    damaged, ended = [], threading.Event()

    def work():
        while not damaged and not ended.is_set():
            for path in (openvix.disk(web) / "etc").glob(".vmlab.vix-*/*"):
                if path.stat().st_size == 100000:
                    damage(path)
                    damaged.append(path)
            time.sleep(0.01)
        while not ended.wait(0.01):
            openvix.advance(3)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        result = copy(src=str(source))
    finally:
        ended.set()
        thread.join()

    assert damaged
    assert result["msg"].startswith(f"copying {source} to /etc/motd in the guest of {web} as lab: the content was damaged in transit")
    assert motd.read_text() == "Welcome\n"
    assert leftovers(openvix, web) == []


@pytest.mark.parametrize(
    ("call", "shell"),
    [
        ("VixVM_CreateDirectoryInGuest", True),
        ("VixVM_CopyFileFromHostToGuest", True),
        ("VixVM_RunScriptInGuest", True),
        ("VixVM_CreateDirectoryInGuest", False),
        ("VixVM_CopyFileFromHostToGuest", False),
        ("VixVM_RenameFileInGuest", False),
    ],
)
def test_failed_step_replaces_nothing(openvix, copy, web, motd, call, shell):
    if not shell:
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
        openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
    openvix.fault(call=call, error=7)

    result = copy(content="Goodbye\n")

    assert (result["vix_code"], result.get("changed")) == (7, None)
    assert result["msg"].startswith(f"copying content to /etc/motd in the guest of {web} as lab: ")
    assert motd.read_text() == "Welcome\n"
    assert leftovers(openvix, web) == []


@pytest.mark.parametrize("call", ["VixVM_CopyFileFromHostToGuest", "VixVM_RunScriptInGuest"])
def test_guest_down_no_part_next_copy_cleans_up(openvix, copy, web, motd, call):
    openvix.fault(call=call, error=3016)
    openvix.fault(call="VixVM_DeleteDirectoryInGuest", error=3016)

    result = copy(content="Goodbye\n")

    assert (result["vix_code"], result["error"]) == (3016, "NoToolsInGuest")
    assert motd.read_text() == "Welcome\n"
    [left] = leftovers(openvix, web)
    assert mode_of(left) == 0o700

    openvix.clear_faults()
    assert copy(content="Goodbye\n")["changed"]
    assert motd.read_text() == "Goodbye\n"
    assert left in leftovers(openvix, web), "another task may use it, as far as its age shows"
    outdate(left)
    assert copy(content="Hello\n")["changed"]
    assert left.exists(), "the clock of the guest may have jumped"
    outdate(left)
    assert copy(content="Goodbye\n")["changed"]
    assert leftovers(openvix, web) == []


def test_others_leftovers_kept(openvix, copy, web, motd):
    """Nobody else's directory is deleted, nor what a link leads to."""
    precious = openvix.disk(web) / "srv" / "precious"
    precious.mkdir(parents=True)
    (precious / "file").touch()
    link = motd.parent / ".vmlab.vix-1-link"
    link.symlink_to("/srv/precious")
    kept = [motd.parent / name for name in (".vmlab.vix-notes", ".vmlab.vix-1", ".vmlab.vix-a-b", ".vmlab.vix-99999999-young")]
    if os.geteuid() == 0:
        kept.append(motd.parent / ".vmlab.vix-1-theirs")
    for place in (*kept, precious):
        place.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(kept[-1], 65534, 65534)
    for place in (*kept, precious, link):
        os.utime(place, (1, 1), follow_symlinks=False)
    for content in ("Goodbye\n", "Hello\n", "Goodbye\n"):
        assert copy(content=content)["changed"]

    assert sorted(leftovers(openvix, web)) == sorted([*kept, link])
    assert os.listdir(precious) == ["file"]


@pytest.mark.parametrize("kind", ["one file", "files of one directory", "directories"])
@pytest.mark.parametrize("shell", [True, False])
def test_tasks_for_one_place_spare_each_other(openvix, run_module, web, tmp_path, kind, shell):
    number, results = 6, {}
    if not shell:
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
        openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
    for each in range(number):
        (tmp_path / f"site{each}" / "in").mkdir(parents=True)
        (tmp_path / f"site{each}" / "in" / "page").write_text(str(each))

    def work(each):
        options = {"src": f"{tmp_path}/site{each}", "dest": "/srv/sites", "remote_src": True}
        if kind != "directories":
            options = {"content": str(each), "dest": "/srv/same" if kind == "one file" else f"/srv/same{each}"}
        results[each] = run_module("guest_copy", vm=web, **options, **LOGIN)

    threads = [threading.Thread(target=work, args=[each]) for each in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result.get("msg") for result in results.values()] == [None] * number
    srv = openvix.disk(web) / "srv"
    if kind == "one file":
        assert (srv / "same").read_text() in map(str, range(number))
    else:
        name = "sites/site{0}/in/page" if kind == "directories" else "same{0}"
        assert [(srv / name.format(each)).read_text() for each in range(number)] == list(map(str, range(number)))
    assert leftovers(openvix, web) == []


def test_slow_copy_gets_whole_task_timeout(openvix, copy, motd):
    """The lesson of ansible-collections/community.vmware pull request 1513: a separate short time limit interrupted copies."""
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", delay=2)

    assert copy(content="Goodbye\n", timeout=60)["changed"]
    assert motd.read_text() == "Goodbye\n"


def test_timeout_leaves_no_part(openvix, copy, web, motd):
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", hang=True, where="job")

    result = copy(content="Goodbye\n", timeout=1, passed=lambda: bool(openvix.calls("VixVM_CopyFileFromHostToGuest")))

    assert result["error"] == "TimedOut"
    assert motd.read_text() == "Welcome\n"
    openvix.clear_faults()
    assert copy(content="Goodbye\n")["changed"]
    assert (motd.read_text(), leftovers(openvix, web)) == ("Goodbye\n", [])


def test_file_private_until_in_place(openvix, copy, web, motd):
    motd.chmod(0o600)
    openvix.fault(call="VixVM_RunScriptInGuest", error=7)
    openvix.fault(call="VixVM_DeleteDirectoryInGuest", error=7)
    copy(content="s3cret-content", secrets=["s3cret-content"])

    [left] = [path for path in leftovers(openvix, web) if path.is_dir()]
    assert mode_of(left) == 0o700

    openvix.clear_faults()
    copy(content="s3cret-content", secrets=["s3cret-content"])
    assert mode_of(motd) == 0o600


# Where it goes


@pytest.mark.parametrize("dest", ["/etc", "/etc/"])
def test_content_needs_file_name(copy, web, dest):
    msg = copy(content="Something\n", dest=dest)["msg"]
    assert msg == f"finding {dest} in the guest of {web} as lab: it is a directory: use the path of the file"


@pytest.mark.parametrize("dest", ["/etc", "/etc/", "/etc//", "/etc/."])
def test_file_copied_into_directory(openvix, ladder, web, tmp_path, dest):
    """The lesson of ansible/ansible issue 40377: a directory as the destination was mishandled."""
    (tmp_path / "issue").write_text("Hello\n")

    done = ladder("guest_copy", (openvix.disk(web) / "etc/issue").exists, vm=web, src=str(tmp_path / "issue"), dest=dest, **LOGIN)

    assert done["target"] == "/etc/issue"
    assert (openvix.disk(web) / "etc/issue").read_text() == "Hello\n"


@pytest.mark.parametrize("shell", [True, False])
def test_dest_with_slash_creates_directory(openvix, ladder, web, tmp_path, shell):
    if not shell:
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
        openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
    (tmp_path / "issue").write_text("Hello\n")
    folder = openvix.disk(web) / "srv" / "a" / "b"

    ladder("guest_copy", (openvix.disk(web) / "srv" / "a").exists, vm=web, src=str(tmp_path / "issue"), dest="/srv/a/b/", **LOGIN)

    assert (folder / "issue").read_text() == "Hello\n"
    assert leftovers(openvix, web) == []
    if shell:
        assert (mode_of(folder.parent), mode_of(folder), mode_of(folder / "issue")) == (0o755, 0o755, 0o644)


def test_failed_copy_creates_no_directory(openvix, copy, web, tmp_path):
    (tmp_path / "issue").write_text("Hello\n")
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", error=8)

    assert copy(src=str(tmp_path / "issue"), dest="/srv/a/b/")["vix_code"] == 8
    assert list((openvix.disk(web) / "srv").iterdir()) == []


def test_created_directory_has_requested_mode(openvix, copy, web, tmp_path):
    (tmp_path / "issue").write_text("Hello\n")
    copy(src=str(tmp_path / "issue"), dest="/srv/a/b/", directory_mode="0750", mode="u=r,go=")

    folder = openvix.disk(web) / "srv" / "a" / "b"
    assert (mode_of(folder.parent), mode_of(folder), mode_of(folder / "issue")) == (0o750, 0o750, 0o400)


@pytest.mark.parametrize("check_mode", [True, False])
def test_missing_directory_reported(openvix, copy, web, check_mode):
    result = copy(content="Something\n", dest="/srv/none/file", check_mode=check_mode)

    assert result["msg"].startswith(
        f"finding /srv/none/file in the guest of {web} as lab: no such directory in the guest: /srv/none (VIX_E_FILE_NOT_FOUND, 4); create it first ("
    )
    assert result["vix_code"] == 4


def test_directory_not_replaced_by_file(openvix, copy, web, tmp_path):
    (openvix.disk(web) / "srv" / "name").mkdir()
    (tmp_path / "name").write_text("x")

    msg = copy(src=str(tmp_path / "name"), dest="/srv/")["msg"]

    assert msg == f"finding /srv/ in the guest of {web} as lab: /srv/name is a directory, not a file"


@pytest.mark.parametrize("dest", ["motd", "C:\\motd", "~/motd"])
def test_relative_path_refused(openvix, copy, dest):
    assert f"{dest} is not an absolute path of a Linux guest" in copy(content="Something\n", dest=dest)["msg"]


@pytest.mark.parametrize("there", ["/etc/motd", "/nowhere"])
def test_link_replaced_by_file(openvix, ladder, web, motd, there):
    link = openvix.disk(web) / "etc" / "issue"
    link.symlink_to(there)

    ladder("guest_copy", link.is_symlink, vm=web, content="Welcome\n", dest="/etc/issue", **LOGIN)

    assert (link.is_symlink(), link.read_text(), motd.read_text()) == (False, "Welcome\n", "Welcome\n")


def test_source_link_followed(openvix, copy, motd, tmp_path):
    (tmp_path / "there").write_text("Hello\n")
    (tmp_path / "link").symlink_to("there")

    copy(src=str(tmp_path / "link"))

    assert (motd.is_symlink(), motd.read_text()) == (False, "Hello\n")


# What is compared


def test_missing_source_reported_before_login(openvix, copy, tmp_path):
    result = copy(src=str(tmp_path / "none"))

    assert result["msg"] == f"reading src: {tmp_path / 'none'} is not a file of the VM host"
    assert openvix.calls() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_unreadable_source_reported(copy, tmp_path):
    (tmp_path / "closed").touch(mode=0)
    assert copy(src=str(tmp_path / "closed"))["msg"] == f"reading src: {tmp_path}/closed: Permission denied"


def test_size_and_time_needs_no_checksum(openvix, ladder, web, motd, tmp_path):
    source = tmp_path / "source"
    source.write_text("Goodbye\n")
    os.utime(source, (1e9, 1e9))
    os.utime(motd, (1e9 - 1, 1e9 - 1))

    done = ladder("guest_copy", motd.read_text, vm=web, src=str(source), dest="/etc/motd", compare="size_and_time", **LOGIN)

    assert "checksum" not in done
    assert openvix.calls("VixVM_RunProgramInGuest") == []
    assert motd.read_text() == "Goodbye\n"
    source.write_text("a longer text\n")
    assert ladder("guest_copy", motd.read_text, vm=web, src=str(source), dest="/etc/motd", compare="size_and_time", **LOGIN)["size"] == 14


def test_content_with_size_and_time_refused(openvix, copy):
    assert (
        copy(content="Something\n", compare="size_and_time")["msg"]
        == "reading compare: compare=size_and_time cannot be used with content: use compare=checksum"
    )
    assert openvix.calls() == []


def test_existence_enough_if_requested(ladder, copy, web, motd):
    assert not copy(content="Goodbye\n", compare="existence")["changed"]
    motd.unlink()
    ladder("guest_copy", motd.exists, vm=web, content="Goodbye\n", dest="/etc/motd", compare="existence", **LOGIN)
    assert motd.read_text() == "Goodbye\n"


def test_existence_still_applies_mode(ladder, web, motd):
    ladder("guest_copy", lambda: mode_of(motd), vm=web, content="Goodbye\n", dest="/etc/motd", compare="existence", mode="0600", **LOGIN)
    assert (motd.read_text(), mode_of(motd)) == ("Welcome\n", 0o600)


def test_force_false_keeps_existing_file(openvix, ladder, copy, web, motd):
    result = copy(content="Goodbye\n", mode="0600", force=False)
    assert (result["changed"], result["size"], motd.read_text(), mode_of(motd)) == (False, 8, "Welcome\n", 0o644)

    ladder("guest_copy", (openvix.disk(web) / "etc/issue").exists, vm=web, content="Goodbye\n", dest="/etc/issue", force=False, **LOGIN)


@pytest.mark.parametrize("compare", ["size_and_time", "existence"])
def test_file_over_4_gib_compared_by_size(openvix, copy, motd, tmp_path, compare):
    for path in (tmp_path / "large", motd):
        with path.open("wb") as file:
            file.truncate((1 << 32) + 8)
    os.utime(tmp_path / "large", (1e9, 1e9))

    result = copy(src=str(tmp_path / "large"), compare=compare)

    assert (result["changed"], result["size"]) == (False, (1 << 32) + 8)
    os.truncate(motd, 8)
    checked = copy(src=str(tmp_path / "large"), compare=compare, check_mode=True)
    assert checked["changed"] == (compare == "size_and_time")


# Mode and owner


@pytest.mark.parametrize(("mode", "bits"), [("0600", 0o600), ("644", 0o644), (0o755, 0o755), ("u=rw,g=r,o=", 0o640), ("2755", 0o2755), ("u+x", 0o744)])
@pytest.mark.parametrize("content", ["Welcome\n", "Goodbye\n"])
def test_mode_applied_and_compared(openvix, ladder, run_module, web, motd, mode, bits, content):
    motd.chmod(0o644)
    options = {"vm": web, "content": content, "dest": "/etc/motd", "mode": mode, **LOGIN}
    if (bits, content) == (0o644, "Welcome\n"):
        assert not run_module("guest_copy", **options)["changed"]
    else:
        ladder("guest_copy", lambda: mode_of(motd), **options)
    assert (mode_of(motd), motd.read_text()) == (bits, content)
    assert leftovers(openvix, web) == []


def test_diff_contains_old_mode(copy, motd):
    motd.chmod(0o604)
    result = copy(content="Welcome\n", mode="0600", owner="0")

    assert (facts(result)["before"]["mode"], facts(result)["after"]["mode"]) == ("0604", "0600")
    assert texts(result) == []


def test_default_mode_of_new_and_replaced_file(openvix, copy, web, motd, tmp_path):
    (tmp_path / "source").touch(mode=0o600)
    copy(src=str(tmp_path / "source"), dest="/etc/new")
    assert mode_of(openvix.disk(web) / "etc/new") == 0o644

    motd.chmod(0o4751)
    copy(content="Goodbye\n")
    assert mode_of(motd) == 0o4751


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_replaced_file_keeps_owner(copy, motd):
    os.chown(motd, 0, 0)
    copy(content="Goodbye\n")
    assert (motd.stat().st_uid, motd.stat().st_gid) == (0, 0)


def test_mode_preserve_copies_source_mode(openvix, ladder, web, tmp_path):
    source = tmp_path / "tool"
    source.write_text("#!/bin/sh\n")
    source.chmod(0o751)

    ladder("guest_copy", vm=web, src=str(source), dest="/srv/bin/", mode="preserve", **LOGIN)

    assert mode_of(openvix.disk(web) / "srv/bin/tool") == 0o751


def test_mode_preserve_with_content_refused(copy):
    msg = copy(content="Something\n", mode="preserve")["msg"]
    assert msg == "reading mode: content has no mode: set an explicit mode instead of preserve"


@pytest.mark.parametrize(("wrong", "words"), [({"owner": "no-such-user"}, "no-such-user"), ({"group": "no-such-group"}, "no-such-group")])
@pytest.mark.parametrize("content", ["Welcome\n", "Goodbye\n"])
def test_unknown_owner_replaces_nothing(openvix, copy, web, motd, content, wrong, words):
    result = copy(content=content, **wrong)

    assert result["failed"]
    assert words in result["msg"]
    assert motd.read_text() == "Welcome\n"
    assert leftovers(openvix, web) == []


@pytest.mark.parametrize("option", ["mode", "directory_mode"])
def test_invalid_mode_refused(openvix, copy, tmp_path, option):
    (tmp_path / "source").touch()
    assert "rwx is not a mode: use an octal number" in copy(src=str(tmp_path / "source"), dest="/srv/new/", **{option: "rwx"})["msg"]


@pytest.mark.usefixtures("no_shell")
@pytest.mark.parametrize("option", [{"mode": "0600"}, {"owner": "lab"}, {"group": "lab"}])
@pytest.mark.parametrize("content", ["Welcome\n", "Goodbye\n"])
def test_mode_and_owner_without_shell_refused(openvix, copy, web, motd, option, content):
    result = copy(content=content, **option)

    assert result["error"] == "NotSupported"
    assert motd.read_text() == "Welcome\n"
    assert leftovers(openvix, web) == []


@pytest.mark.parametrize("option", [{"mode": "0600"}, {"owner": "lab"}, {"group": "lab"}])
def test_mode_and_owner_on_windows_refused(openvix, copy, option):
    result = copy(content="Something\n", dest=r"C:\motd", guest_family="windows", **option)

    assert "mode, owner and group cannot be set in a Windows guest" in result["msg"]
    assert openvix.calls("VixVM_CopyFileFromHostToGuest") == []


# Backups and validation


@pytest.mark.parametrize("shell", [True, False])
def test_backup_keeps_replaced_file(openvix, ladder, web, motd, shell):
    if not shell:
        openvix.fault(call="VixVM_RunProgramInGuest", error=3003)
        openvix.fault(call="VixVM_RunScriptInGuest", error=3003)
    motd.chmod(0o604)

    options = {"vm": web, "content": "Goodbye\n", "dest": "/etc/motd", "backup": True}
    done = ladder("guest_copy", lambda: len(list(motd.parent.iterdir())), ["backup_file", "warnings"], **options, **LOGIN)

    kept = openvix.disk(web) / done["backup_file"][1:]
    assert (kept.parent, kept.name[:5], kept.read_text(), motd.read_text()) == (motd.parent, "motd.", "Welcome\n", "Goodbye\n")
    assert (mode_of(motd) == mode_of(kept) == 0o604) or not shell
    assert len([path for path in motd.parent.iterdir() if path.name.startswith("motd.")]) == 1


@pytest.mark.parametrize("options", [{"content": "Goodbye\n", "dest": "/etc/issue"}, {"content": "Welcome\n"}, {"content": "Welcome\n", "mode": "0600"}])
def test_no_backup_without_replacement(openvix, copy, web, options):
    assert "backup_file" not in copy(backup=True, **options)
    assert [path.name for path in (openvix.disk(web) / "etc").iterdir() if path.name.endswith("~")] == []


def test_failed_backup_stops_copy(openvix, copy, web, motd):
    folder = openvix.disk(web) / "srv" / ("n" * 250)
    folder.write_text("Welcome\n")

    result = copy(content="Goodbye\n", dest=f"/srv/{'n' * 250}", backup=True)

    assert "the replaced file could not be backed up; output: cp: " in result["msg"]
    assert folder.read_text() == "Welcome\n"
    assert leftovers(openvix, web) == []


def test_valid_file_moved_to_dest(openvix, ladder, web, motd):
    ladder("guest_copy", motd.read_text, vm=web, content="Goodbye\n", dest="/etc/motd.conf", validate="/bin/sh -c 'grep -q Good \"$1\"' 'sh me' %s", **LOGIN)

    assert (openvix.disk(web) / "etc/motd.conf").read_text() == "Goodbye\n"


def test_invalid_file_replaces_nothing(openvix, copy, web, motd):
    result = copy(content="Goodbye\n", validate="grep -l Welcome nothing %s")

    assert result["msg"].startswith(f"validating the new content of /etc/motd in the guest of {web} as lab: grep -l Welcome nothing %s ended with 2")
    assert "grep: nothing" in result["msg"]
    assert motd.read_text() == "Welcome\n"
    assert leftovers(openvix, web) == []


def test_validate_gets_name_with_same_suffix(openvix, copy, web):
    result = copy(content="Goodbye\n", dest="/etc/site.conf", validate="/bin/sh -c 'echo $0; exit 1' %s")

    assert result["msg"].strip().endswith(".conf")


def test_validate_without_placeholder_refused(openvix, copy):
    assert copy(content="Goodbye\n", validate="visudo -cf")["msg"] == "reading validate: it must contain %s, which stands for the file"
    assert "No closing quotation" in copy(content="Goodbye\n", validate="visudo -cf '%s")["msg"]


# Diffs


@pytest.mark.parametrize("check_mode", [True, False])
def test_diff_contains_both_contents(copy, tmp_path, check_mode):
    (tmp_path / "source").write_text("Grüße\n")

    result = copy(src=str(tmp_path / "source"), check_mode=check_mode)

    assert texts(result) == [{"before_header": "/etc/motd", "before": "Welcome\n", "after_header": "/etc/motd", "after": "Grüße\n"}]


def test_no_diff_nothing_fetched(openvix, copy, tmp_path):
    (tmp_path / "source").write_text("Goodbye\n")

    assert texts(copy(src=str(tmp_path / "source"), mode="0600", diff=False)) == []
    assert openvix.calls("VixVM_CopyFileFromGuestToHost") == []


def test_no_log_diff_has_no_content(openvix, copy, tmp_path):
    (tmp_path / "source").write_text("s3cret-content\n")

    copy(src=str(tmp_path / "source"), _ansible_no_log=True, secrets=["s3cret-content", "Welcome"])

    assert openvix.calls("VixVM_CopyFileFromGuestToHost") == []


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        (b"a\0b", b"text\n", {"dst_binary": 1, "after": "text\n"}),
        (b"text\n", b"\xff\xfe", {"before": "text\n", "src_binary": 1}),
        (b"x" * 104449, b"text\n", {"dst_larger": 104448, "after": "text\n"}),
        (b"text\n", b"x" * 104449, {"before": "text\n", "src_larger": 104448}),
        (b"x" * 104448, b"", {"before": "x" * 104448, "after": ""}),
        (None, b"text\n", {"before": "", "after": "text\n"}),
    ],
)
def test_diff_names_omitted_content(openvix, copy, motd, tmp_path, old, new, diff):
    motd.unlink() if old is None else motd.write_bytes(old)
    (tmp_path / "source").write_bytes(new)

    [text] = texts(copy(src=str(tmp_path / "source")))

    assert text == {"before_header": "/etc/motd", "after_header": "/etc/motd", **diff}
    assert (len(openvix.calls("VixVM_CopyFileFromGuestToHost")) == 1) == (old is not None and "dst_larger" not in diff)


# Secrets and rights


def test_missing_permission_reported(copy):
    result = copy(content="Something\n", dest="/etc/shadow2", guest_username="visitor", guest_password="s3cret-visitor")

    assert result["vix_code"] == 13
    assert result["msg"].startswith("copying content to /etc/shadow2 in the guest of ")
    assert "as visitor" in result["msg"]


def test_content_secret_not_in_output_or_files(copy, tmp_path_factory):
    begin = time.time() - 1
    copy(content="s3cret-content", dest="/root/key", secrets=["s3cret-content"])

    folders = [path for path in tmp_path_factory.getbasetemp().glob("task*") if path.stat().st_mtime >= begin]
    assert folders
    assert [path for folder in folders for path in folder.rglob("*") if path.is_file() and b"s3cret-content" in path.read_bytes()] == []


def test_dictionary_written_as_json(copy, motd):
    copy(content={"a": [1, "ü"]})
    assert motd.read_text() == '{"a": [1, "\\u00fc"]}'
