# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renaming files and directories of a guest without losing anything.

VMware Tools for Linux copy a file where rename(2) refuses: mode and owner are lost on another file system, and a file that the user may not remove stays
(docs/vix-semantics.md, section 20). So the guest's shell renames if there is one.
"""

from __future__ import annotations

from .._vix.errors import FileNotFound, NotAFile, NotSupported, Refused, VixError
from . import leftovers, linux, paths
from .exit_codes import DONE

# Exit codes of the script beside DONE. After the first two it is renamed.
ALTERED, UNSURE, MISSING, SAME, OCCUPIED, NOT_REMOVABLE, NOT_COPIED, NOT_MOVED, COPIED, HALF_COPIED, LINKED = range(65, 76)
SENTENCES = {
    MISSING: "{old} is not there any more",
    SAME: "a symbolic link makes both paths lead to one file; nothing was changed",
    OCCUPIED: "something else was created there meanwhile",
    NOT_REMOVABLE: "{user} may not remove {old} from its directory; nothing was changed",
    NOT_COPIED: "it could not be copied to the other file system, which may be full; nothing was changed",
    NOT_MOVED: "it could not be renamed: {user} may lack the permission to write to one of the two directories; nothing was changed",
    COPIED: "{new} is a complete copy, but {user} could not remove the original: delete {old} as a user who may do so",
    HALF_COPIED: "{new} is a copy that may be incomplete, and {old} is the original: delete {new}, and rename as a user who may remove {old}",
    LINKED: "both paths are hard links of one file, and {user} could not remove the old one: delete {old} as a user who may do so",
}
STAYS = "{new} is a copy or the same file, since {old} is still there although VMware Tools report success: compare them before one of them is deleted"
LOSS = "{new} is on another file system than {old} was, and not everything kept its mode, owner and group: {user} may not set them"
DOUBT = "it is unknown whether {new} kept its mode and owner: if it is on another file system than {old} was, it may have lost them"

SCRIPT = """\
exec 2> /dev/null < /dev/null
old={old} new={new} place={place} force={force}
part=$place/part
option=-c form='%f %u %g'
stat -c %f / > /dev/null || {{ option=-f form='%Xp %u %g'; }}
facts() {{ find "$@" -exec stat "$option" "$form" -- {{}} + | LC_ALL=C sort | cksum; }}
device() {{ stat -L "$option" %d -- "$1/"; }}
inode() {{ stat "$option" %i -- "$1"; }}
there() {{ [ -e "$1" ] || [ -L "$1" ]; }}
there "$old" || exit {missing}
[ "${{old##*/}}" = "${{new##*/}}" ] && [ "${{old%/*}}/" -ef "${{new%/*}}/" ] && exit {same}
[ ! -d "$new" ] || exit {occupied}
[ "$force" ] || ! there "$new" || exit {occupied}
from=$(device "${{old%/*}}")
if [ "$from" = "$(device "${{new%/*}}")" ]; then
  was=$(inode "$new") before=$(facts "$old" -prune)
  [ -L "$old" ] && [ "$old" -ef "$new" ] && exit {same}
  if [ ! -L "$new" ] && [ "$old" -ef "$new" ]; then
    rm -f -- "$old"
  elif ! mv -f -- "$old" "$new"; then
    [ "$(inode "$new")" = "$was" ] || exit {half_copied}
    exit {not_moved}
  fi
  ! there "$old" || exit {linked}
  after=$(facts "$new" -prune)
else
  [ -w "${{old%/*}}/" ] || exit {not_removable}
  before=$(facts "$old")
{sweep}  mkdir -m 700 -- "$place" || exit {not_moved}
{claim}  cp -a -- "$old" "$part" || {{ rm -rf -- "$part"; cp -PpR -- "$old" "$part"; }} || {{ rm -rf -- "$place"; exit {not_copied}; }}
  after=$(facts "$part")
  mv -f -- "$part" "$new" || {{ rm -rf -- "$place"; exit {not_moved}; }}
  rm -rf -- "$place"
  rm -rf -- "$old" || exit {copied}
fi
[ "$before" = "$after" ] || exit {altered}
[ "$from" ] || exit {unsure}
exit {done}
"""


def rename(session, old, new, info, replace, doing):
    """Rename a file, directory or symbolic link.

    Args:
        session: The GuestSession.
        old: The old path.
        new: The new path, where no directory is.
        info: file_info() of the old path. None: it is a dangling symbolic link.
        replace: Whether a file of the new name may be replaced.
        doing: What is being done, for error messages.

    Returns:
        A warning if the mode or owner of something was lost, or may have been; else None.
    """
    words = {"old": old, "new": new, "user": session.guest.user}
    if not session.is_linux:
        return _by_vix(session, words, info, replace, doing)
    try:
        answer = session.run(script(old, new, replace, leftovers.minutes(session.guest)))
    except (FileNotFound, NotSupported):  # no such shell, or no programs at all
        return _by_vix(session, words, info, replace, doing)
    if answer in (DONE, ALTERED, UNSURE):
        return {ALTERED: LOSS.format(**words), UNSURE: DOUBT.format(**words)}.get(answer)
    sentence = SENTENCES.get(answer, f"the script that renames it ended with exit code {answer} before it was done; it may have been killed")
    raise VixError(sentence.format(**words), doing=doing)


def script(old, new, replace, minutes):
    """Return the script for the guest's shell. minutes: those that the task has."""
    codes = {
        "altered": ALTERED,
        "unsure": UNSURE,
        "missing": MISSING,
        "same": SAME,
        "occupied": OCCUPIED,
        "not_removable": NOT_REMOVABLE,
        "not_copied": NOT_COPIED,
        "not_moved": NOT_MOVED,
        "copied": COPIED,
        "half_copied": HALF_COPIED,
        "linked": LINKED,
        "done": DONE,
    }
    above = linux.parent(new)
    place = linux.quote(linux.join(above, leftovers.hidden_name(minutes)))
    words = {"old": linux.quote(old), "new": linux.quote(new), "place": place, "force": "yes" if replace else ""}
    return SCRIPT.format(sweep=leftovers.sweep(above, hidden=True), claim=leftovers.claim(place), **words, **codes)


def _by_vix(session, words, info, replace, doing):
    """Rename by VIX alone."""
    old, new = words["old"], words["new"]
    if info is None:
        text = "it is a symbolic link that leads to nothing, which VMware Tools do not rename, and the guest has no /bin/sh that could"
        raise Refused(text, doing=doing)
    try:
        session.guest.rename(old, new)
    except NotAFile as error:
        if not (session.is_linux and info["is_directory"]):
            raise
        text = "VMware Tools do not rename a directory to another file system, and the guest has no /bin/sh that could"
        raise Refused(text, code=error.code, raw=error.raw, doing=doing) from error
    if paths.seen(session.guest, old) is not None:
        raise VixError((STAYS if replace else SENTENCES[COPIED]).format(**words), doing=doing)
    is_sure = not session.is_linux or info["is_directory"] or linux.parent(old) == linux.parent(new)
    return None if is_sure else DOUBT.format(**words)
