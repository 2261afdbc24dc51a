# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Benchmark of QEMU VMs: power-on until tools run, snapshot with memory, revert until tools answer, suspend and resume, copies; the median of three."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from protocol_client import Client

from openvix.backends.qemu import emulator
from openvix.backends.qemu.image import images
from openvix.config import worldfile
from openvix.daemon import control
from openvix.vix import constants
from openvix.world import layout

ROUNDS = 3
LARGE = 100_000_000
# Target times in seconds on two cores without KVM.
WISHES = {"power-on to Tools": 5, "snapshot with memory": 1, "revert to Tools": 1}


def main() -> int:
    if not shutil.which(emulator.PROGRAM) or images.find() is None:
        print(f"Not measured: {emulator.PROGRAM} is not installed, or there is no guest image (openvix guest build).")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder, "world")
        layout.prepare(world)
        worldfile.save(world, worldfile.check({}, "qemu"))
        connection, _ = control.start(world)
        try:
            with connection, Client(world) as client:
                vm = connection.ask("OpenVIX_AddVM", {"name": "web", "memory": 128})
                options = connection.ask("OpenVIX_ChangeVM", {"vmx": vm})["tools_options"]
                print(f"VMware Tools: {' '.join(f'{key}={value}' for key, value in options.items())}")
                report(rounds(client, vm, Path(folder)))
        finally:
            control.end(world)
    return 0


def rounds(client: Client, vm: str, folder: Path) -> dict[str, list[float]]:
    """Return the seconds of each measurement in each round."""
    found: dict[str, list[float]] = {}
    (folder / "large").write_bytes(os.urandom(1 << 20) * (LARGE >> 20))

    def measured(what: str, *calls: tuple) -> None:
        begun = time.perf_counter()
        for call in calls:
            client.items(*call)
        found.setdefault(what, []).append(time.perf_counter() - begun)

    tools = ("VixVM_WaitForToolsInGuest", vm, 120)
    for number in range(ROUNDS):
        measured("power-on to Tools", ("VixVM_PowerOn", vm, 0, []), tools)
        client.log_in(vm)
        measured("a program to its end", ("VixVM_RunProgramInGuest", vm, "/bin/true", None, 0, []))
        measured("list of processes", ("VixVM_ListProcessesInGuest", vm, 0))
        measured("100 MB into the guest", ("VixVM_CopyFileFromHostToGuest", vm, str(folder / "large"), "/root/large", 0, []))
        measured("100 MB out of the guest", ("VixVM_CopyFileFromGuestToHost", vm, "/root/large", str(folder / "back"), 0, []))
        client.items("VixVM_DeleteFileInGuest", vm, "/root/large")
        measured("snapshot with memory", ("VixVM_CreateSnapshot", vm, f"round {number}", None, constants.VIX_SNAPSHOT_INCLUDE_MEMORY, []))
        snapshot = client.one("VixVM_GetCurrentSnapshot", vm)
        measured("revert to Tools", ("VixVM_RevertToSnapshot", vm, snapshot, 0, []), tools)
        measured("suspend", ("VixVM_Suspend", vm, 0))
        measured("resume to Tools", ("VixVM_PowerOn", vm, 0, []), tools)
        measured("hard power-off", ("VixVM_PowerOff", vm, 0))
    return found


def report(found: dict[str, list[float]]) -> None:
    for what, seconds in found.items():
        wish = f"   wish: under {WISHES[what]} s" if what in WISHES else ""
        print(f"{what:26} {statistics.median(seconds):7.3f} s   from {min(seconds):.3f} to {max(seconds):.3f}{wish}")


if __name__ == "__main__":
    sys.exit(main())
