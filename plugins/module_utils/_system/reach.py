# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a path that VMware Tools do not find is absent, or not accessible to the user.

VMware Tools for Linux give the same error for both (docs/vix-semantics.md, section 20). The directory above is listed first, which takes one VIX call
for most paths. If that does not answer, the guest's shell does.
"""

from __future__ import annotations

from .._vix.errors import FileNotFound, Inaccessible, NotADirectory, NotSupported, VixError
from . import linux
from .exit_codes import DONE

# Exit codes of the script, beside DONE, which means that nothing is there. To CLOSED and BROKEN the number of names in the path of the directory or link
# is added, LAST at most.
SEEN, BEHIND, CLOSED, BROKEN, LAST = 65, 66, 67, 92, 24
ABSENT, LISTED, LINK, UNKNOWN = "absent", "listed", "link", "unknown"
ADVICE = "log in as another guest_username"
# VMware Tools: an entry of a directory that the user may list and not enter.
UNSEEN = {"size": 0, "is_directory": False, "is_link": False, "modified": -1}

SCRIPT = """\
exec 2> /dev/null
path={path}
walk() {{
  what= at=/ left=${{1#/}} number=0
  while cd "$at" || ! what=closed; do
    at=${{at%/}}/${{left%%/*}} number=$((number + 1))
    case $left in */*) left=${{left#*/}} ;; *) left= ;; esac
    [ "$left" ] && [ -d "$at" ] || break
  done
  [ "$what" ] || [ -e "$at" ] || [ ! -L "$at" ] || what=broken
  [ "$number" -le {last} ] || number={last}
}}
walk "$path"
[ "$what" != closed ] || exit $(({closed} + number))
if [ "$what" = broken ]; then
  link=$number real=$(readlink -m -- "$path" || readlink -f -- "$path")
  [ ! "$real" ] || walk "$real"
  [ "$what" != closed ] || exit {behind}
  exit $(({broken} + link))
fi
[ ! -e "$path" ] || exit {seen}
exit {done}
"""


def find(session, path):
    """Look at a path.

    Args:
        session: The GuestSession.
        path: The path, as paths.plain() returns it.

    Returns:
        Its file_info(), or None if nothing is there; and the path of the dangling symbolic link because of which nothing is there, or None. In a Windows
        guest dangling links are not distinguished from nothing.

    Raises:
        Inaccessible: The path is not accessible to the user, or it is unknown whether it is.
    """
    try:
        return session.guest.file_info(path), None
    except (FileNotFound, NotADirectory) as error:  # the latter for a path below a file
        if not session.is_linux:
            return None, None
        known = _ask_vix(session, path, error)
        if known == ABSENT:
            return None, None
        answer = SEEN if known == LISTED else _ask_shell(session, path, error, known)
        if answer == SEEN:
            return _again(session, path), None
        return None, _named(path, answer - BROKEN) if answer >= BROKEN else None


def _ask_vix(session, path, error):
    """What lists of directories show: ABSENT, LISTED, LINK if there is a symbolic link that leads to nothing or out of reach, or UNKNOWN."""
    guest, family = session.guest, session.family
    above, name = family.parent(path), family.base_name(path)
    while name:
        try:
            listed = guest.list_directory(above)
        except Inaccessible:
            return UNKNOWN
        except (FileNotFound, NotADirectory):  # absent, not accessible, or a file
            above, name = family.parent(above), family.base_name(above)
            continue
        entry = next((each for each in listed if each["name"] == name), None)
        if entry is None:
            return ABSENT
        if is_unseen(entry):
            raise refusal(session, above, error)
        if above == family.parent(path):
            return LINK if entry["is_link"] else LISTED
        return UNKNOWN if entry["is_directory"] or entry["is_link"] else ABSENT
    return UNKNOWN


def _ask_shell(session, path, error, known):
    """The exit code of the script, or one that says the same of what lists have shown if the guest has no shell.

    Raises Inaccessible for a directory that the user may not enter, and VixError if the script did not end by itself.
    """
    codes = {"last": LAST, "seen": SEEN, "behind": BEHIND, "closed": CLOSED, "broken": BROKEN, "done": DONE}
    try:
        answer = session.run(SCRIPT.format(path=linux.quote(path), **codes))
    except (FileNotFound, NotSupported) as lacking:  # no such shell, or no programs at all
        if known == LINK:
            return BROKEN + LAST
        text = f"it is absent or not accessible to {session.guest.user}: the guest has no /bin/sh that shows which"
        raise Inaccessible(text, doing=error.doing, advice=ADVICE) from lacking
    if answer == BEHIND:
        text = f"not accessible to {session.guest.user}: a symbolic link leads to a directory that this user may not enter"
        raise Inaccessible(text, doing=error.doing, advice=ADVICE) from error
    if CLOSED <= answer <= CLOSED + LAST:
        raise refusal(session, _named(path, answer - CLOSED), error)
    if answer not in (DONE, SEEN) and not BROKEN <= answer <= BROKEN + LAST:
        text = f"the script that looks for it ended with exit code {answer} before it was done; it may have been killed"
        raise VixError(text, doing=error.doing) from error
    return answer


def _again(session, path):
    """Look at a path that is there after all: it was just created, or it is VMware Tools alone that do not find it."""
    try:
        return session.guest.file_info(path)
    except (FileNotFound, NotADirectory) as error:
        text = f"not accessible to {session.guest.user} through VMware Tools, although it is there"
        raise Inaccessible(text, doing=error.doing, advice=ADVICE) from error


def refusal(session, directory, error):
    """The error for a path below a directory that the user may not enter. error: that of VIX."""
    text = f"not accessible to {session.guest.user}: this user may not enter {directory}"
    return Inaccessible(text, doing=error.doing, advice=ADVICE)


def _named(path, number):
    """The path of the directory or link with this number of names in its path; path itself if the number is the largest of the script."""
    return path if number == LAST else "/" + "/".join(path.split("/")[1 : number + 1])


def is_unseen(entry):
    """Whether an entry of a directory is one of which VMware Tools know the name alone, since the user may list the directory and not enter it."""
    return all(entry[key] == value for key, value in UNSEEN.items())
