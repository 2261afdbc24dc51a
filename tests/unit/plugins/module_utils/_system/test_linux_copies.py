# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts are run by the shells of this machine, of which a guest may have one."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import attributes, linux, linux_copies
from ansible_collections.vmlab.vix.plugins.module_utils._system.exit_codes import DONE
from disks import another_disk

SHELLS = [shell for shell in ("sh", "dash", "bash", "ksh", "mksh", "busybox") if shutil.which(shell)]
NAMES = ["plain", "with space", "two\nlines", 'it\'s "odd" $HOME `x` \\', "*", "ü", "-n"]


@pytest.fixture(params=SHELLS)
def sh(request, tmp_path):
    """Run a script and return its exit code and output; with BusyBox all its programs are BusyBox's own, as in Alpine Linux."""
    command, path = [shutil.which(request.param)], os.environ["PATH"]
    if request.param == "busybox":
        command, path = [*command, "sh"], str(tmp_path / "applets")
        os.mkdir(path)
        for name in subprocess.run([command[0], "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split():
            os.symlink(command[0], os.path.join(path, name))

    def run(script, **environment):
        done = subprocess.run([*command, "-c", script], env={**os.environ, "PATH": path, **environment}, capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout.decode()

    return run


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "it's a directory"
    path.mkdir()
    return path


def checksum(content):
    return hashlib.sha256(content).hexdigest()


def answers(answer):
    *lines, end = answer.splitlines()
    assert end == linux_copies.END
    return dict(line.split() for line in lines)


@pytest.mark.parametrize("number", [1, 99, 100, 101, 250])
def test_differing_file_reported_by_number(sh, folder, number):
    files = []
    for each in range(number):
        path = folder / f"{each} {NAMES[each % len(NAMES)]}"
        path.write_bytes(b"%d" % each)
        files.append((str(path), checksum(b"%d" % each), None))
    assert sh(linux_copies.comparing("checksum", files, [str(folder)])) == (DONE, "end\n")

    wrong = sorted({1, (number + 1) // 2, number})
    for each in wrong:
        os.truncate(files[each - 1][0], 0)

    code, answer = sh(linux_copies.comparing("checksum", files, []))

    assert (code, answers(answer)) == (DONE, {str(each): "other" for each in wrong})


def test_special_files_distinguished(sh, folder):
    (folder / "file").write_bytes(b"x")
    (folder / "link").symlink_to("file")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "inner").mkdir()
    os.mkfifo(folder / "pipe")
    names = ["file", "link", "dangling", "inner", "pipe", "none", "file"]
    files = [(str(folder / name), checksum(b"x"), None) for name in names]
    folders = [str(folder / name) for name in ("inner", "file", "dangling", "none")]

    code, answer = sh(linux_copies.comparing("checksum", files, folders))

    assert code == DONE
    assert answers(answer) == {"2": "link", "3": "link", "4": "directory", "5": "special", "6": "absent", "9": "special", "10": "special", "11": "absent"}


def test_attributes_compared_if_content_same(sh, folder):
    files = []
    for number, mode in enumerate([0o644, 0o600, 0o644, 0o640, 0o644]):
        (folder / str(number)).write_bytes(b"x")
        (folder / str(number)).chmod(mode)
        asked = attributes.wanted("0644" if number < 3 else "u=rw,g=r,o=", None, None, linux, "/x")
        files.append((str(folder / str(number)), checksum(b"x" if number != 2 else b"y"), asked))
    files = [*((path, want, files[0][2]) for path, want, dummy in files[:3]), *((path, want, files[3][2]) for path, want, dummy in files[3:])]

    code, answer = sh(linux_copies.comparing("checksum", files, []))

    assert (code, answers(answer)) == (DONE, {"2": "attributes", "3": "other", "5": "attributes"})


def test_unknown_user_ends_script(sh, folder):
    (folder / "file").touch()
    asked = attributes.wanted(None, "no-such-user", None, linux, "/x")
    assert sh(linux_copies.comparing("existence", [(str(folder / "file"), "-", asked)], []))[0] == attributes.NO_OWNER


def test_size_and_time_compared(sh, folder):
    for number, (size, modified) in enumerate([(1, 100), (2, 100), (1, 99), (1, 1000)]):
        (folder / str(number)).write_bytes(b"x" * size)
        os.utime(folder / str(number), (modified, modified))
    code, answer = sh(linux_copies.comparing("size_and_time", [(str(folder / str(number)), "1.100", None) for number in range(4)], []))
    assert (code, answers(answer)) == (DONE, {"2": "other", "3": "other"})


def tools(tmp_path, present, broken=()):
    """A directory for PATH with these programs of the machine, and some that fail."""
    path = tmp_path / "tools"
    path.mkdir()
    for name in present:
        (path / name).symlink_to(shutil.which(name))
    for name in broken:
        (path / name).write_text("#!/bin/sh\nexit 1\n")
        (path / name).chmod(0o755)
    return str(path)


def test_other_checksum_programs(sh, folder, tmp_path):
    if not shutil.which("shasum"):
        pytest.skip("this machine has no shasum")
    (folder / "a").write_bytes(b"x")
    files = [(str(folder / "a"), checksum(b"x"), None), (str(folder / "a"), checksum(b"y"), None)]
    path = tools(tmp_path, ["shasum", "perl", "sed", "stat"])
    assert answers(sh(linux_copies.comparing("checksum", files, []), PATH=path)[1]) == {"2": "other"}


def test_no_checksum_program_unknown(folder, tmp_path):
    (folder / "a").write_bytes(b"x")
    path = tools(tmp_path, ["sed", "stat"])
    script = linux_copies.comparing("checksum", [(str(folder / "a"), checksum(b"x"), None)], [])
    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": path}, capture_output=True, timeout=60, check=False)
    assert done.returncode == linux_copies.UNKNOWN


# Places


@pytest.fixture
def place(sh, tmp_path):
    """Have some files arrive and put them in their places; returns the exit code and what was said."""
    private = tmp_path / "private"

    def run(arrivals, damaged=(), near=".near", **others):
        private.mkdir()
        for name, content in arrivals.pop("contents").items():
            (private / name).write_bytes(b"damaged" if name in damaged else content)
            (private / name).chmod(0o600)
        code = sh("umask 027\n" + linux_copies.placing(str(private), near, arrivals.pop("arrivals"), **others))[0]
        said = (private / "said").read_text() if private.exists() else ""
        assert private.exists() == (code != DONE)
        return code, said

    return run


def arriving(folder, names, **options):
    contents = {f"{number}": name.encode() for number, name in enumerate(names)}
    arrivals = [linux_copies.Arrival(str(number), str(folder / name), checksum(name.encode()), **options) for number, name in enumerate(names)]
    return {"contents": contents, "arrivals": arrivals}


def bits(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("number", [1, 150])
def test_files_placed(place, folder, number):
    names = [*NAMES, *map(str, range(number))]

    assert place(arriving(folder, names)) == (DONE, "")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {name: name.encode() for name in names}
    assert {bits(path) for path in folder.iterdir()} == {0o640}


def test_damaged_file_places_none(place, folder):
    code, said = place(arriving(folder, ["a", "b", "c"]), damaged=["1"])

    assert (code, list(folder.iterdir())) == (linux_copies.DAMAGED, [])
    assert said == "one of these arrived damaged: ./0 ./1 ./2\n"


def test_unset_mode_places_none(place, folder):
    asked = attributes.wanted(None, "no-such-user", None, linux, "/x")
    code, said = place(arriving(folder, ["a", "b"], attributes=asked))

    assert (code, list(folder.iterdir())) == (attributes.NOT_OWNED, [])
    assert "no-such-user" in said


def test_replaced_file_keeps_mode_and_backup(place, folder):
    (folder / "a").write_text("old")
    (folder / "a").chmod(0o4604)
    arrivals = arriving(folder, ["a", "b"])
    arrivals["arrivals"][0].replaces, arrivals["arrivals"][0].backup = True, str(folder / "a~")

    assert place(arrivals)[0] == DONE

    assert (bits(folder / "a"), bits(folder / "a~"), (folder / "a~").read_text(), (folder / "a").read_text()) == (0o4604, 0o4604, "old", "a")


def test_wanted_mode_overrides_kept_mode(place, folder):
    (folder / "a").touch()
    (folder / "a").chmod(0o604)
    arrivals = arriving(folder, ["a", "b"], attributes=attributes.wanted("g+w", None, None, linux, "/x"))
    arrivals["arrivals"][0].replaces = True

    assert place(arrivals)[0] == DONE

    assert (bits(folder / "a"), bits(folder / "b")) == (0o624, 0o660)


def test_directories_created_with_mode(place, folder):
    made = [str(folder / "x"), str(folder / "x" / "y")]
    assert place(arriving(folder / "x" / "y", ["a"]), made=made)[0] == DONE
    assert (bits(folder / "x"), bits(folder / "x" / "y")) == (0o750, 0o750)


def test_readonly_directories_filled_first(place, folder):
    made = [str(folder / "x"), str(folder / "x" / "y")]
    asked = attributes.wanted("0555", None, None, linux, "/x")
    assert place(arriving(folder / "x" / "y", ["a"]), made=made, made_attributes=asked)[0] == DONE
    assert (bits(folder / "x"), bits(folder / "x" / "y"), (folder / "x" / "y" / "a").read_text()) == (0o555, 0o555, "a")


def test_attributes_set_without_copy(place, folder):
    (folder / "a").touch()
    asked = attributes.wanted("0600", None, None, linux, "/x")
    assert place({"contents": {}, "arrivals": []}, altered=[(str(folder / "a"), asked)])[0] == DONE
    assert bits(folder / "a") == 0o600


def test_existing_directory_not_entered(place, folder):
    (folder / "a").mkdir()
    assert place(arriving(folder, ["a"]))[0] == linux_copies.OCCUPIED
    assert list((folder / "a").iterdir()) == []


@pytest.mark.parametrize("fails", [False, True])
def test_other_disk_placed_atomically(place, tmp_path, fails):
    """Names the promise that a reader sees the old file or the new one: what comes from another disk is copied beside its place first."""
    with tempfile.TemporaryDirectory(dir=another_disk(tmp_path)) as other:
        folder = pathlib.Path(other)

        code = place(arriving(folder, ["a", "b"]), near="n" * 300 if fails else ".near")[0]

        assert code == (linux_copies.NOT_PLACED if fails else DONE)
        assert sorted(path.name for path in folder.iterdir()) == ([] if fails else ["a", "b"])
