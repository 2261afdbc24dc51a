# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A script of ours that runs in a guest and of which the output is read, which VIX itself does not offer."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from .._vix.errors import VixError
from . import linux


def run(guest, script, workdir, doing):
    """Run a script by the guest's /bin/sh and return its exit code and what it wrote to standard output, as bytes.

    workdir: a folder of this machine for the output; doing: what it is for, as in "looking at /srv in". Three VIX calls.
    """
    target = f"{linux.temporary_folder(guest)}/vmlab.vix-{secrets.token_hex(16)}"
    try:
        code = guest.run_script(linux.SHELL, f"umask 077; set -C; exec > {target} 2> /dev/null < /dev/null || exit 125; set +C\n{script}", doing)
        copy = os.path.join(workdir, os.path.basename(target))
        guest.copy_out(target, copy)
    finally:
        with suppress(VixError):  # what went wrong is told; that the rest could not be removed either is not the news
            guest.delete_file(target)
    with open(copy, "rb") as file:
        output = file.read()
    os.unlink(copy)
    return code, output
