# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on their way into a guest: compared with what is there, sent into a private folder, verified, and only then put in their places by a rename.

So a reader in the guest sees the old file or the new one, and nobody but the user sees one that is not there yet.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shlex
from contextlib import contextmanager, suppress

from .._vix.errors import AlreadyExists, FileNotFound, NotSupported, Refused, VixError
from .._vix.guest import LONGEST_SCRIPT
from . import attributes, captured, contents, linux, linux_copies, programs, windows_copies
from .linux_copies import Arrival

METHODS = ("checksum", "size_and_time", "existence")
PRESERVE = "preserve"
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")  # which a validating program may go by
WORD = re.compile(r"([0-9]{1,9}) ([a-z]+)")  # a line of what a guest's script writes
ROOM = LONGEST_SCRIPT - 1024  # bytes of a script to which others are added
MOST_WORDS = 1000  # bytes of what a guest says
SENTENCES = {
    linux_copies.DAMAGED: "what arrived in the guest is not what was sent, and nothing was replaced",
    linux_copies.OCCUPIED: "there is a folder where the file should be",
    linux_copies.NOT_KEPT: "mode and owner of the file that is replaced could not be kept",
    linux_copies.NOT_BACKED_UP: "no backup could be made of the file that is replaced",
    linux_copies.NOT_PLACED: "what arrived could not be put in its place",
    linux_copies.NOT_MADE: "a folder could not be made",
    attributes.NOT_OWNED: "the owner could not be set",
    attributes.NOT_GROUPED: "the group could not be set",
    attributes.NOT_MODED: "the mode could not be set",
}


class Manner:
    """How files are copied.

    method: of comparing, one of METHODS; force: whether a file that is there may be replaced or altered; backup: a text that makes the name of a file the
    name of its backup, None for none; mode (also PRESERVE), owner, group: of the files; directory_mode: of folders that are made; validate: a command
    that must succeed with a file, which it knows as %s.
    """

    def __init__(self, family, method="checksum", force=True, backup=None, mode=None, owner=None, group=None, directory_mode=None, validate=None):
        self.family, self.method, self.force, self.backup, self.validate = family, method, force, backup, validate
        self._mode, self._owner, self._group, self._directory_mode = mode, owner, group, directory_mode
        self._known = {}
        if validate is not None and "%s" not in validate:
            raise Refused("it must have %s in it, which stands for the file", doing="reading validate")

    def check(self, item, path):
        """Raise Refused for modes and owners that no file at a path can have."""
        self.attributes(item, path)
        self.directory_attributes(path)

    def attributes(self, item, path):
        """The Attributes that a file shall have, or None; the same object for the same."""
        mode = self._mode
        if mode == PRESERVE:
            if item.mode is None:
                raise Refused(f"a text has no mode that could be kept: give the mode itself instead of {PRESERVE}", doing="reading mode")
            mode = item.mode
        if mode not in self._known:
            self._known[mode] = attributes.wanted(mode, self._owner, self._group, self.family, path)
        return self._known[mode]

    def directory_attributes(self, path):
        """The Attributes of a folder that is made, or None."""
        return attributes.wanted(self._directory_mode, self._owner, self._group, self.family, path)


class Copy:
    """A file that is copied: item: what, as _state/sources.py has it; target: where to; replaces: whether there is a file in its place."""

    def __init__(self, item, target, manner, replaces=False):
        self.item, self.target, self.number = item, target, None
        self.attributes = manner.attributes(item, target)
        self.replace(manner, replaces)

    def replace(self, manner, replaces):
        self.replaces = replaces
        self.backup = f"{self.target}{manner.backup}" if manner.backup and replaces else None


def differences(guest, manner, copies, folders, workdir, doing):
    """Return what is not as it should be, a word by number, or None where the guest has no program that could tell.

    The copies count from 0, and the folders, which are paths, after them. The word: absent, other, link (in place of a file), attributes, folder
    (where a file should be) or special (where neither is). VIX calls: three or four in a Linux guest, five in a Windows guest.
    """
    ask = _ask_linux if manner.family is linux else _ask_windows
    try:
        answer = ask(guest, manner, copies, folders, workdir, doing)
    except (FileNotFound, NotSupported):  # no such shell, or no programs at all
        return None
    return None if answer is None else read_differences(answer, doing)


def read_differences(answer, doing):
    """What a guest's script wrote of its files, a word by number from 0; raise VixError for what is not whole."""
    lines = answer.decode("ascii", "replace").splitlines()
    found = [WORD.fullmatch(line) for line in lines[:-1]]
    if lines[-1:] != [linux_copies.END] or not all(found):
        raise VixError("what the guest wrote of its files cannot be read: its disk may be full", doing=doing)
    return {int(match.group(1)) - 1: match.group(2) for match in found}


def _ask_linux(guest, manner, copies, folders, workdir, doing):
    files = [(copy.target, linux_copies.wanted_of(manner.method, copy.item), copy.attributes) for copy in copies]
    script = linux_copies.comparing(manner.method, files, folders)
    if len(script.encode("utf-8")) <= ROOM:
        code, answer = captured.run(guest, script, workdir, doing)
    else:
        place = linux.join(linux.temporary_folder(guest), f"vmlab.vix-{secrets.token_hex(16)}")
        name = linux.quote(place)
        try:
            _copy_in(guest, f"rm -f -- {name}\n{script}".encode(), place, workdir)
            code, answer = captured.run(guest, f". {name}", workdir, doing)
        except VixError:
            with suppress(VixError):  # what went wrong is told; that the rest could not be removed either is not the news
                guest.delete_file(place)
            raise
    if code in (attributes.NO_OWNER, attributes.NO_GROUP):
        raise VixError(f"the guest has no such {'owner' if code == attributes.NO_OWNER else 'group'} as is asked for", doing=doing)
    if code not in (0, linux_copies.UNKNOWN):
        raise VixError(f"the guest's programs could not compare the files (exit code {code})", doing=doing)
    return None if code else answer


def _ask_windows(guest, manner, copies, folders, workdir, doing):
    family = manner.family
    folder = family.join(family.temporary_folder(guest), f"vmlab.vix-{secrets.token_hex(16)}")
    files = [(copy.target, linux_copies.wanted_of(manner.method, copy.item)) for copy in copies]
    guest.create_directory(folder)
    try:
        wants, answer = family.join(folder, "list"), family.join(folder, "answer")
        _copy_in(guest, windows_copies.comparison_list(files, folders), wants, workdir)
        code = family.run(guest, windows_copies.comparing(manner.method, wants, answer))
        if code:
            raise VixError(f"PowerShell could not compare the files (it ended with {code})", doing=doing)
        with contents.copied_out(guest, answer, workdir) as copy, open(copy, "rb") as file:
            return file.read()
    finally:
        with suppress(VixError):
            guest.delete_directory(folder)


def put(guest, manner, copies, place, made, altered, workdir, doing):
    """Send files into a guest and put them in their places.

    place: a path beside the private folder in which they arrive, on the disk to which they go; made: folders to be made, each after the one it is in;
    altered: copies of which only the attributes are set. The number of VIX calls does not grow with that of files, where the guest has a shell.
    """
    try:
        with _private_folder(guest, manner.family, place) as (folder, spent):
            arrivals = _send(guest, manner, copies, folder, workdir)
            if manner.validate:
                for arrival in arrivals:
                    _validate(guest, manner, manner.family.join(folder, arrival.name), arrival.target, workdir)
            if _place(guest, manner, folder, arrivals, made, altered, workdir, doing):
                spent += [folder] if manner.family is linux else []
            else:
                _place_one_by_one(guest, manner, folder, arrivals, made, altered, workdir, doing)
    except VixError as error:
        if error.code is not None:  # VIX knows the folder and not what it is for
            error.doing = doing
        raise


@contextmanager
def _private_folder(guest, family, place):
    """The path of a folder that only the user can enter, beside a path, for as long as the "with" lasts; and a list to which it is added when it is gone.

    What an earlier task had to leave in it goes first.
    """
    name = hashlib.sha256(family.base_name(place).encode()).hexdigest()[:16]
    folder = family.join(family.parent(place), f".vmlab.vix-{name}.part")
    try:
        guest.create_directory(folder)
    except AlreadyExists:  # of a task whose guest went down, or whose own machine did
        guest.delete_directory(folder)
        guest.create_directory(folder)
    spent = []
    try:
        yield folder, spent
    finally:
        if not spent:
            with suppress(VixError):  # the next task for the same place removes it
                guest.delete_directory(folder)


def _send(guest, manner, copies, folder, workdir):
    """Copy the files into a folder of the guest, many of them by one VIX call, and return them as Arrivals."""
    family, several = manner.family, len(copies) > 1
    arrivals = []
    for number, copy in enumerate(copies):
        # Each task has names of its own: one that takes the folder for an older task's leftover finds and hurts nothing of another's.
        suffix = os.path.splitext(copy.target)[1]
        name = f"{number}-{secrets.token_hex(8)}{suffix if SUFFIX.fullmatch(suffix) else ''}"
        name = family.join("new", name) if several else name
        arrivals.append(Arrival(name, copy.target, copy.item.checksum, copy.attributes, copy.replaces, copy.backup))
    if several:
        stage = os.path.join(workdir, f"stage-{secrets.token_hex(8)}")
        os.mkdir(stage, 0o700)
        try:
            for copy, arrival in zip(copies, arrivals):
                copy.item.lay(os.path.join(stage, family.base_name(arrival.name)))
            guest.copy_in(stage, family.join(folder, "new"))
        finally:
            _remove(stage)
    elif copies:
        with copies[0].item.laid(workdir) as path:
            guest.copy_in(path, family.join(folder, arrivals[0].name))
    return arrivals


def _remove(stage):
    for name in os.listdir(stage):
        os.unlink(os.path.join(stage, name))
    os.rmdir(stage)


def _copy_in(guest, content, place, workdir):
    """Copy bytes to a new file of the guest."""
    path = os.path.join(workdir, secrets.token_hex(8))
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        guest.copy_in(path, place)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _validate(guest, manner, path, target, workdir):
    """Raise unless the user's command succeeds with the file that has arrived."""
    doing = f"validating what is to be {target} in {guest.label} as {guest.user}"
    words = [word.replace("%s", path) for word in split(manner.validate, manner.family)]
    program = programs.Program(f"{manner.validate}", words[:1], words[1:], max_output=MOST_WORDS)
    outcome = programs.run(guest, manner.family, program, workdir)
    if outcome.late:
        raise VixError(f"{manner.validate} did not end, and was ended after {outcome.seconds} s; nothing was replaced", doing=doing)
    if outcome.rc:
        said = " ".join(f"{outcome.text('stdout')} {outcome.text('stderr')}".split())
        raise VixError(f"{manner.validate} ended with {outcome.rc}, and nothing was replaced{': ' if said else ''}{said}", doing=doing)


def split(command, family):
    """The words of a command, as Ansible splits them; in those of Windows a backslash is one."""
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="")
        lexer.whitespace_split, lexer.commenters = True, ""
        if family is not linux:
            lexer.escape = ""
        return list(lexer)
    except ValueError as error:
        raise Refused(f"{command}: {error}", doing="reading validate") from error


def _place(guest, manner, folder, arrivals, made, altered, workdir, doing):
    """Have one script of the guest's verify and place what has arrived; return False where it has no shell for that."""
    for verified in (False, True):
        try:
            code = _run_placing(guest, manner, folder, arrivals, made, altered, workdir)
        except (FileNotFound, NotSupported):
            return False
        if code == 0:
            return True
        if code != linux_copies.UNKNOWN or verified:
            break
        for arrival in arrivals:
            _verify(guest, manner.family, folder, arrival, workdir, doing)
            arrival.checksum = None
    said = _said(guest, manner.family.join(folder, "said"), workdir)
    sentence = SENTENCES.get(code, f"the script that puts what arrived in its place ended with {code}")
    raise VixError(f"{sentence}{'; the guest says: ' if said else ''}{said}", doing=doing)


def _run_placing(guest, manner, folder, arrivals, made, altered, workdir):
    """The exit code of the script, which goes as a file where it is long."""
    family, place = manner.family, manner.family.join(folder, f"script-{secrets.token_hex(8)}")
    if family is linux:
        near = f".vmlab.vix-{secrets.token_hex(8)}.part"
        made_attributes = manner.directory_attributes(made[0]) if made else None
        script = linux_copies.placing(folder, near, arrivals, made, made_attributes, [(copy.target, copy.attributes) for copy in altered])
        if len(script.encode("utf-8")) <= ROOM:
            return guest.run_script(linux.SHELL, script, "putting what arrived in its place in")
        _copy_in(guest, script.encode("utf-8"), place, workdir)
        return linux.run(guest, f". {linux.quote(place)}")
    lines, said = windows_copies.placing_lines(arrivals, made), family.join(folder, "said")
    if len(lines) > 1:
        _copy_in(guest, windows_copies.placing_list(arrivals, made), place, workdir)
        lines = place
    return family.run(guest, windows_copies.placing(folder, said, lines))


def _place_one_by_one(guest, manner, folder, arrivals, made, altered, workdir, doing):
    """Verify and place what has arrived by VIX alone, which knows neither modes nor owners."""
    if altered or any(arrival.attributes for arrival in arrivals) or (made and manner.directory_attributes(made[0])):
        raise NotSupported("the guest has no shell that could set mode or owner: leave these options out", doing=doing)
    for arrival in arrivals:
        _verify(guest, manner.family, folder, arrival, workdir, doing)
    for path in made:
        with suppress(AlreadyExists):
            guest.create_directory(path)
    for arrival in arrivals:
        if arrival.replaces and arrival.backup:
            with contents.copied_out(guest, arrival.target, workdir) as copy:
                guest.copy_in(copy, arrival.backup)
        guest.rename(manner.family.join(folder, arrival.name), arrival.target)


def _verify(guest, family, folder, arrival, workdir, doing):
    """Raise unless a file arrived as it was sent."""
    if not contents.compare(guest, family, family.join(folder, arrival.name), arrival.checksum, None, workdir)[0]:
        raise VixError(SENTENCES[linux_copies.DAMAGED], doing=doing)


def _said(guest, path, workdir):
    """What the programs of a script said, on one line."""
    with suppress(VixError):  # then it said nothing
        return " ".join(contents.fetched(guest, path, workdir, MOST_WORDS)[1].decode("utf-8", "replace").split())
    return ""
