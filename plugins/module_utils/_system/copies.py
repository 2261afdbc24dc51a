# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying files into a guest: they are compared, sent to a private directory, verified, and then renamed to their destination.

So a reader in the guest sees the old or the new file, and only the user can read a file that is still in transit.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
from contextlib import contextmanager, suppress

from .._vix.errors import AlreadyExists, FileNotFound, Inaccessible, NotSupported, Refused, VixError
from .._vix.guest import LONGEST_SCRIPT
from . import attributes, captured, contents, leftovers, linux, linux_copies, paths, programs, reach, windows_copies
from .exit_codes import DONE
from .linux_copies import Arrival

PRESERVE = "preserve"
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")  # a validating program may depend on it
WORD = re.compile(r"([0-9]{1,9}) ([a-z]+)")  # a line of the script's answer
ROOM = LONGEST_SCRIPT - 1024  # bytes of a script that is extended by others
MOST_WORDS = 1000  # bytes of output in a message
MOST_NAMES = 3  # files in a warning
SENTENCES = {
    linux_copies.DAMAGED: "the content was damaged in transit, and nothing was replaced",
    linux_copies.OCCUPIED: "a directory exists at the path of the file",
    linux_copies.NOT_KEPT: "mode and owner of the replaced file could not be preserved",
    linux_copies.NOT_BACKED_UP: "the replaced file could not be backed up",
    linux_copies.NOT_PLACED: "the file could not be moved to its destination",
    linux_copies.NOT_MADE: "a directory could not be created",
    attributes.NOT_OWNED: "the owner could not be set",
    attributes.NOT_GROUPED: "the group could not be set",
    attributes.NOT_MODED: "the mode could not be set",
}


class CopyOptions:
    """How files are copied.

    Args:
        method: How a file is compared with the one in the guest: checksum, size_and_time or existence.
        force: Whether an existing file may be replaced or changed.
        backup: Suffix that makes the name of a file the name of its backup. None: no backup.
        mode: Mode of the files, PRESERVE for that of the source, or None.
        owner: Owner of files and of directories that are created, or None.
        group: Their group, or None.
        directory_mode: Mode of directories that are created, or None.
        validate: Command that must succeed with a file before the file is put in its place. %s stands for the file.
    """

    def __init__(self, method="checksum", force=True, backup=None, mode=None, owner=None, group=None, directory_mode=None, validate=None):
        self.method, self.force, self.backup, self.validate = method, force, backup, validate
        self._mode, self._owner, self._group, self._directory_mode = mode, owner, group, directory_mode
        self._known = {}
        if validate is not None and "%s" not in validate:
            raise Refused("it must contain %s, which stands for the file", doing="reading validate")

    def attributes(self, family, item, path):
        """The Attributes of a file at a path, or None; the same object for the same mode. Raises Refused for those that no file can have."""
        mode = self._mode
        if mode == PRESERVE:
            if item.mode is None:
                raise Refused(f"content has no mode: set an explicit mode instead of {PRESERVE}", doing="reading mode")
            mode = item.mode
        if mode not in self._known:
            self._known[mode] = attributes.wanted(mode, self._owner, self._group, family, path)
        return self._known[mode]

    def directory_attributes(self, family, path):
        """The Attributes of a directory that is created at a path, or None. Raises Refused for those that no directory can have."""
        return attributes.wanted(self._directory_mode, self._owner, self._group, family, path)


class Copy:
    """A file that is copied.

    Args:
        item: The _state.sources.Item.
        target: Its path in the guest.
        attributes: The Attributes that it gets, or None.
    """

    def __init__(self, item, target, attributes=None):
        self.item, self.target, self.attributes = item, target, attributes
        self.replaces, self.backup, self.number = False, None, None

    def replace(self, suffix):
        """Replace an existing file, and back that one up under its name with the suffix, if there is one."""
        self.replaces, self.backup = True, f"{self.target}{suffix}" if suffix else None


class Copying:
    """What is done in one task.

    Args:
        session: The GuestSession.
        options: The CopyOptions.
        doing: What is being done, for error messages.
    """

    def __init__(self, session, options, doing):
        self.session, self.options, self.doing = session, options, doing

    def copy(self, item, target):
        """Return the Copy of an item to a path."""
        return Copy(item, target, self.options.attributes(self.session.family, item, target))


def differences(copying, copies, directories):
    """Compare files and directories of a guest with what they should be, by three or four VIX calls, five in a Windows guest.

    Args:
        copying: The Copying.
        copies: The Copies, which count from 0.
        directories: Paths of directories, which count on after them.

    Returns:
        A word by number for each that is not as it should be: absent, other, link (in place of a file), attributes, directory (where a file should be)
        special (where neither is) or closed (a directory that the user may not enter). None if the guest has no program that can compare them.
    """
    ask = _ask_linux if copying.session.is_linux else _ask_windows
    try:
        answer = ask(copying, copies, directories)
    except (FileNotFound, NotSupported):  # no such shell, or no programs at all
        return None
    return None if answer is None else read_differences(answer, len(copies) + len(directories), copying.doing)


def read_differences(answer, total, doing):
    """Return the words that a guest's script wrote, by number from 0; raise VixError if the answer is incomplete. total: how many things were compared."""
    lines = answer.decode("ascii", "replace").splitlines()
    found = [WORD.fullmatch(line) for line in lines[:-1]]
    if lines[-1:] != [linux_copies.END] or not all(found):
        raise VixError("the list that the guest wrote is incomplete: its disk may be full", doing=doing)
    words = {int(match.group(1)) - 1: match.group(2) for match in found}
    if not set(words) <= set(range(total)):
        raise VixError("the list that the guest wrote cannot be read", doing=doing)
    return words


def _ask_linux(copying, copies, directories):
    session, method, doing = copying.session, copying.options.method, copying.doing
    files = [(copy.target, linux_copies.wanted_of(method, copy.item), copy.attributes) for copy in copies]
    script = linux_copies.comparing(method, files, directories)
    if len(script.encode("utf-8")) <= ROOM:
        code, answer = captured.run(session, script, doing)
    else:
        place = linux.join(linux.temporary_folder(session.guest), leftovers.name(leftovers.minutes(session.guest)))
        name = linux.quote(place)
        try:
            session.send(f"rm -f -- {name}\n{script}".encode(), place)
            code, answer = captured.run(session, f". {name}", doing)
        except VixError:
            with suppress(VixError):  # the first failure is reported, not that its leftovers could not be removed
                session.guest.delete_file(place)
            raise
    if code == attributes.NO_OWNER:
        raise VixError("the user that owner names does not exist in the guest: create it first", doing=doing)
    if code == attributes.NO_GROUP:
        raise VixError("the group that group names does not exist in the guest: create it first", doing=doing)
    if code not in (DONE, linux_copies.UNKNOWN):
        raise VixError(f"the guest's programs could not compare the files (exit code {code})", doing=doing)
    return answer if code == DONE else None


def _ask_windows(copying, copies, directories):
    session, method = copying.session, copying.options.method
    family, guest = session.family, session.guest
    folder = family.join(family.temporary_folder(guest), leftovers.name(leftovers.minutes(guest)))
    files = [(copy.target, linux_copies.wanted_of(method, copy.item)) for copy in copies]
    guest.create_directory(folder)
    try:
        wants, answer = family.join(folder, "list"), family.join(folder, "answer")
        session.send(windows_copies.comparison_list(files, directories), wants)
        code = session.run(windows_copies.comparing(method, wants, answer))
        if code != DONE:
            raise VixError(f"PowerShell could not compare the files (exit code {code})", doing=copying.doing)
        with session.fetched(answer) as copy, open(copy, "rb") as file:
            return file.read()
    finally:
        with suppress(VixError):
            guest.delete_directory(folder)


class Changes:
    """What is to be changed in a guest.

    Args:
        copies: The Copies that are put in their places.
        made: Paths of directories that are created, each after the one above it.
        altered: Copies of which only the attributes are set.
    """

    def __init__(self, copies=(), made=(), altered=()):
        self.copies, self.made, self.altered = list(copies), list(made), list(altered)


def put(copying, changes, place):
    """Send files to a private directory of the guest and put them in their places from there.

    The number of VIX calls does not grow with the number of files, if the guest has a shell.

    Args:
        copying: The Copying.
        changes: The Changes.
        place: A path beside which the private directory is created, on the disk to which the files go.

    Returns:
        Warnings about what could not be preserved.
    """
    warnings = []
    try:
        with _private_folder(copying.session, place) as (folder, spent):
            arrivals = _send(copying.session, changes.copies, folder)
            if copying.options.validate:
                for arrival in arrivals:
                    _validate(copying, copying.session.family.join(folder, arrival.name), arrival.target)
            if _place(copying, changes, folder, arrivals):
                spent += [folder] if copying.session.is_linux else []
            else:
                warnings = _place_one_by_one(copying, changes, folder, arrivals)
    except VixError as error:
        if error.code is not None:  # VIX names the private directory, not what it is for
            error.doing = copying.doing
        raise
    return warnings


@contextmanager
def _private_folder(session, place):
    """The path of a directory beside a path that only the user can enter, for as long as the "with" lasts; and a list to add it to once it is gone.

    Each task has its own: several may copy to one place at the same time. What a killed task left is removed by age (leftovers.py).
    """
    family, guest = session.family, session.guest
    folder = family.join(family.parent(place), leftovers.hidden_name(leftovers.minutes(guest)))
    _create_private(session, folder)
    spent = []
    try:
        yield folder, spent
    finally:
        if not spent:
            with suppress(VixError):  # a later task removes it
                guest.delete_directory(folder)


def _create_private(session, folder):
    try:
        paths.create_directory(session, folder)
    except Inaccessible as error:
        error.text = f"{session.guest.user} may not create anything in {session.family.parent(folder)}"
        error.advice = reach.ADVICE
        raise


def _send(session, copies, folder):
    """Copy the files into a directory of the guest, many of them by one VIX call, and return them as Arrivals."""
    family, guest, several = session.family, session.guest, len(copies) > 1
    arrivals = []
    for number, copy in enumerate(copies):
        suffix = os.path.splitext(copy.target)[1]
        name = f"{number}-{secrets.token_hex(8)}{suffix if SUFFIX.fullmatch(suffix) else ''}"
        name = family.join("new", name) if several else name
        arrivals.append(Arrival(name, copy.target, copy.item.checksum, copy.attributes, copy.replaces, copy.backup))
    if several:
        stage = os.path.join(session.workdir, f"stage-{secrets.token_hex(8)}")
        os.mkdir(stage, 0o700)
        try:
            for copy, arrival in zip(copies, arrivals):
                copy.item.lay(os.path.join(stage, family.base_name(arrival.name)))
            guest.copy_in(stage, family.join(folder, "new"))
        finally:
            _remove(stage)
    elif copies:
        with copies[0].item.laid(session.workdir) as path:
            guest.copy_in(path, family.join(folder, arrivals[0].name))
    return arrivals


def _remove(stage):
    for name in os.listdir(stage):
        os.unlink(os.path.join(stage, name))
    os.rmdir(stage)


def _validate(copying, path, target):
    """Raise unless the user's command succeeds with the file that has arrived."""
    session, command = copying.session, copying.options.validate
    doing = session.doing(f"validating the new content of {target} in")
    words = [word.replace("%s", path) for word in split(command, session.family)]
    outcome = programs.run(session, programs.Program(command, words[:1], words[1:], max_output=MOST_WORDS))
    if outcome.late:
        raise VixError(f"{command} timed out and was killed after {outcome.seconds} s; nothing was replaced", doing=doing)
    if outcome.rc:
        said = " ".join(f"{outcome.text('stdout')} {outcome.text('stderr')}".split())
        raise VixError(f"{command} ended with {outcome.rc}, so nothing was replaced{': ' if said else ''}{said}", doing=doing)


def split(command, family):
    """The words of a command, as Ansible splits them; in those of Windows a backslash is an ordinary character."""
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="")
        lexer.whitespace_split, lexer.commenters = True, ""
        if family is not linux:
            lexer.escape = ""
        return list(lexer)
    except ValueError as error:
        raise Refused(f"{command}: {error}", doing="reading validate") from error


def _place(copying, changes, folder, arrivals):
    """Let one script of the guest verify what has arrived and put it in its place; return False if the guest has no shell for that."""
    for verified in (False, True):
        try:
            code = _run_placing(copying, changes, folder, arrivals)
        except (FileNotFound, NotSupported):
            return False
        if code == DONE:
            return True
        if code != linux_copies.UNKNOWN or verified:
            break
        for arrival in arrivals:
            _verify(copying, folder, arrival)
            arrival.checksum = None
    said = _said(copying.session, copying.session.family.join(folder, "said"))
    sentence = SENTENCES.get(code, f"the script that moves the files to their destination ended with exit code {code}")
    raise VixError(f"{sentence}{'; output: ' if said else ''}{said}", doing=copying.doing)


def _run_placing(copying, changes, folder, arrivals):
    """The exit code of the script. A long script is sent as a file."""
    session, made = copying.session, changes.made
    family, place = session.family, session.family.join(folder, f"script-{secrets.token_hex(8)}")
    if session.is_linux:
        near = leftovers.hidden_name(leftovers.minutes(session.guest))
        made_attributes = copying.options.directory_attributes(family, made[0]) if made else None
        script = linux_copies.placing(folder, near, arrivals, made, made_attributes, [(copy.target, copy.attributes) for copy in changes.altered])
        if len(script.encode("utf-8")) <= ROOM:
            return session.guest.run_script(linux.SHELL, script, session.doing("moving the files to their destination in"))
        session.send(script.encode("utf-8"), place)
        return session.run(f". {linux.quote(place)}")
    lines, said = windows_copies.placing_lines(arrivals, made), family.join(folder, "said")
    if len(lines) > 1:
        session.send(windows_copies.placing_list(arrivals, made), place)
        lines = place
    return session.run(windows_copies.placing(folder, said, lines))


def _place_one_by_one(copying, changes, folder, arrivals):
    """Verify what has arrived and put it in its place by VIX alone, which can set neither modes nor owners. Return warnings about these."""
    session, made = copying.session, changes.made
    family, guest = session.family, session.guest
    if changes.altered or any(arrival.attributes for arrival in arrivals) or (made and copying.options.directory_attributes(family, made[0])):
        raise NotSupported("the guest has no shell that can set mode, owner or group: omit these options", doing=copying.doing)
    for arrival in arrivals:
        _verify(copying, folder, arrival)
    for path in made:
        with suppress(AlreadyExists):
            paths.create_directory(session, path)
    for arrival in arrivals:
        if arrival.replaces and arrival.backup:
            with session.fetched(arrival.target) as copy:
                guest.copy_in(copy, arrival.backup)
        guest.rename(family.join(folder, arrival.name), arrival.target)
    return _losses(session, family.parent(folder), arrivals, made) if session.is_linux else []


def _losses(session, above, arrivals, made):
    """Warnings about modes and owners that nothing preserved. above: the directory of the private directory; made: directories that were created."""
    replaced = [arrival.target for arrival in arrivals if arrival.replaces]
    warnings = []
    if replaced:
        names = ", ".join(replaced[:MOST_NAMES]) + (", ..." if len(replaced) > MOST_NAMES else "")
        warnings.append(f"the guest has no /bin/sh that could preserve the mode and the owner of the replaced files: {names}")
    if any(session.family.parent(arrival.target) not in (above, *made) for arrival in arrivals):
        # VMware Tools rename to another file system by copying (docs/vix-semantics.md, section 20).
        warnings.append(f"the guest has no /bin/sh: files on another file system than {above} may be readable for {session.guest.user} alone")
    return warnings


def _verify(copying, folder, arrival):
    """Raise unless a file arrived as it was sent."""
    if not contents.compare(copying.session, copying.session.family.join(folder, arrival.name), arrival.checksum)[0]:
        raise VixError(SENTENCES[linux_copies.DAMAGED], doing=copying.doing)


def _said(session, path):
    """What the programs of a script wrote, on one line."""
    with suppress(VixError):  # then they wrote nothing
        return " ".join(contents.fetched(session, path, MOST_WORDS)[1].decode("utf-8", "replace").split())
    return ""
