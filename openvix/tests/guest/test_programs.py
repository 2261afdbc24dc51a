# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from openvix.guest import programs
from openvix.guest.rights import Account


@pytest.mark.parametrize(
    ("arguments", "line", "replaces"),
    [
        (None, "exec '/opt/my program'", True),
        ("", "exec '/opt/my program'", True),
        ("-a 'b; c' \"d|e\" f\\;g", "exec '/opt/my program' -a 'b; c' \"d|e\" f\\;g", True),
        ("a; b", "'/opt/my program' a; b", False),
        ("a | b", "'/opt/my program' a | b", False),
        ("a\nb", "'/opt/my program' a\nb", False),
        ("a &", "'/opt/my program' a &", False),
    ],
)
def test_command_line_replaces_the_shell(arguments, line, replaces):
    assert programs.command_line("/opt/my program", arguments) == (line, replaces)


def test_environment_variables_win():
    account = Account("ann", False, "/home/ann")
    usual = {"PATH": programs.PATH, "HOME": "/home/ann", "USER": "ann", "LOGNAME": "ann"}
    assert programs.environment(account, {}) == usual
    assert programs.environment(account, {"HOME": "/srv", "LANG": "C"}) == {**usual, "HOME": "/srv", "LANG": "C"}
