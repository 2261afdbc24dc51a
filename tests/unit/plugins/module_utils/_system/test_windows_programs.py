# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import re

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import programs, windows, windows_programs
from ansible_collections.vmlab.vix.plugins.module_utils._vix import errors

FOLDER = r"C:\Users\lab\AppData\Local\Temp\vmlab.vix-7-0123"
SHELF = r"C:\Users\lab\AppData\Local\Temp\vmlab.vix-10080-4567"


def text(shelf=FOLDER, seconds=30, **program):
    settings = {"what": "it", "names": ["tool"], **program}
    script = windows_programs.text(programs.Program(**settings), FOLDER, shelf, {}, True, seconds, 2)
    assert script.startswith(b"\xef\xbb\xbf")
    return script[3:].decode()


def given(shelf=FOLDER, **program):
    """The values that the script reads, by name."""
    settings = {"what": "it", "names": ["tool"], **program}
    rows = windows_programs.values(programs.Program(**settings), shelf).decode("ascii").split("\r\n")
    assert rows.pop() == ""
    return {name: [base64.b64decode(text[1:]).decode() for text in texts] for name, *texts in (row.split(" ") for row in rows)}


def values(script):
    """The assignments that the script begins with, by name."""
    return dict(re.findall(r"^\$(\w+) = (.*)$", script.partition("Set-StrictMode")[0], re.MULTILINE))


def test_values_at_script_start():
    """The lesson of community.vmware issue 2099: Windows guests break where nobody looks at what they are sent, and so its exact words are looked at."""
    program = {"names": ["python", "py"], "arguments": ["a b", 'say "x"', "", programs.SCRIPT], "chdir": "C:\\it's here", "script": b"x", "suffix": ".py"}
    environment = {"KEY": "o\u2019clock\n$x", "A": ""}
    script = text(environment=environment, seconds=17, max_output=5, **program)

    first = script.partition("Set-StrictMode")[0]
    assert first == (
        f"$private = '{FOLDER}'\n"
        "$seconds = 17\n"
        "$most = [long]5\n"
        "$wait = $true\n"
        f"$shelf = '{FOLDER}'\n"
        "$tidy = ''\n"
        f"$spent = @('{FOLDER}\\script.py', '{FOLDER}\\stdout', '{FOLDER}\\stderr')\n"
    )
    assert given(environment=environment, **program) == {
        "names": ["python", "py"],
        "line": [f'"a b" "say \\"x\\"" "" {FOLDER}\\script.py'],
        "batch": [],
        "directory": ["C:\\it's here"],
        "environment": ["A", "", "KEY", "o\u2019clock\n$x"],
    }


@pytest.mark.parametrize("arguments", [["hunter2"], "/p hunter2"])
def test_no_value_in_script_text(arguments):
    """PowerShell logs the text of such scripts without a policy: what a user passes must not be in it."""
    script = text(names=["hunter2.exe"], arguments=arguments, environment={"PASSWORD": "hunter2", "hunter2": "x"}, chdir="C:\\hunter2", stdin=b"hunter2")
    for hidden in ("hunter2", base64.b64encode(b"hunter2").decode().rstrip("="), base64.b64encode("hunter2".encode("utf-16-le")).decode().rstrip("=")):
        assert hidden not in script


def test_rest_of_script_constant():
    assert text().partition("Set-StrictMode")[2] == text(names=["x"], environment={"A": "b"}, wait=False).partition("Set-StrictMode")[2]


def test_fetched_files_not_deleted():
    assert values(text(fetch={"stdout": "/here"}))["spent"] == f"@('{FOLDER}\\script', '{FOLDER}\\stderr')"


def test_unwaited_script_deleted_after():
    """What deletes it is a command of PowerShell's, so the path is quoted twice."""
    program = {"names": [programs.SCRIPT], "script": b"x", "suffix": ".bat", "wait": False}
    found = values(text(shelf=SHELF, **program))

    assert (found["wait"], given(shelf=SHELF, **program)["names"]) == ("$false", [f"{SHELF}\\script.bat"])
    assert found["tidy"] == f"'''{SHELF}'''"


def test_command_line_unchanged():
    found = given(names=["msiexec"], arguments='/i "a b.msi" INSTALLDIR="C:\\x y\\" /qn')

    assert found["line"] == ['/i "a b.msi" INSTALLDIR="C:\\x y\\" /qn']


@pytest.mark.parametrize("line", ["/i a.msi /qn", "", "'a' ~b +c=d"])
def test_plain_line_passed_to_batch_file(line):
    assert given(arguments=line)["batch"] == [f" {line}"]


@pytest.mark.parametrize("letter", ["&", "|", "<", ">", "^", "(", ")", "%", '"', "!", "\n", "\r"])
def test_line_that_cmd_would_read_refused(letter):
    assert given(arguments=f"a{letter}SECOND")["batch"] == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], ""),
        (["a", "C:\\x\\y.txt", "-v"], " a C:\\x\\y.txt -v"),
        (["a b", "", "a&b", "a^b", "(x)", "a=b", "a,b;c", "!x!", "|", ">"], ' "a b" "" "a&b" "a^b" "(x)" "a=b" "a,b;c" "!x!" "|" ">"'),
        (["100%"], None),
        (['say "x"'], None),
        (["two\nlines"], None),
        (["two\rlines"], None),
    ],
)
def test_batch_arguments_or_none(words, line):
    assert windows_programs.batch_arguments(words) == line


def test_powershell_started_with_file():
    program, arguments = windows_programs.command(r"C:\Users\it's lab\Temp\vmlab.vix-7-0\run.ps1")

    assert program == r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
    assert arguments == r"""-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "C:\Users\it's lab\Temp\vmlab.vix-7-0\run.ps1" """.strip()


def test_restricted_language_looked_at_first():
    """The first statement after the values: what follows calls methods, which such a mode does not allow."""
    assert text().partition("Set-StrictMode -Off\n")[2].startswith("if (\"$($ExecutionContext.SessionState.LanguageMode)\" -ne 'FullLanguage') { exit 84 }\n")
    assert "restricted language mode" in programs.FAILED[84]


@pytest.mark.parametrize(
    ("code", "policy"),
    [
        (200, None),
        (212, ("AllSigned", "MachinePolicy")),
        (213, ("Restricted", "MachinePolicy")),
        (222, ("AllSigned", "UserPolicy")),
        (223, ("Restricted", "UserPolicy")),
        (211, None),
        (214, None),
        (1, None),
        (0, None),
        (232, None),
    ],
)
def test_execution_policy_by_exit_code(code, policy):
    assert windows.policy_of(code) == policy


class Guest:
    """A guest in which a group policy forbids scripts: script files end with 1, other scripts with a code of the policy."""

    label, user = "the guest of win", "lab"

    def __init__(self, codes):
        self.codes, self.ran = codes, []

    def run(self, program, arguments):
        self.ran.append((program, arguments))
        return self.codes.pop(0)


def test_execution_policy_named():
    guest = Guest([212])
    with pytest.raises(errors.NotSupported) as raised:
        programs._require_policy(guest, "running it")
    assert "the execution policy AllSigned of the scope MachinePolicy does not allow it" in str(raised.value)
    assert "nothing was started" in str(raised.value)
    [(program, arguments)] = guest.ran
    assert program == windows.SHELL
    script = base64.b64decode(arguments.split()[-1]).decode("utf-16-le")
    assert "Software\\Policies\\Microsoft\\$product" in script
    programs._require_policy(Guest([200]), "running it")


@pytest.mark.parametrize("program", [{"arguments": ["\ud83d"]}, {"environment": {"A": "\udc80"}}, {"chdir": "C:\\\udfff"}, {"names": ["\ud800"]}])
def test_text_that_is_not_unicode_refused(program):
    with pytest.raises(errors.Refused, match="must be valid Unicode text"):
        programs._check(programs.Program(**{"what": "it", "names": ["tool"], **program}), windows, "running it")


def test_no_newer_powershell_features():
    script = text()
    for later in (
        "::new(",
        "-AsHashtable",
        "[ordered]",
        ".CopyTo(",
        "-Raw",
        "$PSScriptRoot",
        "&&",
        "||",
        "?.",
        "??",
        ".ForEach(",
        ".Where(",
        " class ",
        "IsNullOrWhiteSpace",
    ):
        assert later not in script, later
    assert script.isascii()


def test_script_brackets_balanced():
    for name in ("()", "[]", "{}"):
        assert text().count(name[0]) == text().count(name[1])


def test_script_parses():
    """Only where a parser is installed."""
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_powershell")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    for script in (text(), text(environment={"A": "b", "C": "\u2018 ' \""}, wait=False, shelf=SHELF, script=b"x"), text(arguments="raw ' line")):
        assert not parser.parse(script.encode()).root_node.has_error


def split(line):
    """Split a command line as the C library of Windows does since 2008, by its documented rules."""
    words, word, quoted, begun, at = [], "", False, False, 0
    while at < len(line):
        letter = line[at]
        if letter == "\\":
            end = at
            while end < len(line) and line[end] == "\\":
                end += 1
            count, begun = end - at, True
            if end < len(line) and line[end] == '"':
                word += "\\" * (count // 2)
                if count % 2:
                    word += '"'
                    end += 1
            else:
                word += "\\" * count
            at = end
        elif letter == '"':
            begun = True
            if quoted and line[at + 1 : at + 2] == '"':
                word += '"'
                at += 2
            else:
                quoted = not quoted
                at += 1
        elif letter in " \t" and not quoted:
            if begun:
                words.append(word)
            word, begun = "", False
            at += 1
        else:
            word, begun = word + letter, True
            at += 1
    return [*words, word] if begun else words


def test_splitter_knows_documented_examples():
    assert split(r'"abc" d e') == ["abc", "d", "e"]
    assert split(r'a\\b d"e f"g h') == [r"a\\b", "de fg", "h"]
    assert split(r"a\\\"b c d") == [r"a\"b", "c", "d"]
    assert split(r'a\\\\"b c" d e') == [r"a\\b c", "d", "e"]
    assert split('a"b"" c d') == ['ab" c d']


def test_arguments_arrive_unchanged():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    words = st.lists(st.one_of(st.text(st.sampled_from('ab \t\\"\n%^&'), max_size=10), st.text(max_size=10)), max_size=6)

    @hypothesis.settings(deadline=None, max_examples=500)
    @hypothesis.given(words)
    def check(words):
        assert split(windows.line(words)) == words

    check()


def test_quoted_text_is_literal():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(st.text(st.sampled_from("ab'\u2018\u2019\u201a\u201b\"$`\n"), max_size=12))
    def check(word):
        quoted = windows.quote(word)
        assert (quoted[0], quoted[-1]) == ("'", "'")
        assert re.sub("(['\u2018-\u201b])\\1", r"\1", quoted[1:-1]) == word
        assert not re.search("(?<!['\u2018-\u201b])['\u2018-\u201b](?!['\u2018-\u201b])", quoted[1:-1])

    check()


def test_windows_reason_is_short():
    """500 letters of four bytes each, in Base64."""
    assert "[Math]::Min(500, $text.Length)" in text()
    assert len(base64.b64encode(("\U0001f600" * 250).encode() * 2)) <= 3000
