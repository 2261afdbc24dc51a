# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._files import wrapper


@pytest.fixture
def installed(tmp_path):
    """Lay out a library with lines of configuration beside it, implementations and the installed version; return what wrapper.read() says."""

    def lay_out(lines, version="17.6.1", folders=("Workstation-17.0.0",)):
        for folder in folders:
            (tmp_path / folder / "64bit").mkdir(parents=True)
            (tmp_path / folder / "64bit" / "libvix.so").touch()
        (tmp_path / "libvixAllProducts.so").touch()
        (tmp_path / wrapper.CONFIG).write_text("# a comment\n\n" + "\n".join(lines) + "\n")
        (tmp_path / "config").write_text(f'workstation.product.version = "{version}"\n')
        return wrapper.read(str(tmp_path / "libvixAllProducts.so"), str(tmp_path / "config"))

    return lay_out


@pytest.mark.parametrize("version", ["17.6.1", "e.x.p"])
def test_line_of_installed_version_valid(installed, version):
    lines, problems = installed([f"ws 19 vmdb {version} Workstation-17.0.0"])

    assert lines == [wrapper.Line("ws", "19", "vmdb", version, "Workstation-17.0.0", None)]
    assert problems == []


def test_missing_line_of_version_reported(installed):
    """The lesson of naim94a/vix issue 15: after an upgrade the product is 'not found' until the configuration has a line for it."""
    lines, problems = installed(["ws 19 vmdb 17.0.0 Workstation-17.0.0", "player 19 vmdb 17.6.1 Workstation-17.0.0"])

    assert problems == ["ws 17.6.1 is installed, but vixwrapper-config.txt has no line for it (22002)"]
    assert [line.problem for line in lines] == [None, None]


def test_missing_implementation_reported(installed, tmp_path):
    lines, problems = installed(["ws 19 vmdb 17.6.1 Workstation-12"])

    assert lines[0].problem == f"{tmp_path}/Workstation-12 has no implementation (22005)"
    assert problems == []


@pytest.mark.parametrize("line", ["ws 19 vmdb 17.6.1", "ws 19 vmdb 17.6.1 Workstation-17.0.0 more"])
def test_malformed_line_reported(installed, line):
    lines, problems = installed([line, "ws 19 vmdb e.x.p Workstation-17.0.0"])

    assert "words instead of 5" in lines[0].problem
    assert problems == []


def test_other_library_has_no_lines(tmp_path):
    (tmp_path / "libvix.so").touch()

    assert wrapper.read(str(tmp_path / "libvix.so"), str(tmp_path / "none")) == ([], [])
