# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno

import pytest

from openvix.guest import programs
from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError


@pytest.mark.parametrize(
    ("arguments", "line", "replaces"),
    [
        (None, '"/opt/my $program"', True),
        ("", '"/opt/my $program"', True),
        ("-a 'b; c' \"d|e\" f\\;g", '"/opt/my $program" -a \'b; c\' "d|e" f\\;g', True),
        ("a; b", '"/opt/my $program" a; b', False),
        ("a | b", '"/opt/my $program" a | b', False),
        ("a\nb", '"/opt/my $program" a\nb', False),
        ("a &", '"/opt/my $program" a &', False),
        # Bash does not replace itself by a command with a redirection.
        ("a >b", '"/opt/my $program" a >b', False),
    ],
)
def test_command_line_replaces_the_shell(arguments, line, replaces):
    assert programs.command_line("/opt/my $program", arguments) == (line, replaces)


def test_account_variables_win():
    account = Account("ann", False, "/home/ann", shell="/bin/zsh")
    usual = {"LANG": "C.UTF-8", "PATH": programs.PATH, "USER": "ann", "HOME": "/home/ann", "SHELL": "/bin/zsh"}
    assert programs.environment(account, {}) == usual
    own = {"HOME": "/srv", "SHELL": "/x", "USER": "x", "LOGNAME": "x", "LANG": "C", "PATH": "/bin"}
    assert programs.environment(account, own) == {**usual, "LOGNAME": "x", "LANG": "C", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("program", "path"),
    [
        ("/bin/true", "/bin/true"),
        ("bin/true", "/bin/true"),
        ("true", "/true"),
        (" /bin/true", "/bin/true"),
        ('"/bin/true"', "/bin/true"),
        ('"/bin/true', "/bin/true"),
        (' "/bin/true" -x', "/bin/true"),
        ('/bin/true"', '/bin/true"'),
        ("/bin/true ", "/bin/true "),
        ("'/bin/true'", "/'/bin/true'"),
    ],
)
def test_checked_file_as_by_vmware(program, path):
    assert programs.file_of(program) == path


def runner(errors):
    """Return a function that records what it runs, and fails with the errno that is given for a shell or a line."""
    ran = []

    def run(shell, argv):
        ran.append((shell, *argv))
        for key, number in errors.items():
            if key in (shell, argv[-1]):
                raise OSError(number, "x")
        return len(ran)

    return run, ran


def test_shell_is_bash_or_else_sh():
    run, ran = runner({})
    assert (programs.in_shell("x", run), ran) == (1, [("/bin/bash", "bash", "-c", "x")])
    run, ran = runner({"/bin/bash": errno.ENOENT})
    assert (programs.in_shell("x", run), ran[-1]) == (2, ("/bin/sh", "sh", "-c", "x"))


def test_too_long_line_runs_nothing():
    run, ran = runner({"x": errno.E2BIG})
    assert (programs.in_shell("x", run), ran[-1]) == (2, ("/bin/bash", "bash", "-c", ""))


@pytest.mark.parametrize("errors", [{"/bin/bash": errno.EACCES}, {"/bin/bash": errno.ENOENT, "/bin/sh": errno.ENOENT}])
def test_unusable_shell_is_an_error(errors):
    with pytest.raises(VixError) as caught:
        programs.in_shell("x", runner(errors)[0])
    assert caught.value.code == constants.VIX_E_PROGRAM_NOT_STARTED
