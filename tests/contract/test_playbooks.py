# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that show the modules at work, run as a user would."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def playbook(name, variables):
    return ansible("ansible-playbook", f"playbooks/{name}.yml", "-e", f"@{variables}")


def ansible(name, *arguments):
    command = [str(pathlib.Path(sys.executable).with_name(name)), *arguments]
    environment = {"ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0"}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280, check=False)


def test_vmrun_vm_commands_have_modules(openvix, tmp_path):
    vmx = openvix.add_vm("web", accounts=[{"name": "lab", "password": "s3cret-lab", "administrator": True}])
    share, variables = tmp_path / "share", tmp_path / "guest.json"
    share.mkdir()
    clone = str(pathlib.Path(vmx).parents[1] / "copy" / "copy.vmx")
    variables.write_text(json.dumps({"vmx": vmx, "clone": clone, "directory": str(share), "guest_username": "lab", "guest_password": "s3cret-lab"}))

    done = playbook("vmrun", variables)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=0" in done.stdout
    assert "s3cret-lab" not in done.stdout + done.stderr
    assert (share / "screen.png").read_bytes().startswith(b"\x89PNG")
    assert set(openvix.vms) == {vmx}


def test_vmrun_guest_commands_have_modules(openvix, tmp_path, pytestconfig):
    """The lesson of vsphere-automation-sdk-.net issue 15: send files, run, read the output and fetch results, in one go."""
    # Real users share the id of root if they are administrators, and their processes are root's.
    user = "root" if pytestconfig.getoption("--hypervisor") == "open-vm-tools" else "lab"
    vmx = openvix.add_vm("web", power="powered_on", accounts=[{"name": user, "password": "s3cret-lab", "administrator": True}])
    share, variables = tmp_path / "share", tmp_path / "guest.json"
    share.mkdir()
    (share / "data").write_bytes(bytes(range(256)))
    variables.write_text(json.dumps({"vmx": vmx, "directory": str(share), "guest_username": user, "guest_password": "s3cret-lab"}))

    done = playbook("vmrun_guests", variables)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=0" in done.stdout
    assert "s3cret-lab" not in done.stdout + done.stderr
    assert re.fullmatch(rf"{user} runs Linux \S+\.\n", (share / "about").read_text())
    login = "guest_username={{ guest_username }} guest_password={{ guest_password }}"
    left = ansible("ansible", "localhost", "-m", "vmlab.vix.guest_find", "-a", f"vm={vmx} paths=/tmp hidden=true {login}", "-e", f"@{variables}")
    assert '"matched": 0' in left.stdout, left.stdout + left.stderr


SAMPLE = """#!/bin/sh
echo "I am in $PWD"
echo found > loot
[ ! -e /tmp/sandbox/traces ] || echo "somebody was here before"
: > /tmp/sandbox/traces
exit 3
"""


def test_sandbox_playbook_reverts_each_time(openvix, tmp_path):
    """The lesson of vsphere-automation-sdk-.net issue 15: restore, send, run, read, fetch and suspend, as one playbook."""
    accounts = [{"name": "lab", "password": "s3cret-lab", "administrator": True}]
    vmx = openvix.add_vm("box", accounts=accounts, snapshots=[{"name": "clean"}])
    sample, variables, folder = tmp_path / "sample.sh", tmp_path / "guest.json", tmp_path / "results"
    sample.write_text(SAMPLE)
    folder.mkdir()
    given = {"vmx": vmx, "snapshot": "clean", "sample": str(sample), "directory": str(folder), "guest_username": "lab", "guest_password": "s3cret-lab"}
    variables.write_text(json.dumps(given))

    for done in (playbook("sandbox", variables), playbook("sandbox", variables)):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "It ended with 3, " in done.stdout
        assert "it said: I am in /tmp/sandbox/results" in done.stdout
        assert "somebody was here before" not in done.stdout
        assert "s3cret-lab" not in done.stdout + done.stderr
        assert openvix.vms[vmx] == "suspended"
    assert (folder / "results" / "loot").read_text() == "found\n"
    assert (folder / "screen.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("table", "playbook", "module"), [("coming-from-vmrun", "vmrun", r"host_info|vm\w*"), ("coming-from-vmrun-guests", "vmrun_guests", r"guest_\w+")]
)
def test_table_and_playbook_list_same_modules(table, playbook, module):
    rows = re.findall(r"(?m)^\|.*", (ROOT / "docs" / f"{table}.md").read_text(encoding="utf-8"))
    shown = set(re.findall(r"(?m)^ +vmlab\.vix\.(\w+):", (ROOT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8")))

    assert shown == set(re.findall(rf"`({module})(?=[:`])", "\n".join(rows)))
