# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts for /bin/sh that compare many files at once, and that move received files to their destination.

Files are processed in groups, so that a program is started for each group and not for each file. Paths are absolute.
"""

from __future__ import annotations

from . import leftovers, linux
from .attributes import NOT_GROUPED, NOT_MODED, NOT_OWNED, script_to_compare
from .exit_codes import DONE

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
# The checksum of each file, without the mark that some tools write before a line with an escaped name.
sums() { $tool "$@" | sed 's/^\\\\//; s/ .*//'; }
sum() { s=$($tool < "$1") && echo "${s%% *}"; }
"""
# Keeps the regular files of a group, with their numbers and what is wanted of them, and reports the others.
SORT = """\
number=0
report() { echo "$1 $2"; }
sort_out() {
  wants=$1 left=$2 numbers= kept=
  shift 2
  while [ "$left" -gt 0 ]; do
    path=$1 want=${wants%% *} wants=${wants#* } number=$((number + 1)) left=$((left - 1))
    shift
    if [ -d "$path" ]; then report $number directory
    elif [ -L "$path" ]; then report $number link
    elif [ -f "$path" ]; then set -- "$@" "$path" && numbers="$numbers $number" kept="$kept $want"
    elif [ -e "$path" ]; then report $number special
    else report $number absent; fi
  done
  [ $# = 0 ] || look "$@"
}
group() {
  wanted=$1
  shift
  sort_out "$wanted " $# "$@"
}
directory() {
  number=$((number + 1))
  if [ -d "$1" ]; then cd "$1" || report $number closed
  elif [ -e "$1" ] || [ -L "$1" ]; then report $number special
  else report $number absent; fi
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
    # The same size, and not older.
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
    if each "$want" "$path"; then equal="$equal $each_number"; else report "$each_number" other && equal="$equal -"; fi
  done
  numbers=$equal
  same "$@"
}
"""
# A combination of owner, group and mode that was compared before is not compared again.
SAME = """\
seen=
same() {{
  now=$(stat -L -c '%f.%u.%g' -- "$@" || stat -L -f '%Xp.%u.%g' -- "$@") || exit {unknown}
  for each_now in $now; do
    path=$1 each_number=${{numbers# }} each_number=${{each_number%% *}} numbers=${{numbers# }} numbers=" ${{numbers#* }}"
    shift
    [ "$each_number" = - ] && continue
    case $seen in
    *"|$each_now={same}|"*) continue ;;
    *"|$each_now={other}|"*) report "$each_number" attributes && continue ;;
    esac
    ( {compare} )
    answer=$?
    [ $answer = {same} ] || [ $answer = {other} ] || exit $answer
    seen="$seen|$each_now=$answer|"
    [ $answer = {same} ] || report "$each_number" attributes
  done
}}
"""

HEAD = """\
exec < /dev/null > {said} 2>&1
cd -- {directory} || exit {not_placed}
{{
{sweep}}} 2> /dev/null
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
# Attributes of a replaced file are preserved as far as the user may do that. A file with a new owner loses set-user-id.
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
# A rename, which is atomic, even if the destination is on another disk than the private directory.
PLACE = """\
here=$(device .) last=- near=
place() {{
  [ -d "$2" ] && echo "$2 is a directory" && exit {occupied}
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
    """A file that was received.

    Args:
        name: Its path in the private directory.
        target: Its destination.
        checksum: Its SHA-256. None: it is verified already.
        attributes: The Attributes that it gets, or None.
        replaces: Whether it replaces a file.
        backup: Path of the backup of that file, or None.
    """

    def __init__(self, name, target, checksum, attributes=None, replaces=False, backup=None):
        self.name, self.target, self.checksum, self.attributes, self.replaces, self.backup = name, target, checksum, attributes, replaces, backup


def comparing(method, files, directories):
    """Return the script that writes a number and a word for each file or directory that differs, and END at the end.

    Args:
        method: A key of LOOK.
        files: For each file its path, what is wanted of it in one word (see wanted_of), and its Attributes or None. They count from 1.
        directories: Paths of directories, which count on after the files.
    """
    lines = [HASH, f'[ "$tool" ] || exit {UNKNOWN}\n' if method == "checksum" else "", SORT, LOOK[method], ONE_BY_ONE]
    defined = False
    for some in _groups(files, lambda each: each[2] and each[2].as_dict()):
        attributes = some[0][2]
        if attributes != defined:
            lines.append(
                SAME.format(unknown=UNKNOWN, same=linux.SAME, other=linux.OTHER, compare=_compare_one(attributes)) if attributes else "same() { :; }\n"
            )
            defined = attributes
        lines.append(f"group {linux.quote(' '.join(want for dummy, want, dummy in some))} {linux.line(path for path, dummy, dummy in some)}\n")
    lines += [f"directory {linux.quote(path)}\n" for path in directories]
    return "".join([*lines, f"echo {END}\n", f"exit {DONE}\n"])


def _compare_one(attributes):
    """The comparison of attributes.py for the file in a shell variable."""
    return script_to_compare("\0", attributes).replace(linux.quote("\0"), '"$path"')


def wanted_of(method, item):
    """What is wanted of a file, in one word."""
    return {"checksum": item.checksum if method == "checksum" else "", "size_and_time": f"{item.size}.{item.modified}", "existence": "-"}[method]


def placing(directory, near, arrivals, made=(), made_attributes=None, altered=()):
    """Return the script that verifies received files, sets their attributes, moves them to their destination, and removes the private directory.

    The output of its programs is in the file "said" of that directory.

    Args:
        directory: The private directory.
        near: A unique name, for a file that is copied to the disk of its destination first.
        arrivals: The Arrivals.
        made: Directories to create, each after its parent.
        made_attributes: The Attributes of these, or None.
        altered: (path, Attributes) of files of which only the attributes are set.
    """
    above = linux.parent(directory)
    codes = {
        "unknown": UNKNOWN,
        "damaged": DAMAGED,
        "occupied": OCCUPIED,
        "not_kept": NOT_KEPT,
        "not_backed_up": NOT_BACKED_UP,
        "not_placed": NOT_PLACED,
        "said": linux.quote(linux.join(directory, "said")),
        "directory": linux.quote(directory),
        "near": linux.quote(near),
        # The private directory of a task is in the directory that it copies to, or beside that if the task creates it.
        "sweep": "".join(leftovers.sweep(place, hidden=True) for place in {above: None, linux.parent(above): None}),
    }
    texts = [HEAD.format(**codes), HASH, VERIFY.format(**codes), KEEP.format(**codes), PLACE.format(**codes)]
    for some in _groups([each for each in arrivals if each.checksum]):
        texts.append(f"right {linux.quote(' '.join(each.checksum for each in some))} {_names(some)}\n")
    for some in _groups([each for each in arrivals if not each.replaces]):
        texts.append(f"chmod =rw {_names(some)} || exit {NOT_MODED}\n")
    for each in arrivals:
        texts.append(f"keep {_names([each])} {linux.quote(each.target)}\n" if each.replaces else "")
        texts.append(f"backup {linux.quote(each.target)} {linux.quote(each.backup)}\n" if each.replaces and each.backup else "")
    texts += [_set_attributes(some[0].attributes, _names(some)) for some in _groups(arrivals, lambda each: each.attributes and each.attributes.as_dict())]
    texts += [f"sync {_names(some)}\n" for some in _groups(arrivals)]
    for some in _groups(made):
        names = linux.line(some)
        texts.append(f"mkdir -p -- {names} && chmod =rwx {names} || exit {NOT_MADE}\n")
    texts += [f"place {_names([each])} {linux.quote(each.target)}\n" for each in arrivals]
    # At the end, and the innermost first: the user may lose the permission to enter them.
    texts += [_set_attributes(made_attributes, linux.line(some)) for some in _groups(made[::-1])]
    for some in _groups(altered, lambda each: each[1].as_dict()):
        texts.append(_set_attributes(some[0][1], linux.line(path for path, dummy in some)))
    texts.append(f"cd / && rm -rf -- {linux.quote(directory)}\nexit {DONE}\n")
    return "".join(texts)


def _groups(things, key=lambda thing: None):
    """The things in groups of at most GROUP with the same key."""
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
    """The lines that set the attributes of files. The owner comes first, as a new owner clears set-user-id."""
    if not attributes:
        return ""
    steps = [("chown", attributes.owner, NOT_OWNED), ("chgrp", attributes.group, NOT_GROUPED), ("chmod", attributes.mode, NOT_MODED)]
    return "".join(f"{program} -- {linux.quote(value)} {names} || exit {code}\n" for program, value, code in steps if value is not None)
