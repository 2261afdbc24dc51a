# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a program in a guest with input, output and a time limit, which VIX itself does not offer."""

from __future__ import annotations

import math
import os
import re
from contextlib import contextmanager, suppress

from .._vix.errors import FileNotFound, NoToolsInGuest, NotRunning, NotSupported, Refused, VixError
from .._vix.guest import LONGEST_SCRIPT
from . import leftovers, linux, linux_programs, outcomes, windows, windows_programs
from .exit_codes import DONE

WRITERS = {linux.NAME: linux_programs, windows.NAME: windows_programs}
SCRIPT = object()  # in place of a name or an argument: the path of the program's script in the guest
MARGIN, SHARE = 15, 0.25  # seconds, and the share of the remaining time, for killing the program and reporting it
GRACE = 2  # seconds between asking a program to end and killing it
KEPT_MINUTES = 7 * 24 * 60  # how long a script without a waiting task may be read
LARGEST_OUTPUT = 1 << 22  # bytes kept of one output: NUL characters take six times as much in a result
NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")  # of a variable, for every shell
DOWN = "the guest was shut down or restarted meanwhile; what the program had done by then is not known"
FAILED = {
    81: "no directory for its output could be created in the guest: check that {parent} exists and that the user may write to it",
    82: "VIX started it a second time after an error, and a program that was started is not started again: check its effects in the guest",
    84: (
        "PowerShell of this user runs in a restricted language mode, in which the script that runs it cannot work: an administrator of the guest can "
        "allow it (application control, such as AppLocker or Device Guard)"
    ),
    83: "its output could not be stored: the disk of the guest may be full",
}


class Program:
    """A program to run in a guest.

    Args:
        what: Its name in messages.
        names: Paths, or names that are searched in PATH. The first one that exists is used. SCRIPT stands for the path of the script.
        arguments: A list, in which SCRIPT stands for the path of the script; for Windows also a command line as text.
        chdir: Its working directory, or None.
        environment: Variables in addition to those of the user, a dictionary of texts.
        stdin: Bytes, or the path of a file of this machine.
        script: A script to send, as bytes or as the path of a file of this machine, or None.
        suffix: Suffix of the script's name.
        seconds: Time limit, after which it is killed with everything that it started. None: what the deadline of the task allows.
        max_output: Bytes kept of each of its two outputs.
        fetch: {"stdout": path, "stderr": path} of files of this machine that get the complete outputs.
        wait: Whether to wait for its end. If not, only the process id is returned.
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
        """The words with the path of the script in place of SCRIPT."""
        return [script if word is SCRIPT else word for word in words]


def doing(session, program):
    """What is being done, for error messages."""
    return session.doing(f"running {program.what} in")


def run(session, program):
    """Run a program and return its outcomes.Outcome.

    This takes three VIX calls in a Linux guest if what is sent is not large and nothing is fetched, seven in a Windows guest. Raises FileNotFound if the
    guest has no such program.
    """
    guest, family, about = session.guest, session.family, doing(session, program)
    _check(program, family, about)
    parent = family.temporary_folder(guest)
    folder = family.join(parent, leftovers.name(leftovers.minutes(guest)))
    shelf = folder if program.wait or program.script is None else family.join(parent, leftovers.name(KEPT_MINUTES))
    begun = False
    try:
        code, seconds = _begin(session, program, folder, shelf, about)
        if code == 1 and not session.is_linux:
            _require_policy(guest, about)
        if code != DONE:
            sentence = FAILED.get(
                code, "the script that runs it ended with exit code {code} before it wrote a result; it may have been killed, and what it ran may still run"
            )
            raise VixError(sentence.format(parent=parent, code=code), doing=about)
        outcome = _outcome(session, program, folder, about)
        outcome.seconds, begun = seconds, True
        return outcome
    finally:
        for place in {folder} if begun else {folder, shelf}:
            with suppress(VixError):  # the first failure is reported, not that its leftovers could not be removed: the next run removes them
                guest.delete_directory(place)


def _require_policy(guest, about):
    """Raise NotSupported if a group policy keeps PowerShell from running a script file: -ExecutionPolicy does not override it, nor should it."""
    policy = windows.policy_of(windows.run(guest, windows.policy_script()))
    if policy:
        sentence = "the execution policy {} of the scope {} does not allow it to run the script that runs the program; nothing was started"
        advice = 'an administrator of the guest can set the group policy "Turn on Script Execution", or sign the scripts of this user'
        raise NotSupported(f"PowerShell in the guest: {sentence.format(*policy)}", doing=about, advice=advice)


def _check(program, family, about):
    """Raise Refused for texts that cannot be passed to a guest."""
    errors = "surrogateescape" if family is linux else "strict"
    if not all(program.names):
        raise Refused("the name of the program is empty", doing=about)
    if program.chdir and not family.is_absolute(program.chdir):
        raise Refused(f"{program.chdir} is not an absolute path of the guest", doing=about)
    words = [program.arguments] if isinstance(program.arguments, str) else program.arguments
    for text in (*program.names, *words, program.chdir or "", *program.environment.values()):
        if text is not SCRIPT and "\0" in text:
            raise Refused("arguments, paths and variables cannot contain a NUL character", doing=about)
        try:
            b"" if text is SCRIPT else text.encode("utf-8", errors)
        except UnicodeEncodeError:
            raise Refused("arguments, paths and variables must be valid Unicode text", doing=about) from None
    for name in program.environment:
        if not NAME.fullmatch(name):
            raise Refused(f"{name!r} is not a valid name of an environment variable", doing=about)


def _begin(session, program, folder, shelf, about):
    """Start the script that runs the program; return the script's exit code and the seconds that the program had."""
    guest, family, writer = session.guest, session.family, WRITERS[session.family.NAME]
    contents = {family.join(folder, "stdin"): program.stdin or None, family.join(shelf, program.script_name): program.script}
    if not session.is_linux:
        contents[family.join(folder, windows_programs.VALUES)] = windows_programs.values(program, shelf)
    contents = {place: content for place, content in contents.items() if content is not None}
    seconds, grace = time_for(_left(guest), program.seconds)
    if session.is_linux and all(isinstance(content, bytes) and b"\0" not in content and _is_text(content) for content in contents.values()):
        text = writer.text(program, folder, shelf, contents, False, seconds, grace)
        if len(linux.SHELL) + len(text) <= LONGEST_SCRIPT:
            with _up(about, linux.SHELL), suppress(NotSupported):  # then the script is sent as a file
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
    """Whether it is UTF-8, which VIX requires."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _left(guest):
    return guest.within(math.inf).left()


def time_for(left, wanted):
    """The seconds that a program has, fewer than the task has left, and those between asking it to end and killing it."""
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
    """Turn the failure of a guest that was shut down, or has no such shell, into a message about the program."""
    try:
        yield
    except (NotRunning, NoToolsInGuest) as error:
        raise type(error)(f"{error.text}: {DOWN}", code=error.code, raw=error.raw, doing=about) from error
    except FileNotFound as error:
        sentence = f"no such program in the guest: {shell}; set guest_family if the guest runs another operating system"
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
            raise VixError(f"only {size} of the {whole} bytes of its {stream} were received", doing=about)
    return outcome


def _fetch(guest, source, target, about):
    try:
        guest.copy_out(source, target)
    except FileNotFound as error:
        raise VixError(f"its result is missing: {DOWN}", code=error.code, raw=error.raw, doing=about) from error


def _refusal(program, outcome, about):
    """The error for a program that was not started, by the reason that the guest reported."""
    reason, detail = outcome.refused
    names = " or ".join(name for name in program.names if name is not SCRIPT) or program.what
    if reason == "missing":
        return FileNotFound(f"no such program in the guest: {names}", doing=about, advice="install it in the guest, or use its full path")
    if reason == "denied":
        return Refused(f"{names} cannot be executed by the user", doing=about)
    if reason == "chdir":
        return Refused(f"{program.chdir} does not exist in the guest, or the user may not enter it", doing=about)
    if reason == "percent":
        return Refused("the path of a batch file cannot contain percent signs, which cmd.exe would interpret", doing=about)
    if reason == "quotes" and isinstance(program.arguments, str):
        what = '& | < > ^ ( ) % " ! or line breaks, which cmd.exe would interpret'
        return Refused(f"the command line of a batch file cannot contain {what}", doing=about, advice="use argv instead of cmd")
    if reason == "quotes":
        return Refused("arguments of a batch file cannot contain quotes, percent signs or line breaks", doing=about)
    return VixError(f"Windows did not start it: {detail}", doing=about)
