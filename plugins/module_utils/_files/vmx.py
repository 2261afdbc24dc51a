# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware's dictionary files, of which the .vmx is one: lines of KEY = "VALUE", read as a mapping, changed without touching the rest.

The grammar is that of VMware's own reader and writer of such lines (lib/dict/dictll.c in open-vm-tools): lines end with a line feed, a
value without quotes has no blank in it, and special bytes are written in a value as | and two hexadecimal digits.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping

from . import encodings

MAX_BYTES = 4 << 20  # the largest real ones, of encrypted VMs, have some 100 KiB
USUAL_LINES = 1 << 17  # of more than these the quick way would take too much memory
BLANK = b" \t"
BOM = b"\xef\xbb\xbf"
ENCODING = ".encoding"
ESCAPE = re.compile(rb"\|([0-9A-Fa-f]{2})|\|[0-9A-Fa-f]?.", re.DOTALL)
ESCAPED = re.compile(rb'[\x00-\x08\x0a-\x1f"|\x7f]')
KEY = re.compile(r"[!$-<>-~]+")
# A line as VMware writes it, a comment, or nothing: what is all of such lines is read in a fifth of the time.
USUAL = re.compile(r'^[ \t]*(?:([A-Za-z0-9_.:-]+)[ \t]*=[ \t]*"([^"\n]*)"[ \t]*|#.*|)\r?$', re.MULTILINE)
LINE_START = re.compile(rb"^(?:\xef\xbb\xbf)?[ \t]*[A-Za-z0-9_.:-]+[ \t]*=", re.MULTILINE)
SHIFTS = re.compile("[\x0e\x1b]")  # after them, encodings such as ISO-2022-JP have other characters in bytes of ASCII
NUMBER = re.compile(r"[+-]?[0-9]{1,20}")


class BrokenFile(ValueError):
    """A file does not have the expected content. path: the file; reason: what is wrong with it."""

    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class Vmx(Mapping):
    """The values of a dictionary file by key in lower case; a key may be asked for in any case.

    encoding: as the file names it; problems: messages about what was skipped.
    """

    def __init__(self, values, encoding="UTF-8", problems=()):
        self._values, self.encoding, self.problems = values, encoding, tuple(problems)

    def __getitem__(self, key):
        return self._values[key.lower()]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    @property
    def display_name(self):
        """What people call the VM, or None."""
        return self.get("displayname") or None

    @property
    def guest_os(self):
        """VMware's name of the guest's operating system, as debian12-64, or None."""
        return self.get("guestos") or None

    @property
    def is_encrypted(self):
        """Whether the VM needs a password to be opened, be it encrypted in full or in part (as for a virtual TPM)."""
        kind = self.get("vmx.encryptiontype", "").lower()
        return bool(self.get("encryption.keysafe") or self.get("encryption.data") or kind not in ("", "none"))

    def number(self, key, default=None):
        """The whole number at a key; the default where there is none."""
        return to_number(self.get(key, ""), default)


def to_number(text, default=None):
    """The whole number that a text is, of 20 digits at most, or the default."""
    return int(text) if NUMBER.fullmatch(text.strip()) else default


def read(path):
    """Read a dictionary file. Raises FileNotFoundError where there is none, and BrokenFile for all else that is wrong."""
    return parse(read_bytes(path), path)


def read_bytes(path):
    """The bytes of a file, at most one more than a dictionary file may have. Raises the same."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its other end
            raise BrokenFile(path, "it is not a file")
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, BrokenFile):
        raise
    except OSError as error:
        raise BrokenFile(path, f"it cannot be read: {error.strerror}") from error
    except ValueError as error:  # a path that no file can have
        raise BrokenFile(path, f"it cannot be read: {error}") from error


def is_foreign(raw):
    """Whether a file of this content is another program's: it has content, but no line that begins as KEY = VALUE does."""
    return bool(raw.strip(b"\0")) and not LINE_START.search(raw)


def parse(raw, path):
    """The same of the bytes of a file; path: how it is called in a BrokenFile."""
    usual = _parse_usual(raw)
    return _parse_any(raw, path) if usual is None else usual


def _parse_usual(raw):
    """The same of a file that has only usual lines, no key twice, and is in UTF-8 or has only ASCII in it; None of any other."""
    ends = raw.count(b"\n")
    if len(raw) > MAX_BYTES or ends > USUAL_LINES or b"\0" in raw:
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = USUAL.findall(text)
    if len(lines) != ends + 1:
        return None
    entries = [line for line in lines if line[0]]
    values = {name.lower(): value for name, value in entries}
    encoding = values.get(ENCODING, "UTF-8")
    if len(values) != len(entries):
        return None
    codec = "utf-8" if encoding.upper() == "UTF-8" else encodings.codec(encoding)
    if codec is None or (codec != "utf-8" and (not text.isascii() or SHIFTS.search(text))):
        return None
    if "|" in text:
        for key, value in values.items():
            if "|" in value:
                values[key] = encodings.decode(_unescape(value.encode("utf-8")), codec)
    return Vmx(values, encoding)


def _parse_any(raw, path):
    entries = list(_entries(_lines(raw, path), path))
    encoding, codec = _encoding(entries, path)
    values, again = {}, {}
    for number, name, value in entries:
        key = encodings.decode(name, codec).lower()
        if key in values:
            again[key] = number
        values[key] = encodings.decode(_unescape(value), codec)  # a character that is broken must not hide the other values
    return Vmx(values, encoding, [f"line {number} repeats {key}, and the last one counts" for key, number in again.items()])


def set_values(text, values, path="the file"):
    """Return the bytes of a dictionary file with some values set, and all other lines, their order, ends and encoding as they were.

    text: of the file before, bytes or str; values: texts by key, in any case. A key that is there keeps its spelling and its place (where it
    is there twice, the last); others are added at the end. path: how the file is called in a BrokenFile, which is also raised when its
    encoding cannot hold a value.
    """
    raw = _to_bytes(text, path) if isinstance(text, str) else text
    entries = list(_entries(_lines(raw, path), path))
    encoding, codec = _encoding(entries, path)
    at = {encodings.decode(name, codec).lower(): (number - 1, name, value) for number, name, value in entries}
    start = BOM if raw.startswith(BOM) else b""
    lines = raw[len(start) :].split(b"\n")
    end = b"\r" if lines[0].endswith(b"\r") else b""
    last = lines.pop()  # what comes after the last line feed: nothing, unless the last line has no end
    added = []
    for key, value in values.items():
        if not KEY.fullmatch(key) or key.lower() == ENCODING:
            raise ValueError(f"{key} cannot be set")
        encoded = _encode(value, (encoding, codec), key, path)
        number, name, old = at.get(key.lower(), (None, key.encode("ascii"), None))
        line = name + b' = "' + _escape(encoded) + b'"'
        if number is None:
            added.append(line + end + b"\n")
        elif _unescape(old) == encoded:
            continue
        elif number == len(lines):
            last = line
        else:
            lines[number] = line + (b"\r" if lines[number].endswith(b"\r") else b"")
    if added and last:
        last += b"\n" if last.endswith(b"\r") else end + b"\n"
    return start + b"".join(line + b"\n" for line in lines) + last + b"".join(added)


def _lines(raw, path):
    if len(raw) > MAX_BYTES:
        raise BrokenFile(path, f"it is larger than {MAX_BYTES >> 20} MiB")
    if b"\0" in raw:
        raise BrokenFile(path, "it is not a text file")
    return raw[len(BOM) if raw.startswith(BOM) else 0 :].split(b"\n")


def _entries(lines, path):
    """Line number, key and escaped value of each line that has them."""
    for number, line in enumerate(lines, 1):
        content = line[: -1 if line.endswith(b"\r") else None].strip(BLANK)
        if not content or content.startswith(b"#"):  # the latter is also how "#!/usr/bin/vmware" begins
            continue
        name, equals, rest = content.partition(b"=")
        name, rest = name.rstrip(BLANK), rest.lstrip(BLANK)
        if rest.startswith(b'"'):
            value, quote, rest = rest[1:].partition(b'"')
            comment = rest.lstrip(BLANK)
            whole = quote and (not comment or comment.startswith(b"#"))
        else:
            value = rest.partition(b"#")[0].rstrip(BLANK)
            whole = not any(blank in value for blank in (b" ", b"\t"))
        if not (equals and name and whole) or any(byte in name for byte in (b" ", b"\t", b"#")):
            raise BrokenFile(path, f'line {number} is not KEY = "VALUE"')
        yield number, name, value


def _encoding(entries, path):
    """The name of the encoding that the file says it has, UTF-8 when it says none, and Python's codec for it."""
    said = [value for number, name, value in entries if name.lower() == ENCODING.encode("ascii")]
    name = _unescape(said[-1]).decode("ascii", "replace") if said else "UTF-8"
    codec = encodings.codec(name)
    if codec is None:
        raise BrokenFile(path, f"its encoding is unknown: {name[:40]}")
    return name, codec


def _to_bytes(text, path):
    entries = _entries(_lines(text.encode("utf-8", "replace"), path), path)
    return _encode(text, _encoding(list(entries), path), "what it has", path)


def _encode(text, encoding, what, path):
    name, codec = encoding
    try:
        return encodings.encode(text, codec)
    except UnicodeEncodeError as error:
        raise BrokenFile(path, f"its encoding, {name}, cannot hold {what}") from error


def _escape(value):
    return ESCAPED.sub(lambda found: b"|%02X" % ord(found[0]), value)


def _unescape(value):
    # What begins like an escape and is none stays, all of it: VMware does not look for another one within.
    return ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else found[0], value)
