# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interpreters of scripts in a guest, and the form of text that each requires."""

from __future__ import annotations

import shlex

from .._vix.errors import Refused
from . import linux, windows
from .programs import SCRIPT

BOM = b"\xef\xbb\xbf"
POWERSHELL = ["-NoLogo", "-NoProfile", "-NonInteractive"]
LONGEST_FIRST_LINE = 256  # bytes that Linux reads of it
NAMES = ("auto", "sh", "bash", "python", "powershell", "cmd")


class Interpreter:
    """An interpreter.

    Args:
        names: Names of the program. The first one that exists is used.
        before: Its arguments before those of the script.
        suffix: Suffix of the script's name.
        prepare: Converts the text to the form that it requires.
    """

    def __init__(self, names, before=(SCRIPT,), suffix="", prepare=bytes):
        self.names, self.before, self.suffix, self.prepare = list(names), list(before), suffix, prepare


def crlf(text):
    """The text with the line ends that cmd.exe requires, and without a byte order mark, which it takes for a part of the first command."""
    text = text[len(BOM) :] if text.startswith(BOM) else text
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def marked(text):
    """The text with the byte order mark that PowerShell up to 5 requires for UTF-8, unless it is ASCII or has one, or is not UTF-8."""
    if text.isascii() or text.startswith((BOM, b"\xff\xfe", b"\xfe\xff")):
        return text
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return text
    return BOM + text


# For Windows a batch file is itself a program.
BATCH = Interpreter([SCRIPT], [], ".bat", crlf)
KNOWN = {
    linux.NAME: {
        "sh": Interpreter([linux.SHELL]),
        "bash": Interpreter(["bash"]),
        "python": Interpreter(["python3", "python"], suffix=".py"),
        "powershell": Interpreter(["pwsh"], [*POWERSHELL, "-File", SCRIPT], ".ps1"),
    },
    windows.NAME: {
        "sh": Interpreter(["sh"]),
        "bash": Interpreter(["bash"]),
        "python": Interpreter(["py", "python", "python3"], suffix=".py"),
        "powershell": Interpreter([windows.SHELL], [*windows.OPTIONS.split(), "-File", SCRIPT], ".ps1", marked),
        "cmd": BATCH,
    },
}
DEFAULTS = {linux.NAME: "sh", windows.NAME: "powershell"}
BY_PROGRAM = {"powershell.exe": "powershell", "pwsh.exe": "powershell", "pwsh": "powershell", "cmd.exe": "cmd"}
BY_SUFFIX = {".bat": "cmd", ".cmd": "cmd", ".py": "python", ".ps1": "powershell"}


def of(wanted, family, text, name=""):
    """Return the Interpreter of a script. Raises Refused if the guest cannot have it.

    Args:
        wanted: One of NAMES, or an absolute path in the guest. With "auto" it is taken from the first line after #! for a Linux guest and from the suffix
            of the name for a Windows guest; otherwise it is the default of the guest.
        family: linux or windows.
        text: The beginning of the script, as bytes.
        name: Name of the script.
    """
    known, doing = KNOWN[family.NAME], "choosing an interpreter"
    if wanted == "auto":
        if family is linux and text.startswith(b"#!"):
            return _named_in(text)
        guess = BY_SUFFIX.get(f".{name.rpartition('.')[2].lower()}") if family is windows else None
        return known[guess or DEFAULTS[family.NAME]]
    if wanted in known:
        return known[wanted]
    if not family.is_absolute(wanted):
        raise Refused(
            f"{wanted} is not an interpreter of a {family.NAME} guest: use one of {', '.join(['auto', *known])}, or an absolute path in the guest", doing=doing
        )
    like = BY_PROGRAM.get(family.base_name(wanted).lower())
    if like == "cmd" and family is windows:
        return BATCH
    if like in known:
        return Interpreter([wanted], known[like].before, known[like].suffix, known[like].prepare)
    return Interpreter([wanted])


def _named_in(text):
    """The interpreter of the first line with its argument, as Linux reads it. The script need not be executable."""
    line = text[2:LONGEST_FIRST_LINE].split(b"\n")[0].decode("utf-8", "surrogateescape").strip(" \t\r")
    program, argument = line.replace("\t", " ").partition(" ")[::2]
    if not program:
        return KNOWN[linux.NAME][DEFAULTS[linux.NAME]]
    if argument.startswith("-S ") and program.endswith("/env"):  # env splits this into several arguments
        return Interpreter([program], [*shlex.split(argument[3:]), SCRIPT])
    return Interpreter([program], [*filter(None, [argument.strip()]), SCRIPT])
