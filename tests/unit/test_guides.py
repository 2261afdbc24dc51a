# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands and tasks that docs/ shows, run in the home of somebody who has VMs, and what they show there."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "---- the end of a block"

# What the reader of a guide has already. Where VMware puts VMs, the world's are.
WORLD = """
product = "{product}"
[defaults]
accounts = [ {{ name = "root", password = "secret", administrator = true }} ]
[vm.web]
power = "powered_on"
processes = [ {{ name = "vmtoolsd", command = "/usr/bin/vmtoolsd" }} ]
[vm.db]
"""


@pytest.fixture
def reader(tmp_path, openvix_library):
    """Run a shell script as the reader of a guide; return its output, after the checks of the guide itself."""

    def run(script, product=None):
        path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        settings = {"ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0"}
        # That of the tests may be below /dev, which is not on the disk of a guest.
        settings["ANSIBLE_REMOTE_TMP"] = f"/tmp/.ansible-{os.getuid()}"
        environment = {**os.environ, **settings, "PATH": path, "HOME": str(tmp_path)}
        begin = "trap 'for each in *.world; do openvix stop $each; done' EXIT\n"
        if product:
            (tmp_path / "world.toml").write_text("[world]" + WORLD.format(product=product), encoding="utf-8")
            (tmp_path / "secrets.yml").write_text("guest_password: secret\n", encoding="utf-8")
            begin += 'eval "$(openvix start world.toml --directory lab.world)"\nln -s lab.world/vms vmware\n'
            begin += "mkdir 'Virtual Machines.localized'\nln -s ../lab.world/vms/web 'Virtual Machines.localized/web.vmwarevm'\n"
        done = subprocess.run(["bash", "-euc", begin + script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def blocks(name):
    return BLOCK.findall((DOCS / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "product", "shown"),
    [
        ("inventory", None, 9),
        ("many-hosts", None, 1),
        ("connection", None, 1),
        ("first-steps-openvix", None, 3),
        ("first-steps-workstation", "workstation", 0),
        ("first-steps-fusion", "fusion", 0),
        ("testing-playbooks", None, 0),
    ],
)
def test_guide_commands_work_as_shown(reader, name, product, shown):
    found = blocks(name)
    commands = [text for kind, text in found if kind == "sh"]
    expected = [after[1] if after[0] == "" else None for (kind, dummy), after in zip(found, [*found[1:], ("sh", "")], strict=True) if kind == "sh"]

    output = reader("\n".join(f"{text}echo '{MARK}'" for text in commands), product)

    for command, wanted, written in zip(commands, expected, output.split(f"{MARK}\n"), strict=False):
        if wanted is not None:
            assert written == wanted, command
    assert sum(wanted is not None for wanted in expected) == shown


@pytest.mark.parametrize(
    ("name", "needed", "made"),
    [
        ("guests", {"site/index.html": "<h1>web</h1>\n", "site/css/site.css": "h1 {}\n", "site.conf.j2": "name={{ 'web' }}\n"}, "backup/site/css/site.css"),
        ("snapshots", {}, "clones/db3/db3.vmx"),
        ("sandbox", {"sample.sh": "#!/bin/sh\necho hello\necho made > /srv/trace\n(sleep 300 &)\nexit 3\n"}, "report/report.json"),
    ],
)
def test_guide_tasks_work_in_order(reader, tmp_path, name, needed, made):
    """The first block is a play, and those that follow are tasks for it."""
    (play,), *more = (yaml.safe_load(text) for kind, text in blocks(name) if kind == "yaml")
    play["tasks"] += [task for tasks in more for task in tasks]
    (tmp_path / "site.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    for path, text in needed.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    clean = "ansible localhost -m vmlab.vix.vm_snapshot -a 'vm=~/vmware/web/web.vmx name=clean'\n" if name == "sandbox" else ""
    output = reader(f"{clean}ansible-playbook site.yml -e @secrets.yml", "workstation")

    assert "failed=0" in output
    assert (tmp_path / made).exists(), output
    if name == "sandbox":
        report = json.loads((tmp_path / made).read_text(encoding="utf-8"))
        assert (report["rc"], report["stdout"], report["new"]) == (3, "hello", ["/srv/trace"])
        assert "sleep 300" in report["processes"]
        assert (tmp_path / "report" / "files" / "sample").exists()
