# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the words of this project: python tests/lint/words.py [PATH...]

Checks every text that a reader meets (documentation, options, results, messages, docstrings, comments, names) against
words.toml, the width of prose in *.md, and the length of the names of tests. Named paths are checked even if words.toml
lists them under not_yet. Code in documentation (`code`, C(), O(), V(), fenced blocks but for comments and names of tasks)
is not checked. Exit status: 1 if something was found.
"""

from __future__ import annotations

import ast
import fnmatch
import io
import pathlib
import re
import subprocess
import sys
import tokenize
import tomllib
from typing import NamedTuple

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = pathlib.Path(__file__).with_name("words.toml")

# What is code within a text. A path has to begin like one, so that "and/or" is still read.
CODE = re.compile(
    r"``.+?``|`[^`\n]+`|(?<!\w)(?:C|O|V|E|M|P|RV)\((?:\\.|[^)\\])*\)|\{\{.*?\}\}|\{%.*?%\}"
    r"|(?<=\])\([^)\n]*\)|https?://\S+|(?<!\S)['\"(]?(?:~|\.{1,2})?/[\w.*/{}<>-]+",
    re.DOTALL,
)
PROSE = re.compile(r"\S\s+\S")  # a string that is a single word is an identifier or a value
QUOTED = re.compile(r'"""(.*?)"""|"((?:\\.|[^"\\\n])*)"|\'\'\'(.*?)\'\'\'|\'((?:\\.|[^\'\\\n])*)\'', re.DOTALL)
C_TOKEN = re.compile(r'/\*(?P<block>.*?)\*/|//(?P<line>[^\n]*)|"(?P<string>(?:\\.|[^"\\\n])*)"|\'(?:\\.|[^\'\\\n])+\'|(?P<name>[A-Za-z_]\w*)', re.DOTALL)
HASH_COMMENT = re.compile(r"(?:^|(?<=[\s{]))#(?!!)(.*)$", re.MULTILINE)
NOT_PROSE = ("|", "GNU General Public License v3.0+ (see ")  # a row of a table, the header with the licence
FENCE = re.compile(r"^ *(```+|~~~+)\s*(\w*)")
TASK_NAME = re.compile(r"^\s*(?:- )?name: (.*)$", re.MULTILINE)
DOCUMENTS = ("DOCUMENTATION", "EXAMPLES", "RETURN")
LINK = re.compile(r"\]\([^)]*\)|^\s*\[[^\]]+\]: .*$")


class Text(NamedTuple):
    line: int
    text: str
    is_name: bool = False


class Finding(NamedTuple):
    path: str
    line: int
    message: str
    kind: str  # words, columns or test_names, as in not_yet

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Rule(NamedTuple):
    pattern: re.Pattern
    instead: str
    exceptions: list
    path: str


class Exemption(NamedTuple):
    pattern: re.Pattern
    path: str
    uses: list


def rules(entries, is_name=False):
    found = []
    for entry in entries:
        if not is_name:
            # A phrase may go on in the next line, also of a comment.
            pattern = re.compile(r"\b(?:" + entry["pattern"].replace(" ", r"[\s*]+") + r")\b", re.IGNORECASE)
        elif entry.get("whole"):
            pattern = re.compile(rf"^(?:{entry['pattern']})$")
        else:
            pattern = re.compile(rf"(?:^|_)(?:{entry['pattern']})(?=_|$)", re.IGNORECASE)
        exceptions = [Exemption(re.compile(one["text"], re.IGNORECASE), one.get("path", "*"), []) for one in entry.get("except", [])]
        found.append(Rule(pattern, entry["instead"], exceptions, entry.get("path", "*")))
    return found


# -- What there is to read in a file: texts, and names that are defined


def markdown(source):
    """Prose, and of fenced blocks the comments and the names of tasks."""
    fence, lines, code, language, start = None, [], [], "", 0
    for number, line in enumerate(source.split("\n"), 1):
        found = FENCE.match(line)
        if fence is None and found:
            fence, language, code, start = found[1], found[2], [], number + 1
            lines.append("")
        elif fence is not None and line.strip() == fence:
            fence = None
            lines.append("")
            yield from block("\n".join(code), language, start)
        elif fence is not None:
            code.append(line)
            lines.append("")
        else:
            lines.append(line)
    yield Text(1, "\n".join(lines))


def block(code, language, start):
    if language == "python":
        try:
            yield from shifted(python(code), start)
        except SyntaxError:  # a piece of a program
            yield from comments(code, start)
    elif language in ("yaml", "yml", "sh", "toml", "ini"):
        yield from comments(code, start)
        for found in TASK_NAME.finditer(code):
            yield Text(start + code.count("\n", 0, found.start(1)), found[1])


def shifted(texts, start):
    return (text._replace(line=text.line + start - 1) for text in texts)


def python(source):
    """Docstrings, strings of more than one word, comments; names of functions, classes, arguments and variables."""
    tree = ast.parse(source)
    documents = set()
    inside = set()  # pieces of f-strings, which are read as a whole
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in DOCUMENTS:
            documents.add(node.value)
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values)
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            if PROSE.search(text):
                yield Text(node.lineno, text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            if node in documents:
                yield from shifted(yaml_file(node.value), node.lineno)
            elif PROSE.search(node.value):
                yield Text(node.lineno, node.value)
        yield from (Text(node.lineno, name, is_name=True) for name in defined(node))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], token.string)


def defined(node):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr


def yaml_file(source):
    """Strings of more than one word and comments; keys are names."""
    loader = yaml.SafeLoader(source)
    try:
        nodes = []
        while loader.check_node():
            nodes.append(loader.get_node())
    finally:
        loader.dispose()
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    yield Text(key.start_mark.line + 1, key.value, is_name=True)
                nodes.append(value)
        elif isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
        elif isinstance(node, yaml.ScalarNode):
            text = source[node.start_mark.index : node.end_mark.index]
            if PROSE.search(text):
                yield Text(node.start_mark.line + 1, text)
    yield from comments(source)


def comments(source, start=1):
    for found in HASH_COMMENT.finditer(source):
        yield Text(start + source.count("\n", 0, found.start(1)), found[1])


def script(source):
    """Shell, make, TOML, templates: comments, and quoted strings of more than one word."""
    yield from comments(source)
    code = HASH_COMMENT.sub("", source)
    for found in QUOTED.finditer(code):
        text = next((group for group in found.groups() if group is not None), "")
        if PROSE.search(text):
            yield Text(1 + code.count("\n", 0, found.start()), text)


def c_file(source):
    for found in C_TOKEN.finditer(source):
        line = 1 + source.count("\n", 0, found.start())
        if found["name"]:
            yield Text(line, found["name"], is_name=True)
        else:
            text = found["block"] or found["line"] or found["string"] or ""
            if found["string"] is None or PROSE.search(text):
                yield Text(line, text)


READERS = {".md": markdown, ".py": python, ".yml": yaml_file, ".yaml": yaml_file, ".c": c_file, ".h": c_file, ".inc": c_file, ".toml": script, ".sh": script}
READERS |= {".j2": script, ".ps1": script, "Makefile": script, ".rst": markdown}


def reader(path):
    """Return what reads a file, or None for one that has nothing to be read."""
    found = READERS.get(path.suffix) or READERS.get(path.name)
    if found is None and path.suffix == "" and path.is_file():
        with path.open("rb") as file:
            found = script if file.read(2) == b"#!" else None
    return found


# -- The checks


class Checker:
    """What words.toml asks for."""

    def __init__(self, data):
        self.words, self.names = rules(data["word"]), rules(data["name"], is_name=True)
        self.columns, self.test_name = data["columns"], data["test_name"]
        self._skip, self._not_yet = [entry["path"] for entry in data["skip"]], data["not_yet"]

    def check(self, path, source):
        """Return the findings in one file. path: relative to the root, with slashes."""
        read = reader(ROOT / path)
        if read is None or matches(path, self._skip):
            return []
        found = []
        file_name = Text(1, re.sub(r"\W", "_", pathlib.PurePath(path).stem), is_name=True)
        for text in (file_name, *read(source)):
            found += self._check_names(path, text) if text.is_name else self._check_words(path, text)
        if path.endswith(".md"):
            found += self._check_columns(path, source)
        if pathlib.PurePath(path).name.startswith("test_") and path.endswith(".py"):
            found += self._check_test_names(path, source)
        return sorted(set(found))

    def is_due(self, finding):
        """Whether the file of a finding has been rewritten, so that it counts in a run over everything."""
        return not matches(finding.path, self._not_yet[finding.kind])

    def unused(self):
        """Return the exceptions that nothing needed so far."""
        return [one for rule in (*self.words, *self.names) for one in rule.exceptions if not one.uses]

    def _check_words(self, path, text):
        plain = CODE.sub(blanked, text.text)
        for rule in self.words:
            left = plain
            for one in rule.exceptions:
                if fnmatch.fnmatch(path, one.path):
                    one.uses.extend(text for text in (hit[0] for hit in one.pattern.finditer(left)) if rule.pattern.search(text))
                    left = one.pattern.sub(blanked, left)
            for hit in rule.pattern.finditer(left):
                line = text.line + plain.count("\n", 0, hit.start())
                yield Finding(path, line, f'"{" ".join(hit[0].split())}": {rule.instead}', "words")

    def _check_names(self, path, name):
        for rule in self.names:
            if not fnmatch.fnmatch(path, rule.path) or not rule.pattern.search(name.text):
                continue
            uses = [one for one in rule.exceptions if fnmatch.fnmatch(path, one.path) and one.pattern.fullmatch(name.text)]
            for one in uses:
                one.uses.append(name.text)
            if not uses:
                yield Finding(path, name.line, f"the name {name.text}: {rule.instead}", "words")

    def _check_columns(self, path, source):
        fence = None
        for number, line in enumerate(source.split("\n"), 1):
            found = FENCE.match(line)
            if fence is None and found:
                fence = found[1]
            elif fence is not None:
                fence = None if line.strip() == fence else fence
            elif not line.lstrip().startswith(NOT_PROSE) and len(LINK.sub("]", line)) > self.columns:
                yield Finding(path, number, f"{len(line)} columns: wrap prose at {self.columns}", "columns")

    def _check_test_names(self, path, source):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > self.test_name:
                message = f"{node.name}: {len(node.name)} characters, more than {self.test_name}; name subject, condition, outcome"
                yield Finding(path, node.lineno, message, "test_names")


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def blanked(found):
    """Replace code by blanks of the same length: words on both sides of it are not a phrase, and lines stay."""
    return "_" + re.sub(r"[^\n]", " ", found[0])[1:-1] + "_"


# -- The run


def listed(paths):
    """Return the files that git keeps or would keep, below the paths."""
    # In a checkout of another owner git would refuse.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", "--", *paths]
    names = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def main(paths):
    checker = Checker(tomllib.loads(LIST.read_text(encoding="utf-8")))
    found = []
    for path in listed(paths or [ROOT]):
        if reader(ROOT / path):
            found += checker.check(path, (ROOT / path).read_text(encoding="utf-8"))
    if not paths:
        found = [finding for finding in found if checker.is_due(finding)]
        found += [Finding(LIST.name, 1, f"nothing needs the exception {one.pattern.pattern}", "words") for one in checker.unused()]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
