# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lint of words finds each of its words wherever a reader meets one, and nothing in code."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
import tomllib

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "lint" / "words.py"
DATA = tomllib.loads(PROGRAM.with_name("words.toml").read_text(encoding="utf-8"))
spec = importlib.util.spec_from_file_location("words", PROGRAM)
words = sys.modules["words"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(words)

# Where a text can be, and at which line it is then.
PLACES = {
    "prose": ("README.md", "# Title\n\n{}.\n", 3),
    "table": ("docs/errors.md", "| a | b |\n|---|---|\n| c | {} |\n", 3),
    "yaml block": ("docs/guests.md", "```yaml\n- name: {}\n```\n", 2),
    "python block": ("CONTRIBUTING.md", "```python\n\ndef f():\n    '''{}.'''\n```\n", 4),
    "option": ("plugins/modules/vm.py", 'DOCUMENTATION = r"""\noptions:\n  vm:\n    description:\n      - {}.\n"""\n', 5),
    "result": ("plugins/modules/vm.py", 'RETURN = r"""\nvm:\n  description: {}.\n"""\n', 3),
    "task": ("plugins/modules/vm.py", 'EXAMPLES = r"""\n- name: {}\n"""\n', 2),
    "role option": ("roles/lab/meta/argument_specs.yml", "---\nvms:\n  description:\n    - >-\n      It is so.\n      {}.\n", 6),
    "message": ("plugins/module_utils/_state/vms.py", 'raise VMNotFound("{}", doing=doing)\n', 1),
    "message with values": ("plugins/module_utils/_state/vms.py", "x = 1\nraise VMNotFound(f'{{name}}: {}: {{vm}}')\n", 2),
    "message within a value": ("plugins/modules/vm.py", "fail(f\"{{'{}' if vm else ''}}\")\n", 1),
    "docstring": ("openvix/src/openvix/wire.py", 'def f():\n    """One.\n\n    {}.\n    """\n', 4),
    "comment": ("plugins/modules/vm.py", "x = 1  # {}\n", 1),
    "yaml comment": ("playbooks/demo.yml", "---\n# {}\nx: 1\n", 2),
    "toml comment": ("tests/contract/quirks.toml", "x = 1 # {}\n", 1),
    "toml string": ("tests/contract/quirks.toml", "x = 1\nwhy = '''\n{}'''\n", 3),
    "make": ("Makefile", "help:\n\t@echo '{}'\n", 2),
    "changelog": ("changelogs/fragments/1.yml", "---\nbugfixes:\n  - vm - {}.\n", 3),
    "C comment": ("openvix/native/libvix/calls.c", "/* One.\n * {} */\n", 2),
    "C string": ("openvix/native/libvix/calls.c", 'int f(void) {{\n    say("{}");\n}}\n', 2),
    "template": ("roles/lab/templates/lab.j2", "{{# so #}}\n# {}\n", 2),
    "template comment": ("roles/lab/templates/lab.j2", "a\n{{# {} #}}\n", 2),
}


@pytest.fixture
def checker():
    return words.Checker(DATA)


def found(checker, path, source):
    return [(finding.line, finding.message) for finding in checker.check(path, source)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", DATA["word"], ids=lambda word: word["example"])
def test_word_put_back_found(checker, word, place):
    path, source, line = PLACES[place]
    hits = found(checker, path, source.format(word["example"]))
    assert [(at, message.split(": ", 1)[1]) for at, message in hits] == [(line, word["instead"])]


@pytest.mark.parametrize("place", PLACES)
def test_plain_text_passes(checker, place):
    path, source, _line = PLACES[place]
    assert found(checker, path, source.format("There is no VM at this path")) == []


@pytest.mark.parametrize("name", DATA["name"], ids=lambda name: name["example"])
@pytest.mark.parametrize("source", ["def {}():\n    pass\n", "class {}:\n    pass\n", "x = lambda {}: 1\n", "{} = 1\n", "x.{} = 1\n"])
def test_name_put_back_found(checker, name, source):
    hits = found(checker, name.get("path", "plugins/*").replace("*", "src/x.py"), source.format(name["example"]))
    assert hits == [(1, f"the name {name['example']}: {name['instead']}")]


def test_file_name_put_back_found(checker):
    assert found(checker, "openvix/src/openvix/nursery.py", "") == [(1, "the name nursery: fork server, many VMs, thread pool")]
    assert found(checker, "docs/two-ways.md", "") != []


def test_names_of_results_and_in_c_found(checker):
    assert found(checker, "plugins/modules/vm.py", 'RETURN = r"""\nway:\n  type: str\n"""\n') == [(2, "the name way: transitions, path")]
    assert [line for line, _text in found(checker, "openvix/native/libvix/calls.c", "int\nis_struck(void);\n")] == [2]


def test_phrase_over_two_lines_found(checker):
    assert found(checker, "README.md", "It has a directory of its\nown.\n")[0][0] == 1


@pytest.mark.parametrize(
    "text",
    ["See `vm_told` and ``folders``.", "Open /srv/folder/x now.", "Ask [us](https://x.test/folder).", "Say {{ told }} now.", "The shared folders of a VM."],
)
def test_code_and_exceptions_pass(checker, text):
    assert found(checker, "README.md", text) == []


def test_markup_of_options_is_code(checker):
    text = 'DOCUMENTATION = r"""\ndescription:\n  - With O(folder) or V(a folder) and C(tell\\) it).\n"""\n'
    assert found(checker, "plugins/modules/vm.py", text) == []


def test_code_blocks_are_code(checker):
    assert found(checker, "README.md", "```sh\ncd folder && tell me\n```\n\n```\n$ told folder\n```\n") == []


def test_long_prose_found(checker):
    long, link = "word " * 21, f"[a link](https://x.test/{'y' * 100})"
    licence = f"GNU General Public License v3.0+ (see {'x' * 70})"
    text = f"{long}\n\n| {long} |\n|---|\n\n{link} and\n\n{licence}\n\n```sh\n{long}\n```\n"
    assert found(checker, "README.md", text) == [(1, "105 columns: wrap prose at 100")]


def test_long_test_name_found(checker):
    right, wrong = "test_" + "x" * 45, "test_" + "x" * 46
    source = f"def {right}():\n    pass\n\n\nclass TestIt:\n    def {wrong}(self):\n        pass\n\n\ndef {wrong[5:]}{right}():\n    pass\n"
    assert [line for line, _text in found(checker, "tests/unit/test_x.py", source)] == [6]
    assert found(checker, "plugins/modules/vm.py", source) == []


def test_run_over_a_path_reports(tmp_path):
    wrong = PROGRAM.parents[1] / "unit" / f"{tmp_path.name}.md"
    wrong.write_text("It tells a thing.\n", encoding="utf-8")
    try:
        done = subprocess.run([sys.executable, PROGRAM, wrong], cwd=PROGRAM.parent, capture_output=True, text=True, check=False)
    finally:
        wrong.unlink()
    assert done.returncode == 1, done.stderr
    assert done.stdout == f'tests/unit/{wrong.name}:1: "tells": {DATA["word"][0]["instead"]}\n'


@pytest.mark.parametrize("entry", [*DATA["word"], *DATA["name"]], ids=lambda entry: entry["example"])
def test_exceptions_have_reasons(entry):
    assert all(one["why"] for one in entry.get("except", []))


def test_skipped_paths_have_reasons(checker):
    assert all(one["why"] for one in DATA["skip"])
    assert found(checker, "CHANGELOG.md", "It tells.\n") == []


def test_no_path_left_out():
    assert DATA["not_yet"] == {"words": [], "columns": [], "test_names": []}
