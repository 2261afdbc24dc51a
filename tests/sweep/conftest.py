# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options and the summary of the sweep."""

from __future__ import annotations

import collections
import json
import pathlib
import random

import pytest

# The fixtures that start modules as Ansible does.
from tests.unit.conftest import importable, start_module  # noqa: F401 - fixtures of pytest  # pylint: disable=unused-import


def pytest_addoption(parser):
    group = parser.getgroup("sweep")
    group.addoption(
        "--sweep-seconds", type=float, default=0, help="how long all cases together may take on one processor (default: as long as all of them take)"
    )
    group.addoption(
        "--sweep-seed", type=int, default=None, help="what selects the cases if there is no time for all (default: a random number, which is printed)"
    )
    group.addoption("--sweep-log", type=pathlib.Path, default=None, help="a file to write each case to, as a line of JSON")


def pytest_configure(config):
    if config.getoption("sweep_seed") is None:
        config.option.sweep_seed = getattr(config, "workerinput", {}).get("sweep_seed") or random.randrange(1 << 20)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Each worker of pytest-xdist has the same seed."""
    node.workerinput["sweep_seed"] = node.config.getoption("sweep_seed")


def pytest_terminal_summary(terminalreporter, config):
    cases = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            cases += [json.loads(value) for name, value in getattr(report, "user_properties", ()) if name == "cases" and report.when == "call"]
    every = [case for each in cases for case in each]
    if not cases:
        return
    tried = [case for case in every if case["applied"]]
    found = collections.Counter(name for case in tried for name in case["violations"])
    allowed = collections.Counter(name for case in tried for name in case["exceptions"])
    terminalreporter.section(f"sweep, seed {config.getoption('sweep_seed')}")
    terminalreporter.write_line(
        f"{len(tried)} cases in {len({case['scenario'] for case in tried})} scenarios; {len(every) - len(tried)} faults were not applied"
    )
    for fault, number in sorted(collections.Counter(case["fault"] for case in tried).items()):
        terminalreporter.write_line(f"  {fault}: {number} of {len({(case['scenario'], case['number']) for case in tried})} calls")
    terminalreporter.write_line(f"violations: {dict(found) or 'none'}; exceptions with a reason: {dict(allowed) or 'none'}")
    log = config.getoption("sweep_log")
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(f"{json.dumps(case)}\n" for case in every), encoding="utf-8")
