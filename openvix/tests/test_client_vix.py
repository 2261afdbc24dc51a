# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else's VIX client, unmodified: PyPI's vix package, which opens /usr/lib/libvixAllProducts.so and nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAME = "libvixAllProducts.so"
# Root needs no namespace of users, and may be where none is allowed.
NAMESPACES = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])

# /usr/lib is covered, in a namespace of mounts that ends with the client, by a folder of links into what it was; nothing is written to it.
VIEW = """
set -e
mount --rbind /usr/lib "$1/old"
mount --bind "$1/new" /usr/lib
shift
exec "$@"
"""

CLIENT = """
import json
from vix import VixHost, VixVM

host = VixHost()
running = host.find_items(names_only=True)
(vm,) = host.find_items()
opened = host.open_vm(running[0])
told = {
    "running": running,
    "same": opened._handle == vm._handle,
    "name": opened.name,
    "vmx": opened.vmx_path,
    "guest": opened.guest_os,
    "on": bool(opened.power_state & VixVM.VIX_POWERSTATE_POWERED_ON),
    "memory": opened.get_properties(VixVM.VIX_PROPERTY_VM_MEMORY_SIZE),
    "cpus": opened.get_properties(VixVM.VIX_PROPERTY_VM_NUM_VCPUS),
    "is_running": opened.is_running,
    "provider": host.host_info.host_type,
}
opened.login("lab", "lab")
told["processes"] = [process.name for process in opened.proc_list()]
opened.logout()
print(json.dumps(told))
del vm, opened
host.disconnect()
"""


@pytest.fixture(scope="session")
def vix_package(tmp_path_factory) -> str:
    """The folder that PyPI's vix is imported from; "" when it is installed."""
    if importlib.util.find_spec("vix"):
        return ""
    folder = tmp_path_factory.mktemp("vix")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "vix==1.0.8"], check=True)
    return str(folder)


@pytest.fixture
def namespace() -> list[str]:
    """The command that begins a namespace in which mounting is allowed."""
    for command in NAMESPACES:
        tried = shutil.which(command[0]) and subprocess.run([*command, "mount", "--bind", "/usr", "/usr"], capture_output=True, check=False)
        if tried and tried.returncode == 0:
            return command
    pytest.skip("giving a client a /usr/lib of its own takes root or user namespaces, and this machine allows neither")


def private_view(folder: Path, library: str) -> str:
    """Make what VIEW needs in this folder, and return its path."""
    old, new = folder / "old", folder / "new"
    old.mkdir()
    new.mkdir()
    for name in os.listdir("/usr/lib"):
        (new / name).symlink_to(old / name)
    (new / NAME).unlink(missing_ok=True)
    (new / NAME).symlink_to(library)
    return str(folder)


def test_an_unmodified_client_lists_opens_and_reads(openvix, openvix_library, vix_package, namespace, tmp_path):
    openvix.forgive_leaks("vix reads texts and never frees them")
    web = openvix.add_vm("web", power="powered_on", memory=2048, cpus=2, guest_os="debian12-64", processes=[{"name": "apache2"}])
    openvix.add_vm("db")
    before = Path("/usr/lib", NAME).exists()

    command = [*namespace, "sh", "-c", VIEW, "sh", private_view(tmp_path, openvix_library), sys.executable, "-c", CLIENT]
    environment = os.environ | openvix.environment | ({"PYTHONPATH": vix_package} if vix_package else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert "apache2" in told.pop("processes")
    assert told == {
        "running": [web],
        "same": True,
        "name": "web",
        "vmx": web,
        "guest": "debian12-64",
        "on": True,
        "memory": 2048,
        "cpus": 2,
        "is_running": True,
        "provider": 3,
    }
    assert Path("/usr/lib", NAME).exists() == before
    # Texts apart, it leaves nothing: every handle that it was given it has released.
    assert [row["open"] for row in openvix.handles()] in ([], [[]])
