# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from waiting import eventually

from openvix.backends.qemu import accelerator, emulator


def played(folder, *lines):
    """A QEMU that does as these lines of shell say."""
    program = folder / "qemu"
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o755)
    return str(program)


def running(program):
    """The command lines that have this program in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end meanwhile.
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return [line for line in found if os.fsencode(program) in line.split(b"\0")]


def test_working_accelerator_passes(tmp_path):
    assert accelerator.fault("any", program=played(tmp_path, "exit 33")) == ""


def test_rejected_accelerator_reports_why(tmp_path):
    refusing = played(tmp_path, "echo first >&2", "echo 'qemu: failed to initialize kvm: Permission denied' >&2", "exit 1")
    assert accelerator.fault("kvm", program=refusing) == "qemu: failed to initialize kvm: Permission denied"
    assert accelerator.fault("kvm", program=played(tmp_path, "exit 3")) == "QEMU exited with code 3"
    assert accelerator.fault("kvm", program=str(tmp_path / "none")) == f"{tmp_path / 'none'} is not installed"


def test_hanging_accelerator_is_killed(tmp_path):
    os.mkfifo(tmp_path / "never")
    hanging = played(tmp_path, f"read line <{tmp_path}/never")
    assert accelerator.fault("kvm", 0.5, hanging) == "a test VM with this accelerator did not run within 0.5 s"
    eventually(lambda: not running(hanging))


@pytest.mark.qemu
@pytest.mark.skipif(not shutil.which(emulator.PROGRAM), reason="QEMU is not installed here")
def test_real_qemu_runs_the_instructions():
    assert accelerator.fault("tcg", 60) == ""
    assert "nonsense" in accelerator.fault("nonsense", 60)
