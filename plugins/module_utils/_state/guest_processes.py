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
SHOWN = 3  # processes that a warning names
ROUNDS = 3  # how often processes that were started meanwhile are ended as well
AT_ONCE = DONE - 1  # processes that one script ends: its exit code is DONE, or the number of one of them
NOT_IN_TIME = 1  # the code of a kill that VMware Tools gave up waiting for; the process may be dead nevertheless (docs/vix-semantics.md, section 19)

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

    session: the GuestSession. cut: why the last list may be incomplete, or None. meant: why no process has the chosen name, or None.
    """

    def __init__(self, session):
        self.session, self.guest, self.cut, self.meant = session, session.guest, None, None

    def look(self, choice):
        """Return the matching processes, sorted by pid. One that has ended is among them until its parent reaps it."""
        found = {process["pid"]: process for process in map(_tidy, self.guest.processes())}
        size = sum(FRAME + sum(len(process[key].encode("utf-8", "replace")) for key in ("name", "owner", "command")) for process in found.values())
        self.cut = None
        if size >= MESSAGE // 2:
            found = {**_on_clock_of(found, self._rest(size)), **found}
        found = [found[pid] for pid in sorted(found)]
        if "name" in choice.given:
            self.meant = _meant(choice.given["name"], found)
        return [process for process in found if choice.fits(process)]

    def running(self, choice):
        """As look(), without the processes that have ended."""
        return self._without_ended(self.look(choice))

    def whole(self, choice):
        """As running(); raise Refused if the list may be incomplete."""
        return self._without_ended(self._all(choice))

    def left(self, wanted, choice):
        """Those of the processes that still run and match, and not new ones with the same ids."""
        now = {process["pid"]: process for process in self._all(choice)}
        same = [process for process in wanted if process["pid"] in now and _is(process, now[process["pid"]])]
        running = {process["pid"] for process in self._without_ended([now[process["pid"]] for process in same])}
        return [process for process in same if process["pid"] in running]

    def report(self, found=()):
        """What a task reports about the last list. found: the processes that the task found."""
        warnings = [f"{self.guest.label} may have more processes: {self.cut}"] if self.cut else []
        if self.meant and not found:
            warnings.append(f"{self.guest.label}: {self.meant}")
        return {"truncated": bool(self.cut), "warnings": warnings}

    def _all(self, choice):
        found = self.look(choice)
        if self.cut:
            raise Refused(self.cut, doing=f"looking for {choice} in {self.guest.label}")
        return found

    def _without_ended(self, found):
        """Those of the listed processes that have not ended. VMware Tools list one that has by its kernel name alone, so only such ones cost a look."""
        if not any(process["name"] == process["command"] for process in found) or not self.session.is_linux:
            return found
        try:
            ended = processes.ended(self.session)
        except TimedOut:
            raise
        except VixError:  # the guest has no shell, or no /proc: then nobody knows
            return found
        return [process for process in found if process["pid"] not in ended]

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
    look = watch.running if waiting.most is None else watch.whole
    found = look(choice)
    seen = {"processes": found}
    waits = [partial(_wait, watch, choice, waiting, look, found)]
    return Plan(seen, seen, [], None, waits, facts={"found": found, "processes": found, "fulfilled": waiting.is_met(found)})


def words(process):
    """A process in a message."""
    return f"process {process['pid']} ({process['name'] or process['command'].strip() or 'without a name'} of {process['owner'] or 'an unknown owner'})"


def _expression(text):
    try:
        return re.compile(text or "")
    except re.error as error:
        raise Refused(f"{text} is not a regular expression: {error}", doing="choosing processes") from error


def _tidy(process):
    """A process with a name and a command line, whichever of the two texts of VMware Tools is which.

    The name is in the command line, so the longer of the two is the command line. Tools of a Linux guest take it from the first argument: what follows its
    last slash if it begins with a slash, else all of it. Older Tools return one text only, the command line; others return no name if there are no
    arguments. Which of two texts VIX returns as the name is not documented (docs/vix-semantics.md, section 19).
    """
    name, command = process["name"], process["command"]
    if name in ("", "(null)") or not command:
        command = command or name
        name = _program(command)
    elif _names(command, name):
        name, command = command, name
    return {**process, "name": name, "command": command}


def _on_clock_of(found, rest):
    """The processes of a second list, with start times as the first one has them.

    VMware Tools take the start of the guest once, so their times differ by each later change of its clock (docs/vix-semantics.md, section 19).
    """
    differences = sorted(found[pid]["start_time"] - rest[pid]["start_time"] for pid in found if pid in rest)
    shift = differences[len(differences) // 2] if differences else 0
    return {pid: {**process, "start_time": process["start_time"] + shift} for pid, process in rest.items()}


def _names(text, longer):
    """Whether a text is the name of the program in a longer one: behind a slash or a quote or at the start, and before a blank, a quote or the end."""
    return len(text) < len(longer) and bool(re.match(rf'(?:.*[\\/"])?{re.escape(text)}(?:[\s"]|$)', longer, re.DOTALL | re.IGNORECASE))


def _program(command):
    """Name of the program in a command line: its first word without directories, and without the colon of programs that show their status there."""
    quoted = re.match(r'"([^"]*)"|(.*?\.exe)\b', command, re.IGNORECASE)
    first = (quoted.group(1) or quoted.group(2)) if quoted else command.split(" ")[0]
    return re.split(r"[\\/]", first)[-1].rstrip(":") or (command.strip() and first)


def _meant(name, found):
    """Why no process has a name, if some that run a script of that name or show it in their status do not either; else None."""
    if any(process["name"] == name for process in found):
        return None
    meant = [process for process in found if name in _shown(process["command"])]
    listed = ", ".join(map(words, meant[:SHOWN])) + (f" and {len(meant) - SHOWN} more" if len(meant) > SHOWN else "")
    why = "VMware Tools name a process by the start of its command line"
    return f"no process has the name {name}, but its command line shows that {listed} may be meant; {why}: select it by command" if meant else None


def _shown(command):
    """What a user may take for the name of a process: the program and, for an interpreter, the script, which follows the options."""
    program, *rest = command.split() or [""]
    script = [word for word in rest if not word.startswith("-")][:1]
    return {re.split(r"[\\/]", word)[-1].rstrip(":") for word in (program, *script)}


def _is(process, other):
    """Whether both are the same process, not a new one with the same id. The times may differ by a second, as programs round differently."""
    return process["pid"] == other["pid"] and abs(process["start_time"] - other["start_time"]) <= 1


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
    facts = _stop(watch, choice, found, ending)
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


def _stop(watch, choice, found, ending):
    left, facts = found, {}
    if ending.stop != "hard" and _ask(watch, choice, left, ending):
        facts = {"stopped": "soft"}
        left = _wait_until_gone(watch, choice, left, ending.soft_timeout)
        if left and ending.stop == "soft":
            raise TimedOut(f"it still exists {ending.soft_timeout:g} s after it was asked to end; use stop=hard to kill it", doing=_ending(watch, left[0]))
    for process in left:
        if watch.left([process], choice):  # it may have ended, and another one may have its id
            _kill(watch, choice, process, ending)
            facts = {"stopped": "hard"}
    left = _wait_until_gone(watch, choice, left, ending.timeout)
    if left:
        raise TimedOut(f"it still exists {ending.timeout:g} s after it was killed: it may be waiting for a device", doing=_ending(watch, left[0]))
    return facts


def _ask(watch, choice, found, ending):
    """Ask processes to end; return whether the guest can do that. Raises VixError, before any is asked, if the user may not end one of them."""
    if not watch.session.is_linux:
        return False
    left = watch.left(found, choice)
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


def _kill(watch, choice, process, ending):
    try:
        watch.guest.kill(process["pid"])
    except TimedOut as error:
        error.doing = f"{_ending(watch, process)} as {watch.guest.user}"
        raise
    except VixError as error:
        if error.code == NOT_IN_TIME:
            left = _wait_until_gone(watch, choice, [process], ending.timeout)
            error.advice = f"it still exists {ending.timeout:g} s after it was killed: it may be waiting for a device"
        else:
            left = watch.left([process], choice)
        if left:  # otherwise it ended in that moment
            error.doing = f"{_ending(watch, process)} as {watch.guest.user}"
            raise


def _ending(watch, process):
    return f"ending {words(process)} in {watch.guest.label}"


def _wait_until_gone(watch, choice, found, seconds):
    """Wait until the processes have ended; return those that still exist after that many seconds."""
    patience = watch.guest.within(seconds)
    while found:
        found = watch.left(found, choice)
        if found and not _pause(patience):
            break
    return found


def _wait(watch, choice, waiting, look, found):
    patience = watch.guest.within(waiting.timeout)
    while not waiting.is_met(found):
        if not _pause(patience):
            reasons = "".join(f"; {why}" for why in (watch.cut, watch.meant) if why)
            raise TimedOut(
                f"found {len(found)} after {patience.seconds:g} s, expected {waiting}{reasons}",
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
