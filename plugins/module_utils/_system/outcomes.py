# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a program in a guest, as the file tells that was written there: bytes of a machine that nobody here vouches for."""

from __future__ import annotations

import base64
import binascii
import codecs
import os
import re
from datetime import timedelta

from .._vix.errors import VixError

FIRST = b"vmlab.vix 1"
HEADER = 4096  # bytes, at most
MOMENT = re.compile(r"(\d{1,12}) (\S{1,12}) (\d{4,5}-\d\d-\d\d \d\d:\d\d:\d\d)")
LINES = {
    "rc": re.compile(r"(-?\d{1,10})"),
    "pid": re.compile(r"(\d{1,20})"),
    "late": re.compile("([01])"),
    "start": MOMENT,
    "end": MOMENT,
    "stdout": re.compile(r"(\d{1,18}) (\d{1,9})"),
    "stderr": re.compile(r"(\d{1,18}) (\d{1,9})"),
    "encoding": re.compile(r"(\d{1,5})"),
    "refused": re.compile(r"([a-z]{1,16})(?: ([A-Za-z0-9+/=]{1,3000}))?"),
}
WHOLE = {"rc", "late", "start", "end", "stdout", "stderr"}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16-le"}


class Outcome:
    """rc, late (ended as its time was up, after so many seconds), pid, start, end and delta as texts; outputs and sizes: by "stdout" and "stderr".

    refused: (reason, detail) for a program that was not begun, else None. What the guest did not tell is None.
    """

    def __init__(self, told, outputs):
        self.refused = told.get("refused")
        self.rc, self.pid, self.late = (int(told[name][0]) if name in told else None for name in ("rc", "pid", "late"))
        self.start, self.end = (_moment(told[name]) if name in told else None for name in ("start", "end"))
        self.delta = _delta(told["start"], told["end"]) if "end" in told else None
        self.sizes = {name: int(told[name][0]) for name in outputs}
        self.encoding = f"cp{told['encoding'][0]}" if "encoding" in told else "utf-8"
        self.outputs = outputs
        self.seconds = None

    def text(self, stream):
        """One of its outputs as text, in which nothing fails that the guest may have written."""
        content = self.outputs[stream]
        encoding = next((encoding for bom, encoding in BOMS.items() if content.startswith(bom)), "utf-8")
        if encoding == "utf-16-le":
            content = content[2:]
        cut = len(content) < self.sizes[stream]
        try:
            return codecs.getincrementaldecoder(encoding)("strict").decode(content, final=not cut)  # what is cut in the middle of a letter ends before it
        except UnicodeDecodeError:
            return content.decode(self._fallback(), "replace")

    def _fallback(self):
        try:
            return codecs.lookup(self.encoding).name
        except LookupError:
            return "utf-8"


def read(path, most, doing):
    """Return the Outcome that a file of this machine tells, of which each output has most bytes at most; raise VixError for what does not look as it should."""
    if not os.path.isfile(path) or os.path.getsize(path) > HEADER + 2 * most:
        raise _broken("it is too large", doing)
    with open(path, "rb") as file:
        head, separator, rest = file.read().partition(b"\n\n")
    if not separator or len(head) > HEADER:
        raise _broken("it has no end of its head", doing)
    told = _lines(head, doing)
    if "refused" in told:
        return Outcome({"refused": (told["refused"][0], _detail(told["refused"][1]))}, {})
    if WHOLE - set(told):
        if "pid" in told and "start" in told and not rest:
            return Outcome(told, {})
        raise _broken("it is not complete", doing)
    kept = [(int(told[name][1]), int(told[name][0])) for name in ("stdout", "stderr")]
    if any(length > size or length > most for length, size in kept) or len(rest) != sum(length for length, dummy in kept):
        raise _broken("its lengths do not agree", doing)
    return Outcome(told, {"stdout": rest[: kept[0][0]], "stderr": rest[kept[0][0] :]})


def _lines(head, doing):
    first, *lines = head.split(b"\n")
    if first != FIRST:
        raise _broken("it does not begin as it should", doing)
    told = {}
    for line in lines:
        name, value = line.decode("ascii", "replace").partition(" ")[::2]
        match = LINES[name].fullmatch(value) if name in LINES else None
        if match is None or name in told:
            raise _broken(f"it has a line {line[:80]!r}", doing)
        told[name] = match.groups()
    return told


def _broken(why, doing):
    return VixError(f"what the guest wrote of it cannot be read ({why}): something else may have written there", doing=doing)


def _detail(text):
    """What Windows said, as Base64 of UTF-8."""
    try:
        return " ".join(base64.b64decode(text or "", validate=True).decode("utf-8", "replace").split())
    except (ValueError, binascii.Error):
        return ""


def _micro(moment):
    """The part of a second, in millionths; a guest whose date(1) cannot tell it says something else."""
    return int(moment[1].ljust(9, "0")[:6]) if moment[1].isdigit() and len(moment[1]) == 9 else 0


def _moment(moment):
    return f"{moment[2]}.{_micro(moment):06d}"


def _delta(start, end):
    return str(timedelta(seconds=int(end[0]) - int(start[0]), microseconds=_micro(end) - _micro(start)))
