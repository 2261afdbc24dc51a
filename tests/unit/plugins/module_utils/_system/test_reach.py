# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script is run by the shells of this machine, as a user who may not enter everything."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import linux, reach
from ansible_collections.vmlab.vix.plugins.module_utils._system.exit_codes import DONE

SHELLS = [shell for shell in ("sh", "dash", "bash", "ksh", "mksh", "busybox") if shutil.which(shell)]
CODES = {"last": reach.LAST, "seen": reach.SEEN, "behind": reach.BEHIND, "closed": reach.CLOSED, "broken": reach.BROKEN, "done": DONE}
NAME = 'it\'s "odd" $HOME *'


@pytest.fixture
def folder(tmp_path):
    """A directory with one that may be entered, one that may be listed alone, and one that may be neither."""
    place = tmp_path / NAME
    for name in ("open", "listed", "closed"):
        (place / name / "in").mkdir(parents=True)
        (place / name / "in" / "file").write_text("x")
    for each in [place, *place.parents][:-2]:
        each.chmod(each.stat().st_mode | 0o055)
    (place / "listed").chmod(0o444)
    (place / "closed").chmod(0)
    yield place
    for name in ("listed", "closed"):
        (place / name).chmod(0o755)


@pytest.fixture(params=SHELLS)
def ask(request, folder):
    """Run the script for a path in the directory, as nobody if root runs the test, and return its exit code."""
    command = [request.param, *(["sh"] if request.param == "busybox" else []), "-c"]
    person = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(path):
        script = reach.SCRIPT.format(path=linux.quote(str(folder / path)), **CODES)
        return subprocess.run([*command, script], capture_output=True, timeout=60, check=False, **person).returncode

    return run


def number(folder, path):
    """How many names are in the path of something."""
    return len((folder / path).parts) - 1


@pytest.mark.parametrize("path", ["none", "none/deep/er", "open/none", "open/in/file/below", "open/in/none/-n", "*"])
def test_absent_path_reported(ask, path):
    assert ask(path) == DONE


@pytest.mark.parametrize("path", ["open/in/file", "open", "listed", "closed", "link"])
def test_existing_path_reported(ask, folder, path):
    (folder / "link").symlink_to("open/in/file")
    assert ask(path) == reach.SEEN


@pytest.mark.parametrize("path", ["closed/in", "closed/none", "closed/in/file", "closed/in/file/below", "listed/in", "listed/none"])
def test_closed_directory_reported(ask, folder, path):
    assert ask(path) == reach.CLOSED + number(folder, path.split("/", maxsplit=1)[0])


@pytest.mark.parametrize("path", ["open/to/closed/in/file", "link", "chain", "link/below"])
def test_link_to_closed_directory_reported(ask, folder, path):
    (folder / "open" / "to").symlink_to("..")
    (folder / "link").symlink_to("closed/in/file")
    (folder / "chain").symlink_to("link")

    direct = path.startswith("open")
    assert ask(path) == (reach.CLOSED + number(folder, "open/to/closed") if direct else reach.BEHIND)


@pytest.mark.parametrize("path", ["dangling", "dangling/below", "open/far", "open/far/deep/er", "loop", "chain"])
def test_dangling_link_reported(ask, folder, path):
    (folder / "dangling").symlink_to("nowhere")
    (folder / "open" / "far").symlink_to("/nowhere/at/all")
    (folder / "loop").symlink_to("loop")
    (folder / "chain").symlink_to("dangling")

    link = "open/far" if path.startswith("open") else path.split("/", maxsplit=1)[0]
    assert ask(path) == reach.BROKEN + number(folder, link)


def test_deep_path_reported(ask, folder):
    deep = "/".join(["open", *["d"] * reach.LAST])
    (folder / deep).mkdir(parents=True)
    (folder / deep / "dangling").symlink_to("nowhere")

    assert ask(f"{deep}/dangling") == reach.BROKEN + reach.LAST
    assert ask(f"{deep}/none") == DONE
    (folder / deep).chmod(0)
    assert ask(f"{deep}/none") == reach.CLOSED + reach.LAST
