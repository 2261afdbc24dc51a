# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handles, which are released once, and jobs, which are waited for under the deadline."""

from __future__ import annotations

from functools import partial

from . import capi
from . import constants as vix
from .errors import TryAgain, UnknownProperty

PATIENCE, RETRY_POLL = 10, 0.25  # seconds in all, seconds between two tries
FIRST_POLL, LONGEST_POLL, SLOWER = 0.001, 0.1, 1.5  # seconds, seconds, factor


class Handle:
    """A reference to an object of VIX's. Whoever made it owns it and releases it, by "with" or release()."""

    def __init__(self, library, number, deadline):
        self._library, self._number, self._deadline = library, number, deadline

    @property
    def _as_parameter_(self):
        """What ctypes hands to C in place of the object; a released one is never handed over."""
        if self._number == vix.VIX_INVALID_HANDLE:
            raise RuntimeError(f"{type(self).__name__} is used after its release")
        return self._number

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.release()

    def release(self):
        """Give the reference back; a second call does nothing."""
        number, self._number = self._number, vix.VIX_INVALID_HANDLE
        if number != vix.VIX_INVALID_HANDLE:
            self._library.Vix_ReleaseHandle(number)

    def is_same(self, other):
        """Whether both refer to the one object: VIX gives it the same number each time (docs/vix-semantics.md, section 4)."""
        return self._number == other._number

    def within(self, seconds):
        """A deadline for a part of the run that waits for something about the object."""
        return self._deadline.within(seconds)

    def wait_inside(self):
        """Have whoever waits for the object wait in the library, which knows no deadline: for who can do without a thread that never comes back."""
        self._deadline = self._deadline.kept_outside()

    def read(self, number, doing):
        """Return one property of the object, as it is now."""
        return self.read_all([number], doing)[0]

    def read_all(self, numbers, doing):
        """Return several properties of the object by one call, which fails when one of them does (docs/vix-semantics.md, section 5)."""
        with self._library.during(doing):
            return capi.fetch(self._library, self._library.Vix_GetProperties, self, wanted=numbers)

    def start(self, function, doing, *arguments):
        """Start an operation on the object and return its job, which the caller releases."""
        with self._library.during(doing):
            job = getattr(self._library, function)(self, *arguments, capi.EVENT_PROC(), None)
        return Job(self._library, job, self._deadline, doing, function, arguments)

    def do(self, function, doing, *arguments, wanted=()):
        """Carry an operation out on the object, wait for its end, and return the wanted results."""
        return self._finish(function, doing, arguments, lambda job: job.wait(*wanted))

    def do_for_items(self, function, doing, *arguments, wanted, optional=()):
        """Carry an operation out and return of each thing it found the wanted results, and after them the optional ones, None where VIX has none."""
        return self._finish(function, doing, arguments, lambda job: job.wait() or job.items(*wanted, optional=optional))

    def _finish(self, function, doing, arguments, read):
        """Return read(job) of an operation; one that VIX did not begin, since something else was in the way, is asked for again a while."""
        patience = self._deadline.within(PATIENCE)
        while True:
            try:
                with self.start(function, doing, *arguments) as job:
                    return read(job)
            except TryAgain:
                if patience.left() <= RETRY_POLL:
                    raise
                patience.pause(RETRY_POLL, doing)


class Job(Handle):
    """An operation under way. Releasing it neither ends it nor waits for it (docs/vix-semantics.md, section 7)."""

    def __init__(self, library, number, deadline, doing, function, arguments=()):
        super().__init__(library, number, deadline)
        self._doing, self._function = doing, function
        self._arguments = arguments  # VIX does not promise to have copied them before the job is done

    def wait(self, *wanted):
        """Return the wanted results once the job is done; raise what it failed with, or TimedOut."""
        pause = FIRST_POLL
        with self._library.during(self._doing, job=self._function):
            # VixJob_Wait knows no timeout, so it is asked only when there is nothing left to wait for, or when someone else keeps the time.
            while not self._deadline.is_kept_outside and not capi.is_done(self._library, self):
                self._deadline.pause(pause, self._doing)
                pause = min(pause * SLOWER, LONGEST_POLL)
            return capi.fetch(self._library, self._library.VixJob_Wait, self, wanted=wanted)

    def limit(self, deadline):
        """Give the job a deadline of its own, sooner than that of the whole run."""
        self._deadline = deadline

    def items(self, *wanted, optional=()):
        """The wanted and the optional results of each thing that a finished job found; the first must be one that every thing has."""
        with self._library.during(self._doing, job=self._function):
            count = self._library.VixJob_GetNumProperties(self, wanted[0])
            return [self._item(index, wanted, optional) for index in range(max(0, count))]  # VI hosts have answered negative numbers

    def _item(self, index, wanted, optional):
        fetch = partial(capi.fetch, self._library, self._library.VixJob_GetNthProperties, self, index)
        try:
            return fetch(wanted=(*wanted, *optional))
        except UnknownProperty:
            if not optional:
                raise
        # One that is not there spoils all that are asked for with it.
        return [*fetch(wanted=wanted), *(self._optional(fetch, number) for number in optional)]

    @staticmethod
    def _optional(fetch, number):
        try:
            return fetch(wanted=(number,))[0]
        except UnknownProperty:
            return None
