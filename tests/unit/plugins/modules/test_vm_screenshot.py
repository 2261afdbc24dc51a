# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import stat
import struct
import threading
import time

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret-lab"}
ACCOUNTS = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]


@pytest.fixture
def web(openvix):
    return openvix.add_vm("web", power="powered_on", accounts=ACCOUNTS)


@pytest.mark.parametrize("old", [None, b"old"])
def test_saved_each_time_not_in_check_mode(openvix, run_module, web, tmp_path, old):
    dest = tmp_path / "web.png"
    if old:
        dest.write_bytes(old)

    predicted = run_module("vm_screenshot", vm=web, dest=str(dest), check_mode=True, secrets=["s3cret-lab"], **LOGIN)
    assert (dest.read_bytes() if old else dest.exists()) == (old or False)
    assert openvix.calls("VixVM_CaptureScreenImage") == []
    done, again = (run_module("vm_screenshot", vm=web, dest=str(dest), secrets=["s3cret-lab"], **LOGIN) for dummy in range(2))

    picture = dest.read_bytes()
    width, height = struct.unpack_from(">II", picture, 16)
    assert [result["changed"] for result in (predicted, done, again)] == [True, True, True]
    assert (done["vm"], done["size"], done["width"], done["height"]) == (web, len(picture), width, height)
    assert done["checksum"] == hashlib.sha256(picture).hexdigest()
    assert picture.startswith(b"\x89PNG")
    assert width > 0
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    assert done["diff"]["before"] == predicted["diff"]["before"]
    assert done["diff"]["before"]["state"] == ("file" if old else "absent")
    assert again["diff"]["before"]["size"] == len(picture)
    assert predicted["diff"]["after"] == {"path": str(dest), "state": "file", "mode": "0600"}
    assert {key: done["diff"]["after"][key] for key in predicted["diff"]["after"]} == predicted["diff"]["after"]
    assert os.listdir(tmp_path) == ["web.png"]


def test_no_file_facts_added(run_module, web, tmp_path):
    result = run_module("vm_screenshot", vm=web, dest=str(tmp_path / "web.png"), **LOGIN)

    assert {"dest", "path", "mode", "owner", "state"} & set(result) == set()


@pytest.mark.parametrize(("mode", "bits"), [("0640", 0o640), ("644", 0o644), (0o604, 0o604)])
def test_mode_applied(run_module, web, tmp_path, mode, bits):
    run_module("vm_screenshot", vm=web, dest=str(tmp_path / "web.png"), mode=mode, **LOGIN)

    assert stat.S_IMODE((tmp_path / "web.png").stat().st_mode) == bits


@pytest.mark.parametrize("mode", ["u=rw", "999", "7777", -1, True, []])
def test_invalid_mode_reported(openvix, run_module, web, tmp_path, mode):
    result = run_module("vm_screenshot", vm=web, dest=str(tmp_path / "web.png"), mode=mode, **LOGIN)

    assert result["msg"].startswith(f"saving the screenshot as {tmp_path}/web.png: {mode} is not a file mode")
    assert openvix.calls("VixHost_OpenVM") == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("dest", "words"),
    [
        ("", "it is a directory or a device: use the path of a file"),
        ("none/web.png", "{}/none is not a directory of the VM host"),
        ("pipe", "it is a directory or a device: use the path of a file"),
    ],
)
def test_invalid_dest_reported_before_login(openvix, run_module, web, tmp_path, dest, words, check_mode):
    os.mkfifo(tmp_path / "pipe")
    path = os.path.join(str(tmp_path), dest).rstrip("/")

    result = run_module("vm_screenshot", vm=web, dest=path, check_mode=check_mode, **LOGIN)

    assert result["msg"] == f"saving the screenshot as {path}: {words.format(tmp_path)}"
    assert openvix.calls("VixHost_OpenVM") == []


@pytest.mark.parametrize("code", [19000, 19003])
def test_failed_screenshot_keeps_old_file(openvix, run_module, web, tmp_path, code):
    (tmp_path / "web.png").write_bytes(b"old")
    openvix.fault(call="VixVM_CaptureScreenImage", error=code)

    result = run_module("vm_screenshot", vm=web, dest=str(tmp_path / "web.png"), **LOGIN)

    assert result["vix_code"] == code
    assert result["msg"].startswith(f"taking a screenshot of the guest of {web} as lab: ")
    assert (tmp_path / "web.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["web.png"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_invalid_file_name_reported(run_module, web, tmp_path, check_mode):
    dest = f"{tmp_path}/{'x' * 300}"

    assert run_module("vm_screenshot", vm=web, dest=dest, check_mode=check_mode, **LOGIN)["msg"] == f"saving the screenshot as {dest}: File name too long"
    assert os.listdir(tmp_path) == []


def test_unwritable_directory_reported(run_module, web):
    result = run_module("vm_screenshot", vm=web, dest="/proc/web.png", **LOGIN)

    assert result["msg"].startswith("saving the screenshot as /proc/web.png: ")
    assert "exception" not in result


@pytest.mark.openvix(clock="stepped")
def test_failed_move_leaves_no_temporary_file(openvix, run_module, web, tmp_path):
    openvix.fault(call="VixVM_CaptureScreenImage", delay=2.0)
    dest, results = tmp_path / "web.png", []
    task = threading.Thread(target=lambda: results.append(run_module("vm_screenshot", vm=web, dest=str(dest), **LOGIN)))

    task.start()
    while task.is_alive() and not openvix.calls("VixVM_CaptureScreenImage"):
        time.sleep(0.01)
    dest.mkdir()
    openvix.advance(2)
    task.join()

    assert results[0]["msg"] == f"saving the screenshot as {dest}: Is a directory"
    assert os.listdir(tmp_path) == ["web.png"]
