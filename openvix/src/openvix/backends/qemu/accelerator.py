# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check whether QEMU can use an accelerator. It runs a few instructions, since an accelerator that hangs looks functional until then."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile

TCG = "tcg"
SECONDS = 10
# The boot sector: mov dx, 0xf4; mov al, 0x10; out dx, al; then an endless loop of hlt.
INSTRUCTIONS = bytes.fromhex("baf400 b010 ee f4 ebfd")
SECTOR = INSTRUCTIONS.ljust(510, b"\0") + b"\x55\xaa"
# The exit code of QEMU after 0x10 is written to its debug port: twice the number plus one.
RAN = 0x10 * 2 + 1


def fault(name: str, seconds: float = SECONDS, program: str = "qemu-system-x86_64") -> str:
    """Return why QEMU cannot use this accelerator, "" if it can."""
    with tempfile.NamedTemporaryFile() as disk:
        disk.write(SECTOR)
        disk.flush()
        command = [program, "-no-user-config", "-nodefaults", "-display", "none", "-M", "pc", "-accel", name, "-m", "32"]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-drive", f"file={disk.name.replace(',', ',,')},format=raw,snapshot=on"]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        except FileNotFoundError:
            return f"{program} is not installed"
        try:
            _, output = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            # A process that hangs in the kernel does not exit even after SIGKILL; it is abandoned.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            if process.stderr:
                process.stderr.close()
            return f"a test VM with this accelerator did not run within {seconds:g} s"
    if process.returncode == RAN:
        return ""
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"QEMU exited with code {process.returncode}"
