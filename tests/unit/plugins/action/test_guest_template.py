# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import stat

FIRST = "{% for name in ['a', 'ü'] %}\n  {% if true %}\n{{ name }} of {{ who }}\n  {% endif %}\n{% endfor %}\n"


OPTIONS = {
    "plain": {"src": "site.conf.j2"},
    "dos": {"src": "site.conf.j2", "newline_sequence": "\\r\\n", "trim_blocks": False, "output_encoding": "utf-16-le"},
    "trimmed": {"src": "site.conf.j2", "lstrip_blocks": True},
    "including": {"src": "outer.j2"},
    "other": {"src": "outer.j2", "variable_start_string": "<<", "variable_end_string": ">>", "comment_start_string": "/*", "comment_end_string": "*/"},
    "blocks": {"src": "blocks.j2", "block_start_string": "[%", "block_end_string": "%]"},
}


def test_output_equals_builtin_template(openvix, play, task, web):
    play.write("templates/site.conf.j2", FIRST)
    play.write("inner.j2", "inner {{ who }}\n")
    play.write("templates/outer.j2", "{% include 'inner.j2' %}{# nothing #}<< who >> /* {{ template_path }} */\n")
    play.write("templates/blocks.j2", "[% if true %]\n{% who %}\n[% endif %]\n")
    variables = {"vars": {"who": "lab"}}
    own = [{"ansible.builtin.template": {"dest": str(play.folder / name), **options}, **variables} for name, options in OPTIONS.items()]
    ours = [{**task("guest_template", dest=f"/srv/{name}", mode="0640", **options), **variables} for name, options in OPTIONS.items()]

    results = play(*own, *ours, *ours)

    assert [result.get("msg") for result in results if result.get("failed")] == []
    assert [result["changed"] for result in results] == [True] * 12 + [False] * 6
    for name in OPTIONS:
        path = openvix.disk(web) / "srv" / name
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == ((play.folder / name).read_bytes(), 0o640)
    assert list((play.folder / "local").rglob("*.j2")) == []


def test_template_saved_in_directory_by_name(openvix, local, task, web):
    local.write("templates/motd.j2", "Hello\n")

    (result,) = local(task("guest_template", src="motd.j2", dest="/srv/"))

    assert (result["target"], (openvix.disk(web) / "srv/motd.j2").read_text()) == ("/srv/motd.j2", "Hello\n")


def test_guest_copy_options_supported(openvix, local, task, web):
    """Diff, backup, validation and the rest."""
    local.write("templates/motd", "Hello {{ 1 + 1 }}\n")
    predicted, refused, done = local(
        task("guest_template", src="motd", dest="/etc/motd", check_mode=True),
        task("guest_template", src="motd", dest="/etc/motd", validate="grep Welcome %s"),
        task("guest_template", src="motd", dest="/etc/motd", backup=True),
    )

    assert predicted["diff"] == done["diff"]
    assert done["diff"][1] == {"before_header": "/etc/motd", "before": "Welcome\n", "after_header": "/etc/motd", "after": "Hello 2\n"}
    assert "grep Welcome %s ended with 1" in refused["msg"]
    assert (openvix.disk(web) / done["backup_file"][1:]).read_text() == "Welcome\n"


def test_vaulted_template_decrypted_without_traces(openvix, play, task, web):
    play.vault(play.write("templates/key.j2", "s3cret-{{ 'key' }}\n"))

    (result,) = play(task("guest_template", src="key.j2", dest="/root/key", diff=False), arguments=["-vvv"], secrets=["s3cret-key"])

    assert (result["changed"], (openvix.disk(web) / "root/key").read_text()) == (True, "s3cret-key\n")
    assert [path for path in play.folder.rglob("*") if path.is_file() and b"s3cret-key" in path.read_bytes()] == []


def test_invalid_options_reported(openvix, local, task):
    local.write("templates/motd", "Hello\n")
    local.write("templates/wrong", "{{ nobody_said_this }}\n")
    wrong = {
        "finding src: the controller has no file or directory none.j2; searched ": {"src": "none.j2"},
        "src and dest are required": {},
        "content is not supported by guest_template": {"src": "motd", "content": "x"},
        "remote_src is not supported by guest_template": {"src": "motd", "remote_src": True},
        "follow is not supported by guest_template": {"src": "motd", "follow": True},
        "undefined": {"src": "wrong"},
        "newline_sequence": {"src": "motd", "newline_sequence": "x"},
    }

    results = local(*(task("guest_template", dest="/srv/x", **options) for options in wrong.values()))

    for words, result in zip(wrong, results, strict=True):
        assert result["failed"]
        assert words in result["msg"]
        assert "Searched in" not in result["msg"]
    assert openvix.calls() == []


def test_messages_name_template(openvix, local, task, web):
    local.write("templates/motd.j2", "Hello\n")
    openvix.fault(call="VixVM_CopyFileFromHostToGuest", error=8)

    (result,) = local(task("guest_template", src="motd.j2", dest="/etc/motd"))

    assert result["msg"].startswith(f"copying motd.j2 to /etc/motd in the guest of {web} as lab: ")
