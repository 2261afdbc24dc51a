# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the guest tools run a program in a Linux guest (docs/vix-semantics.md, section 19)."""

from __future__ import annotations

import errno
import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from openvix.guest.rights import Account
from openvix.vix import constants
from openvix.vix.errors import VixError

# Of the service of VMware Tools; other variables of programs come from the account.
LANG = "C.UTF-8"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The maximum total size of a script and the path of its interpreter, in bytes.
LONGEST_SCRIPT = 60536
# The shells that may parse the line of a program: the first one that the guest has does.
SHELLS = ("/bin/bash", "/bin/sh")
# Quoted parts of a shell command line.
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)


def exit_code(ended: int | None, killed: str) -> int:
    """Return the exit code that Tools report of a program that ended with this one, or by this signal if it is negative; -1 if the end is unknown.

    killed: "zero" for 0 after a signal, which is what VMware Tools report; "signal" for 128 plus its number.
    """
    if ended is None:
        return -1
    return ended if ended >= 0 else 0 if killed == "zero" else 128 - ended


T = TypeVar("T")


class Ran(NamedTuple):
    """What VIX reports of a program that Tools ran: process id, elapsed seconds, exit code. The last two are 0 until it has ended."""

    pid: int
    seconds: int = 0
    code: int = 0


def environment(account: Account, variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of programs of an account: that of Tools, the variables that VIX has set, and those of the account, which none can replace."""
    return {"LANG": LANG, "PATH": PATH, **variables, "USER": account.name, "HOME": account.home, "SHELL": account.shell}


def file_of(program: str) -> str:
    """Return the absolute path that is looked at for a program before it is started. A relative path begins at the root.

    VMware Tools allow blanks and a quotation mark before the path, with which the line of the program need not work.
    """
    path = program.lstrip()
    if path.startswith('"'):
        path = path[1:].partition('"')[0]
    return posixpath.join("/", path)


def command_line(program: str, arguments: str | None) -> tuple[str, bool]:
    """Return the line with which a shell runs a program, and whether the program replaces the shell and so has its process id.

    Nothing in the program is escaped, so the shell expands it. The program replaces the shell unless the arguments may hold more than this one command.
    """
    line = f'"{program}" {arguments}' if arguments else f'"{program}"'
    return line, not set(_QUOTED.sub("", arguments or "")) & set(";&|\n<>")


def script_line(interpreter: str, path: str) -> str:
    """Return the line with which a shell runs a script."""
    return f'"{interpreter}"  "{path}"'


def shell_arguments(shell: str, line: str) -> list[str]:
    """Return the arguments with which a shell runs a line, the first one being its name."""
    return [posixpath.basename(shell), "-c", line]


def in_shell(line: str, run: Callable[[str, list[str]], T]) -> T:
    """Run a line in the shell that the guest has. run: starts a program of the guest with arguments; raises OSError.

    A line that is too long for the system is not run, and nothing is instead of it, as VMware Tools report no error. Raises VixError 3004.
    """
    for shell in SHELLS:
        try:
            return run(shell, shell_arguments(shell, line))
        except OSError as refused:
            if refused.errno == errno.E2BIG and line:
                return in_shell("", run)
            if refused.errno != errno.ENOENT or shell == SHELLS[-1]:
                raise VixError(constants.VIX_E_PROGRAM_NOT_STARTED, str(refused)) from refused
    raise AssertionError("there are shells")
