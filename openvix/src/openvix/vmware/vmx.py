# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware's text files (.vmx, .vmsd): keys and quoted values. Unknown lines are preserved."""

from __future__ import annotations

import codecs
import re
from typing import overload

# Characters that are written as | and two hexadecimal digits in a value.
ESCAPED = re.compile(r'[\x00-\x1f"|\x7f]')
ESCAPE = re.compile(r"\|([0-9A-Fa-f]{2})")
LINE = re.compile(r'\s*([^\s=#"]+)\s*=\s*(?:"([^"]*)"|([^"#]*?))\s*(?:#.*)?$')
ENCODING = ".encoding"


class Settings:
    """The lines of one file as a mapping with case-insensitive keys. The order and unknown lines are preserved."""

    def __init__(self, lines: list[str] | None = None, encoding: str = "UTF-8"):
        self.encoding = encoding
        self._lay(lines or [])

    def _lay(self, lines: list[str]) -> None:
        self.lines = lines
        # Number of the line that sets each key.
        self._at: dict[str, int] = {}
        for number, line in enumerate(self.lines):
            found = LINE.match(line)
            if found:
                self._at[found[1].lower()] = number

    @overload
    def get(self, key: str) -> str | None: ...

    @overload
    def get(self, key: str, default: str) -> str: ...

    def get(self, key: str, default: str | None = None) -> str | None:
        number = self._at.get(key.lower())
        if number is None:
            return default
        _, quoted, bare = self._parts(number)
        return ESCAPE.sub(lambda found: chr(int(found[1], 16)), quoted if quoted is not None else bare)

    def _parts(self, number: int) -> tuple[str, str | None, str]:
        """Return the key of a line that sets one, and its value: quoted, or else bare."""
        found = LINE.match(self.lines[number])
        assert found, "only such lines are in _at"
        return found[1], found[2], found[3]

    def set(self, key: str, value: str) -> None:
        number = self._at.get(key.lower())
        name = key if number is None else self._parts(number)[0]
        line = f'{name} = "{ESCAPED.sub(lambda found: f"|{ord(found[0]):02X}", value)}"'
        if number is None:
            self._at[key.lower()] = len(self.lines)
            self.lines.append(line)
        else:
            self.lines[number] = line

    def remove(self, key: str) -> None:
        number = self._at.get(key.lower())
        if number is not None:
            self._lay([*self.lines[:number], *self.lines[number + 1 :]])

    def keys(self) -> list[str]:
        """Return the keys as written, in the order of the file."""
        return [self._parts(number)[0] for number in sorted(self._at.values())]

    def write(self) -> bytes:
        """Return the content of the file, in UTF-8 if its encoding cannot represent a value."""
        self.set(ENCODING, self.encoding)
        text = "".join(f"{line}\n" for line in self.lines)
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError:
            self.encoding = "UTF-8"
            return self.write()


def read(raw: bytes) -> Settings:
    """Parse the content of a file in the encoding of its key ".encoding", default UTF-8. Raises ValueError."""
    encoding = Settings(raw.decode("latin-1").splitlines()).get(ENCODING, "UTF-8")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(f"unknown .encoding {encoding!r}") from None
    # str.splitlines would also split at characters that a name may contain.
    lines = re.split(r"\r\n|\n|\r", raw.decode(encoding))
    return Settings(lines[:-1] if lines[-1] == "" else lines, encoding)


def new(values: dict[str, str]) -> Settings:
    """Return a new file with these values, in UTF-8."""
    settings = Settings()
    settings.set(ENCODING, "UTF-8")
    for key, value in values.items():
        settings.set(key, value)
    return settings
