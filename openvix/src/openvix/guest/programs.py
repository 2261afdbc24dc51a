# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the guest tools run a program in a Linux guest (docs/vix-semantics.md, section 19)."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from openvix.guest.rights import Account

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The maximum total size of a script and the path of its interpreter, in bytes.
LONGEST_SCRIPT = 60536
# The shell that parses the arguments of a program; the command line follows.
SHELL = ["sh", "-c"]
# Quoted parts of a shell command line.
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)


def exit_code(ended: int | None, killed: str) -> int:
    """Return the exit code that Tools report of a program that ended with this one, or by this signal if it is negative; -1 if the end is unknown.

    killed: "zero" for 0 after a signal, which is what VMware Tools report; "signal" for 128 plus its number.
    """
    if ended is None:
        return -1
    return ended if ended >= 0 else 0 if killed == "zero" else 128 - ended


class Ran(NamedTuple):
    """What VIX reports of a program that Tools ran: process id, elapsed seconds, exit code. The last two are 0 until it has ended."""

    pid: int
    seconds: int = 0
    code: int = 0


def environment(account: Account, variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of programs of an account, with additional variables."""
    return {"PATH": PATH, "HOME": account.home, "USER": account.name, "LOGNAME": account.name, **variables}


def command_line(program: str, arguments: str | None) -> tuple[str, bool]:
    """Return the command line with which SHELL runs a program, and whether the program replaces the shell and so has its process id.

    It does so unless the arguments may hold more than this one command.
    """
    line = f"{shlex.quote(program)} {arguments}" if arguments else shlex.quote(program)
    replaces = not set(_QUOTED.sub("", arguments or "")) & set(";&|\n")
    return (f"exec {line}" if replaces else line), replaces
