# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest writes may be anything: it is read, or refused by a VixError, and never leads out of where it belongs."""

from __future__ import annotations

import json
import posixpath

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._state import guest_fetches, guest_finds, guest_stats
from ansible_collections.vmlab.vix.plugins.module_utils._system import copies, landings, linux, trees
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError
from hypothesis import example, given, settings
from hypothesis import strategies as st

OFTEN = settings(max_examples=400, deadline=None)
SUM = b"0123456789abcdef" * 4
LISTING = [
    b"1700000000//\n",
    b"T41ed 4096 1700000000/srv/a//\n",
    b"T81a4 12 1700000000/srv/a/file//\n",
    b"Ta1ff 4 -1/srv/a/link//\n",
    b"L81a4 12 1700000000/srv/a/link//\n",
    b"T41c0 4096 1700000000/srv/a/shut//\n",
    b"U/srv/a/shut//\n",
    b"C" + SUM + b"/srv/a/file//\n",
    b"E//\n",
]
STATUS = [b"81a4 0 0 12 1 260 2049 1700000000 1700000000 1700000000\n", b"root\n", b"root\n", SUM + b"\n", b"target\n", b"end\n"]
DIFFERENCES = [b"1 absent\n", b"2 other\n", b"3 closed\n", b"end\n"]
JUNK = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"/", b"..", b"/../../etc/passwd", b"-1", b"9" * 30, b"9" * 5000, b"ffffffff", b"fffffffff", b" ", b"//\n", b"\n", b"T", b"\xff", b"\0"]),
)


def mutated(lines):
    """An answer of these lines, with some of them damaged, doubled, left out or in another order."""
    damaged = st.tuples(st.sampled_from(lines), st.integers(0, 80), st.integers(0, 80), JUNK).map(lambda cut: cut[0][: cut[1]] + cut[3] + cut[0][cut[2] :])
    return st.one_of(
        st.lists(st.one_of(st.sampled_from(lines), damaged), max_size=12).map(b"".join),
        st.tuples(st.lists(st.one_of(st.sampled_from(lines[1:-1]), damaged), max_size=8)).map(lambda some: b"".join([*lines[:2], *some[0], lines[-1]])),
    )


@OFTEN
@given(mutated(LISTING))
@example(b"1//\nX//\nE//\n")
@example(b"1//\nT41ed 1 1/srv/a//\nTfffffffff 1 1/srv/a/b//\nE//\n")
@example(b"1//\nT41ed 1 1/srv/a//\nT81a4 1 1/srv/a/b//\nC\xff/srv/a/b//\nE//\n")
@example(b"9" * 5000 + b"//\nE//\n")
def test_listing_read_or_refused(answer):
    try:
        listed = trees.read(answer, ["/srv/a"], "listing")
    except VixError:
        return
    if listed is None:
        return
    tree, now = listed[0]["/srv/a"], listed[1]
    wanted = guest_finds.Filter(kind="any", age="1d", size="-1g", hidden=True)
    found = [guest_finds._entry(thing) for thing in tree.things if wanted.matches(thing, now)]
    content = guest_fetches.sort_out(tree.things, linux, "/srv/a")[0]
    json.dumps([found, tree.closed, content])
    for name in filter(None, content):
        if all(landings.is_fit(part) for part in name.split("/")):
            assert posixpath.normpath(f"/here/{name}").startswith("/here/")


def test_refused_listing_named():
    with pytest.raises(VixError, match=r"^listing: the list that the guest wrote cannot be read$"):
        trees.read(b"1//\nX//\nE//\n", ["/srv/a"], "listing")


@OFTEN
@given(mutated(STATUS))
@example(STATUS[0].replace(b"81a4", b"junk") + b"".join(STATUS[1:]))
@example(STATUS[0].replace(b"12", b"9" * 5000) + b"".join(STATUS[1:]))
def test_status_read_or_refused(answer):
    found = guest_stats.read(answer, "/srv/a")

    assert found is None or isinstance(found["exists"], bool)
    json.dumps(found)


@OFTEN
@given(mutated(DIFFERENCES))
@example(b"999 closed\nend\n")
@example(b"0 absent\nend\n")
def test_differences_read_or_refused(answer):
    try:
        found = copies.read_differences(answer, 3, "comparing")
    except VixError:
        return
    assert set(found) <= {0, 1, 2}


@pytest.mark.parametrize(("lines", "kept"), [(LISTING, 4), (STATUS, 16), (DIFFERENCES, 3)])
def test_true_answers_read(lines, kept):
    answer = b"".join(lines)
    if lines is LISTING:
        assert len(list(trees.read(answer, ["/srv/a"])[0]["/srv/a"].things)) == kept - 1
    elif lines is STATUS:
        assert len(guest_stats.read(answer, "/srv/a")) >= kept
    else:
        assert len(copies.read_differences(answer, 3, "")) == kept
