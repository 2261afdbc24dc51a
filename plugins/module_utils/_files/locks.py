# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which process holds a VM: each one that has it open writes a file in the directory NAME.vmx.lck until it exits.

The line begins with the machine and with PID-START(PROGRAM) (lib/file/fileLockPosix.c in open-vm-tools); on macOS without the program.
"""

from __future__ import annotations

import os
import re

MAX_BYTES = 512  # of a line, as VMware writes it
HOLDER = re.compile(rb"\S+ ([0-9]{1,10})-([0-9]{1,20})\(vmware-vmx[^)]*\)? ")
START = 19  # the place of a process's start, in jiffies, among what /proc/PID/stat has after its name


def is_held(path):
    """Whether anything holds the VM with this .vmx."""
    return os.path.isdir(f"{path}.lck")


def is_run(path, root="/"):
    """Whether a process that runs the VM holds it: True; False if nothing holds it; None if the holder is not known.

    root: where the machine's files begin.
    """
    try:
        names = os.listdir(f"{path}.lck")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    return True if any(_is_alive(os.path.join(f"{path}.lck", name), root) for name in names if name.startswith("M")) else None


def _is_alive(member, root):
    """Whether the process that left this line runs a VM and still lives."""
    try:
        with open(member, "rb") as file:
            holder = HOLDER.match(file.read(MAX_BYTES))
        if not holder:
            return False
        with open(os.path.join(root, "proc", holder[1].decode("ascii"), "stat"), "rb") as file:
            after_name = file.read().rpartition(b")")[2].split()
    except OSError:
        return False
    return len(after_name) > START and after_name[START] == holder[2]
