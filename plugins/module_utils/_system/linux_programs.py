# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script by which a guest with /bin/sh runs a program, keeps what it says, and ends it when its time is up.

Whatever /bin/sh is there reads it: dash, bash, BusyBox, the shells of the BSDs and of macOS. No text of the user's is in an argument of a program that it
runs, but for the arguments of the program itself; 64 is exit_codes.DONE, the other exit codes are those of programs.py, which runs it.
"""

from __future__ import annotations

import secrets
import shlex

from . import leftovers, linux

NAME = "run"
FIRST = """\
vix_umask=$(umask)
umask 077
case $0 in */vixScript* | */vmlab.vix-*/run) rm -f -- "$0" ;; esac
exec < /dev/null > /dev/null 2>&1
"""
# A second time means that VIX asked again after an error: what has begun is not begun once more.
MAKE = """\
[ -e "$vix_folder" ] && exit 82
mkdir -- "$vix_folder" || exit 81
"""
TAKE = """\
mkdir -- "$vix_folder/begun" || exit 82
"""
OWN = leftovers.claim('"$vix_folder"')
TOOLS = """\
vix_tell() {
  vix_out=0 vix_err=0
  [ $# -gt 1 ] && vix_out=$2 vix_err=$3
  {
    echo "vmlab.vix 1" && echo "$1" && echo &&
      { [ "$vix_out" = 0 ] || head -c "$vix_out" "$vix_folder/stdout"; } &&
      { [ "$vix_err" = 0 ] || head -c "$vix_err" "$vix_folder/stderr"; }
  } > "$vix_folder/result" || exit 83
}
vix_refuse() {
  vix_tell "refused $1"
  exit 64
}
vix_now() { date '+%s %N %Y-%m-%d %H:%M:%S'; }
"""
# A path is taken as it is, another name is looked for as a shell does.
FIND = """\
vix_found= vix_why=missing
for vix_name in {names}; do
  case $vix_name in
  */*) set -- "$vix_name" ;;
  *)
    set -f
    IFS=:
    set --
    for vix_place in $vix_path; do set -- "$@" "${{vix_place:-.}}/$vix_name"; done
    unset IFS
    set +f
    ;;
  esac
  for vix_place do
    if [ -f "$vix_place" ] && [ -x "$vix_place" ]; then
      vix_found=$vix_place
      break 2
    fi
    [ -e "$vix_place" ] && vix_why=denied
  done
done
[ -n "$vix_found" ] || vix_refuse $vix_why
"""
# Its session, if it has a separate one, identifies the children even if their parent has exited.
READY = """\
set -- /bin/sh -c 'echo $$ > "$0"; exec "$@"' "$vix_folder/pid" "$vix_name" {arguments}
vix_setsid=$(command -v setsid)
[ -x "$vix_setsid" ] && set -- "$vix_setsid" "$@"
"""
# On a busy machine the time may be over before the program has started: then it is waited for, and killed.
WATCH = """\
vix_list() {{
  if [ -r /proc/self/stat ]; then
    for vix_file in /proc/[0-9]*/stat; do
      read -r vix_stat < "$vix_file" || continue
      vix_each=${{vix_stat%% *}}
      set -- ${{vix_stat##*") "}}
      echo "$vix_each $2 $4"
    done
  else
    ps -A -o pid= -o ppid= -o pgid=
  fi
}}
vix_gather() {{
  vix_all=$(vix_list) vix_more=1
  while [ -n "$vix_more" ]; do
    vix_more=
    while read -r vix_each vix_parent vix_session; do
      case $vix_mine in *" $vix_each "*) continue ;; esac
      case $vix_mine in *" $vix_parent "*) ;; *) [ "$vix_session" = "$vix_pid" ] || continue ;; esac
      vix_mine="$vix_mine$vix_each " vix_more=1
    done << END
$vix_all
END
  done
}}
vix_alive() {{
  for vix_each in $vix_mine; do kill -0 "$vix_each" && return; done
  return 1
}}
(
  trap 'kill $!; exit' TERM
  sleep {seconds} &
  wait $!
  until [ -s "$vix_folder/pid" ] || [ ! -d "$vix_folder" ]; do
    sleep 1 &
    wait $!
  done
  trap '' TERM
  [ -d "$vix_folder" ] || exit
  : > "$vix_folder/late"
  read -r vix_pid < "$vix_folder/pid" || exit
  vix_mine=" $vix_pid "
  vix_gather
  kill -TERM $vix_mine
  vix_left={tenths}
  while [ "$vix_left" -gt 0 ] && vix_alive; do
    sleep 0.1 || sleep 1
    vix_left=$((vix_left - 1))
  done
  for vix_round in 1 2 3 4 5; do
    vix_gather
    kill -KILL $vix_mine
    sleep 0.1 || sleep 1
    vix_gather
    vix_alive || break
  done
) &
vix_watch=$!
"""
RUN = """\
exec 3< {stdin}
rm -f -- "$vix_folder/stdin"
vix_start=$(vix_now)
(
  umask "$vix_umask"
{exports}  exec "$@"
) <&3 3<&- >> "$vix_folder/stdout" 2>> "$vix_folder/stderr"
vix_rc=$?
[ "$vix_rc" -gt 256 ] && vix_rc=$((vix_rc - 128))
vix_end=$(vix_now)
exec 3<&-
[ -e "$vix_folder/late" ] || kill "$vix_watch"
wait "$vix_watch"
vix_late=0
[ -e "$vix_folder/late" ] && vix_late=1
read -r vix_pid < "$vix_folder/pid" || vix_pid=0
vix_out_size=$(($(wc -c < "$vix_folder/stdout"))) vix_err_size=$(($(wc -c < "$vix_folder/stderr")))
vix_out=$vix_out_size vix_err=$vix_err_size
[ "$vix_out" -gt {most} ] && vix_out={most}
[ "$vix_err" -gt {most} ] && vix_err={most}
vix_tell "rc $vix_rc
late $vix_late
pid $vix_pid
start $vix_start
end $vix_end
stdout $vix_out_size $vix_out
stderr $vix_err_size $vix_err" "$vix_out" "$vix_err"
rm -f -- {spent}
exit 64
"""
# It outlives this script; only what it needs is removed behind it.
START = """\
vix_start=$(vix_now)
vix_pid=$(
  (
    (
      umask "$vix_umask"
{exports}      exec "$@"
    ) > /dev/null &
    echo $!
    exec > /dev/null
    wait $!
{tidy}  ) &
)
{own}vix_tell "pid $vix_pid
start $vix_start"
exit 64
"""


def command(path):
    """The program that runs the script in a file of the guest, and its arguments as text."""
    return linux.SHELL, shlex.quote(path)


def text(program, directory, shelf, inline, made, seconds, grace):
    """Return the script, as bytes.

    Args:
        program: The programs.Program.
        directory: Directory for the files that it writes.
        shelf: Directory of the user's script, usually the same.
        inline: Files that it writes there itself: bytes without NUL by path.
        made: Whether the directories exist already.
        seconds: Seconds until the program is asked to end.
        grace: Seconds from then until it is killed.
    """
    script = linux.join(shelf, program.script_name)
    arguments = " ".join(map(shlex.quote, program.placed(program.arguments, script)))
    names = " ".join(map(shlex.quote, program.placed(program.names, script)))
    exports = "".join(f"  export {name}={shlex.quote(value)}\n" for name, value in sorted(program.environment.items()))
    path = shlex.quote(program.environment["PATH"]) if "PATH" in program.environment else '"${PATH:-/usr/bin:/bin}"'
    parts = [
        FIRST,
        f"vix_folder={shlex.quote(directory)}\n",
        leftovers.sweep(linux.parent(directory)),
        TAKE if made else MAKE,
        OWN,
        f"mkdir -- {shlex.quote(shelf)} || exit 81\n" if shelf != directory and script in inline else "",
    ]
    parts = [part.encode() for part in parts]
    parts += [_written(place, content) for place, content in sorted(inline.items())]
    chdir = f"cd -- {shlex.quote(program.chdir)} || vix_refuse chdir\n" if program.chdir else 'cd -- "${HOME:-/}" || cd /\n'
    rest = [TOOLS, chdir, f"vix_path={path}\n", FIND.format(names=names), READY.format(arguments=arguments)]
    if program.wait:
        stdin = '"$vix_folder/stdin"' if program.stdin else "/dev/null"
        spent = [script, *(linux.join(directory, name) for name in ("stdout", "stderr") if name not in program.fetch)]
        rest.append(WATCH.format(seconds=seconds, tenths=int(grace * 10)))
        rest.append(RUN.format(stdin=stdin, exports=exports, most=program.max_output, spent=" ".join(map(shlex.quote, spent))))
    else:
        tidy = f"    rm -rf -- {shlex.quote(shelf)}\n" if shelf != directory else ""
        own = leftovers.claim(shlex.quote(shelf), "$vix_pid") if shelf != directory else ""
        rest.append(START.format(exports=exports, tidy=tidy, own=own))
    return b"".join(parts) + "".join(rest).encode("utf-8", "surrogateescape")


def _written(place, content):
    """The lines that write a file, byte by byte as it is: a here-document is in no argument, and always ends in a newline."""
    end = f"vix_{secrets.token_hex(16)}".encode()
    name = shlex.quote(place).encode("utf-8", "surrogateescape")
    take = b"cat" if content.endswith(b"\n") else f"head -c {len(content)}".encode()
    if not content:
        return b": > " + name + b"\n"
    return take + b" > " + name + b" << '" + end + b"'\n" + content + (b"" if content.endswith(b"\n") else b"\n") + end + b"\n"
