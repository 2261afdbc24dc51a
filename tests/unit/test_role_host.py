# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role host: what it takes for the form of OpenVIX that is installed."""

from __future__ import annotations

import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_installed_folder_is_hashed():
    tasks = yaml.safe_load((ROOT / "roles/host/tasks/install.yml").read_text(encoding="utf-8"))
    (install,) = (task for task in tasks if "block" in task)
    (argv,) = (task["ansible.builtin.command"]["argv"] for task in install["block"] if task["name"] == "Pack the files of OpenVIX")
    packed = argv[argv.index("--create") + 2 :]
    listed = yaml.safe_load((ROOT / "roles/host/vars/main.yml").read_text(encoding="utf-8"))["host__folders"]

    files = [path for folder in packed for path in (ROOT / "openvix" / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert listed == sorted({str(path.parent.relative_to(ROOT / "openvix")) for path in files})
