# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stages of .ci/run: "stages.py run RECORDS NAME COMMAND..." runs and measures one, "stages.py table RECORDS" holds them against .ci/budgets.toml."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
import tomllib

BUDGETS = pathlib.Path(__file__).with_name("budgets.toml")
# How far over its budget a stage may be before it is red.
TOLERANCE = 1.25
RED, PLAIN = "\033[31m", "\033[0m"
IDLE = (3, 4)  # columns of /proc/stat: idle, and waiting for a disk


def run(records, name, command):
    """Run a stage, append what it took to a file of records, and return its exit code."""
    begun, (busy, total) = time.monotonic(), processors()
    code = subprocess.call(command)
    now_busy, now_total = processors()
    record = {"stage": name, "seconds": time.monotonic() - begun, "busy": (now_busy - busy) / max(now_total - total, 1), "code": code}
    with open(records, "a", encoding="utf-8") as file:
        print(json.dumps(record), file=file)
    return code


def processors():
    """Return how long the processors of this machine have worked and how long there have been any, in the unit of /proc/stat."""
    columns = [int(column) for column in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return sum(columns) - sum(columns[each] for each in IDLE), sum(columns)


def is_over(seconds, budget):
    """Return whether a stage took over a quarter more than its budget, if it has one."""
    return budget is not None and seconds > TOLERANCE * budget


def table(records, budgets, color=True):
    """Return the lines of a table: each stage, its seconds, its budget, and how much of the processors was used.

    Args:
        records: What run() appended, in order; a stage that was run twice is two lines.
        budgets: Seconds by the name of a stage, "total" among them.
        color: Whether what is over its budget is red.
    """
    total = {"stage": "total", "seconds": sum(record["seconds"] for record in records), "code": 0}
    total["busy"] = sum(record["seconds"] * record["busy"] for record in records) / (total["seconds"] or 1)
    lines = [f"{'stage':32} {'seconds':>8} {'budget':>8} {'busy':>6}"]
    for record in [*records, total]:
        budget = budgets.get(record["stage"])
        over = is_over(record["seconds"], budget)
        marks = ["over its budget"] * over + [f"failed with {record['code']}"] * bool(record["code"])
        figures = f"{record['seconds']:8.0f} {'-' if budget is None else budget:>8} {record['busy']:6.0%}"
        line = f"{record['stage']:32} {figures}  {', '.join(marks)}".rstrip()
        lines.append(f"{RED}{line}{PLAIN}" if over and color else line)
    return lines


def main(arguments):
    match arguments:
        case ["run", records, name, *command] if command:
            return run(records, name, command)
        case ["table", records]:
            lines = pathlib.Path(records).read_text(encoding="utf-8").splitlines()
            budgets = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))["seconds"]
            print(*table([json.loads(line) for line in lines], budgets, "NO_COLOR" not in os.environ), sep="\n", flush=True)
            return 0
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
