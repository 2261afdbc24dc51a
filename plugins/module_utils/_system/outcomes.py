# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a program in a guest, from a file that was written there. The content is not trusted."""

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
    "left": re.compile("([01])"),
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
    """The result of a program. What the guest did not report is None.

    rc, pid; late: whether it was killed as its time was over, after that many seconds; left: whether processes that it had started may still run, of which
    Windows does not know whose they are; start, end, delta: texts; outputs, sizes: by "stdout" and "stderr";
    refused: (reason, detail) of a program that was not started, else None.
    """

    def __init__(self, fields, outputs):
        self.refused = fields.get("refused")
        self.rc, self.pid, self.late, self.left = (int(fields[name][0]) if name in fields else None for name in ("rc", "pid", "late", "left"))
        self.start, self.end = (_moment(fields[name]) if name in fields else None for name in ("start", "end"))
        self.delta = _delta(fields["start"], fields["end"]) if "end" in fields else None
        self.sizes = {name: int(fields[name][0]) for name in outputs}
        self.encoding = f"cp{fields['encoding'][0]}" if "encoding" in fields else "utf-8"
        self.outputs = outputs
        self.seconds = None

    def text(self, stream):
        """One of its outputs as text, whatever bytes the guest has written."""
        content = self.outputs[stream]
        encoding = next((encoding for bom, encoding in BOMS.items() if content.startswith(bom)), "utf-8")
        if encoding == "utf-16-le":
            content = content[2:]
        cut = len(content) < self.sizes[stream]
        try:
            return codecs.getincrementaldecoder(encoding)("strict").decode(content, final=not cut)  # a character that was cut off is dropped
        except UnicodeDecodeError:
            return content.decode(self._fallback(), "replace")

    def _fallback(self):
        try:
            return codecs.lookup(self.encoding).name
        except LookupError:
            return "utf-8"


def read(path, most, doing):
    """Return the Outcome in a file of this machine; raise VixError if the file is malformed. most: bytes of each output at most."""
    if not os.path.isfile(path) or os.path.getsize(path) > HEADER + 2 * most:
        raise _broken("it is too large", doing)
    with open(path, "rb") as file:
        head, separator, rest = file.read().partition(b"\n\n")
    if not separator or len(head) > HEADER:
        raise _broken("its header has no end", doing)
    fields = _lines(head, doing)
    if "refused" in fields:
        return Outcome({"refused": (fields["refused"][0], _detail(fields["refused"][1]))}, {})
    if WHOLE - set(fields):
        if "pid" in fields and "start" in fields and not rest:
            return Outcome(fields, {})
        raise _broken("it is not complete", doing)
    kept = [(int(fields[name][1]), int(fields[name][0])) for name in ("stdout", "stderr")]
    if any(length > size or length > most for length, size in kept) or len(rest) != sum(length for length, dummy in kept):
        raise _broken("its lengths do not match", doing)
    return Outcome(fields, {"stdout": rest[: kept[0][0]], "stderr": rest[kept[0][0] :]})


def _lines(head, doing):
    first, *lines = head.split(b"\n")
    if first != FIRST:
        raise _broken("its first line is wrong", doing)
    fields = {}
    for line in lines:
        name, value = line.decode("ascii", "replace").partition(" ")[::2]
        match = LINES[name].fullmatch(value) if name in LINES else None
        if match is None or name in fields:
            raise _broken(f"it has a line {line[:80]!r}", doing)
        fields[name] = match.groups()
    return fields


def _broken(why, doing):
    return VixError(f"the result that the guest wrote cannot be read ({why}): another program may have written to the file", doing=doing)


def _detail(text):
    """The message of Windows, from Base64 of UTF-8."""
    try:
        return " ".join(base64.b64decode(text or "", validate=True).decode("utf-8", "replace").split())
    except (ValueError, binascii.Error):
        return ""


def _micro(moment):
    """The fraction of a second, in millionths. 0 if the date(1) of the guest does not support it."""
    return int(moment[1].ljust(9, "0")[:6]) if moment[1].isdigit() and len(moment[1]) == 9 else 0


def _moment(moment):
    return f"{moment[2]}.{_micro(moment):06d}"


def _delta(start, end):
    return str(timedelta(seconds=int(end[0]) - int(start[0]), microseconds=_micro(end) - _micro(start)))
