# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A script that a signal ended has exit code 0, as VMware Tools report it: no module may take that for success."""

from __future__ import annotations

import os
import stat

import pytest

LOGIN = {"guest_username": "lab", "guest_password": "s3cret"}


@pytest.fixture
def web(openvix):
    """A VM in whose guest every shell ends at once."""
    accounts = [{"name": "lab", "password": "s3cret", "administrator": True}]
    processes = [{"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"}]
    web = openvix.add_vm("web", power="powered_on", accounts=accounts, processes=processes, files={"/srv/motd": "Welcome\n"})
    folder = openvix.disk(web) / "bin"
    folder.unlink()
    folder.mkdir()
    (folder / "sh").write_text("#!/usr/bin/sh\nexit 0\n")
    (folder / "sh").chmod(0o755)
    (openvix.disk(web) / "srv" / "motd").chmod(0o644)
    return web


@pytest.fixture
def motd(openvix, web):
    return openvix.disk(web) / "srv" / "motd"


@pytest.mark.parametrize(
    ("module", "options", "sentence"),
    [
        ("guest_copy", {"content": "Goodbye\n", "dest": "/srv/motd"}, "the script that moves the files to their destination ended with exit code 0"),
        ("guest_copy", {"content": "Welcome\n", "dest": "/srv/motd", "mode": "0600"}, "mode and owner cannot be read (exit code 0)"),
        ("guest_file", {"path": "/srv/motd", "mode": "0600"}, "mode and owner cannot be read (exit code 0)"),
        (
            "guest_file",
            {"path": "/srv/new", "state": "directory", "mode": "0700"},
            "the script that sets them ended with exit code 0 before it was done; it may have been killed",
        ),
        ("guest_file", {"path": "/srv/new", "state": "touch"}, "the script that sets its times ended with exit code 0 before it was done"),
        ("guest_file", {"path": "/srv/pipe", "state": "absent"}, "VIX_E_NOT_A_FILE"),
        ("guest_command", {"argv": ["true"]}, "the script that runs it ended with exit code 0 before it wrote a result; it may have been killed"),
        ("guest_script", {"content": "true"}, "the script that runs it ended with exit code 0 before it wrote a result; it may have been killed"),
    ],
)
def test_killed_script_is_not_success(run_module, web, motd, module, options, sentence):
    os.mkfifo(motd.parent / "pipe")

    result = run_module(module, vm=web, **options, **LOGIN)

    assert result["failed"]
    assert sentence in result["msg"]
    assert (motd.read_text(), stat.S_IMODE(motd.stat().st_mode)) == ("Welcome\n", 0o644)


def test_ending_processes_killed_script_reported(run_module, web):
    result = run_module("guest_process", vm=web, name="cron", state="absent", stop="soft", **LOGIN)

    assert "the script that asks it to end had exit code 0 before it was done" in result["msg"]


def test_fetch_not_verified_stores_nothing(run_module, web, tmp_path):
    here = tmp_path / "motd"
    here.write_text("Goodbye\n")

    result = run_module("guest_fetch", vm=web, src="/srv/motd", dest=str(here), flat=True, **LOGIN)

    assert "the script that verifies the copy ended with exit code 0 before it was done; it may have been killed" in result["msg"]
    assert here.read_text() == "Goodbye\n"


def test_validation_that_was_killed_places_nothing(run_module, web, motd):
    result = run_module("guest_copy", vm=web, content="Goodbye\n", dest="/srv/motd", validate="true %s", **LOGIN)

    assert "the script that runs it ended with exit code 0" in result["msg"]
    assert motd.read_text() == "Welcome\n"
