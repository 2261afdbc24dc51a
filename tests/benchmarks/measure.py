# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks share: a simulated world, a task that is run and measured, and a table."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from openvix.pytest_plugin import ServedWorld
from openvix.system.c_build import build

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST = 900  # seconds that one task may take
SAMPLING = 0.02  # seconds between two looks at memory
LOGIN = {"guest_username": "lab", "guest_password": "s3cret"}
ACCOUNTS = [{"name": "lab", "password": "s3cret", "administrator": True}]

Measured = collections.namedtuple("Measured", "seconds calls result peaks")


class Bench:
    """A world with tasks that are run on it; directory: for the files of a benchmark."""

    def __init__(self, directory, world, environment):
        self.directory, self.world, self.environment = directory, world, environment

    def run(self, module, *, changed=None, **options):
        """Run one task on this machine, as the ansible command does; return seconds, VIX calls by name, the result, and the peak memory of processes in MiB.

        changed: what the task must report, None for either. A task that fails ends the benchmark.
        """
        ansible = str(pathlib.Path(sys.executable).with_name("ansible"))
        command = [ansible, "localhost", "--connection", "local", "-m", module, "-a", json.dumps(options)]
        before, begin = len(self.world.calls()), time.monotonic()
        with subprocess.Popen(command, cwd=self.directory, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            ender = threading.Timer(LONGEST, process.kill)
            ender.start()
            with watched({process.pid: "ansible", self.world.status()["pid"]: "OpenVIX's daemon"}) as peaks:
                output = process.stdout.read()
                process.wait()
            ender.cancel()
        seconds = time.monotonic() - begin
        result = json.JSONDecoder().raw_decode(output.partition("=> ")[2] or "{}")[0]
        if process.returncode or changed not in (None, result.get("changed")):
            sys.exit(f"{module} did not do what it should:\n{output[-4000:]}")
        calls = collections.Counter(call["call"] for call in self.world.calls()[before:])
        return Measured(seconds, calls, result, peaks)


@contextlib.contextmanager
def bench():
    """A Bench with a temporary directory and a temporary world."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = pathlib.Path(name)
        (directory / "ansible_collections" / "vmlab").mkdir(parents=True)
        (directory / "ansible_collections" / "vmlab" / "vix").symlink_to(ROOT, target_is_directory=True)
        (directory / "files").mkdir()
        world = ServedWorld(directory / "world", str(build()), {})
        environment = {
            **os.environ,
            **world.environment,
            "ANSIBLE_COLLECTIONS_PATH": name,
            "ANSIBLE_HOME": str(directory / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        }
        try:
            yield Bench(directory / "files", world, environment)
        finally:
            world.end()
            shutil.rmtree(world.directory, ignore_errors=True)


@contextlib.contextmanager
def watched(roots):
    """While it lasts, look at the memory of some processes, a name by process id, and of all below them: the highest by name, in MiB."""
    peaks, over = {}, threading.Event()

    def look():
        while not over.is_set():
            for pid, name, peak in family(roots):
                name = roots.get(pid, name)
                peaks[name] = max(peak, peaks.get(name, 0))
            over.wait(SAMPLING)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def family(roots):
    """Process id, name and highest memory in MiB of some processes and of all below them."""
    rows = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = dict(line.split(":\t", 1) for line in path.read_text(errors="replace").splitlines() if ":\t" in line)
            rows[int(fields["Pid"])] = (int(fields["PPid"]), fields["Name"], int(fields.get("VmHWM", "0 kB").split()[0]) / 1024)
    wanted, more = set(), set(roots)
    while more:
        wanted |= more
        more = {pid for pid, row in rows.items() if row[0] in wanted} - wanted
    return [(pid, *rows[pid][1:]) for pid in wanted if pid in rows]


def table(heads, rows):
    """Print a table of texts and numbers as Markdown."""
    cells = [heads, *([f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells]
    print(lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:], "", sep="\n", flush=True)
