# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a script in a guest and reading its output, which VIX itself does not offer."""

from __future__ import annotations

from contextlib import suppress

from .._vix.errors import FileNotFound, VixError
from . import leftovers, linux
from .guest_session import LARGEST

ANSWER = "answer"
BLOCK = 512  # bytes, the unit of ulimit -f; some shells use 1024


def run(session, script, doing):
    """Run a script in the guest's /bin/sh; return its exit code and its standard output, as bytes. This takes three VIX calls.

    An exit code of 0 does not show that the script ran to its end (exit_codes.py). Raises FileNotFound if it left no output, and VixError if it wrote
    more than LARGEST bytes.

    Args:
        session: The GuestSession.
        script: The script, of LONGEST_SCRIPT bytes at most less 1,000.
        doing: What the script is for, as GuestSession.doing() returns it.
    """
    guest = session.guest
    place = linux.join(linux.temporary_folder(guest), leftovers.name(leftovers.minutes(guest)))
    try:
        code = guest.run_script(linux.SHELL, begin(place) + script, doing)
        try:
            return code, session.content(linux.join(place, ANSWER), doing)
        except FileNotFound as error:
            text = f"the script ended with exit code {code} and left no output: it may have been killed, or /tmp may be closed or full"
            raise FileNotFound(text, code=error.code, raw=error.raw, doing=doing) from error
    finally:
        with suppress(VixError):  # the first failure is reported, not that its leftovers could not be removed: the next run removes them
            guest.delete_directory(place)


def begin(place):
    """The lines before a script: its output goes to a file in a new directory."""
    take = f"mkdir {place} || exit 125\n{leftovers.claim(place)}exec > {place}/{ANSWER} || exit 125\nulimit -f {LARGEST // BLOCK}\n"
    return f"umask 077\nexec 2> /dev/null < /dev/null\n{leftovers.sweep(linux.parent(place))}{take}"
