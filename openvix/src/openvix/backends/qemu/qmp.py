# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QMP: how a QEMU is told what to do, and tells what happened (docs/interop/qmp-spec.rst of QEMU)."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

# A line that is longer is none of QEMU's.
LONGEST = 4 * 1024 * 1024
SECONDS = 30.0
# How long a job may take that writes or reads the memory of a machine.
JOB_SECONDS = 300.0
ENDED = ("concluded", "null")


class QmpError(Exception):
    """QEMU cannot do what it was told; the message is its own."""


class QmpDisconnected(Exception):
    """The QEMU has ended, or answers no more."""


class Qmp:
    """A conversation with one QEMU; events are told from a thread of its own, and so is the end (None), exactly once."""

    def __init__(self, connection: socket.socket, tell: Callable[[dict | None], None]):
        """Begin the conversation on a connected socket. Raises QmpDisconnected."""
        self._connection, self._tell = connection, tell
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
        """Have a command carried out and return what it returns. Raises QmpError, QmpDisconnected."""
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
        """Have a command carried out that is a job of QEMU's, and return once it is done. Raises QmpError, QmpDisconnected."""
        with self._changed:
            self._jobs[name] = "created"
        try:
            self.ask(command, **{"job-id": name, **arguments})
            with self._changed:
                if not self._changed.wait_for(lambda: self._jobs[name] in ENDED or self._over, JOB_SECONDS):
                    raise QmpDisconnected(f"the QEMU job {command} did not finish within {JOB_SECONDS:g} s")
                if self._jobs[name] not in ENDED:
                    raise QmpDisconnected(f"QEMU exited during the job {command}")
            said = [job.get("error") for job in self.ask("query-jobs") if job.get("id") == name]
            self.ask("job-dismiss", id=name)
        finally:
            with self._changed:
                del self._jobs[name]
        if any(said):
            raise QmpError(f"{command}: {said[0]}")

    def close(self):
        """End the conversation; the QEMU goes on. The end is told to nobody."""
        self._tell = lambda event: None
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self):
        try:
            while True:
                said = self._line()
                with self._changed:
                    if "return" in said or "error" in said:
                        self._answers = {said.get("id"): said}
                    elif said.get("event") == "JOB_STATUS_CHANGE":
                        job = said.get("data", {})
                        if job.get("id") in self._jobs:
                            self._jobs[job["id"]] = job.get("status")
                    self._changed.notify_all()
                if "event" in said:
                    self._events.put(said)
        except QmpDisconnected:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            self._events.put(None)

    def _pass_on(self):
        """Tell events: not from where answers are read, as who is told may wait for one who waits for an answer."""
        while True:
            said = self._events.get()
            self._tell(said)
            if said is None:
                return

    def _line(self) -> dict:
        try:
            line = self._lines.readline(LONGEST)
            said = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError) as error:
            raise QmpDisconnected(f"invalid QMP message: {error}") from None
        if not isinstance(said, dict):
            raise QmpDisconnected("QEMU closed the QMP connection")
        return said
