# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest in which VMware's own Tools run, for tests of OpenVIX and of the collection: "nox -s open_vm_tools".

A test module says

    from real_tools import NEEDED

    pytestmark = NEEDED

    def test_file_out_of_reach_is_not_absent(run_module, real_guest):
        real_guest.run("install -d -m 700 /srv/shut && touch /srv/shut/x")
        result = run_module("guest_file", vm=real_guest.vmx, path="/srv/shut/x", state="absent", **real_guest.ann)
        assert "not accessible" in result["msg"]

The module runs as Ansible runs it: through libvix and the daemon to Debian's unmodified vmtoolsd. One such module of tests:

    nox -s open_vm_tools -- tests/unit/plugins/modules/test_real_tools.py -k reach

Each test has a new VM, which takes a second or two. Its users are real ones: root, lab (an administrator, user id 0) and ann, who may do nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

NEEDED = [pytest.mark.open_vm_tools, pytest.mark.skipif(os.geteuid() != 0, reason="a guest with VMware's own Tools needs root")]

ACCOUNTS = [
    {"name": "root", "password": "s3cret", "administrator": True},
    {"name": "lab", "password": "s3cret", "administrator": True},
    {"name": "ann", "password": "s3cret"},
]
LOGIN = {"guest_username": "lab", "guest_password": "s3cret"}
ANN = {"guest_username": "ann", "guest_password": "s3cret"}


class RealGuest:
    """One VM whose guest runs VMware's Tools.

    vmx: the path of its .vmx; lab, ann: options of a module that log in as an administrator and as an ordinary user.
    """

    lab, ann = LOGIN, ANN

    def __init__(self, openvix, name: str = "web", **settings):
        self.openvix = openvix
        self.vmx = openvix.add_vm(name, tools="open-vm-tools", power="powered_on", **{"accounts": ACCOUNTS, **settings})

    @property
    def pid(self) -> int:
        """The process id, on the host, of the init of the guest."""
        waiting = json.loads((Path(self.vmx).parent / "openvix" / "guest" / "vmtoolsd.json").read_bytes())["pid"]
        return int(Path(f"/proc/{waiting}/task/{waiting}/children").read_text(encoding="ascii"))

    @property
    def root(self) -> Path:
        """The root directory of the guest that runs. An absolute link in it leads to the files of the host."""
        return Path(f"/proc/{self.pid}/root")

    def run(self, script: str, check: bool = True) -> str:
        """Run a script as root in the guest, past the Tools, and return what it prints."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--uts", "--ipc", "--net", "--root", "--wd"]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        done = subprocess.run([*enter, "/bin/bash", "-ec", script], capture_output=True, text=True, timeout=60, check=False, env=environment)
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def text(self, path: str) -> str:
        """Return the content of a file of the guest."""
        return self.run(f"cat '{path}'")

    def kill_tools(self) -> None:
        """Kill vmtoolsd; the init of the guest starts it anew."""
        self.run("kill -KILL $(cat /proc/[0-9]*/stat | sed -n 's/^\\([0-9]*\\) (vmtoolsd).*/\\1/p')", check=False)


@pytest.fixture
def real_guest(openvix):
    """A VM that is powered on, and whose VMware Tools run: a RealGuest."""
    return RealGuest(openvix)
