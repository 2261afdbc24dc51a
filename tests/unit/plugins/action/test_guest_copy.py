# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def files_with(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_controller_files_copied(openvix, play, task, web):
    """Searched for like ansible.builtin.copy does: the files directory of the playbook, that of the role, next to the playbook."""
    play.write("files/motd", "of the playbook\n")
    play.write("files/site/css/site.css", "p {}\n")
    play.write("files/site/empty", "")
    (play.folder / "files/site/nothing").mkdir()
    play.write("beside", "beside\n")
    play.write("$HOME x", "odd\n")
    play.write("roles/part/files/motd", "of the role\n")
    play.write("roles/part/tasks/main.yml", str([task("guest_copy", src="motd", dest="/srv/role")]))
    copies = [
        task("guest_copy", src="motd", dest="/etc/motd", mode="0640"),
        task("guest_copy", src="site", dest="/srv"),
        task("guest_copy", src="site/", dest="/srv/in"),
        task("guest_copy", src="beside", dest="/srv/"),
        task("guest_copy", src="$HOME x", dest="/srv/"),
        task("guest_copy", content={"a": [1, None]}, dest="/srv/json"),
        task("guest_copy", content="{{ 6 * 7 }}", dest="/srv/number"),
        task("guest_copy", content="Grüße\n", dest="/srv/text"),
    ]

    results = play(*copies, {"ansible.builtin.include_role": {"name": "part"}}, *copies)

    first, again = results[: len(copies)], results[len(copies) + 1 :]
    assert [result.get("msg") for result in results if result.get("failed")] == []
    assert {result["changed"] for result in first} == {True}
    assert {result["changed"] for result in again} == {False}
    disk = openvix.disk(web)
    assert ((disk / "etc/motd").read_text(), stat.S_IMODE((disk / "etc/motd").stat().st_mode)) == ("of the playbook\n", 0o640)
    assert tree(disk / "srv/site") == tree(disk / "srv/in") == {"css": None, "css/site.css": b"p {}\n", "empty": b"", "nothing": None}
    names = ("role", "beside", "$HOME x", "json", "number", "text")
    assert [(disk / "srv" / name).read_text() for name in names] == ["of the role\n", "beside\n", "odd\n", '{"a": [1, null]}', "42", "Grüße\n"]


def test_check_mode_predicts_run(play, task):
    play.write("files/motd", "Hello\n")
    play.write("files/site/index.html", "<p>\n")
    sources = {"motd": "/srv/file/", "site/": "/srv/folder/"}

    results = play(*(task("guest_copy", check_mode=check, src=src, dest=dest) for src, dest in sources.items() for check in (True, False, False, True)))

    for predicted, done, again, checked in (results[:4], results[4:]):
        assert predicted == done
        assert (done["changed"], again["changed"], checked) == (True, False, again)


def test_remote_src_read_on_vm_host(play, task):
    (here,) = play(task("guest_copy", src=str(play.write("elsewhere/file", "Hello\n")), remote_src=True, dest="/srv/"))
    assert (here["changed"], here["target"]) == (True, "/srv/file")
    assert 6 not in play.sent


def test_vaulted_file_decrypted_without_traces(openvix, play, task, web):
    play.vault(play.write("files/key", "s3cret-key\n"))
    play.vault(play.write("files/keys/inner/key", "s3cret-key\n"))
    play.write("files/keys/plain", "plain\n")
    (play.folder / "files/keys/inner/key").chmod(0o640)
    play.vault(play.write("variables.yml", "secret: s3cret-key\n"))

    results = play(
        task("guest_copy", src="key", dest="/root/key", mode="0600", diff=False),
        task("guest_copy", src="keys", dest="/root", mode="preserve", diff=False),
        task("guest_copy", src="key", dest="/root/encrypted", decrypt=False, diff=False),
        task("guest_copy", content="{{ secret }}", dest="/root/text", diff=False),
        arguments=["-vvv", "-e", "@variables.yml"],
        secrets=["s3cret-key", "s3cret-lab"],
    )

    assert [result.get("msg") for result in results if result.get("failed")] == []
    root = openvix.disk(web) / "root"
    assert tree(root / "keys") == {"inner": None, "inner/key": b"s3cret-key\n", "plain": b"plain\n"}
    assert ((root / "key").read_text(), (root / "text").read_text()) == ("s3cret-key\n", "s3cret-key")
    assert stat.S_IMODE((root / "keys/inner/key").stat().st_mode) == 0o640
    assert (root / "encrypted").read_text().startswith("$ANSIBLE_VAULT;")
    assert files_with(play.folder, "s3cret-key") == []


def test_undecryptable_file_reported(local, task):
    local.vault(local.write("files/key", "s3cret-key\n"))
    local.write("vault", "another password")

    (result,) = local(task("guest_copy", src="key", dest="/root/key"))

    assert result["failed"]
    assert "Decryption failed" in result["msg"]


def test_content_not_in_output_or_files(play, task):
    results = play(task("guest_copy", content="s3cret-text\n", dest="/root/key", diff=False), arguments=["-vvv"], secrets=["s3cret-lab"])

    assert "s3cret-text" not in str(results)
    assert "_source" not in str(results)
    assert files_with(play.folder / "remote", "s3cret-text") == []
    assert [path for path in (play.folder / "local").rglob("*") if path.is_file()] == []


def test_no_log_hides_diff(local, task):
    """Names the promise that a diff never shows what a task keeps secret."""
    local(task("guest_copy", content="s3cret-text\n", dest="/etc/motd", no_log=True), arguments=["-vv", "--diff"], secrets=["s3cret-text", "Welcome"])


def test_transfer_private_to_user(elsewhere, task):
    elsewhere.write("files/motd", "Hello\n").chmod(0o644)
    elsewhere.write("files/site/motd", "Hello\n")

    elsewhere(*(task("guest_copy", src=name, dest="/srv/", diff=False) for name in ("motd", "site")), ANSIBLE_KEEP_REMOTE_FILES="1")

    kept = list((elsewhere.folder / "remote").rglob("source-*"))
    assert len(kept) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in kept} == {0o700}


def test_source_mode_and_time_kept(openvix, play, task, web):
    path = play.write("files/tool", "#!/bin/sh\n")
    path.chmod(0o751)
    os.utime(path, (1e9, 1e9))
    options = {"src": "tool", "dest": "/srv/", "mode": "preserve"}

    (first, again) = play(task("guest_copy", **options), task("guest_copy", compare="size_and_time", **options))

    assert (first["changed"], again["changed"]) == (True, False)
    assert stat.S_IMODE((openvix.disk(web) / "srv/tool").stat().st_mode) == 0o751


def test_unchanged_large_file_not_sent(openvix, elsewhere, task):
    size = (1 << 20) + 1
    elsewhere.write("files/large", os.urandom(size))
    for number in range(4):
        elsewhere.write(f"files/folder/{number}", os.urandom(1 << 19))
    copies = [task("guest_copy", src=name, dest="/srv/") for name in ("large", "folder")]

    elsewhere(*(dict(each, check_mode=True, diff=False) for each in copies))
    assert [sent for sent in elsewhere.sent if sent >= size] == []
    (file, folder) = elsewhere(*copies)
    sent = [sent for sent in elsewhere.sent if sent >= size]
    (file_again, folder_again) = elsewhere(*copies)

    assert [result["changed"] for result in (file, folder, file_again, folder_again)] == [True, True, False, False]
    assert len(sent) == 2
    assert sent == [sent for sent in elsewhere.sent if sent >= size]
    assert len(openvix.calls("VixVM_CopyFileFromHostToGuest")) == 2


def test_large_diff_complete_in_check_mode(elsewhere, task):
    elsewhere.write("files/folder/large", os.urandom(1 << 21))
    elsewhere.write("files/folder/small", "Hello\n")

    predicted, done = elsewhere(task("guest_copy", check_mode=True, src="folder", dest="/srv/"), task("guest_copy", src="folder", dest="/srv/"))

    assert predicted == done, predicted
    assert not done.get("failed"), done
    assert "Hello\n" in [diff.get("after") for diff in done["diff"]]


def test_directory_sent_in_one_transfer(elsewhere, task):
    for number in range(50):
        elsewhere.write(f"files/folder/{number % 5}/{number}", "x")
    elsewhere(task("guest_copy", content="x", dest="/srv/x"))
    one = len(elsewhere.sent)
    elsewhere(task("guest_copy", src="folder", dest="/srv/"))
    assert one
    assert len(elsewhere.sent) == 2 * one


def test_invalid_options_reported(openvix, play, task):
    play.write("files/motd", "Hello\n")
    (play.folder / "files" / "loop").mkdir()
    (play.folder / "files" / "loop" / "inner").symlink_to("..")
    wrong = {
        "finding src: the controller has no file or directory none; searched ": {"src": "none"},
        "finding src: the controller has no file or directory /none": {"src": "/none"},
        "loop is a symbolic link loop": {"src": "loop"},
        "one of the following is required: src, content": {},
        "parameters are mutually exclusive: src|content": {"src": "motd", "content": "y"},
        "_source cannot be used in tasks": {"src": "motd", "_source": {"path": "/etc/passwd"}},
        "nonsense": {"src": "motd", "nonsense": 1},
    }

    results = play(*(task("guest_copy", dest="/srv/x", **options) for options in wrong.values()))

    for words, result in zip(wrong, results, strict=True):
        assert result["failed"]
        assert words in result["msg"]
        places = result["msg"].partition("; searched ")[2].split(", ")
        assert len(places) == len(set(places))
    assert openvix.calls() == []
