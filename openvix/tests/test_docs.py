# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of OpenVIX: what they link to and name exists, and so does what the code cites of them."""

from __future__ import annotations

import re
import tomllib

import differences
import pytest
from checkout import OPENVIX

DOCS = OPENVIX / "docs"
PAGES = sorted([OPENVIX / "README.md", *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
CITED = re.compile(r"\bopenvix/docs/([\w/-]+\.md)(?:, \"([^\"]+)\")?")


def headings_of(path):
    return re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def anchor(heading):
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def broken_links(text, page):
    """Return the links of a page that lead nowhere."""
    targets = [((page.parent / path).resolve() if path else page, part) for path, part in LINK.findall(text)]
    return [f"{path.name}#{part}" for path, part in targets if not path.exists() or (part and part not in map(anchor, headings_of(path)))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(OPENVIX)))
def test_links_of_pages_have_targets(page):
    assert broken_links(page.read_text(encoding="utf-8"), page) == []


def test_every_page_is_linked_from_readme():
    reached, new = set(), [OPENVIX / "README.md"]
    while new:
        page = new.pop()
        reached.add(page)
        linked = {(page.parent / path).resolve() for path, _ in LINK.findall(page.read_text(encoding="utf-8")) if path}
        new += [each for each in linked & {*PAGES} if each not in reached]

    assert reached == {*PAGES}


def test_broken_link_is_found():
    page = DOCS / "faults.md"

    text = "[a](nowhere.md) [b](world-file.md#no-such) [c](world-file.md#hosts) [d](#an-example)"

    assert broken_links(text, page) == ["nowhere.md#", "world-file.md#no-such"]


def test_architecture_has_every_directory():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| package |")[2].partition("\n\n")[0]

    assert {path.parent.name for path in (OPENVIX / "src" / "openvix").glob("*/__init__.py")} - {*re.findall(r"`(\w+)/`", table)} == set()
    assert {path.name for path in (OPENVIX / "native").iterdir() if path.is_dir()} - {*re.findall(r"`native/(\w+)/`", page)} == set()


def test_differences_are_those_of_the_test():
    table = "\n".join(differences.page(differences.read()))

    assert f"\n{table}\n\n" in (DOCS / "differences.md").read_text(encoding="utf-8"), f"openvix/docs/differences.md needs this table:\n{table}"


def test_difference_from_tools_is_found():
    agree = {"vmtoolsd": "None\n/srv/f: file 600 of ann 'a'", "agent": "None\n/srv/f: file 600 of ann 'a'", "simulated": "None\n/srv/f: file 600 'a'"}

    assert differences.differing(agree) == {}
    # A guest with owners has to have the right ones, a simulated guest all but them.
    for kind, other in [("agent", "None\n/srv/f: file 600 of root 'a'"), ("simulated", "None\n/srv/f: file 644 'a'"), ("simulated", "VIX_E_FAIL")]:
        assert differences.differing({**agree, kind: other}) == {"vmtoolsd": agree["vmtoolsd"], kind: other}


def test_case_of_the_table_is_what_is_printed():
    outcomes = {"vmtoolsd": 'a "b"\n\\\t\x7f', "agent": "None"}
    text = differences.as_toml('Rename: "a"', outcomes)

    assert tomllib.loads(text) == {"difference": {"outcomes": {'Rename: "a"': outcomes}}}


def test_cited_headings_exist():
    paths = [path for folder in ("src", "native", "tests") for path in (OPENVIX / folder).rglob("*") if path.suffix in (".c", ".h", ".py")]
    cited = {each for path in paths for each in CITED.findall(path.read_text(encoding="utf-8"))}

    assert [(name, heading) for name, heading in cited if not (DOCS / name).exists() or (heading and heading not in headings_of(DOCS / name))] == []
    assert len(cited) > 6
