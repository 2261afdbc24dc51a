# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing the content of a file in a guest, by the exit code of a program there or by fetching the file."""

from __future__ import annotations

import hashlib
from functools import partial

from .._vix.errors import FileNotFound, NotSupported
from . import attributes as attributes_of
from . import linux
from .exit_codes import DONE

BLOCK = 1 << 20  # bytes
# DONE and more: an exit code that holds two answers, each a place in KNOWN, for the content, below RADIX, and for the attributes, times RADIX.
KNOWN, RADIX = (True, False, None), 3
CMD, CERTUTIL = r"C:\Windows\System32\cmd.exe", '/d /c "certutil -hashfile "{path}" SHA256 | findstr /i /c:"{sum}" /c:"{spaced}" && exit {done}"'


def checksum_of(path):
    """SHA-256 of a file of this machine, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(partial(file.read, BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def compare(session, path, checksum, attributes=None):
    """Compare a file in the guest, by one program run if the guest has a program for that, else by fetching the file.

    Args:
        session: The GuestSession.
        path: The file.
        checksum: The SHA-256 that it should have.
        attributes: The Attributes that it should have, or None.

    Returns:
        Whether it has that checksum, and whether it has those attributes (None if there are none to compare).
    """
    content, others = _ask(session, path, checksum, attributes)
    if content is None:
        content = fetched(session, path)[0] == checksum
    if others is None and attributes:
        others = attributes_of.are_set(session, path, attributes)
    return content, others


def _ask(session, path, checksum, attributes):
    """The result of compare() by one program run, with None for what the program could not compare."""
    script = session.family.checksum_script(path, checksum)
    if attributes:
        script = both_script(script, attributes_of.script_to_compare(path, attributes))
    try:
        answer = session.run(script)
    except (FileNotFound, NotSupported):  # it has no such shell, or runs no programs at all
        return _ask_certutil(session, path, checksum), None
    if not attributes:
        return {linux.SAME: True, linux.OTHER: False}.get(answer), None
    if not DONE <= answer < DONE + RADIX * RADIX:
        return None, None
    others, content = divmod(answer - DONE, RADIX)
    return KNOWN[content], KNOWN[others]


def both_script(first, second):
    """Return a script that runs two scripts and returns both answers in one exit code."""
    place = f"case $? in {linux.SAME}) n=0 ;; {linux.OTHER}) n=1 ;; *) n=2 ;; esac"
    return f"({first}\n)\n{place}\nfirst=$n\n({second}\n)\n{place}\nexit $(({DONE} + n * {RADIX} + first))\n"


def certutil_line(path, checksum):
    """The arguments for cmd.exe, which exits with DONE if a file has this SHA-256. Older Windows print it with spaces."""
    spaced = " ".join(checksum[place : place + 2] for place in range(0, len(checksum), 2))
    return CERTUTIL.format(path=path, sum=checksum, spaced=spaced, done=DONE)


def _ask_certutil(session, path, checksum):
    """Whether certutil finds that checksum in a Windows guest without PowerShell. None if it does not: certutil may be missing as well."""
    if session.is_linux or '"' in path:
        return None
    try:
        return session.guest.run(CMD, certutil_line(path, checksum)) == DONE or None
    except (FileNotFound, NotSupported):
        return None


def fetched(session, path, most=0):
    """Fetch a file of the guest; return its SHA-256 and its first bytes, as many as most."""
    with session.fetched(path) as copy:
        with open(copy, "rb") as file:
            head = file.read(most)
        return checksum_of(copy), head
