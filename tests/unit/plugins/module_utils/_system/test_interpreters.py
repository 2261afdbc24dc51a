# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import interpreters, linux, windows
from ansible_collections.vmlab.vix.plugins.module_utils._system.programs import SCRIPT
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import Refused

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
FILE = ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", SCRIPT]


@pytest.mark.parametrize(
    ("wanted", "family", "text", "name", "names", "before", "suffix"),
    [
        ("auto", linux, b"echo", "", ["/bin/sh"], [SCRIPT], ""),
        ("auto", linux, b"echo", "x.py", ["/bin/sh"], [SCRIPT], ""),
        ("auto", linux, b"#!/bin/bash\n", "", ["/bin/bash"], [SCRIPT], ""),
        ("auto", linux, b"#!/bin/bash\r\n", "", ["/bin/bash"], [SCRIPT], ""),
        ("auto", linux, b"#! /usr/bin/env  python3 -u \n", "", ["/usr/bin/env"], ["python3 -u", SCRIPT], ""),
        ("auto", linux, b"#!/usr/bin/env -S python3 -u\n", "", ["/usr/bin/env"], ["python3", "-u", SCRIPT], ""),
        ("auto", linux, b"#!\n", "", ["/bin/sh"], [SCRIPT], ""),
        ("sh", linux, b"#!/bin/bash", "", ["/bin/sh"], [SCRIPT], ""),
        ("bash", linux, b"", "", ["bash"], [SCRIPT], ""),
        ("python", linux, b"", "", ["python3", "python"], [SCRIPT], ".py"),
        ("powershell", linux, b"", "", ["pwsh"], ["-NoLogo", "-NoProfile", "-NonInteractive", "-File", SCRIPT], ".ps1"),
        ("/opt/x", linux, b"", "", ["/opt/x"], [SCRIPT], ""),
        ("/opt/pwsh", linux, b"", "", ["/opt/pwsh"], ["-NoLogo", "-NoProfile", "-NonInteractive", "-File", SCRIPT], ".ps1"),
        ("auto", windows, b"#!/bin/sh", "", [POWERSHELL], FILE, ".ps1"),
        ("auto", windows, b"", "x.PS1", [POWERSHELL], FILE, ".ps1"),
        ("auto", windows, b"", "x.bat", [SCRIPT], [], ".bat"),
        ("auto", windows, b"", "X.CMD", [SCRIPT], [], ".bat"),
        ("auto", windows, b"", "x.py", ["py", "python", "python3"], [SCRIPT], ".py"),
        ("cmd", windows, b"", "", [SCRIPT], [], ".bat"),
        ("bash", windows, b"", "", ["bash"], [SCRIPT], ""),
        (r"C:\Windows\System32\CMD.EXE", windows, b"", "", [SCRIPT], [], ".bat"),
        (r"C:\Program Files\PowerShell\7\pwsh.exe", windows, b"", "", [r"C:\Program Files\PowerShell\7\pwsh.exe"], FILE, ".ps1"),
        (r"C:\Perl\perl.exe", windows, b"", "x.pl", [r"C:\Perl\perl.exe"], [SCRIPT], ""),
    ],
)
def test_interpreter_wanted_or_guessed(wanted, family, text, name, names, before, suffix):
    found = interpreters.of(wanted, family, text, name)

    assert (found.names, found.before, found.suffix) == (names, before, suffix)


@pytest.mark.parametrize(
    ("wanted", "family"), [("cmd", linux), ("perl", linux), ("bin/sh", linux), ("perl", windows), (r"\perl.exe", windows), ("/bin/sh", windows)]
)
def test_invalid_interpreter_refused(wanted, family):
    with pytest.raises(Refused) as caught:
        interpreters.of(wanted, family, b"")
    assert str(caught.value).startswith(f"choosing an interpreter: {wanted} is not an interpreter of a {family.NAME} guest: use one of auto, sh, bash")


def test_batch_file_gets_crlf():
    prepare = interpreters.of("cmd", windows, b"").prepare
    assert prepare(b"a\nb\r\n\nc") == b"a\r\nb\r\n\r\nc"
    # cmd.exe takes a byte order mark for a part of the first command.
    assert prepare(b"\xef\xbb\xbf@echo off\n") == b"@echo off\r\n"


def test_python_launcher_before_other_names():
    assert interpreters.of("python", windows, b"").names == ["py", "python", "python3"]


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        (b"plain\n", b"plain\n"),
        ("zwölf\n".encode(), b"\xef\xbb\xbf" + "zwölf\n".encode()),
        (b"\xef\xbb\xbf" + "zwölf".encode(), b"\xef\xbb\xbf" + "zwölf".encode()),
        ("zwölf".encode("utf-16"), "zwölf".encode("utf-16")),
        # In the code page of the country a byte order mark would make it unreadable.
        ("'zwölf'".encode("cp1252"), "'zwölf'".encode("cp1252")),
    ],
)
def test_powershell_script_gets_bom(text, prepared):
    assert interpreters.of("auto", windows, b"").prepare(text) == prepared


def test_other_scripts_unchanged():
    for wanted, family in (("sh", linux), ("python", linux), ("powershell", linux), ("python", windows), (r"C:\x.exe", windows)):
        assert interpreters.of(wanted, family, b"").prepare("zw\u00f6lf\n\r\n".encode()) == "zw\u00f6lf\n\r\n".encode()
