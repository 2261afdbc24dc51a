# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which root directory a guest of vmtoolsd gets. That one can be installed is shown by the differential test."""

from __future__ import annotations

import os

import pytest
from debian import Debian

from openvix.backends.vmtoolsd import layers, root
from openvix.system.c_build import CannotBuild
from openvix.vix.errors import VixError


@pytest.fixture
def as_root(monkeypatch, tmp_path):
    """Have this process take itself for root's, and its files for those of root."""
    monkeypatch.setattr(root.os, "geteuid", lambda: 0)
    monkeypatch.setattr(root.c_build, "cache", lambda: _made(tmp_path / "cache"))


def _made(path):
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture
def debian(tmp_path, monkeypatch):
    made = Debian(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


def offer(debian, version):
    debian.offer("open-vm-tools", version, {"./usr/bin/vmtoolsd": (0o755, 0, 0, b"tools\n")})


@pytest.mark.parametrize(
    ("version", "upstream"), [("2:12.2.0-1+deb12u4", "12.2.0"), ("12.5.0-2", "12.5.0"), ("2:13.0.0~rc1-1~exp1", "13.0.0~rc1"), ("12.2.0", "12.2.0")]
)
def test_version_of_vmwares_in_debians(version, upstream):
    assert root.upstream(version) == upstream


def test_other_release_of_tools_is_an_error(as_root, debian):
    offer(debian, "2:13.0.0-1")
    with pytest.raises(root.WrongVersion, match=r"apt has open-vm-tools 2:13\.0\.0-1; how it behaves is known of 12\.2 alone"):
        root.find(["12.2"], lambda line: None)
    offer(debian, "2:12.20.0-1")
    with pytest.raises(root.WrongVersion):
        root.find(["12.2"], lambda line: None)


def test_root_that_is_kept_needs_no_apt(as_root, tmp_path, debian):
    kept = tmp_path / "cache/vmtoolsd/2:12.2.0-1+deb12u4.root"
    kept.mkdir(parents=True)
    assert root.find(["12.2"], lambda line: None) == root.Root(kept, "2:12.2.0-1+deb12u4")
    assert debian.asked() == []


def test_failed_install_leaves_nothing_behind(as_root, tmp_path, debian, monkeypatch):
    offer(debian, "2:12.2.0-1")
    monkeypatch.setattr(root, "_install", lambda place: root._run(["sh", "-c", "echo no space >&2; exit 3"], "installing packages"))
    monkeypatch.setattr(root, "_unpack", lambda files, place: place.mkdir())
    with pytest.raises(CannotBuild, match=r"^installing packages failed: no space$"):
        root.find(["12.2"], lambda line: None)
    assert sorted(os.listdir(tmp_path / "cache/vmtoolsd")) == ["lock", "packages"]


def test_root_is_needed(monkeypatch):
    monkeypatch.setattr(root.os, "geteuid", lambda: 1000)
    with pytest.raises(CannotBuild, match="needs root"):
        root.find(["12.2"], lambda line: None)


def test_disk_needs_root(monkeypatch, tmp_path):
    monkeypatch.setattr(root.os, "geteuid", lambda: 1000)
    with pytest.raises(VixError, match="a guest with VMware's own Tools needs root"):
        layers.create(tmp_path / "1", hostname="web", accounts=[], processes=[], files={})
    assert not any(tmp_path.iterdir())


def test_disk_needs_known_release(as_root, debian, tmp_path):
    offer(debian, "2:13.0.0-1")
    with pytest.raises(VixError, match=r"apt has open-vm-tools 2:13\.0\.0-1; how it behaves is known of 12\.2 and 12\.5 alone"):
        layers.create(tmp_path / "1", hostname="web", accounts=[], processes=[], files={})
