# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest
from ansible_collections.vmlab.vix.plugins.module_utils._system import outcomes
from ansible_collections.vmlab.vix.plugins.module_utils._vix.errors import VixError

LINES = [
    "rc 3",
    "late 0",
    "pid 12",
    "start 1790000000 500000000 2026-09-21 15:33:20",
    "end 1790000061 250000000 2026-09-21 15:34:21",
    "stdout 5 5",
    "stderr 900 2",
]
BODY = b"Helloer"


@pytest.fixture
def read(tmp_path):
    def on(content, most=100):
        (tmp_path / "result").write_bytes(content)
        return outcomes.read(str(tmp_path / "result"), most, "running it")

    return on


def written(lines=tuple(LINES), body=BODY, first="vmlab.vix 1"):
    return "\n".join([first, *lines, "", ""]).encode() + body


def test_result_read(read):
    outcome = read(written())

    assert (outcome.rc, outcome.late, outcome.pid, outcome.refused) == (3, 0, 12, None)
    assert (outcome.start, outcome.end, outcome.delta) == ("2026-09-21 15:33:20.500000", "2026-09-21 15:34:21.250000", "0:01:00.750000")
    assert (outcome.outputs, outcome.sizes) == ({"stdout": b"Hello", "stderr": b"er"}, {"stdout": 5, "stderr": 900})


def test_negative_windows_return_code(read):
    assert read(written(["rc -1073741510", *LINES[1:]])).rc == -1073741510


def test_refused_program_has_reason(read):
    assert read(written(["refused missing"], b"")).refused == ("missing", "")
    detail = base64.b64encode("Zugriff\r\n verweigert: ä".encode()).decode()
    assert read(written([f"refused start {detail}"], b"")).refused == ("start", "Zugriff verweigert: ä")
    assert read(written(["refused start ===="], b"")).refused == ("start", "")


def test_unwaited_program_has_pid(read):
    outcome = read(written(["pid 4711", LINES[3]], b""))
    assert (outcome.pid, outcome.start, outcome.rc, outcome.end, outcome.outputs) == (4711, "2026-09-21 15:33:20.500000", None, None, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"junk",
        written(first="vmlab.vix 2"),
        written(LINES[1:]),
        written(LINES[:-1]),
        written([*LINES, "rc 0"]),
        written([*LINES, "other 1"]),
        written([*LINES, "rc"]),
        written(["rc 99999999999", *LINES[1:]]),
        written(["rc \u0663", *LINES[1:]]),
        written([*LINES[:3], "start now 1 2026-09-21 15:33:20", *LINES[4:]]),
        written(body=b"Hello"),
        written(body=b"Hello er"),
        written([*LINES[:5], "stdout 2 5", "stderr 2 2"]),
        written([*LINES[:5], "stdout 101 101", "stderr 0 0"], b"x" * 101),
        written([*LINES[:5], "stdout -5 -5", LINES[6]]),
        written(["pid 12"], b""),
        written(["pid 12", LINES[3]], b"more"),
        written(["refused start " + "A" * 3001], b""),
        b"vmlab.vix 1\n" + b"x" * 5000 + b"\n\n",
        written(body=b"x" * 100000),
    ],
)
def test_malformed_result_refused(read, content):
    with pytest.raises(VixError) as caught:
        read(content)
    assert str(caught.value).startswith("running it: the result that the guest wrote cannot be read (")
    assert "\n" not in str(caught.value)


def test_oversized_result_not_read(read):
    with pytest.raises(VixError, match=r"\(it is too large\)"):
        read(written([*LINES[:5], "stdout 100 100", "stderr 5000 5000"], b"x" * 5100))


def test_directory_or_nothing_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(VixError):
            outcomes.read(str(path), 100, "running it")


def test_any_bytes_outcome_or_error(tmp_path):
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    pieces = [line.encode() for line in LINES] + [b"\n", b"\n\n", b"vmlab.vix 1", b"refused x", b"refused start", b" ", b"1", b"-", b"\xff", b"encoding 850"]
    damaged = st.lists(st.sampled_from(pieces), max_size=12).map(b"".join)
    ordered = st.tuples(st.permutations(LINES), st.binary(max_size=9)).map(lambda parts: written(*parts))

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(st.one_of(st.binary(max_size=200), damaged, damaged.map(lambda rest: b"vmlab.vix 1\n" + rest), ordered))
    def check(content):
        path = tmp_path / "result"
        path.write_bytes(content)
        try:
            outcome = outcomes.read(str(path), 100, "running it")
        except VixError:
            return
        assert all(isinstance(outcome.text(name), str) for name in outcome.outputs)

    check()


def text(content, size=None, encoding=None):
    lines = [*LINES[:5], f"stdout {len(content) if size is None else size} {len(content)}", "stderr 0 0", *([f"encoding {encoding}"] if encoding else [])]
    outcome = outcomes.Outcome(
        {line.split(" ", 1)[0]: tuple(line.split(" ")[1:]) for line in lines if not line.startswith(("start", "end"))}, {"stdout": content, "stderr": b""}
    )
    return outcome.text("stdout")


@pytest.mark.parametrize(
    ("content", "size", "encoding", "expected"),
    [
        ("zwölf".encode(), None, None, "zwölf"),
        ("zwö".encode()[:-1], 9, None, "zw"),
        ("zwö".encode()[:-1], None, None, "zw\ufffd"),
        ("zwölf".encode("cp850"), None, 850, "zwölf"),
        ("zwölf".encode(), None, 850, "zwölf"),
        (b"\xff", None, 1, "\ufffd"),
        ("zwölf".encode("cp932", "replace") + b"\x81", None, 932, "zw?lf\ufffd"),
        (b"\xef\xbb\xbfa", None, None, "a"),
        ("zwölf\r\n".encode("utf-16"), None, 850, "zwölf\r\n"),
        ("zwölf".encode("utf-16")[:-1], 90, 850, "zwöl"),
    ],
)
def test_bytes_decoded(content, size, encoding, expected):
    assert text(content, size, encoding) == expected
