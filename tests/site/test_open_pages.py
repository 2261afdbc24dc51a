# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""open_pages.py finds each fault that it looks for, in a site of one page."""

from __future__ import annotations

import sys

import open_pages
import pytest

PAGE = '<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,">{head}</head><body>{body}</body></html>'


@pytest.fixture(scope="module")
def browser():
    path = open_pages.find_browser()
    if not path:
        pytest.skip("Chromium is not installed")
    with open_pages.open_browser(path) as browser:
        yield browser


@pytest.fixture
def findings(browser, tmp_path):
    def check(body, head=""):
        (tmp_path / "index.html").write_text(PAGE.format(head=head, body=body), encoding="utf-8")
        return open_pages.check_site(browser, tmp_path)[0]

    return check


@pytest.mark.parametrize(
    ("body", "head", "finding"),
    [
        ("<p>Hello</p>", '<style>p::before { content: "ERROR: unnecessary" }</style>', "its style sheet writes"),
        ("<p>Hello</p>", '<style>p::after { content: "Warning" }</style>', "its style sheet writes"),
        ('<a href="gone.html">x</a>', "", "links to gone.html, which does not exist"),
        ('<a href="#gone">x</a>', "", "links to index.html#gone, an anchor that does not exist"),
        ("<p>Hello</p>", "<script>console.error('it broke')</script>", "console: it broke"),
        ("<p>Hello</p>", "<script>undefined.name</script>", "script: "),
        ("<p>Hello</p>", '<script src="gone.js"></script>', "does not load file://"),
        ('<img src="gone.png">', "", "does not show the image file://"),
        ("<p>Hello</p>", '<script src="https://example.com/x.js"></script>', "asks for https://example.com/x.js, which is outside"),
        ('<div style="width: 500px; height: 9px">x</div>', "", "in the window of a telephone, which has 390: div. ends at 508"),
        ('<div style="width: 1500px; height: 9px">x</div>', "", "in the window of a desktop, which has 1440: div. ends at 1508"),
        ('<body style="overflow-x: hidden"><p style="width: 500px">x</p>', "", "in the window of a telephone"),
    ],
)
def test_fault_is_found(findings, body, head, finding):
    assert any(finding in each for each in findings(body, head))


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("<p>An error is real text here.</p>", '<style>p::before { content: "\\2192" }</style>'),
        ('<a href="#here">x</a><a href="index.html">y</a><p id="here">z</p>', ""),
        ('<a href="https://example.com/">x</a>', ""),
        ('<div style="overflow-x: auto"><div style="width: 5000px">x</div></div>', ""),
    ],
)
def test_sound_page_has_no_findings(findings, body, head):
    assert findings(body, head) == []


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_absent_browser_is_reported(monkeypatch, capsys, tmp_path, ci, status):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "argv", ["open_pages.py", str(tmp_path)])

    assert open_pages.main() == status
    assert capsys.readouterr().out == "No page was opened: Chromium is not installed.\n"
