# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution of client calls: counting, faults, immediate answers, and jobs on separate threads."""

from __future__ import annotations

import errno
from typing import Protocol

from openvix import calls
from openvix.protocol import frames
from openvix.system import fault_context, threads
from openvix.vix import constants
from openvix.vix.errors import VixError
from openvix.vix.signatures import JOBS
from openvix.world.faults import Fault
from openvix.world.world import World

# VIX errors for errors of the local file system during changes of a VM's files.
HOST_ERRORS = {
    errno.ENOSPC: constants.VIX_E_DISK_FULL,
    errno.EDQUOT: constants.VIX_E_DISK_FULL,
    errno.EACCES: constants.VIX_E_FILE_ACCESS_ERROR,
    errno.EPERM: constants.VIX_E_FILE_ACCESS_ERROR,
    errno.ENOENT: constants.VIX_E_FILE_NOT_FOUND,
    errno.ENOMEM: constants.VIX_E_OUT_OF_MEMORY,
}
NO_FAULT = Fault()
# Jobs that finish before the function returns.
IMMEDIATE_JOBS = ("VixHost_Connect", "VixHost_FindItems")


class Client(calls.Client, Protocol):
    """The client that a call comes from."""

    @property
    def world(self) -> World:
        """The world that it is connected to."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def is_disconnected(self) -> bool:
        """Whether the client has disconnected."""

    def send(self, *values: object) -> None:
        """Send a frame with these values."""

    def lose(self) -> None:
        """End the connection, as a network would."""


class Call:
    """One call of a client.

    record: the entry in the world's log of calls, [process id, function, path of the .vmx or None, error or None while it runs], and
    the reason of the error if it has one.
    """

    __slots__ = ("_fault", "answer", "arguments", "client", "number", "presence", "record", "since", "world")

    def __init__(self, client: Client, number: int, function: str, arguments: list):
        self.client, self.world, self.number = client, client.world, number
        # Delays count from the arrival of the call, not from the start of its thread.
        self.since = self.world.clock.now()
        self.answer, self.arguments, machine = calls.resolve(client, function, arguments)
        # Changes of the VM are also noticed from here on.
        self.presence = machine and machine.presence()
        name, path = (machine.name, machine.path) if machine else (None, None)
        self.record = [client.pid, function, path, None]
        place = self.world.calls.append(self.record)
        self._fault = self.world.faults.match(function, name, path, client.pid, place) or NO_FAULT

    def start(self):
        """Answer immediately, or start the job."""
        fault = self._fault
        if self.record[1] in JOBS:
            self._begin_job(fault)
        elif fault.delay:
            threads.start(self._finish_late, fault)
        else:
            self._finish(fault)

    def progress(self):
        """Send the progress event of a job to its callback."""
        self.client.send(self.number, frames.EVENT, constants.VIX_EVENTTYPE_JOB_PROGRESS, [])

    def is_orphan(self) -> bool:
        """Return whether the client has disconnected."""
        return self.client.is_disconnected

    def _begin_job(self, fault: Fault) -> None:
        if fault.end and not (fault.in_job or fault.after or fault.step):
            self._end(fault)
            return
        if fault.directive and not (fault.in_job or fault.after):
            self.client.send(self.number, frames.ACCEPTED, fault.directive)
            return
        if self.record[1] in IMMEDIATE_JOBS and not (fault.delay or fault.directive or fault.end):
            # The client's callback may be called before the function has returned.
            self._finish(fault)
            self.client.send(self.number, frames.ACCEPTED, "")
            return
        self.client.send(self.number, frames.ACCEPTED, "")
        if fault.directive != "hang" or fault.after:
            threads.start(self._finish_late, fault)

    def _finish_late(self, fault: Fault) -> None:
        if not (fault.after and fault.error):
            self.world.clock.sleep_until(self.since + fault.delay)
        self._finish(fault)

    def _finish(self, fault: Fault) -> None:
        if fault.end and not (fault.after or fault.step):
            self._end(fault)
            return
        # Any exception not handled below is a bug: its traceback is logged, and the client still gets an answer.
        error, items = constants.VIX_E_FAIL, []
        try:
            if fault.directive and not fault.after:
                error = constants.VIX_OK
            elif fault.error and not fault.after:
                error = fault.error
            else:
                with fault_context.injected(fault.sees, fault.room, fault.cut, fault.step, self.world.die):
                    items = self.answer(self, *self.arguments)
                error = constants.VIX_OK
                if fault.error:
                    self.world.clock.sleep_until(self.since + fault.delay)
                    error, items = fault.error, []
        except VixError as failure:
            error = failure.code
            self.record += [failure.reason] if failure.reason else []
        except OSError as failure:
            error = HOST_ERRORS.get(failure.errno or 0, constants.VIX_E_FILE_ERROR)
        finally:
            self.record[3] = error
            if fault.end and fault.after:
                self._end(fault)
            if error and fault.junk:
                error |= fault.junk << 16
                # VixError is unsigned; integers of the protocol are signed.
                error -= (error >> 63) << 64
            # A job that hangs after its work has no end.
            if not (fault.directive == "hang" and fault.after and self.record[1] in JOBS):
                self.client.send(self.number, frames.DONE, error, items, fault.directive or ("late" if fault.late_event else ""))

    def _end(self, fault: Fault) -> None:
        """Close the connection of this client, or kill the daemon."""
        if fault.end == "kill":
            self.world.die()
        self.client.lose()
