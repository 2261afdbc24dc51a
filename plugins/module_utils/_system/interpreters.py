# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs a script in a guest, and what the script's text has to look like for it."""

from __future__ import annotations

import shlex

from .._vix.errors import Refused
from . import linux, windows
from .programs import SCRIPT

BOM = b"\xef\xbb\xbf"
POWERSHELL = ["-NoLogo", "-NoProfile", "-NonInteractive"]
LONGEST_FIRST_LINE = 256  # bytes, as long as Linux reads it
NAMES = ("auto", "sh", "bash", "python", "powershell", "cmd")


class Interpreter:
    """names: of the program, the first that is there is taken; before: its arguments before the script's own; suffix: of the script's name;
    prepare: makes the text what the interpreter reads."""

    def __init__(self, names, before=(SCRIPT,), suffix="", prepare=bytes):
        self.names, self.before, self.suffix, self.prepare = list(names), list(before), suffix, prepare


def crlf(text):
    """The text with the ends of lines that cmd.exe needs."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def marked(text):
    """The text with the mark by which PowerShell up to 5 knows UTF-8; one that is in ASCII, or has a mark, needs none."""
    return text if text.isascii() or text.startswith((BOM, b"\xff\xfe", b"\xfe\xff")) else BOM + text


# A batch file is a program of its own for Windows.
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
        "python": Interpreter(["python", "py", "python3"], suffix=".py"),
        "powershell": Interpreter([windows.SHELL], [*windows.OPTIONS.split(), "-File", SCRIPT], ".ps1", marked),
        "cmd": BATCH,
    },
}
DEFAULTS = {linux.NAME: "sh", windows.NAME: "powershell"}
BY_PROGRAM = {"powershell.exe": "powershell", "pwsh.exe": "powershell", "pwsh": "powershell", "cmd.exe": "cmd"}
BY_SUFFIX = {".bat": "cmd", ".cmd": "cmd", ".py": "python", ".ps1": "powershell"}


def of(wanted, family, text, name=""):
    """Return the Interpreter that is wanted: one of NAMES, or an absolute path in the guest; raise Refused for what cannot be one there.

    With "auto" it is the one that the first line of the text (bytes, its beginning will do) names after #! in a Linux guest, or that fits the name of the
    file in a Windows guest, and else the usual one of the guest.
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
        raise Refused(f"{wanted} is none for a {family.NAME} guest: give one of {', '.join(['auto', *known])}, or an absolute path of the guest", doing=doing)
    like = BY_PROGRAM.get(family.base_name(wanted).lower())
    if like == "cmd" and family is windows:
        return BATCH
    if like in known:
        return Interpreter([wanted], known[like].before, known[like].suffix, known[like].prepare)
    return Interpreter([wanted])


def _named_in(text):
    """The interpreter of the first line, with its one argument, as Linux reads it: but the script need not be executable where it lies."""
    line = text[2:LONGEST_FIRST_LINE].split(b"\n")[0].decode("utf-8", "surrogateescape").strip(" \t\r")
    program, argument = line.replace("\t", " ").partition(" ")[::2]
    if not program:
        return KNOWN[linux.NAME][DEFAULTS[linux.NAME]]
    if argument.startswith("-S ") and program.endswith("/env"):  # what env splits into several
        return Interpreter([program], [*shlex.split(argument[3:]), SCRIPT])
    return Interpreter([program], [*filter(None, [argument.strip()]), SCRIPT])
