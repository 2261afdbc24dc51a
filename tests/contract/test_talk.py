# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two scripts of the talk "VMware, VIX and ctypes": over the binding, as a playbook, and as ad-hoc commands."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = [
    {"name": "apache2", "command": "/usr/sbin/apache2 -k start", "owner": "www-data"},
    {"name": "mysqld", "command": "/usr/sbin/mysqld", "owner": "mysql"},
    {"name": "cron", "command": "/usr/sbin/cron -f", "owner": "root"},
]
ACCOUNTS = [{"name": "lab", "password": "secret", "administrator": True}]


def script(name, *arguments, **environment):
    return run([sys.executable, "-m", f"tests.contract.{name}", *arguments], environment)


def ansible(command, *arguments):
    """Run one of Ansible's commands as a user would."""
    environment = {"ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0"}
    return run([str(pathlib.Path(sys.executable).with_name(command)), *arguments], environment)


def run(command, environment):
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=250, check=False)


def guest_file(folder, **variables):
    """A file with the login, as a user keeps it: no password is on a command line."""
    (folder / "guest.json").write_text(json.dumps({"guest_username": "lab", "guest_password": "secret", **variables}))
    return f"@{folder / 'guest.json'}"


def test_running_vms_listed(openvix):
    web = openvix.add_vm("web", power="powered_on")
    openvix.add_vm("db")

    done = script("running_vms")

    assert (done.returncode, done.stdout) == (0, f"{web}\n"), done.stderr


def test_apache_and_mysql_found(openvix):
    web = openvix.add_vm("web", power="powered_on", processes=SERVICES, accounts=ACCOUNTS)

    done = script("guest_services", web, "lab", GUEST_PASSWORD="secret")

    assert done.returncode == 0, done.stderr
    assert [line.split(" ", 2)[1:] for line in done.stdout.splitlines()] == [["www-data", "/usr/sbin/apache2 -k start"], ["mysql", "/usr/sbin/mysqld"]]


def test_guest_without_tools_clear_error(openvix):
    web = openvix.add_vm("web", power="powered_on", tools="not_installed", accounts=ACCOUNTS)

    done = script("guest_services", web, "lab", GUEST_PASSWORD="secret")

    assert done.returncode == 1
    assert done.stderr.startswith(f"waiting for VMware Tools in {web}: no answer within 5 s; VMware Tools are not installed")
    assert len(done.stderr.splitlines()) == 1


def test_playbook_prints_as_scripts(openvix, tmp_path):
    web = openvix.add_vm("web", power="powered_on", processes=SERVICES, accounts=ACCOUNTS)

    done = ansible("ansible-playbook", "playbooks/talk.yml", "-e", guest_file(tmp_path, vmx=web))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f'"{web}"' in done.stdout
    assert "www-data /usr/sbin/apache2 -k start" in done.stdout
    assert "mysql /usr/sbin/mysqld" in done.stdout
    assert "cron" not in done.stdout


def test_ad_hoc_commands_equal(openvix, tmp_path):
    web = openvix.add_vm("web", power="powered_on", processes=SERVICES, accounts=ACCOUNTS)

    listed = ansible("ansible", "localhost", "-m", "vmlab.vix.vm_info")
    login = "guest_username={{ guest_username }} guest_password={{ guest_password }}"
    arguments = f"vm={web} {login} tools_timeout=5 pattern=apache|mysql"
    found = ansible("ansible", "localhost", "-m", "vmlab.vix.guest_process_info", "-a", arguments, "-e", guest_file(tmp_path))

    assert (listed.returncode, found.returncode) == (0, 0), listed.stdout + found.stdout + found.stderr
    assert f'"path": "{web}"' in listed.stdout
    assert '"command": "/usr/sbin/apache2 -k start"' in found.stdout
    assert "secret" not in found.stdout + found.stderr
