# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How one speaks with a guest that has /bin/sh, as Linux has: quoting, paths, questions that a program answers by its exit code."""

from __future__ import annotations

import posixpath
import shlex

NAME = "linux"
SHELL = "/bin/sh"
SAME, OTHER = 0, 1  # exit codes of the comparison of checksums; any other: it could not be made

join, parent, base_name, is_absolute = posixpath.join, posixpath.dirname, posixpath.basename, posixpath.isabs


def quote(text):
    """One word of a line for the shell."""
    return shlex.quote(text)


def line(argv):
    """The line by which the shell starts a program with exactly these arguments."""
    return " ".join(map(shlex.quote, argv))


def run(guest, script):
    """Run a short script by the guest's shell, wait for its end, and return its exit code. Everybody in the guest can read it: no secrets."""
    return guest.run(SHELL, f"-c {shlex.quote(script)}")


def checksum_script(path, checksum):
    """A script that ends with SAME when a file has this SHA-256, with OTHER when it has not."""
    return f'sum=$(sha256sum < {shlex.quote(path)} || shasum -a 256 < {shlex.quote(path)}) 2> /dev/null || exit 2; [ "${{sum%% *}}" = {checksum} ]'


def temporary_folder(guest):
    """Where the user's short-lived files go."""
    return "/tmp"
