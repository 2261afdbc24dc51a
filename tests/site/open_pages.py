# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open every page of the built documentation site in headless Chromium, at two widths, and report what a reader would trip over.

usage: python tests/site/open_pages.py SITE [--screenshots DIRECTORY]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import sys
import time
import urllib.parse

from playwright import sync_api

WINDOWS = {"desktop": (1440, 900), "telephone": (390, 844)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# As root Chromium has no sandbox. The rest keeps it from the network: it would look for updates of itself.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# What a style sheet writes into a page by "content" is in no HTML file, so that no other check reads it.
ALARM = re.compile(r"error|warning|unnecessary|unsupported|deprecated", re.IGNORECASE)

# Returns what is on the page that is open: everything at once, as each question to the browser takes a millisecond.
LOOK = """() => {
    const generated = new Set();
    for (const element of document.querySelectorAll("*"))
        for (const kind of ["::before", "::after"]) {
            const {content, display} = getComputedStyle(element, kind);
            if (content !== "none" && content !== "normal" && display !== "none") generated.add(content);
        }
    const width = document.documentElement.clientWidth;
    const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    const fixed = (element) => ["fixed", "sticky"].includes(getComputedStyle(element).position);
    const contained = (element) => {
        for (let each = element; each && each !== document.body; each = each.parentElement)
            if (scrolls(each) || fixed(each)) return true;
        return false;
    };
    const wide = [];
    for (const element of document.body.querySelectorAll("*")) {
        const {right, width: own, height} = element.getBoundingClientRect();
        if (own > 1 && height > 1 && right > width + 1 && !contained(element))
            wide.push(`${element.tagName.toLowerCase()}.${element.className} ends at ${Math.round(right)}`);
    }
    return {
        generated: [...generated],
        width: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
        window: width,
        wide: wide.slice(0, 3),
        links: [...document.querySelectorAll("a[href]")].map((link) => link.href),
        anchors: [...document.querySelectorAll("[id], a[name]")].map((element) => element.id || element.name),
        images: [...document.images].filter((image) => !image.complete || !image.naturalWidth).map((image) => image.src),
    };
}"""


def find_browser():
    """Return the path of Chromium, or None."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


@contextlib.contextmanager
def open_browser(path):
    """Start one browser, without a profile that outlives it; yield it."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS), headless=True)
        try:
            yield browser
        finally:
            browser.close()


def check_site(browser, site, screenshots=None):
    """Open every page of a site at every width.

    Args:
        browser: what open_browser yields.
        site: the directory with the HTML files.
        screenshots: a directory for a picture of each page at each width, or None.

    Returns:
        A tuple: what is wrong, one line for each finding, and the number of pages.
    """
    site = pathlib.Path(site).resolve()
    pages = sorted(site.rglob("*.html"))
    findings, anchors, links = [], {}, {}
    with contextlib.closing(Tab(browser)) as tab:
        for page in pages:
            name = page.relative_to(site)
            pictures = {window: screenshots and picture_path(screenshots, name, window) for window in WINDOWS}
            found, anchors[page], links[page] = tab.open(page, pictures)
            findings += [f"{name}: {each}" for each in found]
    findings += [f"{page.relative_to(site)}: {each}" for page in pages for each in broken_links(site, links[page], anchors)]
    return findings, len(pages)


def picture_path(directory, name, window):
    """Return the path of the screenshot of a page in a window."""
    return pathlib.Path(directory) / f"{name.with_suffix('').as_posix().replace('/', '-')}.{window}.png"


class Tab:
    """A tab of the browser, which keeps what goes wrong in the page that is open."""

    def __init__(self, browser):
        self.found = []
        self.context = browser.new_context(offline=True)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.found.append(f"console: {message.text}") if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        self.page.on("request", self.note_request)
        self.page.on("requestfailed", lambda request: self.found.append(f"does not load {request.url}"))

    def note_request(self, request):
        if urllib.parse.urlsplit(request.url).scheme not in ("file", "data"):
            self.found.append(f"asks for {request.url}, which is outside the site")

    def open(self, path, pictures):
        """Open a page, and look at it in each window.

        Args:
            path: the HTML file.
            pictures: for each window the path of the screenshot to take, or None.

        Returns:
            A tuple: what is wrong with the page, its anchors, its links.
        """
        self.found.clear()
        anchors, links = set(), []
        self.page.goto(path.as_uri(), wait_until="load")
        for window, (width, height) in WINDOWS.items():
            self.page.set_viewport_size({"width": width, "height": height})
            seen = self.page.evaluate(LOOK)
            if pictures[window]:
                self.page.screenshot(path=str(pictures[window]), full_page=True)
            anchors |= set(seen["anchors"])
            links += seen["links"]
            self.found += [f"its style sheet writes {text}" for text in seen["generated"] if ALARM.search(text)]
            self.found += [f"does not show the image {source}" for source in seen["images"]]
            if seen["width"] > seen["window"] or seen["wide"]:
                parts = f": {'; '.join(seen['wide'])}" if seen["wide"] else ""
                self.found.append(f"is {seen['width']} pixels wide in the window of a {window}, which has {seen['window']}{parts}")
        return list(dict.fromkeys(self.found)), anchors, links

    def close(self):
        self.context.close()


def broken_links(site, links, anchors):
    """Return those of a page's links that lead to no page, file or anchor of the site.

    Args:
        site: the directory with the site.
        links: absolute URLs, as the browser has resolved them.
        anchors: the anchors of each page, by its path.
    """
    found = []
    for link in dict.fromkeys(links):
        url = urllib.parse.urlsplit(link)
        if url.scheme != "file":
            continue  # nothing is asked of the network
        target = pathlib.Path(urllib.parse.unquote(url.path))
        shown = f"{os.path.relpath(target, site)}{'#' * bool(url.fragment)}{url.fragment}"
        if not target.is_file():
            found.append(f"links to {shown}, which does not exist")
        elif url.fragment and target in anchors and urllib.parse.unquote(url.fragment) not in anchors[target]:
            found.append(f"links to {shown}, an anchor that does not exist")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", help="the directory with the site that make docs has built")
    parser.add_argument("--screenshots", metavar="DIRECTORY", help="keep a picture of each page at each width")
    arguments = parser.parse_args()
    path = find_browser()
    if not path:
        print("No page was opened: Chromium is not installed.")
        return 1 if os.environ.get("CI") == "true" else 0
    if arguments.screenshots:
        pathlib.Path(arguments.screenshots).mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    with open_browser(path) as browser:
        findings, pages = check_site(browser, arguments.site, arguments.screenshots)
    print(*findings, sep="\n", end="\n" if findings else "")
    widths = " and ".join(f"{width} pixels" for width, dummy in WINDOWS.values())
    print(f"{pages} pages were opened at {widths} in {time.monotonic() - begin:.0f} seconds: {len(findings) or 'no'} findings.")
    if not pages:
        print(f"There is no page in {arguments.site}.")
    return 1 if findings or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
