# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where simulated and real machines differ, as hypervisors.toml says; the other tests here hold for both: pytest --hypervisor=qemu tests/contract."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = tomllib.loads((ROOT / "tests" / "contract" / "hypervisors.toml").read_text(encoding="utf-8"))
ACCOUNTS = [{"name": "lab", "password": "s3cret", "administrator": True}, {"name": "guest", "password": "s3cret"}]


def test_machine_matches_table(openvix, pytestconfig):
    processes = [{"name": "apache2", "owner": "www-data"}]
    vmx = openvix.add_vm("web", memory=128, accounts=ACCOUNTS, processes=processes)
    command = [sys.executable, "-m", "tests.contract.machine_life", vmx, "lab", "guest"]

    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "GUEST_PASSWORD": "s3cret"}, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: row[pytestconfig.getoption("--hypervisor")] for name, row in ROWS.items()}


@pytest.mark.parametrize("name", ROWS)
def test_row_has_difference_and_reason(name):
    row = ROWS[name]
    assert set(row) == {"simulated", "qemu", "open-vm-tools", "why"}
    assert row["simulated"] != row["qemu"]
    assert len(row["why"].split()) > 5
