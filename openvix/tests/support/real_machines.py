# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU VMs for tests: whether they are available, and one VM as a client sees it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from pathlib import Path

import pytest

from openvix.backends.qemu import emulator
from openvix.backends.qemu.image import images
from openvix.system import process_locks
from openvix.vix import constants

NEEDED = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which(emulator.PROGRAM) or images.find() is None, reason="QEMU is not installed here, or there is no guest image"),
]

OFF, ON = constants.VIX_POWERSTATE_POWERED_OFF, constants.VIX_POWERSTATE_POWERED_ON
READY, PAUSED, SUSPENDED = ON | constants.VIX_POWERSTATE_TOOLS_RUNNING, ON | constants.VIX_POWERSTATE_PAUSED, constants.VIX_POWERSTATE_SUSPENDED
ACCOUNTS = [{"name": "lab", "password": "secret", "administrator": True}, {"name": "guest", "password": "guest"}]
SECONDS = 120


def is_emulator(pid):
    with contextlib.suppress(OSError):
        return b"qemu-system" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Machine:
    """One VM as a client sees it."""

    def __init__(self, world, client, path):
        self.world, self.client, self.path = world, client, path

    def __getattr__(self, name):
        """Return a function of vix.h for VMs: machine.PowerOn(0, []) calls VixVM_PowerOn and returns its error."""
        return lambda *arguments: self.client.code(f"VixVM_{name}", self.path, *arguments)

    def has(self, name, *arguments):
        return self.client.items(f"VixVM_{name}", self.path, *arguments)

    @property
    def power(self):
        return self.client.power(self.path)

    def boot(self):
        assert self.PowerOn(0, []) == 0
        self.ready()

    def ready(self):
        assert self.WaitForToolsInGuest(SECONDS) == 0
        self.client.log_in(self.path, "lab", "secret")

    def run(self, line, shell="/bin/sh"):
        """Run a line of shell in the guest and return its exit code."""
        quoted = line.replace("'", "'\\''")
        [item] = self.has("RunProgramInGuest", shell, f"-c '{quoted}'", 0, [])
        return dict(zip(item[::2], item[1::2], strict=True))[constants.VIX_PROPERTY_JOB_RESULT_GUEST_PROGRAM_EXIT_CODE]

    def begin(self, program, arguments):
        [item] = self.has("RunProgramInGuest", program, arguments, constants.VIX_RUNPROGRAM_RETURN_IMMEDIATELY, [])
        return item[1]

    def processes(self):
        """Return {process id: (name, owner, command)}."""
        keys = [constants.VIX_PROPERTY_JOB_RESULT_ITEM_NAME, constants.VIX_PROPERTY_JOB_RESULT_PROCESS_OWNER, constants.VIX_PROPERTY_JOB_RESULT_PROCESS_COMMAND]
        found = [dict(zip(item[::2], item[1::2], strict=True)) for item in self.has("ListProcessesInGuest", 0)]
        return {each[constants.VIX_PROPERTY_JOB_RESULT_PROCESS_ID]: tuple(each[key] for key in keys) for each in found}

    def text(self, path, folder):
        target = folder / "fetched"
        assert self.CopyFileFromGuestToHost(path, str(target), 0, []) == 0
        return target.read_text()

    @property
    def emulators(self):
        found = process_locks.holders(Path(self.path).parent / "openvix" / "guest" / emulator.LOCK)
        # While the daemon starts a QEMU process, it has the lock file open as well.
        return [pid for pid in found if is_emulator(pid)]

    def log(self):
        path = Path(self.path).parent / "vmware.log"
        return path.read_text() if path.exists() else ""
