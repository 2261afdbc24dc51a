# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts by which a guest with /bin/sh compares many files at once, and puts files that have arrived in their places.

Files come to their functions by groups, so that a program is started for each group and not for each file. Paths are absolute.
"""

from __future__ import annotations

from . import linux
from .attributes import NOT_GROUPED, NOT_MODED, NOT_OWNED, script_to_compare

GROUP = 100  # files
DAMAGED, UNKNOWN, OCCUPIED, NOT_KEPT, NOT_BACKED_UP, NOT_PLACED, NOT_MADE = range(21, 28)  # exit codes, beside those of attributes.py
END = "end"

HASH = """\
set -f
LC_ALL=C
export LC_ALL
tool=
for each in sha256sum 'shasum -a 256' 'sha256 -r'; do
  echo | $each > /dev/null 2>&1 && tool=$each && break
done
# Of each file its checksum; a name that some tools write with a mark before the line does not matter.
sums() { $tool "$@" | sed 's/^\\\\//; s/ .*//'; }
sum() { s=$($tool < "$1") && echo "${s%% *}"; }
"""
# Keeps of a group those that are plain files, in kept with their numbers and what is wanted of them, and tells of the others.
SORT = """\
number=0
told() { echo "$1 $2"; }
sort_out() {
  wants=$1 left=$2 numbers= kept=
  shift 2
  while [ "$left" -gt 0 ]; do
    path=$1 want=${wants%% *} wants=${wants#* } number=$((number + 1)) left=$((left - 1))
    shift
    if [ -d "$path" ]; then told $number folder
    elif [ -L "$path" ]; then told $number link
    elif [ -f "$path" ]; then set -- "$@" "$path" && numbers="$numbers $number" kept="$kept $want"
    elif [ -e "$path" ]; then told $number special
    else told $number absent; fi
  done
  [ $# = 0 ] || look "$@"
}
group() {
  wanted=$1
  shift
  sort_out "$wanted " $# "$@"
}
folder() {
  number=$((number + 1))
  if [ -d "$1" ]; then :
  elif [ -e "$1" ] || [ -L "$1" ]; then told $number special
  else told $number absent; fi
}
"""
LOOK = {
    "checksum": """\
look() {
  found=$(sums "$@" 2> /dev/null)
  [ " $(echo $found)" = "$kept" ] && { same "$@"; return; }
  each() { [ "$(sum "$2")" = "$1" ]; }
  one_by_one "$@"
}
""",
    # As long, and not older.
    "size_and_time": """\
look() {
  each() {
    now=$(stat -L -c '%s.%Y' -- "$2" || stat -L -f '%z.%m' -- "$2") || return 1
    [ "${now%.*}" = "${1%.*}" ] && [ "${now#*.}" -ge "${1#*.}" ]
  }
  one_by_one "$@"
}
""",
    "existence": 'look() { same "$@"; }\n',
}
ONE_BY_ONE = """\
one_by_one() {
  equal= left=$#
  while [ "$left" -gt 0 ]; do
    path=$1 left=$((left - 1))
    shift
    set -- "$@" "$path"
    want=${kept# } want=${want%% *} kept=${kept# } kept=" ${kept#* }"
    each_number=${numbers# } each_number=${each_number%% *} numbers=${numbers# } numbers=" ${numbers#* }"
    if each "$want" "$path"; then equal="$equal $each_number"; else told "$each_number" other && equal="$equal -"; fi
  done
  numbers=$equal
  same "$@"
}
"""
# What has an owner, a group and a mode that were compared before needs no programs to be compared again.
SAME = """\
seen=
same() {{
  now=$(stat -L -c '%f.%u.%g' -- "$@" || stat -L -f '%Xp.%u.%g' -- "$@") || exit {unknown}
  for each_now in $now; do
    path=$1 each_number=${{numbers# }} each_number=${{each_number%% *}} numbers=${{numbers# }} numbers=" ${{numbers#* }}"
    shift
    [ "$each_number" = - ] && continue
    case $seen in
    *"|$each_now=0|"*) continue ;;
    *"|$each_now=1|"*) told "$each_number" attributes && continue ;;
    esac
    ( {compare} )
    answer=$?
    [ $answer -le 1 ] || exit $answer
    seen="$seen|$each_now=$answer|"
    [ $answer = 0 ] || told "$each_number" attributes
  done
}}
"""

HEAD = """\
exec < /dev/null > {said} 2>&1
cd -- {folder} || exit {not_placed}
device() {{ stat -L -c %d -- "$1" || stat -L -f %d -- "$1"; }}
"""
VERIFY = """\
right() {{
  [ "$tool" ] || exit {unknown}
  wanted=$1
  shift
  found=$(sums "$@")
  [ "$(echo $found)" = "$wanted" ] && return
  echo "one of these arrived damaged: $*"
  exit {damaged}
}}
"""
# What a replaced file has is kept as far as the user may keep it: one that is another's now runs as nobody else.
KEEP = """\
keep() {{
  old=$(stat -c '%a %u:%g' -- "$2" || stat -f '%Mp%Lp %u:%g' -- "$2") || exit {not_kept}
  owned=
  chown "${{old#* }}" "$1" || {{ chgrp "${{old##*:}}" "$1"; owned=no; }}
  chmod "${{old%% *}}" "$1" || exit {not_kept}
  [ ! "$owned" ] || chmod ug-s "$1" || exit {not_kept}
  if command -v selinuxenabled > /dev/null && selinuxenabled; then chcon --reference="$2" "$1"; fi
}}
backup() {{ cp -p -- "$1" "$2" || exit {not_backed_up}; }}
"""
# A rename, and so all at once: also where the place is on another disk than the folder in which it arrived.
PLACE = """\
here=$(device .) last=- near=
place() {{
  [ -d "$2" ] && echo "$2 is a folder" && exit {occupied}
  above=${{2%/*}}
  if [ "$above" != "$last" ]; then
    last=$above near=
    [ "$(device "$above/")" = "$here" ] || near=$above/{near}
  fi
  if [ "$near" ]; then
    cp -p -- "$1" "$near" && sync "$near" && mv -f -- "$near" "$2" || {{ rm -f -- "$near"; exit {not_placed}; }}
  else
    mv -f -- "$1" "$2" || exit {not_placed}
  fi
}}
"""


class Arrival:
    """A file that has arrived. name: in the folder where it did; target: its place; checksum: SHA-256, None where that is known to be right; attributes: as
    of attributes.py or None; replaces: whether there is a file in its place; backup: where that one is kept, or None."""

    def __init__(self, name, target, checksum, attributes=None, replaces=False, backup=None):
        self.name, self.target, self.checksum, self.attributes, self.replaces, self.backup = name, target, checksum, attributes, replaces, backup


def comparing(method, files, folders):
    """Return the script that writes, for each file or folder that is not as it should be, its number and a word, and at last END.

    method: a key of LOOK; files: of each the path, what is wanted of it in one word (see wanted_of), and its Attributes or None; folders: paths that
    should be folders. Numbers count from 1, the files before the folders.
    """
    lines = [HASH, f'[ "$tool" ] || exit {UNKNOWN}\n' if method == "checksum" else "", SORT, LOOK[method], ONE_BY_ONE]
    defined = False
    for some in _groups(files, lambda each: each[2] and each[2].told()):
        attributes = some[0][2]
        if attributes != defined:
            lines.append(SAME.format(unknown=UNKNOWN, compare=_compare_one(attributes)) if attributes else "same() { :; }\n")
            defined = attributes
        lines.append(f"group {linux.quote(' '.join(want for dummy, want, dummy in some))} {linux.line(path for path, dummy, dummy in some)}\n")
    lines += [f"folder {linux.quote(path)}\n" for path in folders]
    return "".join([*lines, f"echo {END}\n", "exit 0\n"])


def _compare_one(attributes):
    """The comparison of attributes.py with the file that a variable names."""
    return script_to_compare("\0", attributes).replace(linux.quote("\0"), '"$path"')


def wanted_of(method, item):
    """What a file must be, in one word."""
    return {"checksum": item.checksum if method == "checksum" else "", "size_and_time": f"{item.size}.{item.modified}", "existence": "-"}[method]


def placing(folder, near, arrivals, made=(), made_attributes=None, altered=()):
    """Return the script that verifies what has arrived in a folder, gives it its attributes, puts it in its place, and removes the folder.

    near: a name that no other file has, for what must first come nearer to its place; made: folders to be made, each after the one it is in, with
    made_attributes; altered: (path, Attributes) of files that only need these. What its programs said of a failure is in the folder's file "said".
    """
    codes = {
        "unknown": UNKNOWN,
        "damaged": DAMAGED,
        "occupied": OCCUPIED,
        "not_kept": NOT_KEPT,
        "not_backed_up": NOT_BACKED_UP,
        "not_placed": NOT_PLACED,
        "said": linux.quote(linux.join(folder, "said")),
        "folder": linux.quote(folder),
        "near": linux.quote(near),
    }
    texts = [HEAD.format(**codes), HASH, VERIFY.format(**codes), KEEP.format(**codes), PLACE.format(**codes)]
    for some in _groups([each for each in arrivals if each.checksum]):
        texts.append(f"right {linux.quote(' '.join(each.checksum for each in some))} {_names(some)}\n")
    for some in _groups([each for each in arrivals if not each.replaces]):
        texts.append(f"chmod =rw {_names(some)} || exit {NOT_MODED}\n")
    for each in arrivals:
        texts.append(f"keep {_names([each])} {linux.quote(each.target)}\n" if each.replaces else "")
        texts.append(f"backup {linux.quote(each.target)} {linux.quote(each.backup)}\n" if each.replaces and each.backup else "")
    texts += [_set_attributes(some[0].attributes, _names(some)) for some in _groups(arrivals, lambda each: each.attributes and each.attributes.told())]
    texts += [f"sync {_names(some)}\n" for some in _groups(arrivals)]
    for some in _groups(made):
        names = linux.line(some)
        texts.append(f"mkdir -p -- {names} && chmod =rwx {names} || exit {NOT_MADE}\n")
    texts += [f"place {_names([each])} {linux.quote(each.target)}\n" for each in arrivals]
    # When all is in them, and from the innermost: the user may lose the right to enter them.
    texts += [_set_attributes(made_attributes, linux.line(some)) for some in _groups(made[::-1])]
    for some in _groups(altered, lambda each: each[1].told()):
        texts.append(_set_attributes(some[0][1], linux.line(path for path, dummy in some)))
    texts.append(f"cd / && rm -rf -- {linux.quote(folder)}\nexit 0\n")
    return "".join(texts)


def _groups(things, key=lambda thing: None):
    """The things in groups of not too many, of which the key is the same."""
    some = []
    for each in things:
        if some and (len(some) == GROUP or key(each) != key(some[0])):
            yield some
            some = []
        some.append(each)
    if some:
        yield some


def _names(arrivals):
    return linux.line(f"./{each.name}" for each in arrivals)


def _set_attributes(attributes, names):
    """The lines that give these to some files; the owner first, since giving a file away takes its set-user-id."""
    if not attributes:
        return ""
    steps = [("chown", attributes.owner, NOT_OWNED), ("chgrp", attributes.group, NOT_GROUPED), ("chmod", attributes.mode, NOT_MODED)]
    return "".join(f"{program} -- {linux.quote(value)} {names} || exit {code}\n" for program, value, code in steps if value is not None)
