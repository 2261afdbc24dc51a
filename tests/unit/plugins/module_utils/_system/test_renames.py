# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script is run by the shells of this machine, within one file system and to another one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import renames
from ansible_collections.vmlab.vix.plugins.module_utils._system.exit_codes import DONE
from disks import another_disk

SHELLS = [shell for shell in ("sh", "dash", "bash", "ksh", "mksh", "busybox") if shutil.which(shell)]
NAME = 'it\'s "odd" $HOME *'
PERSON = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(params=SHELLS)
def run(request):
    """Run the script for two paths, and return its exit code; tools: a directory with programs that come first."""
    command = [request.param, *(["sh"] if request.param == "busybox" else []), "-c"]

    def rename(old, new, replace=False, tools="", **options):
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        script = renames.script(str(old), str(new), replace, 5)
        return subprocess.run([*command, script], env=environment, capture_output=True, timeout=60, check=False, **options).returncode

    return rename


@pytest.fixture
def here(tmp_path):
    return tmp_path


@pytest.fixture(params=["same disk", "other disk"])
def there(request, here):
    """Another directory, on the same file system or on another one."""
    if request.param == "same disk":
        (here / "there").mkdir()
        yield here / "there"
        return
    with tempfile.TemporaryDirectory(dir=another_disk(here), prefix="vmlab-renames-") as directory:
        yield Path(directory)


@pytest.fixture
def far(here):
    """A directory on another file system."""
    with tempfile.TemporaryDirectory(dir=another_disk(here), prefix="vmlab-renames-") as directory:
        yield Path(directory)


def facts(path):
    found = path.lstat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, int(found.st_mtime)


def tool(place, name, text):
    """Write a program that comes before the machine's own of this name."""
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / name).chmod(0o755)
    return place


@pytest.mark.parametrize("mode", [0o640, 0o4751, 0o600])
def test_file_keeps_mode_owner_and_time(run, here, there, mode):
    (here / NAME).write_text("content")
    if not os.geteuid():
        os.chown(here / NAME, 65534, 4711)
    (here / NAME).chmod(mode)
    os.utime(here / NAME, (5, 1_000_000_000))
    before = facts(here / NAME)

    assert run(here / NAME, there / "-new") == DONE

    assert facts(there / "-new") == before
    assert (there / "-new").read_text() == "content"
    assert not (here / NAME).exists()
    assert os.listdir(there) == ["-new"]


def test_directory_moved_whole(run, here, there):
    (here / "old" / "in" / "deep").mkdir(parents=True)
    (here / "old" / "in" / "file").write_text("content")
    (here / "old" / "in" / "link").symlink_to("nowhere")
    (here / "old" / "in").chmod(0o2750)
    before = facts(here / "old" / "in")

    assert run(here / "old", there / "new") == DONE

    assert facts(there / "new" / "in") == before
    assert sorted(os.listdir(there / "new" / "in")) == ["deep", "file", "link"]
    assert os.readlink(there / "new" / "in" / "link") == "nowhere"
    assert not (here / "old").exists()


@pytest.mark.parametrize("target", ["nowhere", "file", "directory"])
def test_link_itself_renamed(run, here, there, target):
    (here / "file").write_text("content")
    (here / "directory").mkdir()
    (here / "old").symlink_to(target)

    assert run(here / "old", there / "new") == DONE

    assert os.readlink(there / "new") == target
    assert not (here / "old").is_symlink()
    assert (here / "file").read_text() == "content"


def test_file_replaced_only_if_allowed(run, here, there):
    (here / "old").write_text("old")
    (there / "new").write_text("new")

    assert run(here / "old", there / "new") == renames.OCCUPIED
    assert ((here / "old").read_text(), (there / "new").read_text()) == ("old", "new")
    assert run(here / "old", there / "new", replace=True) == DONE
    assert (os.path.exists(here / "old"), (there / "new").read_text()) == (False, "old")


@pytest.mark.parametrize("kind", ["dangling link", "directory", "link to a directory"])
def test_other_things_not_replaced(run, here, there, kind):
    (here / "old").write_text("old")
    if kind == "directory":
        (there / "new").mkdir()
    else:
        (there / "new").symlink_to("nowhere" if kind == "dangling link" else here)

    assert run(here / "old", there / "new", replace=kind != "dangling link") == renames.OCCUPIED
    assert (here / "old").read_text() == "old"
    assert sorted(os.listdir(there)) == ["new"]


def test_directory_never_replaces_file(run, here, there):
    (here / "old" / "in").mkdir(parents=True)
    (there / "new").write_text("new")

    assert run(here / "old", there / "new", replace=True) == renames.NOT_MOVED
    assert (there / "new").read_text() == "new"
    assert (here / "old" / "in").is_dir()
    assert os.listdir(there) == ["new"]


def test_hard_links_become_one(run, here):
    (here / "old").write_text("content")
    os.link(here / "old", here / "new")

    assert run(here / "old", here / "new", replace=True) == DONE
    assert (os.path.exists(here / "old"), (here / "new").read_text()) == (False, "content")


def test_link_to_other_path_not_hard_link(run, here):
    (here / "file").write_text("content")
    (here / "link").symlink_to("file")

    assert run(here / "link", here / "file", replace=True) == renames.SAME
    assert ((here / "file").read_text(), os.readlink(here / "link")) == ("content", "file")
    assert run(here / "file", here / "link", replace=True) == DONE
    assert ((here / "link").read_text(), os.listdir(here)) == ("content", ["link"])


def test_same_file_through_link_kept(run, here):
    (here / "real").mkdir()
    (here / "real" / "file").write_text("content")
    (here / "link").symlink_to("real")

    assert run(here / "link" / "file", here / "real" / "file", replace=True) == renames.SAME
    assert (here / "real" / "file").read_text() == "content"


def test_missing_file_reported(run, here, there):
    assert run(here / "old", there / "new") == renames.MISSING


@pytest.mark.parametrize("place", ["same", "other"])
def test_missing_right_changes_nothing(run, here, far, place):
    """VMware Tools would copy the file and report success."""
    new = (here / "mine" if place == "same" else far) / "new"
    new.parent.mkdir(exist_ok=True)
    (here / "theirs").mkdir()
    (here / "theirs" / "old").write_text("old")
    (here / "theirs").chmod(0o555)
    for each in [here, *here.parents][:-2] if PERSON else []:
        each.chmod(each.stat().st_mode | 0o055)
    if PERSON:
        os.chown(new.parent, 65534, 65534)

    code = run(here / "theirs" / "old", new, **PERSON)

    (here / "theirs").chmod(0o755)
    assert code == (renames.NOT_MOVED if place == "same" else renames.NOT_REMOVABLE)
    assert (here / "theirs" / "old").read_text() == "old"
    assert os.listdir(new.parent) == []


def test_original_that_stays_reported(run, here, far):
    (here / "old").write_text("old")
    tools = tool(here / "tools", "rm", "exit 1")

    assert run(here / "old", far / "new", tools=tools) == renames.COPIED
    assert ((here / "old").read_text(), (far / "new").read_text()) == ("old", "old")


def test_full_disk_changes_nothing(run, here, far):
    (here / "old").write_text("old")
    tools = tool(here / "tools", "cp", 'for last; do :; done; echo half > "$last"; exit 1')

    assert run(here / "old", far / "new", tools=tools) == renames.NOT_COPIED
    assert ((here / "old").read_text(), os.listdir(far)) == ("old", [])


def test_lost_mode_reported(run, here, far):
    (here / "old").write_text("old")
    (here / "old").chmod(0o640)
    tools = tool(here / "tools", "cp", 'for last; do :; done; shift; while [ $# -gt 2 ]; do shift; done; cat "$1" > "$last"; chmod 600 "$last"')

    assert run(here / "old", far / "new", tools=tools) == renames.ALTERED
    assert (os.path.exists(here / "old"), (far / "new").read_text()) == (False, "old")


def test_half_of_a_copy_reported(run, here):
    (here / "old").write_text("old")
    tools = tool(here / "tools", "mv", 'for last; do :; done; echo half > "$last"; exit 1')

    assert run(here / "old", here / "new", tools=tools) == renames.HALF_COPIED


def test_unknown_file_system_reported(run, here, there):
    (here / "old").write_text("old")
    tools = tool(here / "tools", "stat", "exit 127")

    assert run(here / "old", there / "new", tools=tools) == renames.UNSURE
    assert (there / "new").read_text() == "old"
