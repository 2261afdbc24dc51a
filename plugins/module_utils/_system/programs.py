# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that runs in a guest, with its input, its output and an end: of these VIX itself offers none."""

from __future__ import annotations

import math
import os
import re
import secrets
from contextlib import contextmanager, suppress

from .._vix.errors import FileNotFound, NoToolsInGuest, NotRunning, NotSupported, Refused, VixError
from .._vix.guest import LONGEST_SCRIPT
from . import linux, linux_programs, outcomes, windows, windows_programs

WRITERS = {linux.NAME: linux_programs, windows.NAME: windows_programs}
SCRIPT = object()  # in place of a name or an argument: the path of the program's script in the guest
MARGIN, SHARE = 15, 0.25  # seconds, and part of what is left, that remain for ending the program and telling of it
GRACE = 2  # seconds that a program is given to end by itself
KEPT_MINUTES = 7 * 24 * 60  # a script that nobody waits for may be read for so long
LARGEST_OUTPUT = 1 << 22  # bytes kept of one output: as text in a result they take six times as much when they are all zero
NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")  # of a variable, for every shell
DOWN = "the guest went down or was restarted in the middle; what the program had done by then is not known"
FAILED = {
    81: "no folder for its output could be made there: look whether {parent} is there, and whether the user may write to it",
    82: "VIX asked for it a second time after an error, and what has begun is not begun again: look in the guest what became of it",
    83: "its output could not be kept: the disk of the guest may be full",
}


class Program:
    """What to run in a guest.

    what: how messages call it; names: of the program, the first that is there is taken, a path or a name that is looked for in PATH; arguments: a list, or
    for Windows also the text of a command line; both may have SCRIPT in them. environment: a dictionary of text, beside what the user has anyway; stdin and
    script: bytes, or the path of a file of this machine; suffix: of the script's name; seconds: until it is ended with all that it started, None for what the
    task's deadline leaves; max_output: bytes kept of each of its two outputs; fetch: {"stdout": path, "stderr": path} for files of this machine that shall
    have all of it; wait: False for one that outlives the run, and of which nothing but the process id is told.
    """

    def __init__(
        self,
        what,
        names,
        arguments=(),
        chdir=None,
        environment=None,
        stdin=b"",
        script=None,
        suffix="",
        seconds=None,
        max_output=1 << 20,
        fetch=None,
        wait=True,
    ):
        self.what, self.names, self.arguments, self.chdir, self.environment = what, names, arguments, chdir, environment or {}
        self.stdin, self.script, self.script_name = stdin, script, f"script{suffix}"
        self.seconds, self.max_output, self.fetch, self.wait = seconds, max_output, fetch or {}, wait

    @staticmethod
    def placed(words, script):
        """The words with the path of the script where it belongs."""
        return [script if word is SCRIPT else word for word in words]


def doing(session, program):
    """What is being done, for error messages."""
    return session.doing(f"running {program.what} in")


def run(session, program):
    """Run a program and return its outcomes.Outcome.

    This takes three VIX calls in a Linux guest if what is sent is not large and nothing is fetched, six in a Windows guest. Raises FileNotFound if the
    guest has no such program.
    """
    guest, family, about = session.guest, session.family, doing(session, program)
    _check(program, family, about)
    parent = family.temporary_folder(guest)
    task = math.ceil(_left(guest) / 60) + 2
    folder = family.join(parent, _name(task))
    shelf = folder if program.wait or program.script is None else family.join(parent, _name(KEPT_MINUTES))
    begun = False
    try:
        code, seconds = _begin(session, program, folder, shelf, about)
        if code:
            sentence = FAILED.get(code, "the script that runs it was ended with {code} before it could tell what became of it; it may have been killed")
            raise VixError(sentence.format(parent=parent, code=code), doing=about)
        outcome = _outcome(session, program, folder, about)
        outcome.seconds, begun = seconds, True
        return outcome
    finally:
        for place in {folder} if begun else {folder, shelf}:
            with suppress(VixError):  # the first failure is reported, not that its leftovers could not be removed: the next run removes them
                guest.delete_directory(place)


def _name(minutes):
    return f"vmlab.vix-{minutes}-{secrets.token_hex(16)}"


def _check(program, family, about):
    """Raise Refused for what no guest can be told."""
    if not all(program.names):
        raise Refused("the name of the program is empty", doing=about)
    if program.chdir and not family.is_absolute(program.chdir):
        raise Refused(f"{program.chdir} is not an absolute path of the guest", doing=about)
    words = [program.arguments] if isinstance(program.arguments, str) else program.arguments
    for text in (*program.names, *words, program.chdir or "", *program.environment.values()):
        if text is not SCRIPT and "\0" in text:
            raise Refused("a NUL character cannot be in an argument, a path or a variable", doing=about)
    for name in program.environment:
        if not NAME.fullmatch(name):
            raise Refused(f"{name!r} is no name for a variable of the environment", doing=about)


def _begin(session, program, folder, shelf, about):
    """Start the script that runs the program; return the script's exit code and the seconds that the program had."""
    guest, family, writer = session.guest, session.family, WRITERS[session.family.NAME]
    contents = {family.join(folder, "stdin"): program.stdin or None, family.join(shelf, program.script_name): program.script}
    contents = {place: content for place, content in contents.items() if content is not None}
    seconds, grace = time_for(_left(guest), program.seconds)
    if session.is_linux and all(isinstance(content, bytes) and b"\0" not in content and _is_text(content) for content in contents.values()):
        text = writer.text(program, folder, shelf, contents, False, seconds, grace)
        if len(linux.SHELL) + len(text) <= LONGEST_SCRIPT:
            with _up(about, linux.SHELL), suppress(NotSupported):  # then by a file that is copied in
                return guest.run_script(linux.SHELL, text.decode("utf-8", "surrogateescape"), about), seconds
    for place in sorted({folder, shelf}):
        guest.create_directory(place)
    for place, content in sorted(contents.items()):
        _copy_in(session, content, place)
    seconds, grace = time_for(_left(guest), program.seconds)
    path = family.join(folder, writer.NAME)
    session.send(writer.text(program, folder, shelf, {}, True, seconds, grace), path)
    shell, arguments = writer.command(path)
    with _up(about, shell):
        return guest.run(shell, arguments), seconds


def _is_text(content):
    """Whether it goes through VIX, which takes UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _left(guest):
    return guest.within(math.inf).left()


def time_for(left, wanted):
    """Seconds that a program has, less than the task has left, and those from its being asked to end until it is killed."""
    margin = min(MARGIN, left * SHARE)
    seconds = left - margin if wanted is None else min(wanted, left - margin)
    return max(1, int(seconds)), min(GRACE, margin / 3)


def _copy_in(session, content, place):
    """Copy bytes, or a file of this machine, to a new file of the guest."""
    if isinstance(content, str):
        session.guest.copy_in(content, place)
    else:
        session.send(content, place)


@contextmanager
def _up(about, shell):
    """Tell of a guest that is gone, or has no such shell, in words about the program."""
    try:
        yield
    except (NotRunning, NoToolsInGuest) as error:
        raise type(error)(f"{error.text}: {DOWN}", code=error.code, raw=error.raw, doing=about) from error
    except FileNotFound as error:
        sentence = f"no such program in the guest: {shell}; set guest_family if it is a guest of another kind"
        raise FileNotFound(sentence, code=error.code, raw=error.raw, doing=about) from error


def _outcome(session, program, folder, about):
    """Fetch the outcome of the program, and the outputs that are asked for as files."""
    family = session.family
    with session.scratch_file() as copy:
        with _up(about, ""):
            _fetch(session.guest, family.join(folder, "result"), copy, about)
        outcome = outcomes.read(copy, program.max_output, about)
    if outcome.refused:
        raise _refusal(program, outcome, about)
    for stream, target in program.fetch.items():
        with _up(about, ""):
            _fetch(session.guest, family.join(folder, stream), target, about)
        size, whole = os.path.getsize(target), outcome.sizes[stream]
        if size < whole:
            raise VixError(f"{size} of the {whole} bytes of its {stream} arrived", doing=about)
    return outcome


def _fetch(guest, source, target, about):
    try:
        guest.copy_out(source, target)
    except FileNotFound as error:
        raise VixError(f"what it left is gone: {DOWN}", code=error.code, raw=error.raw, doing=about) from error


def _refusal(program, outcome, about):
    """The error for a program that was not begun, for the reason that the guest gave."""
    reason, detail = outcome.refused
    names = " or ".join(name for name in program.names if name is not SCRIPT) or program.what
    if reason == "missing":
        return FileNotFound(f"no such program in the guest: {names}", doing=about, advice="install it there, or give the path that it has")
    if reason == "denied":
        return Refused(f"{names} is no program that the user may execute", doing=about)
    if reason == "chdir":
        return Refused(f"{program.chdir} is no folder of the guest that the user may enter", doing=about)
    if reason == "quotes":
        return Refused("cmd.exe cannot be given arguments with quotes, percent signs or ends of lines, so no batch file can", doing=about)
    return VixError(f"Windows did not start it: {detail}", doing=about)
