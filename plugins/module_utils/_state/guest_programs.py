# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands and scripts in a guest, and what a task reports about them."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import contextmanager

from .._system import interpreters, paths, programs
from .._vix.errors import Refused

LARGEST_SCRIPT = 1 << 24  # bytes of a script that is converted for its interpreter
WORD = re.compile(r'\s*(?:"([^"]*)"|(\S+))\s*(.*)', re.DOTALL)  # as Windows reads the program's name in a command line
STREAMS = ("stdout", "stderr")


class Terms:
    """The options beside the program itself, under their names. parts: the path of a new file beside each of stdout_dest and stderr_dest, by these names."""

    def __init__(
        self,
        chdir=None,
        creates=None,
        removes=None,
        environment=None,
        stdin=None,
        stdin_add_newline=True,
        strip_empty_ends=True,
        program_timeout=None,
        no_wait=False,
        max_output=1 << 20,
        stdout_dest=None,
        stderr_dest=None,
        parts=None,
    ):
        self.chdir, self.creates, self.removes, self.strip, self.wait = chdir, creates, removes, strip_empty_ends, not no_wait
        self.environment = {str(name): str(value) for name, value in (environment or {}).items()}
        end = "\n" if stdin_add_newline and not (stdin or "\n").endswith("\n") else ""
        self.stdin = f"{stdin or ''}{end}".encode("utf-8", "surrogateescape")
        self.seconds, self.max_output = program_timeout, max_output
        self.targets = {name: path for name, path in zip(STREAMS, (stdout_dest, stderr_dest)) if path}
        self.parts = {name: parts[f"{name}_dest"] for name in self.targets}
        _check(self)


def _check(terms):
    doing = "preparing to run a program"
    if not terms.wait and (terms.stdin or terms.seconds or terms.targets):
        text = "stdin, program_timeout, stdout_dest and stderr_dest cannot be used with no_wait=true"
        raise Refused(text, doing=doing)
    if terms.seconds is not None and terms.seconds < 1:
        raise Refused("program_timeout must be at least 1", doing=doing)
    if not 0 <= terms.max_output <= programs.LARGEST_OUTPUT:
        text = f"max_output must be between 0 and {programs.LARGEST_OUTPUT}: use stdout_dest or stderr_dest for larger outputs"
        raise Refused(text, doing=doing)
    for name, path in terms.targets.items():
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            raise Refused(f"{name}_dest {path} is a directory: use the path of a file", doing=doing)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Refused(f"{name}_dest cannot be written to {folder}: it is not a directory of the VM host, or this user has no permission", doing=doing)


def command(session, argv, cmd, terms):
    """Return the Program of a command, and the command as the result shows it.

    argv: its words; cmd: one text instead, split into words as by a shell for a Linux guest. Neither is read by a shell.
    """
    if argv is None and session.is_linux:
        try:
            argv = shlex.split(cmd)
        except ValueError as error:
            raise Refused(f"cmd cannot be split into words: {error}", doing="preparing to run a program") from error
    if argv is None:
        words = WORD.fullmatch(cmd)
        quoted, plain, rest = words.groups() if words else ("", "", "")
        return _program(quoted or plain, [quoted or plain or ""], rest, terms), cmd
    return _program(argv[0] if argv else "", argv[:1] or [""], argv[1:], terms), argv


def script(session, content, path, name, interpreter, arguments, terms):
    """Return the Program of a script, and the command as the result shows it.

    Args:
        session: The GuestSession.
        content: The text of the script, or None.
        path: Path of the script on this machine, or None.
        name: Name of the script, if it differs from that of path.
        interpreter: A name of interpreters.NAMES, or a path in the guest.
        arguments: Arguments of the script.
        terms: The Terms.
    """
    name = name or os.path.basename(path or "")
    text = content.encode("utf-8", "surrogateescape") if path is None else _head(path)
    chosen = interpreters.of(interpreter, session.family, text, name)
    if path is not None:
        text = _whole(path, chosen)
    text = text if isinstance(text, str) else chosen.prepare(text)
    words = [*chosen.before, *arguments]
    program = _program(f"script {name}" if name else "a script", chosen.names, words, terms, script=text, suffix=chosen.suffix)
    return program, program.placed([chosen.names[0], *words], name or "script")


def _program(what, names, arguments, terms, **script):
    settings = {"chdir": terms.chdir, "environment": terms.environment, "stdin": terms.stdin, "seconds": terms.seconds}
    return programs.Program(what, names, arguments, max_output=terms.max_output, wait=terms.wait, **settings, **script)


@contextmanager
def _readable(path):
    try:
        yield
    except OSError as error:
        raise Refused(f"{path} cannot be read on the VM host: {error.strerror}", doing="reading src") from error


def _head(path):
    with _readable(path), open(path, "rb") as file:
        return file.read(interpreters.LONGEST_FIRST_LINE)


def _whole(path, interpreter):
    """The content of a file of this machine, or its path if it is large and needs no conversion."""
    with _readable(path):
        size = os.path.getsize(path)
        if interpreter.prepare is bytes and size > programs.LONGEST_SCRIPT:
            return path
        if size > LARGEST_SCRIPT:
            raise Refused(f"{path} is larger than {LARGEST_SCRIPT} bytes, which no script for {interpreter.suffix} may be", doing="reading src")
        with open(path, "rb") as file:
            return file.read()


def needless(session, terms):
    """Return why nothing has to be run, because of creates or removes, or None."""
    for path, wanted, word in ((terms.creates, True, "exists"), (terms.removes, False, "does not exist")):
        if path is None:
            continue
        if not session.family.is_absolute(path):
            raise Refused(f"{path} is not an absolute path of the guest", doing=session.doing(f"looking for {path} in"))
        if (paths.look(session, path) is not None) == wanted:
            return f"{path} {word}"
    return None


def skipped(cmd, why):
    """The result of a task that had nothing to run."""
    return {"changed": False, "cmd": cmd, "rc": 0, "stdout": f"skipped, since {why}", "stderr": "", "msg": f"Did not run command since {why}"}


def predicted(cmd, terms):
    """The result in check mode. Only creates and removes make it certain that a run would change something."""
    knows = terms.creates is not None or terms.removes is not None
    return {"changed": knows, "cmd": cmd, "msg": "Command would have run if not in check mode", **({"rc": 0} if knows else {"skipped": True})}


def run(session, program, cmd, terms):
    """Run the program and return the result of the task, which is failed if the return code is not 0 or the program timed out."""
    for part in terms.parts.values():
        _create(part)
    program.fetch = terms.parts
    outcome = programs.run(session, program)
    for name, part in terms.parts.items():
        os.replace(part, terms.targets[name])
    result = {"changed": True, "cmd": cmd, "start": outcome.start}
    if not program.wait:
        return {**result, "pid": outcome.pid}
    result.update(rc=outcome.rc, end=outcome.end, delta=outcome.delta, timed_out=bool(outcome.late))
    for name in STREAMS:
        text = outcome.text(name)
        result[name] = text.rstrip("\r\n") if terms.strip else text
        result[f"{name}_size"] = outcome.sizes[name]
        result[f"{name}_truncated"] = len(outcome.outputs[name]) < outcome.sizes[name]
    doing = programs.doing(session, program)
    if outcome.late:
        ended = "the program was killed, but processes that it started may still run" if outcome.left else "the program and what it started were killed"
        text = f"timed out after {outcome.seconds} s; {ended}; increase program_timeout and timeout"
        return {**result, "failed": True, "msg": f"{doing}: {text}"}
    if outcome.left:
        text = f"processes that the program started still wrote to its output after {outcome.seconds} s, and were left running: end them in the guest"
        result["warnings"] = [f"{doing}: {text}"]
    return {**result, **({"failed": True, "msg": f"{doing}: non-zero return code {outcome.rc}"} if outcome.rc else {})}


def _create(path):
    """Create an empty file that only this user can read."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Refused(f"a file beside {path} cannot be created: {error.strerror}", doing="preparing to run a program") from error
