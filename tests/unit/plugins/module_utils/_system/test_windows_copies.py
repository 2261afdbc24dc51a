# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The texts that PowerShell would be given."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import contents, windows, windows_copies
from ansible_collections.vmlab.vix.plugins.module_utils._system.linux_copies import Arrival

SUM = "9a2f" * 16


@pytest.mark.parametrize("name", ["a", "ü b.txt", "it's", "a.b", "$HOME `x`", "CON-x", "console", "com0", "lpt10", ".nul", "conin", "CONIN$x"])
def test_valid_windows_names(name):
    assert not windows.is_illegal(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a:b",
        "b?",
        "a\\b",
        "a/b",
        "a\nb",
        "a\tb",
        'a"b',
        "a.",
        "a ",
        "<",
        "*",
        "\x1f",
        "NUL",
        "con.txt",
        "Com1",
        "lpt9.a.b",
        "aux .c",
        "COM\u00b9",
        "lpt\u00b3.txt",
        "CONIN$",
        "conout$",
    ],
)
def test_invalid_windows_names(name):
    assert windows.is_illegal(name)


def test_comparison_list():
    listed = windows_copies.comparison_list([(r"C:\www\ü.html", SUM), (r"C:\www\b", "8.100")], [r"C:\www"])

    assert listed.decode() == f"1\t{SUM}\tC:\\www\\ü.html\r\n2\t8.100\tC:\\www\\b\r\n3\tdirectory\tC:\\www\r\n"


def test_placing_list():
    arrivals = [Arrival(r"new\0-ab.html", r"C:\www\ü.html", SUM, replaces=True, backup=r"C:\www\ü.html.2026~"), Arrival("1-cd", r"C:\www\b", None)]

    assert windows_copies.placing_list(arrivals, [r"C:\www"]).decode() == (
        f"directory\t\t\tC:\\www\t\r\nfile\tnew\\0-ab.html\t{SUM}\tC:\\www\\ü.html\tC:\\www\\ü.html.2026~\r\nfile\t1-cd\t\tC:\\www\\b\t\r\n"
    )


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("checksum", "$word = 'other'\n      try { if ((Get-Sum $path) -eq $want) { $word = '' } } catch { }"),
        (
            "size_and_time",
            "try { if ($file.Length -eq [int64]$want.Split('.')[0]"
            " -and ($file.LastWriteTimeUtc - $zero).TotalSeconds -ge [int64]$want.Split('.')[1]) { $word = '' } } catch { }",
        ),
        ("existence", "try { if ($true) { $word = '' } } catch { }"),
    ],
)
def test_comparing_script(method, words):
    script = windows_copies.comparing(method, r"C:\T'emp\list", r"C:\T'emp\answer")

    assert words in script
    assert r"[IO.File]::ReadAllLines('C:\T''emp\list', [Text.Encoding]::UTF8)" in script
    assert r"[IO.File]::Open('C:\T''emp\answer', 'CreateNew', 'Write', 'None')" in script
    assert script.startswith("$ErrorActionPreference = 'Stop'\n")
    assert script.endswith("exit 64\n")


def test_placing_script_with_list():
    script = windows_copies.placing(r"C:\it's.part", r"C:\it's.part\said", r"C:\it's.part\script")

    assert r"$lines = [IO.File]::ReadAllLines('C:\it''s.part\script', [Text.Encoding]::UTF8)" in script
    assert r"$new = 'C:\it''s.part' + '\' + $name" in script
    assert r"trap { [IO.File]::WriteAllText('C:\it''s.part\said', [string]$_); exit 26 }" in script
    assert "$kernel::MoveFileExW($new, $path, 9)" in script


def test_placing_script_of_one_file():
    lines = windows_copies.placing_lines([Arrival("0-ab", r"C:\it's", SUM)])
    assert f"$lines = @('file\t0-ab\t{SUM}\tC:\\it''s\t')" in windows_copies.placing(r"C:\x.part", r"C:\x.part\said", lines)


def test_brackets_balanced():
    for script in (windows_copies.comparing("checksum", "l", "a"), windows_copies.placing("f", "s", "l")):
        for one, other in ("()", "{}", "[]"):
            assert script.count(one) == script.count(other)
        assert script.count("'") % 2 == 0


def test_scripts_fit_command_line():
    """CreateProcess takes 32767 characters."""
    longest = "C:\\" + "n" * 4000
    lines = windows_copies.placing_lines([Arrival("0-ab", longest, SUM, replaces=True, backup=longest)])
    for script in (windows_copies.comparing("size_and_time", "l" * 260, "a" * 260), windows_copies.placing("f" * 260, "s" * 260, lines)):
        assert len(base64.b64encode(script.encode("utf-16-le"))) < 32000


def test_certutil_answers_by_exit_code():
    assert contents.certutil_line(r"C:\a b\c", "9a2f") == '/d /c "certutil -hashfile "C:\\a b\\c" SHA256 | findstr /i /c:"9a2f" /c:"9a 2f" && exit 64"'
