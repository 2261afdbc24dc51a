# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a script in a guest and reading its output, which VIX itself does not offer."""

from __future__ import annotations

import secrets
from contextlib import suppress

from .._vix.errors import FileNotFound, VixError
from . import linux


def run(session, script, doing):
    """Run a script in the guest's /bin/sh; return its exit code and its standard output, as bytes. This takes three VIX calls.

    An exit code of 0 does not show that the script ran to its end (exit_codes.py). Raises FileNotFound if it left no output.

    Args:
        session: The GuestSession.
        script: The script, of LONGEST_SCRIPT bytes at most less 1,000.
        doing: What the script is for, as GuestSession.doing() returns it.
    """
    guest = session.guest
    target = f"{linux.temporary_folder(guest)}/vmlab.vix-{secrets.token_hex(16)}"
    try:
        code = guest.run_script(linux.SHELL, f"umask 077; set -C; exec > {target} 2> /dev/null < /dev/null || exit 125; set +C\n{script}", doing)
        try:
            with session.fetched(target) as copy, open(copy, "rb") as file:
                return code, file.read()
        except FileNotFound as error:
            text = f"the script ended with exit code {code} and left no output: it may have been killed, or /tmp may be closed or full"
            raise FileNotFound(text, code=error.code, raw=error.raw, doing=doing) from error
    finally:
        with suppress(VixError):  # the first failure is reported, not that its leftovers could not be removed
            guest.delete_file(target)
