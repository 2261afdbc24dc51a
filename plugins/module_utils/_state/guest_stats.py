# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Information about one path of a guest: from VIX, and from a program in the guest, which returns more."""

from __future__ import annotations

import re
import stat

from .._system import captured, contents, linux, paths
from .._vix.errors import FileNotFound, NotSupported

NAMELESS = "UNKNOWN"  # GNU stat's name of an account that has none
KINDS = (
    ("directory", stat.S_ISDIR),
    ("link", stat.S_ISLNK),
    ("file", stat.S_ISREG),
    ("fifo", stat.S_ISFIFO),
    ("socket", stat.S_ISSOCK),
    ("block_device", stat.S_ISBLK),
    ("character_device", stat.S_ISCHR),
)
FACTS = re.compile(rb"[0-9a-fA-F]{1,8}( -?[0-9]{1,20}){9}")
# The target of a link comes last: it may have anything in it.
SCRIPT = """\
path={path}
[ -e "$path" ] || [ -L "$path" ] || {{ echo none; echo end; exit; }}
stat -c '%f %u %g %s %h %i %d %X %Y %Z' -- "$path" || stat -f '%Xp %u %g %z %l %i %d %a %m %c' -- "$path" || exit
stat -c %U -- "$path" || stat -f %Su -- "$path"
stat -c %G -- "$path" || stat -f %Sg -- "$path"
sum=
if [ -f "$path" ] && [ ! -L "$path" ] && {sum}; then sum=$(sha256sum < "$path" || shasum -a 256 < "$path"); fi
echo "${{sum%% *}}"
[ ! -L "$path" ] || readlink -n -- "$path"
echo
echo end
"""


def look(session, path, details, checksum):
    """Look at a path.

    Args:
        session: The GuestSession.
        path: The path, as the user writes it.
        details: Whether to run a program in the guest for what VIX does not return.
        checksum: Whether to return the SHA-256 of a file.

    Returns:
        What was found, by the names of RV(stat), and a warning for each thing that could not be found out.
    """
    path = paths.plain(path, session.family, session.doing(f"looking at {path} in"))
    asked = _by_shell(session, path, checksum) if session.is_linux and (details or checksum) else None
    if asked and not asked["exists"]:
        paths.look(session, path)  # the shell does not distinguish what is absent from what is not accessible either
    found = asked if asked and details else _by_vix(session, path)
    warnings = []
    if details and not asked:
        warnings.append(f"the guest has no program that returns more about {path} than VMware Tools")
    if checksum and found.get("isreg"):
        found["checksum"] = (asked or {}).get("checksum") or contents.fetched(session, path)[0]
    return found, warnings


def _by_vix(session, path):
    info = paths.look(session, path)
    if info is None:
        return {"exists": False}
    kind = "directory" if info["is_directory"] else "link" if info["is_link"] else "file"
    if kind == "file" and info["size"] == 0 and session.is_linux and not session.guest.file_exists(path):
        kind = "other"
    return {"exists": True, "path": path, **_kinds(kind), "size": info["size"], "mtime": info["modified"]}


def _by_shell(session, path, checksum):
    script = SCRIPT.format(path=linux.quote(path), sum="true" if checksum else "false")
    try:
        return read(captured.run(session, script, session.doing(f"looking at {path} in"))[1], path)
    except (FileNotFound, NotSupported):  # no shell, or no programs at all
        return None


def read(answer, path):
    """The content of the script's answer. None if it is incomplete, or none that the script can have written."""
    if answer == b"none\nend\n":
        return {"exists": False}
    facts, *rest = answer.split(b"\n", 4)
    if not FACTS.fullmatch(facts) or len(rest) != 4 or not rest[-1].endswith(b"\nend\n"):
        return None
    numbers = facts.split()
    owner, group, checksum = (each.decode("utf-8", "replace") for each in rest[:3])
    target = rest[-1][: -len(b"\nend\n")].decode("utf-8", "replace")
    mode = int(numbers[0], 16)
    uid, gid, size, links, inode, device, accessed, modified, changed = map(int, numbers[1:])
    kind = next((name for name, is_it in KINDS if is_it(mode)), "other")
    return {
        "exists": True,
        "path": path,
        **_kinds(kind),
        "size": size,
        "mtime": modified,
        "atime": accessed,
        "ctime": changed,
        "mode": f"{stat.S_IMODE(mode):04o}",
        "uid": uid,
        "gid": gid,
        "pw_name": None if owner == NAMELESS else owner,
        "gr_name": None if group == NAMELESS else group,
        "inode": inode,
        "dev": device,
        "nlink": links,
        **({"lnk_target": target} if kind == "link" else {}),
        **({"checksum": checksum} if checksum else {}),
    }


def _kinds(kind):
    return {"kind": kind, "isreg": kind == "file", "isdir": kind == "directory", "islnk": kind == "link"}
