# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared folders of a guest without QEMU: openvix-shares in a mount namespace, with a socket for a port that outlives the host."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from waiting import eventually

from openvix.backends.simulated import sandbox
from openvix.system import c_build

SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
needs_fuse = pytest.mark.skipif(
    not (sandbox.is_allowed() and os.path.exists("/dev/fuse") and os.access("/dev/fuse", os.R_OK | os.W_OK) and shutil.which("nsenter")),
    reason="this computer does not permit mount namespaces",
)


# How long requests wait for a host, in milliseconds: longer than any test is without one.
PATIENT, USUAL = 250_000, 10_000


def build(patience: int) -> Path:
    source = c_build.source_directory("guest_shares") / "shares.c"
    return c_build._compiled("openvix-shares", [source], [*c_build.FLAGS, *SANITIZE, f"-DPATIENCE_MILLISECONDS={patience}", str(source)])


class Guest:
    """Runs commands in /mnt/hgfs of the namespace."""

    def __init__(self, place: Path, patience: int = PATIENT):
        self.place, self._patience = place, patience
        place.mkdir()
        self._host: socket.socket | None = None
        self._begin(["unshare", "-rm"])

    def _begin(self, within: list[str]):
        own, self._port = socket.socketpair()
        with own:
            self.program = subprocess.Popen([*within, str(build(self._patience)), "-", str(self.place)], stdin=own, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._copy_out, args=(self._port,), daemon=True).start()

    def restart(self):
        """Kill openvix-shares and start it again in the same namespace."""
        with self.start("read line") as keeper:
            eventually(lambda: os.readlink(f"/proc/{keeper.pid}/ns/mnt") == os.readlink(f"/proc/{self.program.pid}/ns/mnt"))
            self.program.kill()
            self.program.communicate()
            self._port.close()
            self._begin(["nsenter", "-t", str(keeper.pid), "-U", "-m", "--preserve-credentials"])
            eventually(lambda: os.readlink(f"/proc/{keeper.pid}/ns/mnt") == os.readlink(f"/proc/{self.program.pid}/ns/mnt"))
            keeper.communicate("\n", timeout=60)

    def dial(self) -> socket.socket:
        """Return a new host's end of the port; the previous host receives nothing more."""
        self.cut()
        end, self._host = socket.socketpair()
        threading.Thread(target=self._copy_in, args=(self._host,), daemon=True).start()
        return end

    def cut(self):
        host, self._host = self._host, None
        if host:
            with contextlib.suppress(OSError):
                host.shutdown(socket.SHUT_RDWR)
            host.close()

    def send(self, content: bytes):
        """Send data that a correct host would not send."""
        self._port.sendall(content)

    def run(self, command: str, **options) -> str:
        """Run a shell command in the guest and return its output."""
        return self.start(command, **options).communicate(timeout=60)[0]

    def start(self, command: str, **options) -> subprocess.Popen:
        enter = ["nsenter", "-t", str(self.program.pid), "-U", "-m", "--preserve-credentials", f"--wd={options.pop('within', '/')}", "sh", "-c", command]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(enter, env={"PATH": os.environ["PATH"], "HGFS": str(self.place), "LC_ALL": "C"}, **streams, **options)

    def await_mount(self):
        eventually(lambda: str(self.place) in Path(f"/proc/{self.program.pid}/mounts").read_text())

    def end(self):
        """End the guest. Raises AssertionError if a sanitizer has reported something."""
        self.program.terminate()
        said = self.program.communicate(timeout=60)[1]
        self.cut()
        self._port.close()
        assert "ERROR" not in said, said
        assert "runtime error" not in said, said

    def _copy_out(self, port: socket.socket):
        with contextlib.suppress(OSError):
            while piece := port.recv(65536):
                host = self._host
                # Data without a host is lost, including partial frames.
                with contextlib.suppress(OSError):
                    if host:
                        host.sendall(piece)

    def _copy_in(self, host: socket.socket):
        with contextlib.suppress(OSError):
            while piece := host.recv(65536):
                self._port.sendall(piece)
