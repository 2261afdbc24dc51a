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


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """The home of a user of VMware."""
    (tmp_path / "home" / ".vmware").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "home"))
    return tmp_path / "home"


def configure(home: Path, **settings: str) -> None:
    """Write the user's VMware configuration."""
    lines = (f'{key.replace("_", ".")} = "{value}"\n' for key, value in settings.items())
    (home / ".vmware" / "config").write_text("".join(lines), encoding="utf-8")


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-P", "-m", "openvix.cli", "install", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def libdir(tmp_path, home) -> Path:
    """A directory into which OpenVIX was installed in front of a real product, which the user's configuration names."""
    configure(home, product_name="VMware Workstation", product_version="17.6.3")
    done = run("--libdir", tmp_path / "lib dir")
    assert (done.returncode, done.stderr) == (0, "")
    configure(home, product_name="VMware Workstation", product_version="17.6.3", vix_libdir=str(tmp_path / "lib dir"))
    return tmp_path / "lib dir"


@pytest.fixture(scope="session")
def wrapper() -> Path:
    return c_build.compile_wrapper(programs.FOLDER / "wrapper.c")


def client(name: str, *arguments: object, library_path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(programs.command(name, *arguments, library_path=library_path), capture_output=True, text=True, timeout=120, check=False)


def test_installed_files_and_printed_line(tmp_path):
    done = run("--libdir", tmp_path / "lib")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f'vix.libdir = "{tmp_path}/lib"'
    assert "No product.version was found in /etc/vmware/config, " in done.stdout
    assert done.stdout.splitlines()[2:4] == ['product.name = "VMware Workstation"', 'product.version = "17.6.0"']
    content = Path(c_build.build()).read_bytes()
    files = {str(path.relative_to(tmp_path / "lib")): path.read_bytes() for path in (tmp_path / "lib").rglob("*") if path.is_file()}
    assert files.pop("vixwrapper-config.txt").decode().splitlines() == install.lines("17.6.0")
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
    assert lines == [b"# caf\xe9", b"ws 19 vmdb 17.0.0 Workstation-17.0.0", *(line.encode() for line in install.lines("17.6.0"))]


def test_lines_are_for_installed_product(tmp_path, home):
    """e.x.p is compared to the letter as well, and for each key the later file wins."""
    configure(home, product_version="16.2.5", libdir=str(tmp_path / "vmware"))
    (home / ".vmware" / "preferences").write_text('product.version = "17.6.3"\n', encoding="utf-8")
    (tmp_path / "vmware").mkdir()
    winning = tmp_path / "vmware" / "vixwrapper-product-config.txt"
    winning.write_text("# VMware's\nws 19 vmdb 17.6.3 Workstation-17.0.0\n", encoding="utf-8")

    done = run("--libdir", tmp_path / "lib")

    lines = (tmp_path / "lib" / install.CONFIG).read_text(encoding="utf-8").splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["ws", "19", "vmdb", "17.6.3"],
        ["ws-shared", "19", "vmodl", "17.6.3"],
        ["player", "19", "vmdb", "17.6.3"],
        ["viserver", "19", "none", "17.6.3"],
        ["esx", "19", "none", "17.6.3"],
    ]
    assert "No product.version" not in done.stdout
    assert f"the lines of {winning} first" in done.stdout


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


def test_every_function_by_a_wrapper(openvix, tour, libdir, wrapper):
    assert went_everywhere(openvix, client("tour", *tour, library_path=wrapper))


def test_program_with_wrapper_opens_and_reads(openvix, libdir, wrapper):
    web = openvix.add_vm("web", power="powered_on")
    done = client("drive", "connect", "find", f"open={web}", "properties", "release", "disconnect", library_path=wrapper)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"found {web}" in done.stdout


def test_printed_lines_alone_connect(openvix, tmp_path, home, wrapper):
    """On a computer without a product, the lines that install prints are the whole configuration."""
    printed = run("--libdir", tmp_path / "lib").stdout
    (home / ".vmware" / "config").write_text(printed, encoding="utf-8")

    assert client("drive", "connect", "disconnect", library_path=wrapper).stdout == "connect 0\n"


TWO_PROVIDERS = """
import ctypes, sys
vix = ctypes.CDLL(sys.argv[1])
vix.VixJob_Wait.restype = ctypes.c_uint64

def result(job):
    handle = ctypes.c_int()
    assert vix.VixJob_Wait(job, 3010, ctypes.byref(handle), 0) == 0
    vix.Vix_ReleaseHandle(job)
    return handle.value

hosts = [result(vix.VixHost_Connect(-1, provider, None, 0, None, None, 0, 0, None, None)) for provider in (1, 3, 1)]
vms = [result(vix.VixHost_OpenVM(host, sys.argv[2].encode(), 0, 0, None, None)) for host in hosts]
print([f"{handle >> 24:#04x}" for handle in (*hosts, *vms)])
jobs = [vix.VixVM_PowerOn(vm, 0, 0, None, None) for vm in vms]
print(sorted(vix.VixJob_Wait(job, 0) for job in jobs))
for handle in (*jobs, *vms):
    vix.Vix_ReleaseHandle(handle)
for host in hosts:
    vix.VixHost_Disconnect(host)
"""


@programs.unwatched
def test_two_providers_initialise_twice(openvix, libdir, wrapper):
    """The wrapper gives an id for each provider, also when both have the same library: handles given out before stay good."""
    web = openvix.add_vm("web")
    done = subprocess.run([sys.executable, "-c", TWO_PROVIDERS, str(wrapper), web], capture_output=True, text=True, timeout=100, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    ids, codes = done.stdout.splitlines()
    assert ids == str(["0x02", *["0x03"] * 5])
    assert codes.startswith("[0, ")


NOT_LOADED = 0  # the wrapper says success, and gives no host


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda libdir, home: (home / ".vmware/config").unlink(), constants.VIX_E_WRAPPER_RUNTIME_NOT_INSTALLED),
        (lambda libdir, home: (libdir / install.CONFIG).unlink(), constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND),
        (lambda libdir, home: (libdir / install.CONFIG).write_text("player 19 vmdb 17.6.3 x\n"), constants.VIX_E_WRAPPER_SERVICEPROVIDER_NOT_FOUND),
        (lambda libdir, home: configure(home, vix_libdir=str(libdir)), constants.VIX_E_WRAPPER_WORKSTATION_NOT_INSTALLED),
        (lambda libdir, home: configure(home, vix_libdir=str(libdir), product_version="17.6.4"), constants.VIX_E_WRAPPER_VERSION_NOT_FOUND),
        (lambda libdir, home: (libdir / install.CONFIG).write_text(f"ws 19 vmdb e.x.p {install.DIRECTORY}\n"), constants.VIX_E_WRAPPER_VERSION_NOT_FOUND),
        (lambda libdir, home: shutil.rmtree(libdir / install.DIRECTORY), constants.VIX_E_WRAPPER_VERSION_NOT_FOUND),
        (lambda libdir, home: (libdir / install.DIRECTORY / "64bit/libvix.so").write_bytes(b"no ELF"), NOT_LOADED),
    ],
)
def test_wrapper_without_implementation_reports_error(openvix, home, libdir, wrapper, spoil, code):
    spoil(libdir, home)

    assert client("drive", "connect", library_path=wrapper).stdout.startswith(f"connect {code}\n")
