# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else's VIX client, unmodified: PyPI's vix package, which opens /usr/lib/libvixAllProducts.so and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import programs
import pytest
from checkout import SUPPORT

from openvix.cli import install
from openvix.system import c_build

NAME = "libvixAllProducts.so"
# Root needs no namespace of users, and may be where none is allowed.
NAMESPACES = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])

# In a mount namespace of the client, a directory of links to its entries covers /usr/lib. Nothing is written to it.
VIEW = """
set -e
mount --rbind /usr/lib "$1/old"
mount --bind "$1/new" /usr/lib
shift
exec "$@"
"""


@pytest.fixture(scope="session")
def vix_package(tmp_path_factory) -> str:
    """The directory from which PyPI's vix is imported, "" if it is installed."""
    if importlib.util.find_spec("vix"):
        return ""
    directory = tmp_path_factory.mktemp("vix")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", directory, "vix==1.0.8"], check=True)
    return str(directory)


@pytest.fixture
def namespace() -> list[str]:
    """The command that begins a namespace in which mounting is allowed."""
    for command in NAMESPACES:
        tried = shutil.which(command[0]) and subprocess.run([*command, "mount", "--bind", "/usr", "/usr"], capture_output=True, check=False)
        if tried and tried.returncode == 0:
            return command
    pytest.skip("a separate /usr/lib for the client requires root or user namespaces")


def private_view(directory: Path, library: str) -> str:
    """Create the files that VIEW needs in this directory, and return its path."""
    old, new = directory / "old", directory / "new"
    old.mkdir()
    new.mkdir()
    for name in os.listdir("/usr/lib"):
        (new / name).symlink_to(old / name)
    (new / NAME).unlink(missing_ok=True)
    (new / NAME).symlink_to(library)
    return str(directory)


@pytest.fixture(params=["itself", "wrapped"])
def as_installed(request, openvix_library, tmp_path) -> str:
    """What is to lie at /usr/lib/libvixAllProducts.so: libvix.so, or a wrapper that finds it as an installed product."""
    if request.param == "itself":
        return openvix_library
    install.install(Path(openvix_library), tmp_path / "libdir")
    (tmp_path / ".vmware").mkdir()
    (tmp_path / ".vmware" / "config").write_text(f'product.version = "17.6.0"\nvix.libdir = "{tmp_path}/libdir"\n', encoding="utf-8")
    return str(c_build.compile_wrapper(programs.FOLDER / "wrapper.c"))


def offered(vix_package: str) -> set[str]:
    """Return the functions of the package, methods as Class.name."""
    found = set()
    package = Path(vix_package, "vix") if vix_package else Path(importlib.util.find_spec("vix").origin).parent
    for path in package.glob("*.py"):
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
        for each in tree.body:
            found |= {
                f"{each.name}.{inner.name}" for inner in getattr(each, "body", []) if isinstance(each, ast.ClassDef) and isinstance(inner, ast.FunctionDef)
            }
            found |= {each.name} if isinstance(each, ast.FunctionDef) else set()
    return found - UNSEEN


# Used where the client does not see it: when the package is imported, at its own end, in threads of the library, by what they fill in.
UNSEEN = {"VixBackend.__init__", "VixBackend._get_vix_path", "_bytes", "_str", "_blocking_job"}
UNSEEN |= {"VixHost.__del__", "_find_items_callback", "_callback_handler", "_ProcJob.by_id"}


RESULTS = {
    "host": [3, 19, True],
    "none running": [],
    "no inventory": 6,
    # A mistake of the package, which never comes as far as the library.
    "register_vm": "TypeError",
    "unregister_vm": "TypeError",
    "machine": [2, 2048, False, False, 15],
    "on": [0x48, 2, True],
    "no display": 3043,
    "paused": 0x208,
    "suspended": 0x20,
    "again": 21011,
    "wrong password": 3015,
    "exist": [True, False, True, False],
    "info": [256, False, False, True],
    "listed": [["b", 0, True], ["two", 256, False]],
    "temporary": True,
    "gone": 4,
    "ended": [7, 8, True],
    "listed process": [["lab", False]],
    "no such process": 20003,
    "variables": ["wärter", "vt100"],
    "screen": [True, True],
    "same": [True, True, True],
    "tree": [1, 1, ["root", "root"], None, "first"],
    "snapshot power": [2, 2],
    "unknown": 13003,
    "reverted": 2,
    "clone": "Clone of web",
    "valid": True,
    "error": 0,
    "type": [3, 2],
    "no error": True,
}


def test_unmodified_client_uses_all_functions(openvix, as_installed, vix_package, namespace, tmp_path):
    """Nothing of it is left out, and what it gets is right."""
    openvix.forgive_leaks("vix reads texts and never frees them")
    web = openvix.add_vm("web", memory=2048, cpus=2, guest_os="debian12-64", hardware=14, tools="not_installed")
    openvix.change_vm(web, tools="outdated")
    before = Path("/usr/lib", NAME).exists()
    directory = tmp_path / "directory"
    directory.mkdir()

    script = str(SUPPORT / "vix_client.py")
    command = [*namespace, "sh", "-c", VIEW, "sh", private_view(tmp_path, as_installed), sys.executable, script, web, str(directory)]
    environment = os.environ | openvix.environment | {"HOME": str(tmp_path)} | ({"PYTHONPATH": vix_package} if vix_package else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    here = {"texts": [web, "web", "debian12-64", f"<VixVM @ {web}>"], "running": [web], "share": [1, "work", str(directory), False, True]}
    assert said["results"] == RESULTS | here
    assert offered(vix_package) - set(said["used"]) == set()
    assert (directory / "back").read_bytes() == bytes(range(256))
    assert Path("/usr/lib", NAME).exists() == before
    # Texts apart, it leaves nothing: every handle that it was given it has released.
    assert [row["open"] for row in openvix.handles()] in ([], [[]])
