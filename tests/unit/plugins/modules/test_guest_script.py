# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)


@pytest.fixture
def script(run_module, web):
    return lambda content=None, **options: run_module(
        "guest_script", vm=web, **{**LOGIN, "timeout": 60, **({"content": content} if content is not None else {}), **options}
    )


@pytest.fixture
def left(openvix, web):
    """What lies in /tmp of the guest."""
    # VMware Tools leave their directory for scripts there.
    return lambda: sorted(path.name for path in openvix.disk(web).glob("tmp/*") if not path.name.startswith("vmware-") or os.listdir(path))


def test_content_run_by_shell(script, web, left):
    """The lesson of vmware-archive/vsphere-automation-sdk-.net issue 15: send, run, read the output, in one step."""
    result = script('echo "$#: $2"; cat; echo err >&2; exit 3', arguments=["a b", "it's $HOME", ""], stdin="given")

    assert (result["rc"], result["stdout"], result["stderr"], result["changed"]) == (3, "3: it's $HOME\ngiven", "err", True)
    assert result["cmd"] == ["/bin/sh", "script", "a b", "it's $HOME", ""]
    assert result["msg"] == f"running a script in the guest of {web} as lab: non-zero return code 3"
    assert left() == []


def test_script_needs_calls_of_command(openvix, script):
    script("true")

    calls = [each["call"] for each in openvix.calls() if each["call"].endswith(("InGuest", "FromGuestToHost", "FromHostToGuest"))]
    assert calls[2:] == ["VixVM_RunScriptInGuest", "VixVM_CopyFileFromGuestToHost", "VixVM_DeleteDirectoryInGuest"]


def test_remote_src_run(script, web, tmp_path):
    (tmp_path / "count.sh").write_text("echo $1; exit 4")

    result = script(src=str(tmp_path / "count.sh"), remote_src=True, arguments=["x"])

    assert (result["rc"], result["stdout"], result["cmd"]) == (4, "x", ["/bin/sh", "count.sh", "x"])
    assert result["msg"] == f"running script count.sh in the guest of {web} as lab: non-zero return code 4"


def test_missing_src_reported(openvix, script, tmp_path):
    assert script(src=str(tmp_path / "none"))["msg"].startswith(f"reading src: {tmp_path}/none cannot be read on the VM host: No such file")
    assert openvix.calls("VixVM_RunScriptInGuest") == []


def test_content_and_src_exactly_one_required(script):
    assert script()["_rc"] == 1
    assert script("true", src="/etc/hosts")["_rc"] == 1


@pytest.mark.parametrize(
    ("content", "options", "stdout"),
    [
        ("#!/usr/bin/env bash\necho ${BASH_VERSION:+bash}", {}, "bash"),
        ("#!/usr/bin/env -S bash -u\necho ${BASH_VERSION:+bash}", {}, "bash"),
        ("#! /bin/bash -e\nfalse || echo ${BASH_VERSION:+bash} $-", {}, "bash ehB"),
        ("#!/usr/bin/sed -f\ns/a/b/", {"stdin": "aaa"}, "baa"),
        ("#!/bin/bash\necho ${BASH_VERSION:-sh}", {"interpreter": "sh"}, "sh"),
        ("echo ${BASH_VERSION:+bash}", {"interpreter": "bash"}, "bash"),
        ("echo ${BASH_VERSION:+bash}", {"interpreter": "/bin/bash"}, "bash"),
        ("#!\necho sh", {}, "sh"),
        ("", {}, ""),
    ],
)
def test_interpreter_chosen_or_from_shebang(script, content, options, stdout):
    result = script(content, **options)

    assert (result["rc"], result["stdout"]) == (0, stdout), result


@pytest.mark.parametrize("interpreter", ["cmd", "perl", "bin/sh"])
def test_impossible_interpreter_refused(script, interpreter):
    words = "is not an interpreter of a linux guest: use one of auto, sh, bash, python, powershell, or an absolute path in the guest"
    assert script("x", interpreter=interpreter)["msg"] == f"choosing an interpreter: {interpreter} {words}"


@pytest.mark.parametrize(("interpreter", "name"), [("powershell", "pwsh"), ("/opt/none", "/opt/none")])
def test_missing_interpreter_reported(script, interpreter, name, left):
    result = script("x", interpreter=interpreter)

    assert (result["error"], result["msg"].split(": ", 1)[1]) == (
        "FileNotFound",
        f"no such program in the guest: {name}; install it in the guest, or use its full path",
    )
    assert left() == []


@pytest.mark.parametrize("size", [50_000, 59_000, 61_000, 300_000])
def test_script_larger_than_vix_limit_run(script, size, left):
    """VIX takes 60536 bytes."""
    result = script(f"cat > /dev/null << 'END'\n{'x' * 99 + chr(10):s}" + ("y" * 99 + "\n") * (size // 100) + "END\nwc -c < $0")

    assert int(result["stdout"]) > size
    assert left() == []


def test_large_file_sent_unchanged(script, tmp_path, left):
    (tmp_path / "large").write_bytes(b"exit 5\n" + b"\0" * 20_000_000)

    assert script(src=str(tmp_path / "large"))["rc"] == 5
    assert left() == []


@pytest.mark.parametrize("text", [b"printf '\xff\xfe' | wc -c", b"echo 2 # \xff\xfe", b"echo 2; exit\n\0\0\0"])
def test_binary_script_accepted(script, tmp_path, text):
    (tmp_path / "script").write_bytes(text)

    assert script(src=str(tmp_path / "script"))["stdout"] == "2"


def test_script_arrives_byte_by_byte(script):
    content = "cat $0\n\n# zwölf\t$HOME `x` \\ 'q' \"d\"\r\n# no end of line"

    assert script(content, strip_empty_ends=False)["stdout"] == content


def test_script_readable_by_user_only(script):
    assert script('stat -c "%a %U" $0 "$(dirname $0)"')["stdout"] == "600 root\n700 root", "users of a simulated guest are one for its kernel"


@pytest.mark.parametrize("comment", ["", "\n#" * 40000])
def test_no_wait_script_kept_until_end(openvix, script, web, comment, left):
    result = script("until [ -e /srv/go ]; do sleep 0.1; done; touch /srv/done" + comment, no_wait=True)

    assert result["pid"] > 1
    assert not (openvix.disk(web) / "srv/done").exists()
    assert [name.split("-")[1] for name in left()] == ["10080"]
    (openvix.disk(web) / "srv/go").touch()
    end = time.monotonic() + 60
    while left():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (openvix.disk(web) / "srv/done").exists()


def test_timeout_kills_script(script, left):
    result = script("echo begun; sleep 4711; echo never", program_timeout=4)

    assert (result["timed_out"], result["stdout"]) == (True, "begun")
    assert left() == []


def test_check_mode_not_run(openvix, script):
    assert script("touch /srv/x", check_mode=True)["skipped"]
    assert script("touch /srv/x", creates="/srv/x", check_mode=True)["changed"]
    assert openvix.calls("VixVM_RunScriptInGuest") == []
    assert script("touch /srv/x", creates="/srv/x")["changed"]
    assert not script("touch /srv/x", creates="/srv/x")["changed"]


def test_windows_script_run_by_file_name(script, tmp_path):
    """The simulated guest is none, so it is refused before it is asked."""
    (tmp_path / "x.bat").write_bytes(b"x" * (1 << 24) + b"x")

    assert "larger than 16777216 bytes, which no script for .bat may be" in script(src=str(tmp_path / "x.bat"), guest_family="windows")["msg"]
