# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to the part of the guest tools that runs in a Windows guest (native/windows_tools/tools.c)."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

from openvix.backends.simulated import sandbox
from openvix.backends.wine import base, wine
from openvix.guest import trees

# Errors of Windows.
FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED, INVALID_PARAMETER = 2, 3, 5, 87
# Where VMware Tools are installed. The name of a request is their only argument.
PROGRAM = "C:\\Program Files\\VMware\\VMware Tools\\vmtoolsd.exe"
NAME = re.compile(r"\s[0-9a-f]{32}$")
# Time limit for an answer to a request that waits for no program, in seconds; generous for a busy computer.
SECONDS = 120


class Listed(NamedTuple):
    """A process: its id, that of its parent, start time in seconds since 1970, owner ("" if unknown), name and command line."""

    pid: int
    parent: int
    start: int
    owner: str
    name: str
    command: str


class Answer(NamedTuple):
    """An answer: process id, exit code and error of Windows, None where it has none; and processes."""

    pid: int | None = None
    code: int | None = None
    error: int | None = None
    processes: tuple[Listed, ...] = ()


class Request:
    """A request, as a directory of the guest's disk. user: the account that it runs as; strings: as in tools.c."""

    def __init__(self, disk: Path, init: sandbox.Init, user: str, *strings: str):
        self._init, self._user, self.name = init, user, os.urandom(16).hex()
        self._directory = Path(f"{disk}{base.REQUESTS}", self.name)
        users = Path(f"{disk}{base.USERS}")
        # The guest may have removed them; what it puts in their place is used in the guest alone.
        users.mkdir(parents=True, exist_ok=True)
        with trees.opened(str(users / user), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, None, 0o644) as file:
            trees.write(file, base.PASSWD.format(name=user).encode())
        self._directory.mkdir(mode=0o700)
        content = "".join(f"{text}\0" for text in strings)
        (self._directory / "request").write_bytes(content.encode("utf-16-le", "surrogatepass"))

    def run(self) -> sandbox.Run:
        """Start to carry out the request. Raises OSError."""
        environment = {"/etc/passwd": f"{base.USERS}/{self._user}", **wine.ENVIRONMENT}
        return sandbox.run(self._init, environment, wine.WINE, ["wine", PROGRAM, self.name])

    def perform(self) -> Answer:
        """Carry out the request and return its answer. Raises OSError."""
        try:
            self.run().exit_code()
            return self.answer()
        finally:
            self.end()

    def answer(self) -> Answer:
        """Return the answer so far."""
        try:
            with trees.opened(str(self._directory / "answer"), os.O_RDONLY, None) as file, open(file, "rb", closefd=False) as content:
                lines = content.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return Answer()
        numbers, processes = {}, []
        for line in lines:
            word, _, rest = line.partition(" ")
            # The guest can write here, too.
            with contextlib.suppress(ValueError):
                if word == "process":
                    ids, owner, name, command = rest.split("\0")
                    pid, parent, start = map(int, ids.split())
                    processes.append(Listed(pid, parent, start, owner, name, command))
                elif word in ("pid", "exit", "error"):
                    numbers[word] = int(rest)
        return Answer(numbers.get("pid"), numbers.get("exit"), numbers.get("error"), tuple(processes))

    def await_pid(self, seconds: float = SECONDS) -> Answer:
        """Return the answer when a program has started or cannot start."""
        end = time.monotonic() + seconds
        while True:
            answer = self.answer()
            if answer.pid is not None or answer.error is not None or time.monotonic() > end or not sandbox.is_alive(self._init):
                return answer
            time.sleep(0.005)

    def end(self) -> None:
        """Remove the request, unless the guest has removed or changed it."""
        with contextlib.suppress(OSError):
            trees.remove(None, str(self._directory))


def block(environment: dict[str, str]) -> list[str]:
    """Return the strings of an environment for a request."""
    return [f"{name}={value}" for name, value in environment.items() if name]
