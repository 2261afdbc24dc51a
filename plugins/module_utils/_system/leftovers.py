# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The temporary files and directories of a task in a guest: their names, and how those are removed that a task left when it was killed.

The name has the minutes after which nobody needs it. That age alone would not do: a clock that jumps, as when a VM is resumed, makes everything old. So
a directory has a file "owner" with the id of the process that uses it and the seconds since the guest was started, and it is kept while either of them
shows that it is in use.
"""

from __future__ import annotations

import math
import re
import secrets

from . import linux

SPARE = 2  # minutes beside those that the task has
NOBODY = 999999999  # larger than the id of any process
SWEEP = r"""
vix_up=0
[ -r /proc/uptime ] && read -r vix_up vix_rest < /proc/uptime && vix_up=${vix_up%%.*}
for vix_old in {parent}/{dot}vmlab.vix-*-*; do
  [ ! -L "$vix_old" ] && [ -O "$vix_old" ] || continue
  vix_age=${vix_old##*vmlab.vix-} vix_by= vix_at=
  vix_age=${vix_age%%-*}
  case $vix_age in '' | 0* | *[!0-9]*) continue ;; esac
  [ -n "$(find "$vix_old" -prune -mmin "+$vix_age")" ] || continue
  [ -f "$vix_old/owner" ] && read -r vix_by vix_at < "$vix_old/owner"
  case $vix_by:$vix_at in
  :* | *: | *[!0-9:]*) {unclaimed} ;;
  *)
    if [ "$vix_up" -ge "$vix_at" ]; then
      [ "$vix_up" -gt 0 ] && [ $((vix_up - vix_age * 60)) -lt "$vix_at" ] && continue
      kill -0 "$vix_by" && continue
    fi
    ;;
  esac
  rm -rf -- "$vix_old"
done
"""


# A directory that VIX created names no process. It is marked first, and removed when the mark is old: a clock that jumped removes nothing that is in use.
MARK = f'if [ -d "$vix_old" ]; then echo "{NOBODY} $vix_up" > "$vix_old/owner"; continue; fi'


def name(minutes):
    """A new name for a file or directory that is not needed after so many minutes."""
    return f"vmlab.vix-{minutes}-{secrets.token_hex(16)}"


def minutes(guest):
    """The minutes that the task may need what it creates in the guest."""
    return math.ceil(guest.within(math.inf).left() / 60) + SPARE


def hidden_name(minutes):
    """As name(), for a directory of the user's own files."""
    return f".{name(minutes)}"


def sweep(parent, hidden=False):
    """Lines for the guest's shell that remove from a directory what nobody needs. After them, $vix_up is what claim() needs.

    Args:
        parent: The directory.
        hidden: Whether the names are those of hidden_name(), and directories may be such as name no process.
    """
    words = {"{parent}": linux.quote(parent), "{dot}": "." if hidden else "", "{unclaimed}": MARK if hidden else ""}
    text = SWEEP
    for word, replacement in words.items():
        text = text.replace(word, replacement)
    lines = text.splitlines()
    return "".join(f"{re.sub('^ +', '', line)}\n" for line in lines if line)


def claim(directory, process="$$"):
    """A line for the guest's shell that names the process that uses a directory."""
    return f'echo "{process} $vix_up" > {directory}/owner\n'
