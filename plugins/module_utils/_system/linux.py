# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell of a guest that has /bin/sh, as Linux has: quoting, paths, scripts that answer by their exit code."""

from __future__ import annotations

import posixpath
import shlex

from .exit_codes import DONE

NAME = "linux"
SHELL = "/bin/sh"
SAME, OTHER, NO_PROGRAM = DONE, 1, 2  # exit codes of the comparison of checksums; the last: nothing there can compute one. Any other: it was killed

join, parent, base_name, is_absolute = posixpath.join, posixpath.dirname, posixpath.basename, posixpath.isabs


def quote(text):
    """Quote a text as one word for the shell."""
    return shlex.quote(text)


def line(argv):
    """The command line for the shell with exactly these arguments."""
    return " ".join(map(shlex.quote, argv))


def run(guest, script):
    """Run a short script in the guest's shell, wait for its end, and return its exit code; 0 does not count as an answer (exit_codes.py).

    Every user of the guest can read the script: no secrets.
    """
    return guest.run(SHELL, f"-c {shlex.quote(script)}")


def checksum_script(path, checksum):
    """Return a script whose exit code is SAME if a file has this SHA-256, and OTHER if not."""
    name = shlex.quote(path)
    look = f"sum=$(sha256sum < {name} || shasum -a 256 < {name}) 2> /dev/null || exit 2"
    return f'{look}; [ "${{sum%% *}}" = {checksum} ] || exit {OTHER}; exit {SAME}'


def temporary_folder(guest):
    """The directory for temporary files of the user."""
    return "/tmp"
