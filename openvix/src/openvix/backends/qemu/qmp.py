# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of QMP, the control protocol of QEMU (docs/interop/qmp-spec.rst of QEMU)."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

# A longer line is not a QMP message.
LONGEST = 4 * 1024 * 1024
SECONDS = 30.0
# Time limit of jobs that save or restore the memory of a VM.
JOB_SECONDS = 300.0
ENDED = ("concluded", "null")


class QmpError(Exception):
    """QEMU rejected a command; the message is QEMU's."""


class QmpDisconnected(Exception):
    """QEMU has exited or no longer answers."""


class Qmp:
    """A QMP connection. Events, and None once at its end, are passed to on_event on a separate thread."""

    def __init__(self, connection: socket.socket, on_event: Callable[[dict | None], None]):
        """Start on a connected socket. Raises QmpDisconnected."""
        self._connection, self._on_event = connection, on_event
        self._asking, self._changed = threading.Lock(), threading.Condition()
        self._answers: dict[object, dict] = {}
        self._asked = 0
        self._jobs: dict[str, str] = {}
        self._over = False
        self._events: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        connection.settimeout(SECONDS)
        self._lines = connection.makefile("rb")
        if "QMP" not in self._line():
            raise QmpDisconnected("the QMP socket did not send a QMP greeting")
        connection.settimeout(None)
        self._reader = threading.Thread(target=self._read, name="qmp", daemon=True)
        self._reader.start()
        threading.Thread(target=self._pass_on, name="events", daemon=True).start()
        self.ask("qmp_capabilities")

    def ask(self, command: str, seconds: float = SECONDS, **arguments: Any) -> Any:
        """Execute a command and return its result. Raises QmpError, QmpDisconnected."""
        with self._asking:
            self._asked += 1
            number = self._asked
            line = json.dumps({"execute": command, "arguments": arguments, "id": number}).encode()
            try:
                self._connection.sendall(line + b"\n")
            except OSError as error:
                raise QmpDisconnected(f"sending {command} to QEMU failed: {error}") from None
            with self._changed:
                if not self._changed.wait_for(lambda: number in self._answers or self._over, seconds):
                    raise QmpDisconnected(f"QEMU did not answer {command} within {seconds:g} s")
                if number not in self._answers:
                    raise QmpDisconnected(f"QEMU exited before it answered {command}")
                answer = self._answers.pop(number)
        if "error" in answer:
            raise QmpError(f"{command}: {answer['error'].get('desc', 'refused')}")
        return answer["return"]

    def job(self, command: str, name: str, **arguments: Any) -> None:
        """Execute a command that is a job, and wait until it is done. Raises QmpError, QmpDisconnected."""
        with self._changed:
            self._jobs[name] = "created"
        try:
            self.ask(command, **{"job-id": name, **arguments})
            with self._changed:
                if not self._changed.wait_for(lambda: self._jobs[name] in ENDED or self._over, JOB_SECONDS):
                    raise QmpDisconnected(f"the QEMU job {command} did not finish within {JOB_SECONDS:g} s")
                if self._jobs[name] not in ENDED:
                    raise QmpDisconnected(f"QEMU exited during the job {command}")
            errors = [job.get("error") for job in self.ask("query-jobs") if job.get("id") == name]
            self.ask("job-dismiss", id=name)
        finally:
            with self._changed:
                del self._jobs[name]
        if any(errors):
            raise QmpError(f"{command}: {errors[0]}")

    def close(self):
        """Close the connection; QEMU keeps running. No end is reported."""
        self._on_event = lambda event: None
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self):
        try:
            while True:
                message = self._line()
                with self._changed:
                    if "return" in message or "error" in message:
                        self._answers = {message.get("id"): message}
                    elif message.get("event") == "JOB_STATUS_CHANGE":
                        job = message.get("data", {})
                        if job.get("id") in self._jobs:
                            self._jobs[job["id"]] = job.get("status")
                    self._changed.notify_all()
                if "event" in message:
                    self._events.put(message)
        except QmpDisconnected:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            self._events.put(None)

    def _pass_on(self):
        """Pass events to on_event. This is not done by the reading thread, since the handler may wait for an answer."""
        while True:
            event = self._events.get()
            self._on_event(event)
            if event is None:
                return

    def _line(self) -> dict:
        try:
            line = self._lines.readline(LONGEST)
            message = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError) as error:
            raise QmpDisconnected(f"invalid QMP message: {error}") from None
        if not isinstance(message, dict):
            raise QmpDisconnected("QEMU closed the QMP connection")
        return message
