# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written in C is compiled once, wherever it is used."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openvix.system import c_build

BUILD = "from openvix.system import c_build; print(c_build.build())"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Have the library compiled without optimization, in a third of the time: these tests build it eight times and make little of its speed."""
    monkeypatch.setenv("OPENVIX_CFLAGS", "-O0")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("OPENVIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_library_is_built_once_and_loads(cache):
    path = c_build.build()
    made = path.stat().st_mtime_ns

    assert c_build.build() == path
    assert path.stat().st_mtime_ns == made
    assert ctypes.CDLL(str(path)).Vix_GetHandleType(1) == 0
    assert path.parent.parent == cache
    assert [each.stat().st_mode & 0o777 for each in (cache, path.parent)] == [0o700, 0o700]


def test_other_sources_or_flags_build_another_library(cache, monkeypatch):
    first = c_build.build()
    monkeypatch.setattr(c_build, "FLAGS", [*c_build.FLAGS, "-DANOTHER"])

    assert c_build.build() != first
    assert first.exists()


def test_concurrent_builds_return_the_same_library(cache):
    builders = [subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {builder.communicate(timeout=240)[0].strip() for builder in builders}

    assert {builder.returncode for builder in builders} == {0}
    (path,) = paths
    # No scrap is left beside it.
    assert os.listdir(os.path.dirname(path)) == ["libvix.so"]


def test_cache_directory_follows_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENVIX_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert c_build.build().is_relative_to(tmp_path / "xdg" / "openvix")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert c_build.build().is_relative_to(tmp_path / "home" / ".cache" / "openvix")


def test_missing_compiler_reported_with_remedy(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(c_build, "ZIGLANG", None)
    monkeypatch.setattr(c_build.sys, "executable", "/bin/false")

    with pytest.raises(c_build.CannotBuild, match=r"no C compiler \(cc, gcc, clang\) was found; install one .* or run 'pip install ziglang'") as raised:
        c_build.build()
    assert "\n" not in str(raised.value)


def test_compiler_errors_are_reported(cache, tmp_path):
    source = tmp_path / "wrong.c"
    source.write_text("int main(void) { return nothing; }\n")

    with pytest.raises(c_build.CannotBuild, match=r"compiling wrong failed: (?s:.*)nothing"):
        c_build.compile_program([source], "wrong")


def test_program_runs_without_static_libraries(cache, tmp_path, monkeypatch):
    source = tmp_path / "seven.c"
    source.write_text("int main(void) { return 7; }\n")
    compile_ = c_build._compile

    def refuse_static(command, place):
        return "no static library here" if "-static" in command else compile_(command, place)

    assert subprocess.run([c_build.compile_program([source], "seven")], check=False).returncode == 7
    monkeypatch.setattr(c_build, "_compile", refuse_static)
    monkeypatch.setattr(c_build, "FLAGS", [*c_build.FLAGS, "-DANOTHER"])
    assert subprocess.run([c_build.compile_program([source], "seven")], check=False).returncode == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory that belongs to somebody else")
def test_cache_of_another_user_is_rejected(cache):
    cache.mkdir()
    os.chown(cache, 12345, 12345)

    with pytest.raises(c_build.CannotBuild, match="belongs to another user"):
        c_build.build()
