# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CONTRIBUTING.md keeps its word: the module that it adds works, keeps to the rooms of the house, and is documented; and tests are skipped where it says so."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = re.compile(r"^```python\n# (\S+/\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(FILE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


@pytest.fixture
def copy(tmp_path):
    """A copy of the collection with the files of CONTRIBUTING.md in it, and the module in the action group."""
    place = tmp_path / "ansible_collections" / "vmlab" / "vix"
    for name in ("plugins", "meta", "tests/unit", "tests/support", "openvix/tests/support"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "galaxy.yml", "tests/__init__.py"):
        shutil.copy2(ROOT / name, place / name)
    for path, text in FILES.items():
        assert not (place / path).exists()
        (place / path).write_text(text, encoding="utf-8")
    runtime = place / "meta" / "runtime.yml"
    runtime.write_text(runtime.read_text(encoding="utf-8").replace("  vix:\n", "  vix:\n    - vm_label\n", 1), encoding="utf-8")
    return place


def run(copy, program, *arguments):
    command = [str(pathlib.Path(sys.executable).with_name(program)), *arguments]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(copy.parents[2])}
    for name in list(environment):
        if name.startswith("PYTEST_"):
            del environment[name]  # of the run that this test is part of
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=250, check=False)


def test_added_module_passes_tests(copy):
    assert list(FILES) == ["plugins/module_utils/_state/labels.py", "plugins/modules/vm_label.py", "tests/unit/plugins/modules/test_vm_label.py"]
    own = "tests/unit/plugins/modules/test_vm_label.py"

    done = run(copy, "pytest", "-q", "-p", "no:cacheprovider", own, "tests/unit/test_layers.py", "-k", "test_vm_label or vm_label.py or labels.py")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_added_module_documented(copy):
    done = run(copy, "ansible-doc", "--json", "vmlab.vix.vm_label")

    assert done.returncode == 0, done.stderr
    assert '"label"' in done.stdout
    assert '"vm_password"' in done.stdout


@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="there is no .venv, which make sets up")
def test_qemu_tests_skipped_with_advice(tmp_path):
    # As make test-qemu does it, but with none of the commands of this machine.
    command = [ROOT / ".venv/bin/python", "-m", "nox", "--noxfile", ROOT / "noxfile.py", "--envdir", tmp_path, "--no-venv", "-t", "test-qemu"]

    done = subprocess.run(command, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, timeout=250, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    said = "skipped: qemu-system-x86_64 is not installed: .venv/bin/openvix doctor says what to install for real machines."
    assert said in done.stdout + done.stderr
