# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mode, owner and group of files in a guest that has /bin/sh: VIX knows none of them, so programs of the guest compare and set them."""

from __future__ import annotations

import re

from .._vix.errors import Refused, VixError
from . import captured, linux
from .exit_codes import DONE

HIGHEST = 0o7777
FACTS = re.compile(r"([0-7]{5}) ([0-9]+) ([0-9]+) (.*)/([^/]*)", re.DOTALL)
NAMELESS = "UNKNOWN"  # GNU stat's name of an account that has none
SYMBOLIC = re.compile(r"[ugoa]*([-+=]([rwxXst]+|[ugo])?)+")
# Exit codes of the scripts, beside those of linux. Any other: the attributes could not be read.
NO_OWNER, NO_GROUP, NOT_OWNED, NOT_GROUPED, NOT_MODED = 3, 4, 13, 14, 15

# The options of GNU and BusyBox are tried first, then those of macOS and the BSDs.
LOOK = """\
now=$(stat -L -c '%f %u %g' -- "$path" || stat -L -f '%Xp %u %g' -- "$path") || exit 2
names=$(stat -L -c '%U/%G' -- "$path" || stat -L -f '%Su/%Sg' -- "$path") || exit 2
set -- $now
mode=$(printf %05o $((0x$1 & 4095)))
"""
# A text is a name first and a number second, as for chown.
OWNER = """\
number=$(id -u -- "$owner") || case $owner in *[!0-9]*) exit 3 ;; *) number=$owner ;; esac
[ "$number" = "$2" ] || other=1
"""
GROUP = """\
if number=$(getent group "$group"); then number=${number#*:*:}; number=${number%%:*}
elif number=$(grep "^$group:" /etc/group); then number=${number#*:*:}; number=${number%%:*}
else case $group in *[!0-9]*) [ "$group" = "${names##*/}" ] || exit 4; number=$3 ;; *) number=$group ;; esac; fi
[ "$number" = "$3" ] || other=1
"""
OCTAL = '[ "$mode" = {mode} ] || other=1\n'
# Only chmod can apply a symbolic mode: it does so on a scratch file, whose name leftovers.py knows as one that is not needed after nine minutes.
SYMBOLICALLY = """\
umask_of_user=$(umask); umask 077
if [ -d "$path" ]; then scratch=$(mktemp -d /tmp/vmlab.vix-9-XXXXXXXX); else scratch=$(mktemp /tmp/vmlab.vix-9-XXXXXXXX); fi || exit 2
trap 'rm -rf -- "$scratch"' 0
umask "$umask_of_user"
chmod "$mode" "$scratch" && chmod -- {mode} "$scratch" || exit 2
then=$(stat -c %f -- "$scratch" || stat -f %Xp -- "$scratch") || exit 2
[ "$mode" = "$(printf %05o $((0x$then & 4095)))" ] || other=1
"""


class Attributes:
    """The wanted mode (octal with five digits, or symbolic), owner and group of a file. None: any."""

    def __init__(self, mode, owner, group):
        self.mode, self.owner, self.group = mode, owner, group

    def as_dict(self):
        """The wanted values that are set, in the words of a diff."""
        mode = self.mode[-4:] if self.mode and self.mode.isdigit() else self.mode
        return {name: value for name, value in (("mode", mode), ("owner", self.owner), ("group", self.group)) if value is not None}


def wanted(mode, owner, group, family, path):
    """Return the Attributes of options, or None if none is set. Raises Refused for invalid ones.

    Args:
        mode: A number, an octal text or a symbolic mode, or None.
        owner: Name or number of a user, or None.
        group: Name or number of a group, or None.
        family: linux or windows.
        path: The file, for error messages.
    """
    if mode is None and owner is None and group is None:
        return None
    doing = f"setting mode and owner of {path} in the guest"
    if family.NAME != linux.NAME:
        raise Refused("mode, owner and group cannot be set in a Windows guest: omit these options", doing=doing)
    for kind, name in (("owner", owner), ("group", group)):
        if name is not None and (not name or ":" in name or not name.isprintable()):
            raise Refused(f"{name!r} is not a valid {kind}", doing=doing)
    return Attributes(None if mode is None else _mode(mode, doing), owner, group)


def _mode(mode, doing):
    """The mode for chmod. It has five digits: with four, chmod keeps set-user-id and set-group-id of a directory."""
    number = mode
    if isinstance(mode, str):
        if mode and all(SYMBOLIC.fullmatch(clause) for clause in mode.split(",")):
            return mode
        number = int(mode, 8) if re.fullmatch("[0-7]+", mode) else None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= HIGHEST:
        raise Refused(f"{mode} is not a mode: use an octal number such as '0644', or a symbolic mode such as u=rw,g=r", doing=doing)
    return f"{number:05o}"


def script_to_compare(path, attributes):
    """Return a script that compares the attributes of a file, links followed.

    Its exit code is SAME or OTHER; or NO_OWNER or NO_GROUP if the guest does not know that name.
    """
    steps = [f"path={linux.quote(path)} other=\n", LOOK]
    if attributes.owner is not None:
        steps.append(f"owner={linux.quote(attributes.owner)}\n{OWNER}")
    if attributes.group is not None:
        steps.append(f"group={linux.quote(attributes.group)}\n{GROUP}")
    if attributes.mode is not None:
        steps.append((OCTAL if attributes.mode.isdigit() else SYMBOLICALLY).format(mode=linux.quote(attributes.mode)))
    return "".join([*steps, f"exit ${{other:-{linux.SAME}}}\n"])


def script_to_set(path, attributes):
    """Return a script that sets the attributes of a file, links followed. Several of these can be joined to one script, which needs an end."""
    name = linux.quote(path)
    steps = []  # the owner first: a new owner clears set-user-id and set-group-id
    if attributes.owner is not None:
        steps.append(f"chown -- {linux.quote(attributes.owner)} {name} || exit {NOT_OWNED}\n")
    if attributes.group is not None:
        steps.append(f"chgrp -- {linux.quote(attributes.group)} {name} || exit {NOT_GROUPED}\n")
    if attributes.mode is not None:
        steps.append(f"chmod -- {linux.quote(attributes.mode)} {name} || exit {NOT_MODED}\n")
    return "".join(steps)


def are_set(session, path, attributes):
    """Whether what is at the path has these attributes. This takes one program run; raise VixError if the guest's programs cannot compare them."""
    answer, doing = session.run(script_to_compare(path, attributes)), session.doing(f"looking at mode and owner of {path} in")
    if answer == NO_OWNER:
        raise VixError(f"the guest has no user {attributes.owner}", doing=doing)
    if answer == NO_GROUP:
        raise VixError(f"the guest has no group {attributes.group}", doing=doing)
    if answer not in (linux.SAME, linux.OTHER):
        raise VixError(f"mode and owner cannot be read (exit code {answer}): the guest needs sh, stat, id and chmod, or the script was killed", doing=doing)
    return answer == linux.SAME


def put(session, paths, attributes):
    """Set the attributes of what is at each path. This takes one program run; raise VixError if the guest refuses."""
    answer = session.run("".join(script_to_set(path, attributes) for path in paths) + f"exit {DONE}\n")
    if answer != DONE:
        what = {NOT_OWNED: f"owner {attributes.owner}", NOT_GROUPED: f"group {attributes.group}", NOT_MODED: f"mode {attributes.mode}"}
        text = f"the script that sets them ended with exit code {answer} before it was done; it may have been killed"
        if answer in what:
            text = f"{what[answer]} could not be set (exit code {answer}): log in as a guest_username with permission"
        raise VixError(text, doing=session.doing(f"setting mode and owner of {', '.join(paths)} in"))


def found(session, path, attributes):
    """The present values of the attributes that are asked for, in the words of a diff. This takes one program run and the reading of its output."""
    doing = session.doing(f"looking at mode and owner of {path} in")
    script = f'path={linux.quote(path)}\n{LOOK}printf \'%s %s %s %s\' "$mode" "$2" "$3" "$names" && exit {DONE}\n'
    code, answer = captured.run(session, script, doing)
    if code != DONE:
        raise VixError(f"mode and owner cannot be read (exit code {code}): the guest needs sh and stat, or the script was killed", doing=doing)
    facts = FACTS.fullmatch(answer.decode("utf-8", "replace"))
    if not facts:
        raise VixError("mode and owner that the guest's programs wrote cannot be read", doing=doing)
    mode, uid, gid, owner, group = facts.groups()
    now = {"mode": mode[-4:], "owner": _as_asked(attributes.owner, owner, uid), "group": _as_asked(attributes.group, group, gid)}
    return {name: now[name] for name in attributes.as_dict()}


def _as_asked(asked, name, number):
    """The name of an account, or its number if that was asked for or if it has no name."""
    return number if (asked or "").isdigit() or name == NAMELESS else name
