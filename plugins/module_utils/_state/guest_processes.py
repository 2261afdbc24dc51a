# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a guest."""

from __future__ import annotations

import re
from functools import partial

from .._system import processes
from .._system.exit_codes import DONE
from .._vix.errors import Refused, TimedOut, VixError
from .plan import Plan

POLL = 0.5  # seconds between two looks at the guest's processes
ROUNDS = 3  # how often processes that were started meanwhile are ended as well
AT_ONCE = DONE - 1  # processes that one script ends: its exit code is DONE, or the number of one of them

# VMware Tools send the list in one message, and silently leave out what has no room in it (docs/vix-semantics.md, section 19). The first process
# without room may be a long one, so a list counts as complete only if half of the message would have been free.
MESSAGE, FRAME = 65536, 96  # bytes; the size of a process without its texts

# Ending these would stop VMware Tools, or the guest.
TOOLS = re.compile(r"vmware|vmtoolsd$|vgauthservice$")
VITAL_IN_WINDOWS = {"system", "smss", "csrss", "wininit", "winlogon", "services", "lsass"}


class Choice:
    """Selects processes that match all values that are set. pattern, command: regular expressions for a part of the name and of the command line."""

    def __init__(self, name=None, pattern=None, owner=None, pid=None, command=None):
        options = {"name": name, "pattern": pattern, "owner": owner, "pid": pid, "command": command}
        self.given = {key: value for key, value in options.items() if value not in (None, "")}
        self._pattern, self._command = _expression(pattern), _expression(command)

    def __str__(self):
        return "processes with " + " and ".join(f"{key} {value}" for key, value in self.given.items()) if self.given else "processes"

    def fits(self, process):
        exact = all(process[key] == self.given[key] for key in ("name", "owner", "pid") if key in self.given)
        return exact and bool(self._pattern.search(process["name"]) and self._command.search(process["command"]))


class Watch:
    """The processes of a guest, as they are each time that they are listed.

    session: the GuestSession. cut: why the last list may be incomplete, or None.
    """

    def __init__(self, session):
        self.session, self.guest, self.cut = session, session.guest, None

    def look(self, choice):
        """Return the matching processes, sorted by pid."""
        found = {process["pid"]: process for process in map(_tidy, self.guest.processes())}
        size = sum(FRAME + sum(len(process[key].encode("utf-8", "replace")) for key in ("name", "owner", "command")) for process in found.values())
        self.cut = None
        if size >= MESSAGE // 2:
            found = {**self._rest(size), **found}
        return [found[pid] for pid in sorted(found) if choice.fits(found[pid])]

    def whole(self, choice):
        """As look(); raise Refused if the list may be incomplete."""
        found = self.look(choice)
        if self.cut:
            raise Refused(self.cut, doing=f"looking for {choice} in {self.guest.label}")
        return found

    def report(self):
        """What a task reports about the last list."""
        return {"truncated": bool(self.cut), "warnings": [f"{self.guest.label} may have more processes: {self.cut}"] if self.cut else []}

    def _rest(self, size):
        """Processes that VIX's list may lack, by pid, listed by a program in the guest."""
        try:
            seen = processes.listed(self.session)
        except TimedOut:
            raise
        except VixError as error:
            why = f"this one has about {size}, and the guest has no program that can list them: {error}"
            self.cut = f"VMware Tools truncate a list of processes at {MESSAGE} bytes; {why}"
            return {}
        return {process["pid"]: process for process in map(_tidy, seen)}


class Ending:
    """How processes are ended.

    Args:
        stop: soft, hard or soft_then_hard.
        soft_timeout: Seconds that they are given to end after they were asked to.
        timeout: Seconds that they are given to disappear after they were killed.
    """

    def __init__(self, stop="soft_then_hard", soft_timeout=10, timeout=60):
        self.stop, self.soft_timeout, self.timeout = stop, soft_timeout, timeout


class Waiting:
    """How many processes to wait for.

    Args:
        least: Their lowest number, or None.
        most: Their highest number, or None.
        timeout: Seconds to wait at most.
    """

    def __init__(self, least=None, most=None, timeout=60):
        self.least, self.most, self.timeout = least, most, timeout

    def __str__(self):
        if self.least == self.most:
            return f"exactly {self.least}"
        return " and ".join([f"at least {self.least}"] * (self.least is not None) + [f"at most {self.most}"] * (self.most is not None))

    def is_met(self, found):
        return (self.least is None or len(found) >= self.least) and (self.most is None or len(found) <= self.most)


def absent(watch, choice, ending):
    """Return the plan that ends the processes of the choice. Its facts: found, fulfilled, and stopped if a run had to end any."""
    found = watch.whole(choice)
    _must_be_endable(watch, choice, found)
    if ending.stop == "soft" and not watch.session.is_linux:
        raise Refused("stop=soft is not supported for Windows guests: use stop=hard or stop=soft_then_hard", doing=f"ending {choice} in {watch.guest.label}")
    return Plan(
        before={"processes": found},
        after={"processes": []},
        steps=[partial(_end, watch, choice, found, ending)] if found else [],
        observe=lambda: {"processes": watch.whole(choice)},
        facts={"found": found, "fulfilled": True},
    )


def present(watch, choice, waiting):
    """Return the plan that waits until there are as many processes of the choice as wanted. Its facts: found, processes, fulfilled."""
    look = watch.look if waiting.most is None else watch.whole
    found = look(choice)
    seen = {"processes": found}
    waits = [partial(_wait, watch, choice, waiting, look, found)]
    return Plan(seen, seen, [], None, waits, facts={"found": found, "processes": found, "fulfilled": waiting.is_met(found)})


def words(process):
    """A process in a message."""
    return f"process {process['pid']} ({process['name']} of {process['owner'] or 'an unknown owner'})"


def _expression(text):
    try:
        return re.compile(text or "")
    except re.error as error:
        raise Refused(f"{text} is not a regular expression: {error}", doing="choosing processes") from error


def _tidy(process):
    """A process with a name and a command line, whichever of the two texts of VMware Tools is which.

    Older Tools return one text only, the command line; newer ones return no name if there are no arguments; and which of two texts VIX returns as
    the name is not documented (docs/vix-semantics.md, section 19).
    """
    name, command = process["name"], process["command"]
    if name != command and _program(name) == command:
        name, command = command, name
    return {**process, "name": _program(command or name) if name in ("", "(null)") or not command else name, "command": command or name}


def _program(command):
    """Name of the program in a command line: its first word without directories, and without the colon of programs that show their status there."""
    quoted = re.match(r'"([^"]*)"|(.*?\.exe)\b', command, re.IGNORECASE)
    first = (quoted.group(1) or quoted.group(2)) if quoted else command.split(" ")[0]
    return re.split(r"[\\/]", first)[-1].rstrip(":") or command


def _is(process, other):
    """Whether both are the same process, not a new one with the same id. The times may differ by a second, as programs round differently."""
    return all(process[key] == other[key] for key in ("pid", "name")) and abs(process["start_time"] - other["start_time"]) <= 1


def _left(watch, wanted):
    """Those of the processes that still exist."""
    now = {process["pid"]: process for process in watch.whole(Choice())}
    return [process for process in wanted if process["pid"] in now and _is(process, now[process["pid"]])]


def _must_be_endable(watch, choice, found):
    if not choice.given:
        raise Refused("state=absent requires at least one of: name, pattern, owner, pid, command", doing=f"ending processes in {watch.guest.label}")
    vital = [words(process) for process in found if _is_vital(process, watch)]
    if vital:
        raise Refused(
            f"{', '.join(vital)} would be terminated as well, but the guest or its VMware Tools need it: select fewer processes, such as by owner or command",
            doing=f"ending {choice} in {watch.guest.label}",
        )


def _is_vital(process, watch):
    names = {re.sub(r"\.exe$", "", name.lower()) for name in (process["name"], _program(process["command"]))}
    in_windows = bool(names & VITAL_IN_WINDOWS) and not watch.session.is_linux
    return process["pid"] <= 1 or in_windows or any(map(TOOLS.match, names))


def _end(watch, choice, found, ending, rounds=ROUNDS):
    """End the processes that were found, and those of the choice that were started meanwhile; return how they were stopped."""
    facts = _stop(watch, found, ending)
    if "pid" in choice.given:  # a process with that id would be a new one now, which was not selected
        return facts
    found = watch.whole(choice)
    if found and rounds == 1:
        again = ", ".join(map(words, found))
        raise VixError(
            f"new matching processes keep starting ({again}): stop the service or program that starts them", doing=f"ending {choice} in {watch.guest.label}"
        )
    if found:
        _must_be_endable(watch, choice, found)
        later = _end(watch, choice, found, ending, rounds - 1)
        facts = later if "hard" in later.values() else {**later, **facts}
    return facts


def _stop(watch, found, ending):
    left, facts = found, {}
    if ending.stop != "hard" and _ask(watch, left, ending):
        facts = {"stopped": "soft"}
        left = _wait_until_gone(watch, left, ending.soft_timeout)
        if left and ending.stop == "soft":
            raise TimedOut(f"it still exists {ending.soft_timeout:g} s after it was asked to end; use stop=hard to kill it", doing=_ending(watch, left[0]))
    for process in left:
        if _left(watch, [process]):  # it may have ended, and another one may have its id
            _kill(watch, process)
            facts = {"stopped": "hard"}
    left = _wait_until_gone(watch, left, ending.timeout)
    if left:
        why = "it may be waiting for a device, or for its parent to reap it"
        raise TimedOut(f"it still exists {ending.timeout:g} s after it was killed: {why}", doing=_ending(watch, left[0]))
    return facts


def _ask(watch, found, ending):
    """Ask processes to end; return whether the guest can do that. Raises VixError, before any is asked, if the user may not end one of them."""
    if not watch.session.is_linux:
        return False
    left = _left(watch, found)
    for first in range(0, len(left), AT_ONCE):
        some = left[first : first + AT_ONCE]
        try:
            code = watch.session.run(ask_script([process["pid"] for process in some]))
        except TimedOut:
            raise
        except VixError:  # there is no shell, or programs are not allowed
            if ending.stop == "soft":
                raise
            return False
        if 1 <= code <= len(some):
            raise VixError(
                f"the guest user {watch.guest.user} has no permission to end it: log in as another guest_username", doing=_ending(watch, some[code - 1])
            )
        if code != DONE:
            raise VixError(f"the script that asks it to end had exit code {code} before it was done; it may have been killed", doing=_ending(watch, some[0]))
    return True


def ask_script(pids):
    """A script that asks processes to end; if it may not ask one of them, it asks none and its exit code is the place of that one in the list, from 1."""
    listed = " ".join(map(str, pids))
    check = f"n=0; for p in {listed}; do n=$((n+1)); kill -0 $p || [ ! -d /proc/$p ] || exit $n; done"
    return f"exec 2> /dev/null; {check}; kill -TERM {listed}; exit {DONE}"


def _kill(watch, process):
    try:
        watch.guest.kill(process["pid"])
    except VixError as error:
        if isinstance(error, TimedOut) or _left(watch, [process]):  # otherwise it ended in that moment
            error.doing = f"{_ending(watch, process)} as {watch.guest.user}"
            raise


def _ending(watch, process):
    return f"ending {words(process)} in {watch.guest.label}"


def _wait_until_gone(watch, found, seconds):
    """Wait until the processes have ended; return those that still exist after that many seconds."""
    patience = watch.guest.within(seconds)
    while found:
        found = _left(watch, found)
        if found and not _pause(patience):
            break
    return found


def _wait(watch, choice, waiting, look, found):
    patience = watch.guest.within(waiting.timeout)
    while not waiting.is_met(found):
        if not _pause(patience):
            cut = f"; {watch.cut}" if watch.cut else ""
            raise TimedOut(
                f"found {len(found)} after {patience.seconds:g} s, expected {waiting}{cut}",
                doing=f"waiting for {choice} in {watch.guest.label}",
            )
        found = look(choice)
    return {"processes": found, "fulfilled": True}


def _pause(patience):
    """Wait a moment and return True; return False at once if there is no time left."""
    try:
        patience.pause(POLL, "looking at processes")
    except TimedOut:
        return False
    return True
