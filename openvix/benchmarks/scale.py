# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Benchmark of 10,000 VMs and of reading a property: "python openvix/benchmarks/scale.py [NUMBER]". It prints figures without judging them."""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from openvix.cli import main as cli
from openvix.daemon import control
from openvix.system import c_build
from openvix.vix import constants

ROUNDS = 5000
T = TypeVar("T")


def timed(act: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result


def waited(vix: ctypes.CDLL, job: int, *wanted: object) -> None:
    error = vix.VixJob_Wait(job, *wanted, ctypes.c_int(0))
    vix.Vix_ReleaseHandle(job)
    assert not error, error


def handle_of(vix: ctypes.CDLL, job: int) -> ctypes.c_int:
    handle = ctypes.c_int()
    waited(vix, job, ctypes.c_int(constants.VIX_PROPERTY_JOB_RESULT_HANDLE), ctypes.byref(handle))
    return handle


FIND = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


def found(vix: ctypes.CDLL, host: ctypes.c_int) -> int:
    count, completed = 0, threading.Event()

    @FIND
    def one(job, event, info, data):
        nonlocal count
        count += event == constants.VIX_EVENTTYPE_FIND_ITEM
        if event == constants.VIX_EVENTTYPE_JOB_COMPLETED:
            completed.set()

    waited(vix, vix.VixHost_FindItems(host, constants.VIX_FIND_RUNNING_VMS, 0, -1, one, None))
    # Until then the library may call it, even after VixJob_Wait has returned.
    completed.wait()
    return count


def property_times(vix: ctypes.CDLL, vm: ctypes.c_int) -> list[float]:
    state, times = ctypes.c_int(), []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        vix.Vix_GetProperties(vm, ctypes.c_int(constants.VIX_PROPERTY_VM_POWER_STATE), ctypes.byref(state), ctypes.c_int(0))
        times.append(time.perf_counter() - began)
    assert state.value & constants.VIX_POWERSTATE_POWERED_ON
    return times


def daemon_of(world: Path) -> int:
    """Return the process id of the daemon of a started world."""
    connection = control.connect(world)
    assert connection is not None, "the world is served"
    with connection:
        return connection.ask("OpenVIX_Status")["pid"]


def memory(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def report(what: str, value: float, unit: str, wish: str) -> None:
    wished = f"(wished: under {wish})" if wish else ""
    print(f"{what:<46} {value:>9.2f} {unit:<3} {wished}".rstrip(), flush=True)


def run(number: int, world: Path) -> None:
    def begin(numbered):
        return timed(lambda: cli.serve(world, None, [], numbered))[0]

    report(f"first start of {number} VMs, all running", begin({"count": number, "running": number}), "s", "5 s")
    os.environ["OPENVIX_WORLD"] = str(world)
    vix = ctypes.CDLL(str(c_build.build()))
    vix.VixJob_Wait.restype = ctypes.c_uint64
    host = handle_of(vix, vix.VixHost_Connect(-1, constants.VIX_SERVICEPROVIDER_VMWARE_WORKSTATION, None, 0, None, None, 0, 0, None, None))
    seconds, count = timed(lambda: found(vix, host))
    assert count == number
    report("finding those that run", seconds, "s", "1 s")
    vm = handle_of(vix, vix.VixHost_OpenVM(host, str(world / "vms/vm00001/vm00001.vmx").encode(), 0, 0, None, None))
    times = property_times(vix, vm)
    report("reading a property, median", statistics.median(times) * 1e6, "us", "100 us")
    report("reading a property, 99 of 100", statistics.quantiles(times, n=100)[98] * 1e6, "us", "")
    report("memory of the daemon", memory(daemon_of(world)), "MB", "500 MB")
    seconds, _ = timed(lambda: [vix.Vix_ReleaseHandle(handle_of(vix, job)) for job in opening(vix, host, world, min(number, 1000))])
    report("opening a VM for the first time, mean of 1000", seconds / min(number, 1000) * 1e3, "ms", "")
    report("memory with 1000 of them awake", memory(daemon_of(world)), "MB", "500 MB")
    for handle in (vm, host):
        vix.Vix_ReleaseHandle(handle)
    report("stop", timed(lambda: control.end(world))[0], "s", "")
    report("start of the world as it was", begin(None), "s", "5 s")


def opening(vix: ctypes.CDLL, host: ctypes.c_int, world: Path, number: int) -> Iterator[int]:
    for each in range(1, number + 1):
        yield vix.VixHost_OpenVM(host, str(world / f"vms/vm{each:05}/vm{each:05}.vmx").encode(), 0, 0, None, None)


def main():
    folder = Path(tempfile.mkdtemp(prefix="openvix-scale-"))
    try:
        run(int(sys.argv[1]) if sys.argv[1:] else 10_000, folder / "world")
    finally:
        if (folder / "world/run/serve").exists():
            control.end(folder / "world")
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
