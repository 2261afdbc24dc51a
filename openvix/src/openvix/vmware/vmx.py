# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware's text files (.vmx, .vmsd): keys and quoted values. What VMware refuses is refused; lines without a key are preserved."""

from __future__ import annotations

import re
from typing import overload

from openvix.vmware import encodings

# Bytes that are written as | and two hexadecimal digits in a value.
ESCAPED = re.compile(rb'[\x00-\x08\x0a-\x1f"|\x7f]')
# What begins like an escape and is none is kept as a whole.
ESCAPE = re.compile(rb"\|([0-9A-Fa-f]{2})|\|[0-9A-Fa-f]?.", re.DOTALL)
LINE = re.compile(rb'[ \t]*([^ \t=#]+)[ \t]*=[ \t]*(?:"([^"]*)"|([^ \t#"][^ \t#]*|))[ \t]*(?:#.*)?\r?', re.DOTALL)
NO_KEY = re.compile(rb"[ \t]*(?:#.*)?\r?", re.DOTALL)
BOM = b"\xef\xbb\xbf"
ENCODING = ".encoding"
UTF_8 = "UTF-8"


class Settings:
    """The lines of one file as a mapping with case-insensitive keys. The order, line ends and lines without a key are preserved."""

    def __init__(self, lines: list[bytes] | None = None, encoding: str = UTF_8):
        """Take the lines of a file without their line feeds. Raises ValueError with the number of a line that VMware would refuse."""
        self.encoding = encoding
        self._codec = encodings.codec(encoding)
        self._lay(lines or [])
        self._end = b"\r" if self.lines and self.lines[0].endswith(b"\r") else b""
        for key, number in self._at.items():
            if self.lines[number].isascii() and b"|" not in self.lines[number]:
                continue  # nearly all lines, and always valid
            try:
                self.get(key)
            except UnicodeDecodeError:
                raise ValueError(f"line {number + 1}: the value of {key} is not {encoding}") from None

    def _lay(self, lines: list[bytes]) -> None:
        self.lines = lines
        # Number of the line that sets each key.
        self._at: dict[str, int] = {}
        for number, line in enumerate(self.lines):
            found = LINE.fullmatch(line)
            if found:
                self._at[found[1].decode("latin-1").lower()] = number
            elif not NO_KEY.fullmatch(line):
                raise ValueError(f'line {number + 1} is not KEY = "VALUE"')

    @overload
    def get(self, key: str) -> str | None: ...

    @overload
    def get(self, key: str, default: str) -> str: ...

    def get(self, key: str, default: str | None = None) -> str | None:
        number = self._at.get(key.lower())
        if number is None:
            return default
        _, value = self._parts(number)
        return encodings.decode(ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else found[0], value), self._codec)

    def number(self, key: str, default: int | None = None) -> int:
        """Return the whole number at a key. Raises ValueError if it is not one, or if it is missing and there is no default."""
        text = self.get(key)
        if text is None and default is not None:
            return default
        try:
            return int(text or "")
        except ValueError:
            raise ValueError(f"{self._place(key)}{key} is not a number") from None

    def _place(self, key: str) -> str:
        number = self._at.get(key.lower())
        return "" if number is None else f"line {number + 1}: "

    def _parts(self, number: int) -> tuple[bytes, bytes]:
        """Return the key of a line that sets one, and its escaped value."""
        found = LINE.fullmatch(self.lines[number])
        assert found, "only such lines are in _at"
        return found[1], found[3] if found[2] is None else found[2]

    def set(self, key: str, value: str) -> None:
        """Set a value. The file becomes UTF-8 if its encoding cannot represent it."""
        try:
            encoded = encodings.encode(value, self._codec)
        except UnicodeEncodeError:
            self._convert()
            encoded = value.encode("utf-8")
        number = self._at.get(key.lower())
        name = key.encode("ascii") if number is None else self._parts(number)[0]
        line = name + b' = "' + escaped(encoded) + b'"' + self._end
        if number is None:
            self._at[key.lower()] = len(self.lines)
            self.lines.append(line)
        else:
            self.lines[number] = line

    def _convert(self) -> None:
        values = {key: self.get(key, "") for key in self._at}
        self.encoding, self._codec = UTF_8, encodings.codec(UTF_8)
        for key, value in {**values, ENCODING: UTF_8}.items():
            self.set(key, value)

    def remove(self, key: str) -> None:
        number = self._at.get(key.lower())
        if number is not None:
            self._lay([*self.lines[:number], *self.lines[number + 1 :]])

    def keys(self) -> list[str]:
        """Return the keys as written, in the order of the file."""
        return [self._parts(number)[0].decode("latin-1") for number in sorted(self._at.values())]

    def write(self) -> bytes:
        """Return the content of the file."""
        if self.get(ENCODING) != self.encoding:
            self.set(ENCODING, self.encoding)
        return b"".join(line + b"\n" for line in self.lines)


def escaped(value: bytes) -> bytes:
    """Return a value as it is written between quotes."""
    return ESCAPED.sub(lambda found: b"|%02X" % ord(found[0]), value)


def read(raw: bytes) -> Settings:
    """Parse the content of a file in the encoding of its key ".encoding", default UTF-8. Raises ValueError, with the number of the line at fault."""
    if b"\0" in raw:
        raise ValueError("it is not a text file")
    lines = raw[len(BOM) if raw.startswith(BOM) else 0 :].split(b"\n")
    said = [found for found in map(LINE.fullmatch, lines) if found and found[1].lower() == ENCODING.encode()]
    encoding = (said[-1][3] if said[-1][2] is None else said[-1][2]).decode("ascii", "replace") if said else UTF_8
    return Settings(lines[:-1] if lines[-1] == b"" else lines, encoding)


def is_foreign(raw: bytes) -> bool:
    """Whether a file of this content is another program's: it has content, but no line of it sets a key."""
    return bool(raw.strip(b"\0")) and not any(map(LINE.fullmatch, raw.removeprefix(BOM).split(b"\n")))


def new(values: dict[str, str]) -> Settings:
    """Return a new file with these values, in UTF-8."""
    settings = Settings()
    settings.set(ENCODING, UTF_8)
    for key, value in values.items():
        settings.set(key, value)
    return settings
