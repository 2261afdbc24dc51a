# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of what VIX does: each section that the code cites exists, and each claim has its source."""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "vix-semantics.md"
FOLDERS = ("docs", "facts", "findings", "openvix", "playbooks", "plugins", "roles", "tests")
KINDS = (".c", ".h", ".inc", ".md", ".py", ".sh", ".toml", ".yml")

NUMBER = r"\d+(?:\.\d+)?"
# A citation may be wrapped, and then the second line begins as lines of a comment do.
CITATION = re.compile(rf"\bdocs/vix-semantics\.md, sections? ({NUMBER}(?:(?:, | and |, and | to ){NUMBER})*)")
MENTION = re.compile(r"\w*semantics\.md\b")
LINE_END = re.compile(r"\s*\n[ \t]*(?:#|\*(?!/)|//)?[ \t]*")
TAG = re.compile(r"\[(?:[RWPMHOSBX]|[CI]:[^\],]+)(?:, (?:[RWPMHOSBX]|[CI]:[^\],]+|commit [0-9a-f]{7}))*\]")


def sections_of(page):
    return set(re.findall(rf"^##+ ({NUMBER})\.? ", page, re.MULTILINE))


def cited(text):
    """Return the numbers that the citations in a text name, those between the two ends of "16 to 21" too."""
    found = set()
    for citation in CITATION.findall(LINE_END.sub(" ", text)):
        for first, last in re.findall(rf"({NUMBER})(?: to ({NUMBER}))?", citation):
            found |= {str(number) for number in range(int(first), int(last) + 1)} if last else {first}
    return found


def faults_of(text, page):
    """Return what is wrong with the citations in the text of a program."""
    missing = sorted(cited(text) - sections_of(page))
    bare = len(MENTION.findall(text)) - len(CITATION.findall(LINE_END.sub(" ", text)))
    return [f"there is no section {each}" for each in missing] + [f"{bare} citations name no section"] * bool(bare)


def files():
    paths = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in KINDS and path.is_file())
    return [path for path in paths if path not in (PAGE, pathlib.Path(__file__).resolve())]


def claims_of(page):
    """Return the items of the lists in sections 1 to 24, each in one line. Sections 25 to 29 repeat, ask and advise."""
    body = page.partition("\n## 1. ")[2].partition("\n## 25. ")[0]
    return [" ".join(item.split()) for item in re.findall(r"^(?:-|\d+\.) (.*(?:\n +.*)*)", body, re.MULTILINE)]


def test_every_cited_section_exists():
    page = PAGE.read_text(encoding="utf-8")
    faults, number = {}, 0
    for path in files():
        text = path.read_text(encoding="utf-8")
        number += len(cited(text))
        wrong = [f"there is no section {each}" for each in sorted(cited(text) - sections_of(page))] if path.suffix == ".md" else faults_of(text, page)
        if wrong:
            faults[str(path.relative_to(ROOT))] = wrong

    assert faults == {}
    assert number > 60


def test_every_claim_has_its_source():
    claims = claims_of(PAGE.read_text(encoding="utf-8"))

    assert [claim for claim in claims if not TAG.search(claim)] == []
    assert len(claims) > 150


def test_every_kind_of_source_is_explained():
    page = PAGE.read_text(encoding="utf-8")
    used = {part[0] for tag in TAG.findall(page) for part in tag.strip("[]").split(", ") if not part.startswith("commit")}

    assert used == {row[0] for row in re.findall(r"^\| \[(\w)(?::name)?\] \|", page, re.MULTILINE)}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('"""Power (docs/vix-semantics.md, sections 12 and 13)."""', None),
        ("# docs/vix-semantics.md, section 2.5", None),
        ("# docs/vix-semantics.md, section 99", "there is no section 99"),
        ("# docs/vix-semantics.md, section 2.9", "there is no section 2.9"),
        ("# docs/vix-semantics.md, sections 4 and 77", "there is no section 77"),
        ("# docs/vix-semantics.md, sections 28 to 30", "there is no section 30"),
        (" * as it is (docs/vix-semantics.md,\n * section 98).", "there is no section 98"),
        ("# semantics.md, section 4", "1 citations name no section"),
        ("# docs/vix-semantics.md says so", "1 citations name no section"),
    ],
)
def test_the_check_sees_what_is_wrong(text, fault):
    assert faults_of(text, PAGE.read_text(encoding="utf-8")) == ([fault] if fault else [])


def test_the_check_sees_a_claim_without_a_source():
    page = "\n## 1. A\n\n- It is so [M].\n- It is so\n  for all.\n\n## 25. B\n"

    assert [claim for claim in claims_of(page) if not TAG.search(claim)] == ["It is so for all."]
