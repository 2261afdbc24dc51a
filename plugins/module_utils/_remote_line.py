# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The near end of a connection to a guest on a VM host that is another machine: a command, such as ssh, runs the program there."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shlex
import subprocess
import tempfile
import time
import zipfile
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from . import _worker
from ._guest_line import BLOCK, Line, failure
from ._vix.errors import VixError

if TYPE_CHECKING:
    from typing import IO

    from ._frames import Frame, Message

FAREWELL = 10  # seconds that the other end has for its work at the end
LEFT_OUT = ("_module.py", "_options.py")  # of module_utils: what needs Ansible
# Run by the VM host's Python: it asks for the program unless it has it, as a file with its checksum in its name.
BOOT = """\
import hashlib, os, sys
directory = os.path.expanduser("~/.ansible/vmlab.vix")
os.makedirs(directory, 0o700, True)
path = os.path.join(directory, "guest-SUM.zip")
def is_whole():
    return os.path.exists(path) and hashlib.sha256(open(path, "rb").read()).hexdigest() == "SUM"
if is_whole():
    os.write(1, b"have\\n")
else:
    os.write(1, b"send\\n")
    data = b""
    while len(data) < SIZE:
        block = os.read(0, SIZE - len(data))
        if not block:
            sys.exit(1)
        data += block
    part = path + ".%d.part" % os.getpid()
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    os.replace(part, path)
    if not is_whole():
        sys.exit(1)
sys.path.insert(0, path)
from module_utils import _guest_relay
_guest_relay.main([])
"""


class Remote(Line):
    """A session on a VM host that is another machine. command: a list, which runs the last argument that is added to it in a shell there."""

    def __init__(self, options: Message, command: list[str], seconds: float) -> None:
        end = time.monotonic() + seconds + _worker.GRACE
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._command = command
        program = packed()
        boot = BOOT.replace("SUM", hashlib.sha256(program).hexdigest()).replace("SIZE", str(len(program)))
        try:
            self._process = subprocess.Popen(
                [*command, f"exec python3 -c {shlex.quote(boot)}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0
            )
        except OSError as error:
            raise failure(VixError(f"{command[0]} cannot be run: {error.strerror}", doing=f"connecting to the VM host of {options['vm']}")) from None
        sending, answers = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        super().__init__(answers.fileno(), sending.fileno(), f"connecting to the VM host of {options['vm']}")
        try:
            while b"\n" not in self._data:
                self._data += self.read(end)
            said, _end, rest = bytes(self._data).partition(b"\n")
            self._data = bytearray(rest)
            if said == b"send":
                self.send_bytes(program, end)
            elif said != b"have":
                raise failure(VixError(f"it answered {said[:80]!r}: its shell must print nothing at the login", doing=self._doing))
            self.send(options, b"", end)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        if not self.is_open:
            return
        super().end()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def asked(self, message: Message, content: bytes, end: float | None) -> Frame:
        if message["do"] == "put":
            with open(message["source"], "rb") as file:
                for block in iter(partial(file.read, BLOCK), b""):
                    self.send({"do": "block"}, block, end)
        if message["do"] != "fetch":
            return super().asked(message, content, end)
        part = f"{message['target']}.{secrets.token_hex(4)}.part"
        self.send(message, content, end)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                answer, data = self.receive(end)
                while "block" in answer:
                    file.write(data)
                    answer, data = self.receive(end)
            settled = self.settled(answer, data)
            os.replace(part, message["target"])
            return settled
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part)

    def loss(self) -> _worker.Failure:
        """With what the command wrote: that ssh refuses the key, or that there is no Python."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL)
        self._errors.seek(0)
        lines = self._errors.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
        why = f": {lines[-1]}" if lines else ""
        return failure(VixError(f"{shlex.join(self._command)} ended with exit code {self._process.returncode}{why}", doing=self._doing))


def packed() -> bytes:
    """Return the zip file with the program for a VM host; the same files give the same bytes."""
    place = os.path.dirname(os.path.abspath(__file__))
    paths = sorted(
        os.path.relpath(os.path.join(parent, name), place)
        for parent, dummy, names in os.walk(place)
        for name in names
        if name.endswith(".py") and name not in LEFT_OUT
    )
    packing = io.BytesIO()
    with zipfile.ZipFile(packing, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("module_utils/__init__.py"), b"")
        for path in paths:
            with open(os.path.join(place, path), "rb") as file:
                archive.writestr(zipfile.ZipInfo(f"module_utils/{path}"), file.read(), zipfile.ZIP_DEFLATED)
    return packing.getvalue()
