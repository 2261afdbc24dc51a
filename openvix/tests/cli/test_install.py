# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvix.so as an installed product: laid out, and driven by a library that does what VMware's wrapper does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import programs
import pytest
from checkout import VIX_API

from openvix.cli import install
from openvix.system import c_build
from openvix.vix import constants

FACTS = json.loads(VIX_API.read_text(encoding="utf-8"))
# The functions that reach the daemon.
ASKED = {each["name"] for each in FACTS["functions"] if each["async_job"] or "Snapshot" in each["name"]} | {"Vix_GetProperties", "VixHost_Disconnect"}


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-P", "-m", "openvix.cli", "install", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def libdir(tmp_path) -> Path:
    done = run("--libdir", tmp_path / "lib dir")
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "lib dir"


@pytest.fixture
def home(tmp_path, libdir, monkeypatch) -> Path:
    """The home of a user whose VMware configuration names the directory."""
    (tmp_path / "home" / ".vmware").mkdir(parents=True)
    (tmp_path / "home" / ".vmware" / "config").write_text(f'workstation.product.version = "17.6.1"\nvix.libdir = "{libdir}"\n', encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def wrapper() -> Path:
    return c_build.compile_wrapper(programs.FOLDER / "wrapper.c")


def client(name: str, *arguments: object, library_path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(programs.command(name, *arguments, library_path=library_path), capture_output=True, text=True, timeout=120, check=False)


def test_installed_files_and_printed_line(tmp_path):
    done = run("--libdir", tmp_path / "lib")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f'vix.libdir = "{tmp_path}/lib"'
    content = Path(c_build.build()).read_bytes()
    files = {str(path.relative_to(tmp_path / "lib")): path.read_bytes() for path in (tmp_path / "lib").rglob("*") if path.is_file()}
    assert files.pop("vixwrapper-config.txt").decode().splitlines() == install.LINES
    assert files == {"libvixAllProducts.so": content, f"{install.DIRECTORY}/64bit/libvix.so": content}


def test_wrapper_is_kept_and_install_is_idempotent(tmp_path):
    (tmp_path / "libvixAllProducts.so").write_bytes(b"VMware's")
    (tmp_path / "vixwrapper-config.txt").write_bytes(b"# caf\xe9\nws 19 vmdb 17.0.0 Workstation-17.0.0\nws 19 vmdb e.x.p OpenVIX-0.0.1\n")
    said = [run("--libdir", tmp_path).stdout for _ in range(2)]

    assert said[0] == said[1]
    assert "was kept" in said[0]
    assert (tmp_path / "libvixAllProducts.so").read_bytes() == b"VMware's"
    lines = (tmp_path / "vixwrapper-config.txt").read_bytes().splitlines()
    # The last line that fits is tried first: ours.
    assert lines == [b"# caf\xe9", b"ws 19 vmdb 17.0.0 Workstation-17.0.0", *(line.encode() for line in install.LINES)]


def test_unwritable_directory_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    done = run("--libdir", tmp_path / "file")

    assert done.returncode == 1
    assert done.stderr.startswith(f"openvix: cannot install into {tmp_path}/file: ")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def tour(openvix, tmp_path):
    """The arguments of the program that calls every function."""
    (tmp_path / "tour").mkdir()
    return [openvix.add_vm("web", hardware=14, tools="outdated"), tmp_path / "tour"]


def went_everywhere(openvix, done: subprocess.CompletedProcess) -> bool:
    assert (done.returncode, done.stderr) == (0, "")
    assert openvix.handles() == []
    assert {call["call"] for call in openvix.calls()} == ASKED
    return True


def test_every_function_by_the_library(openvix, tour):
    assert went_everywhere(openvix, client("tour", *tour, library_path=c_build.build()))


def test_every_function_by_all_products(openvix, tour, libdir):
    assert went_everywhere(openvix, client("tour", *tour, library_path=libdir / "libvixAllProducts.so"))


def test_every_function_by_a_wrapper(openvix, tour, home, wrapper):
    assert went_everywhere(openvix, client("tour", *tour, library_path=wrapper))


def test_program_with_wrapper_opens_and_reads(openvix, home, wrapper):
    web = openvix.add_vm("web", power="powered_on")
    done = client("drive", "connect", "find", f"open={web}", "properties", "release", "disconnect", library_path=wrapper)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"found {web}" in done.stdout


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda libdir: (libdir / "vixwrapper-config.txt").unlink(), constants.VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED),
        (lambda libdir: (libdir / "vixwrapper-config.txt").write_text("ws 19 vmdb 16.0.0 OpenVIX\n"), constants.VIX_E_WRAPPER_VERSION_NOT_FOUND),
        (lambda libdir: shutil.rmtree(libdir / install.DIRECTORY), constants.VIX_E_WRAPPER_RUNTIME_NOT_INSTALLED),
    ],
)
def test_wrapper_without_implementation_reports_error(openvix, home, libdir, wrapper, spoil, code):
    spoil(libdir)

    assert client("drive", "connect", library_path=wrapper).stdout == f"connect {code}\n"
