# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json


def test_controller_script_run_in_guest(openvix, play, task, web):
    """Searched for like ansible.builtin.script does: the files directory of the playbook, that of the role, next to the playbook."""
    play.write("files/hello", "echo playbook $1 > /srv/$1; cat /srv/$1; echo err >&2; exit 3")
    play.write("roles/part/files/hello", "echo role")
    play.write("roles/part/tasks/main.yml", json.dumps([task("guest_script", src="hello")]))
    play.write("beside.sh", "#!/bin/bash\necho $BASH_VERSION")

    first, _role, beside = play(
        task("guest_script", src="hello", arguments=["a"]), {"ansible.builtin.include_role": {"name": "part"}}, task("guest_script", src="beside.sh")
    )

    assert (first["rc"], first["stdout_lines"], first["stderr_lines"]) == (3, ["playbook a"], ["err"])
    assert first["cmd"] == ["/bin/sh", "hello", "a"]
    assert first["msg"] == f"running script hello in the guest of {web} as lab: non-zero return code 3"
    assert (openvix.disk(web) / "srv/a").read_text() == "playbook a\n"
    assert beside["cmd"] == ["/bin/bash", "beside.sh"]
    assert beside["stdout"]


def test_vaulted_script_decrypted_without_traces(openvix, play, task, web):
    play.vault(play.write("files/key", "echo s3cret-key | wc -c"))

    (result,) = play(task("guest_script", src="key"))

    assert result["stdout"] == "11"
    assert [path for place in (play.folder, openvix.disk(web)) for path in place.rglob("*") if path.is_file() and b"s3cret-key" in path.read_bytes()] == []


def test_content_and_remote_src_not_sent(play, task):
    path = play.write("elsewhere/script", "echo there")

    text, there = play(task("guest_script", content="echo text"), task("guest_script", src=str(path), remote_src=True))

    assert (text["stdout"], there["stdout"], there["cmd"]) == ("text", "there", ["/bin/sh", "script"])
    assert len("echo there") not in play.sent


def test_invalid_options_one_message(local, task):
    local.write("files/folder/file", "")
    wrong = {
        "finding src: the controller has no file or directory none": {"src": "none"},
        "is a directory, not a script": {"src": "folder"},
        "one of the following is required: content, src": {},
        "parameters are mutually exclusive: content|src": {"src": "x", "content": "x"},
        "_name cannot be used in tasks": {"content": "x", "_name": "x"},
    }

    results = local(*(task("guest_script", **options) for options in wrong.values()))

    for words, result in zip(wrong, results, strict=True):
        assert words in result["msg"]


def test_check_mode_sends_nothing(openvix, local, task):
    local.write("files/hello", "echo hello")

    (result,) = local(task("guest_script", src="hello", check_mode=True))

    assert result["skipped"]
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_output_lines_returned(local, task):
    (result,) = local(task("guest_command", cmd="printf 'a\\nb\\n'"))
    assert result["stdout_lines"] == ["a", "b"]


def test_no_log_hides_result(local, task):
    (result,) = local(
        task("guest_command", cmd="cat", stdin="s3cret-word", environment={"KEY": "s3cret-word"}, no_log=True), arguments=["-vvvv"], secrets=["s3cret-word"]
    )
    assert "censored" in result or "s3cret-word" not in str({**result, "stdout": "", "stdout_lines": ""})
