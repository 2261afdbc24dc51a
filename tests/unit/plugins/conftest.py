# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of inventory plugins share: an inventory file is read as Ansible reads it, in this process or by a command."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys

import forkserver
import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display


@dataclasses.dataclass
class Inventory:
    """hosts: the variables of each, less Ansible's own; groups: names of their hosts; output: all that was displayed, on one line."""

    hosts: dict
    groups: dict
    output: str
    manager: InventoryManager


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home of the user who runs Ansible, which VMware has not been in."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def place_vm(tmp_path):
    """Write the .vmx file of a VM below the directory of the test, and return its path."""

    def write(name, text="", **keys):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = {"displayName": path.stem, "guestOS": "debian12-64", **keys}
        path.write_text("".join(f'{key} = "{value}"\n' for key, value in keys.items()) + text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def in_library(home):
    """Write VMware's list of VMs, of (path, name)."""

    def write(*vms):
        path = home / ".vmware" / "inventory.vmls"
        path.parent.mkdir(exist_ok=True)
        lines = [f'vmlist{number}.config = "{path}"\nvmlist{number}.DisplayName = "{name}"\n' for number, (path, name) in enumerate(vms, 1)]
        path.write_text("".join(lines), encoding="utf-8")

    return write


@pytest.fixture
def write_inventory(tmp_path):
    """Write the file of a plugin, which is of the kind that its name is for; text is what it has beside the plugin's name."""

    def write(text="", plugin="vms"):
        path = tmp_path / {"vms": "lab.vix.yml", "vmx_files": "lab.vmx.yml"}[plugin]
        path.write_text(f"plugin: vmlab.vix.{plugin}\n{text}", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def inventory(write_inventory, home, monkeypatch, capsys):
    """Read the file of a plugin, in this process."""
    display = Display()

    def read(text="", plugin="vms", verbosity=0, beside=(), cache=True):
        monkeypatch.setattr(display, "verbosity", verbosity)
        monkeypatch.setattr(display, "_warns", set())
        capsys.readouterr()
        manager = InventoryManager(DataLoader(), sources=[*beside, write_inventory(text, plugin)], cache=cache)
        shown = capsys.readouterr()
        hosts = {name: {key: value for key, value in host.vars.items() if not key.startswith("inventory_")} for name, host in manager.hosts.items()}
        groups = {name: [host.name for host in group.hosts] for name, group in manager.groups.items() if name not in ("all", "ungrouped")}
        return Inventory(hosts, groups, " ".join(f"{shown.out} {shown.err}".split()), manager)

    return read


@pytest.fixture(scope="session")
def warm_controller(tmp_path_factory, pytestconfig):
    """A Python that runs Ansible's commands, by forks of one that has imported already what they import before they read Ansible's settings."""
    if pytestconfig.getoption("no_forkserver"):
        yield sys.executable
        return
    with forkserver.running(tmp_path_factory.mktemp("controller"), "commands") as path:
        yield path


@pytest.fixture
def run_ansible(home, warm_controller):
    """Run one of Ansible's commands, and return what became of it. No ansible-core may find something of ours that it will not support."""

    def run(*command, **environment):
        path = pathlib.Path(sys.executable).with_name(command[0])
        variables = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "0", **environment}
        done = subprocess.run([warm_controller, str(path), *command[1:]], env=variables, capture_output=True, text=True, timeout=280, check=False)
        assert "[DEPRECATION WARNING]" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    return run
