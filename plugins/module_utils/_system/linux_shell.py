# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts by which a connection to a guest with /bin/sh runs one command after another, each with input and both outputs.

They are much shorter than that of linux_programs.py: a command has no time limit, and Ansible quotes it for the shell.
All files are in one directory of the connection that only the user can enter. What may hold a secret, a command and its
input, is deleted before the command reads it.
"""

from __future__ import annotations

import secrets
import shlex

GONE, TWICE, FULL, SILENT = 81, 82, 83, 84  # exit codes of a script that did not run its command to the end
PROMPT_TENTHS = 150  # tenths of a second that a program has for asking for its password
ANY_PROMPT = "'(:|\uff1a) *$'"
BEGIN = """\
vix_umask=$(umask)
umask 077
cd -- {directory} 2> /dev/null || exit 81
[ -e {n}.err ] && exit 82
: > {n}.err || exit 83
exec 3< {stdin}
echo $$ > pid
case $0 in */vixScript* | */{n}.sh) rm -f -- "$0" ;; esac
rm -f -- {n}.in {spent}
exec < /dev/null
"""
RUN = """\
(
  umask "$vix_umask"
  exec <&3 3<&-
  cd -- "${{HOME:-/}}" || cd /
  eval {command}
) > {n}.out 2> {n}.err
vix_rc=$?
"""
# A password is given only to a program that asks for it: one that does not would leave it to the command as input.
RUN_ASKED = """\
read -r vix_secret <&3
mkfifo {n}.fifo || exit 83
(
  umask "$vix_umask"
  exec < {n}.fifo 3<&-
  cd -- "${{HOME:-/}}" || cd /
  eval {command}
) > {n}.out 2> {n}.err &
vix_child=$!
exec 4> {n}.fifo
vix_left={tenths}
until grep -q {success} {n}.out; do
  if {asks}; then
    cat >&4 << END
$vix_secret
END
    break
  fi
  kill -0 "$vix_child" || break
  vix_left=$((vix_left - 1))
  [ "$vix_left" -gt 0 ] || {{ kill "$vix_child"; exit 84; }}
  sleep 0.1 || sleep 1
done 2> /dev/null
cat <&3 >&4 2> /dev/null
exec 4>&-
wait "$vix_child"
vix_rc=$?
rm -f -- {n}.fifo
"""
# The outputs may still grow, by programs that the command left behind: so a mark parts them, and not a size.
END = """\
{{
  echo "$vix_rc"
  cat {n}.out && echo {mark} && cat {n}.err && echo {mark}
}} > {n}.result || exit 83
exit 64
"""
# Whatever the session's last script still runs, its descendants first known, and then what it wrote.
CLEAN = """\
cd -- {directory} 2> /dev/null || exit 64
if read -r vix_root < pid && [ "$vix_root" != "$$" ]; then
  vix_all=$(
    if [ -r /proc/self/stat ]; then
      for vix_file in /proc/[0-9]*/stat; do
        read -r vix_stat < "$vix_file" || continue
        vix_each=${{vix_stat%% *}}
        set -- ${{vix_stat##*") "}}
        echo "$vix_each $2"
      done
    else
      ps -A -o pid= -o ppid=
    fi
  )
  vix_mine=" $vix_root " vix_more=1
  while [ -n "$vix_more" ]; do
    vix_more=
    while read -r vix_each vix_parent; do
      case $vix_mine in *" $vix_each "*) continue ;; *" $vix_parent "*) vix_mine="$vix_mine$vix_each " vix_more=1 ;; esac
    done << END
$vix_all
END
  done
  case $(tr '\\0' ' ' < "/proc/$vix_root/cmdline" 2> /dev/null) in
    *vixScript* | *{name}* | '') kill -TERM $vix_mine; sleep 0.2 || sleep 1; kill -KILL $vix_mine ;;
  esac
fi 2> /dev/null
cd /
rm -rf -- {directory}
exit 64
"""


class Answer:
    """The outcome of a command: rc, and stdout and stderr as bytes."""

    def __init__(self, rc, stdout, stderr):
        self.rc, self.stdout, self.stderr = rc, stdout, stderr


class Request:
    """A command for the shell.

    Args:
        directory: Directory of the connection in the guest.
        number: Which command of the connection it is, from 1.
        command: The command, as text.
        has_input: Whether a file was sent with its input, and before that a line with the password if there is a prompt.
        prompt: The text by which a program asks for the password, True for any text that ends in a colon, None if none asks.
        success: The text by which the command reports that no password is needed any more.
    """

    def __init__(self, directory, number, command, has_input=False, prompt=None, success=""):
        self.directory, self.number, self.command, self.has_input, self.prompt, self.success = directory, number, command, has_input, prompt, success
        self.mark = f"vix-{secrets.token_hex(16)}"

    def script(self):
        """Return the text of the script that runs it."""
        n, before = self.number, self.number - 1
        words = {
            "directory": shlex.quote(self.directory),
            "n": n,
            "stdin": f"{n}.in" if self.has_input else "/dev/null",
            "spent": f"{before}.out {before}.err {before}.result",
            "command": shlex.quote(self.command),
            "mark": self.mark,
            "success": shlex.quote(self.success),
            "tenths": PROMPT_TENTHS,
        }
        if self.prompt is None:
            return (BEGIN + RUN + END).format(**words)
        asks = f"tail -n 1 {n}.err | grep -qE {ANY_PROMPT}" if self.prompt is True else f"grep -qF -- {shlex.quote(self.prompt.strip())} {n}.err"
        return (BEGIN + RUN_ASKED + END).format(asks=asks, **words)

    def read(self, result):
        """Return the Answer in the file that the script wrote, as bytes; raise ValueError if it is not whole."""
        mark = self.mark.encode() + b"\n"
        rc, line_end, rest = result.partition(b"\n")
        stdout, middle, rest = rest.partition(mark)
        stderr, end, more = rest.partition(mark)
        if not (line_end and middle and end) or more or not rc.isdigit():
            raise ValueError("the result of the command is not whole")
        code = int(rc)
        return Answer(code - 128 if code > 256 else code, stdout, stderr)


def clean_script(directory):
    """Return a script that ends what a connection still runs in the guest, and deletes its directory."""
    return CLEAN.format(directory=shlex.quote(directory), name=directory.rpartition("/")[2])
