# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from descriptors import opened

from openvix.guest import disks, trees
from openvix.vix import constants
from openvix.vix.errors import VixError

ACCOUNTS = [{"name": "lab", "password": "secret-word", "administrator": True}, {"name": "svc", "password": "x", "home": "/srv/svc"}]


def create(place, files=None):
    disks.create(place, hostname="web", accounts=ACCOUNTS, files=files or {})


def tree(place):
    """Everything below a directory: path, mode, size or target, time of change."""
    found = {}
    for folder, directories, files in os.walk(place):
        for name in directories + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(info.st_mode) else info.st_size if stat.S_ISREG(info.st_mode) else None
            found[os.path.relpath(path, place)] = (info.st_mode, what, info.st_mtime_ns if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode) else None)
    return found


def test_new_disk_is_a_small_linux_system(tmp_path):
    disk = tmp_path / "1"
    create(disk, {"/etc/motd": "Hällo\n", "/opt/app/conf/x": "", "/etc/hosts": "own\n"})
    assert (disk / "etc/hostname").read_text() == "web\n"
    assert (disk / "etc/motd").read_text(encoding="utf-8") == "Hällo\n"
    assert (disk / "etc/hosts").read_text() == "own\n"
    assert (disk / "opt/app/conf/x").read_text() == ""
    assert "svc:x:1001:1001:svc:/srv/svc:/bin/bash\n" in (disk / "etc/passwd").read_text()
    assert stat.S_IMODE((disk / "tmp").stat().st_mode) == 0o1777
    assert stat.S_IMODE((disk / "home/lab").stat().st_mode) == stat.S_IMODE((disk / "srv/svc").stat().st_mode) == 0o700
    assert os.listdir(disk / "usr") == []
    if Path("/bin").is_symlink():
        assert os.readlink(disk / "bin") == os.readlink("/bin")
    assert os.listdir(tmp_path) == ["1"]


def test_disk_contains_no_password(tmp_path):
    create(tmp_path / "1")
    assert not [path for path in (tmp_path / "1").rglob("*") if path.is_file() and "secret-word" in path.read_text()]


def test_failed_creation_leaves_nothing(tmp_path):
    with pytest.raises(VixError) as caught:
        create(tmp_path / "1", {"/usr/own": "x"})
    assert caught.value.code == constants.VIX_E_FILE_ACCESS_ERROR
    assert os.listdir(tmp_path) == []


def test_declared_file_stays_on_the_disk(tmp_path):
    with pytest.raises(VixError):
        create(tmp_path / "1", {"/x/../../../out": "x", "/x": "file", "/x/y": "z"})
    create(tmp_path / "1", {"/../../out": "x"})
    assert (tmp_path / "1/out").read_text() == "x"
    assert os.listdir(tmp_path) == ["1"]


def test_copy_is_identical(tmp_path):
    source = tmp_path / "1"
    create(source, {"/etc/motd": "Welcome"})
    (source / "etc/link").symlink_to("/nowhere")
    (source / "etc/motd").chmod(0o4711)
    os.utime(source / "etc/motd", (1, 2))
    os.mkfifo(source / "tmp/pipe", 0o640)
    os.utime(source / "etc", ns=(3, 4))
    disks.copy(source, tmp_path / "2")
    assert tree(tmp_path / "2") == tree(source)
    (tmp_path / "2/etc/motd").write_text("changed")
    assert (source / "etc/motd").read_text() == "Welcome"


def test_modes_do_not_prevent_copy_or_removal(tmp_path):
    source = tmp_path / "1"
    create(source, {"/opt/shut/file": "f", "/opt/shut/inner/file": "f"})
    places = [source / "opt/shut/inner/file", source / "opt/shut/file", source / "opt/shut/inner", source / "opt/shut"]
    for place in places:
        place.chmod(0)
    disks.copy(source, tmp_path / "2")
    for disk in (source, tmp_path / "2"):
        (disk / "opt/shut").chmod(0o700)
        assert stat.S_IMODE((disk / "opt/shut/file").stat().st_mode) == 0
        assert stat.S_IMODE((disk / "opt/shut/inner").stat().st_mode) == 0
        (disk / "opt/shut").chmod(0o500)
        disks.remove(disk)
    assert os.listdir(tmp_path) == []


def test_sockets_are_not_copied(tmp_path, monkeypatch):
    create(tmp_path / "1")
    monkeypatch.chdir(tmp_path / "1/tmp")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    disks.copy(tmp_path / "1", tmp_path / "2")
    assert os.listdir(tmp_path / "2/tmp") == []


def test_failed_copy_leaves_nothing(tmp_path):
    create(tmp_path / "1")
    create(tmp_path / "2", {"/etc/motd": "mine"})
    with pytest.raises(VixError):
        disks.copy(tmp_path / "1", tmp_path / "2")
    with pytest.raises(VixError) as caught:
        disks.copy(tmp_path / "none", tmp_path / "3")
    assert caught.value.code == constants.VIX_E_FILE_NOT_FOUND
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]
    assert (tmp_path / "2/etc/motd").read_text() == "mine"


def test_copy_ignores_remains_of_killed_one(tmp_path):
    create(tmp_path / "1")
    (tmp_path / ".2.partial/etc").mkdir(parents=True)
    (tmp_path / ".2.partial/etc/old").write_text("old")
    disks.copy(tmp_path / "1", tmp_path / "2")
    assert tree(tmp_path / "2") == tree(tmp_path / "1")
    (tmp_path / ".1.partial").mkdir()
    disks.remove(tmp_path / "1")
    disks.remove(tmp_path / "2")
    disks.remove(tmp_path / "2")
    assert os.listdir(tmp_path) == []


def deepen(place, levels):
    """Make a directory in a directory and so on, deeper than any path can be long."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deeper-and-deeper", dir_fd=here)
        inner = os.open("deeper-and-deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def test_removal_has_no_depth_limit_but_copy_has(tmp_path):
    create(tmp_path / "1")
    deepen(tmp_path / "1/tmp", 400)
    before = opened()
    with pytest.raises(VixError) as caught:
        disks.copy(tmp_path / "1", tmp_path / "2")
    assert caught.value.code == constants.VIX_E_FILE_NAME_TOO_LONG
    assert trees.DEEPEST < 400
    disks.remove(tmp_path / "1")
    assert os.listdir(tmp_path) == []
    assert opened() <= before


def test_removal_follows_no_links(tmp_path):
    create(tmp_path / "1")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("host")
    (tmp_path / "1/opt/link").symlink_to(tmp_path / "outside")
    disks.remove(tmp_path / "1")
    assert (tmp_path / "outside/file").read_text() == "host"
