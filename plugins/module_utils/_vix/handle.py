# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handles, which are released once, and jobs, which are waited for until the deadline."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import capi
from . import constants as vix
from .errors import TryAgain, UnknownProperty

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Sequence, TypeVar

    from .capi import Library
    from .deadline import Deadline

    Self = TypeVar("Self", bound="Handle")

PATIENCE, RETRY_POLL = 10, 0.25  # seconds in all, seconds between two tries
FIRST_POLL, LONGEST_POLL, SLOWER = 0.001, 0.1, 1.5  # seconds, seconds, factor


class Handle:
    """A reference to an object of VIX. The code that created it owns it and releases it, by "with" or release()."""

    def __init__(self, library: Library, number: int, deadline: Deadline) -> None:
        self._library, self._number, self._deadline = library, number, deadline

    @property
    def _as_parameter_(self) -> int:
        """The number that ctypes passes to C for the object. A released one is never passed."""
        if self._number == vix.VIX_INVALID_HANDLE:
            raise RuntimeError(f"{type(self).__name__} is used after its release")
        return self._number

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Release the reference. A second call does nothing."""
        number, self._number = self._number, vix.VIX_INVALID_HANDLE
        if number != vix.VIX_INVALID_HANDLE:
            self._library.Vix_ReleaseHandle(number)

    def is_same(self, other: Handle) -> bool:
        """Whether both refer to the same object: VIX always returns the same number for it (docs/vix-semantics.md, section 4)."""
        return self._number == other._number

    def within(self, seconds: float) -> Deadline:
        """A deadline for a part of the run that waits for something about the object."""
        return self._deadline.within(seconds)

    def wait_inside(self) -> None:
        """Wait for the object in the library, which has no deadline: for a caller that can leave the waiting thread behind."""
        self._deadline = self._deadline.kept_outside()

    def read(self, number: int, doing: str) -> Any:
        """Return one property of the object, as it is now."""
        return self.read_all([number], doing)[0]

    def read_all(self, numbers: Sequence[int], doing: str) -> list[Any]:
        """Return several properties of the object by one call, which fails if one of them does (docs/vix-semantics.md, section 5)."""
        with self._library.during(doing):
            return capi.fetch(self._library, self._library.Vix_GetProperties, self, wanted=numbers)

    def start(self, function: str, doing: str, *arguments: Any) -> Job:
        """Start an operation on the object and return its job, which the caller releases."""
        with self._library.during(doing):
            job = getattr(self._library, function)(self, *arguments, capi.EVENT_PROC(), None)
        return Job(self._library, job, self._deadline, doing, function, arguments)

    def do(self, function: str, doing: str, *arguments: Any, wanted: Sequence[int] = (), each: Sequence[int] = (), optional: Sequence[int] = ()) -> list[Any]:
        """Carry out an operation on the object and wait for its end.

        An operation that VIX did not begin, as another one was in progress, is tried again for PATIENCE seconds.

        Args:
            function: Name of the function of VIX.
            doing: What is being done, for error messages.
            arguments: Arguments of the function, without the handle and the callback.
            wanted: Properties of the job to return.
            each: Properties to return of each item that the job found. The first must be one that every item has.
            optional: Further properties of each item, None where VIX has none.

        Returns:
            The values of wanted; with each, a list of values for each item.
        """
        patience = self._deadline.within(PATIENCE)
        while True:
            try:
                with self.start(function, doing, *arguments) as job:
                    results = job.wait(*wanted)
                    return job.items(*each, optional=optional) if each else results
            except TryAgain:
                if patience.left() <= RETRY_POLL:
                    raise
                patience.pause(RETRY_POLL, doing)


class Job(Handle):
    """An operation under way. Releasing it neither ends it nor waits for it (docs/vix-semantics.md, section 7)."""

    def __init__(self, library: Library, number: int, deadline: Deadline, doing: str, function: str, arguments: Sequence[Any] = ()) -> None:
        super().__init__(library, number, deadline)
        self._doing, self._function = doing, function
        self._arguments = arguments  # kept, as VIX may read them until the job is done

    def wait(self, *wanted: int) -> list[Any]:
        """Return the wanted results once the job is done; raise its error, or TimedOut."""
        pause = FIRST_POLL
        with self._library.during(self._doing, job=self._function):
            # VixJob_Wait has no timeout, so it is called only if the job has ended, or if another thread checks the time.
            while not self._deadline.is_kept_outside and not capi.is_done(self._library, self):
                self._deadline.pause(pause, self._doing)
                pause = min(pause * SLOWER, LONGEST_POLL)
            return capi.fetch(self._library, self._library.VixJob_Wait, self, wanted=wanted)

    def limit(self, deadline: Deadline) -> None:
        """Set a separate deadline for the job, before that of the whole run."""
        self._deadline = deadline

    def items(self, *wanted: int, optional: Sequence[int] = ()) -> list[list[Any]]:
        """The wanted and the optional results of each item that a finished job found. Every item must have the first one."""
        with self._library.during(self._doing, job=self._function):
            count = self._library.VixJob_GetNumProperties(self, wanted[0])
            return [self._item(index, wanted, optional) for index in range(max(0, count))]  # VI hosts have answered negative numbers

    def _item(self, index: int, wanted: Sequence[int], optional: Sequence[int]) -> list[Any]:
        fetch = partial(capi.fetch, self._library, self._library.VixJob_GetNthProperties, self, index)
        try:
            return fetch(wanted=(*wanted, *optional))
        except UnknownProperty:
            if not optional:
                raise
        # A missing property makes the whole call fail.
        return [*fetch(wanted=wanted), *(self._optional(fetch, number) for number in optional)]

    @staticmethod
    def _optional(fetch: Callable[..., list[Any]], number: int) -> Any:
        try:
            return fetch(wanted=(number,))[0]
        except UnknownProperty:
            return None
