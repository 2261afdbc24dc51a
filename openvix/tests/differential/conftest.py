# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differential test runs when it is asked for: "nox -s differential" in openvix/docs/differences.md. Elsewhere nothing of it is collected."""

from __future__ import annotations

import contextlib

import pytest
from asked import ASKED, LINES, RELEASE

if not ASKED:
    collect_ignore_glob = ["*.py"]


def pytest_terminal_summary(terminalreporter):
    for line in LINES:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def guests(tmp_path_factory):
    """Give the three guests, vmtoolsd's last. Skips where that cannot be had; another release of it is an error."""
    import guests  # its rooms need not be there where nothing is asked

    from openvix.backends.vmtoolsd import root
    from openvix.system.c_build import CannotBuild

    try:
        tools = root.find([RELEASE], LINES.append)
    except root.WrongVersion:
        raise
    except CannotBuild as reason:
        pytest.skip(f"not run: {reason}")
    LINES.append(f"open-vm-tools {tools.version} of Debian, vmtoolsd unmodified")
    place = tmp_path_factory.mktemp("guests")
    with contextlib.ExitStack() as running:
        made = []
        for name, start in {"simulated": guests.simulated, "agent": guests.agent, "vmtoolsd": lambda place: guests.vmtoolsd(place, tools)}.items():
            (place / name).mkdir()
            made.append(running.enter_context(start(place / name)))
        yield made
