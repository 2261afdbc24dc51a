# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk of a real machine: one qcow2 file, and within it what was kept of it, by number."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from openvix.system import atomic_files

SECONDS, TAG = 600, "kept-"


class DiskError(Exception):
    """What was to be done with a disk cannot be done; the message says what and why."""


class Disk:
    """The disk of the VM that has its disks in this directory. What was kept has a number from 1 up; 0 is what the machine changes."""

    def __init__(self, folder: Path):
        self._folder, self.path = folder, folder / "machine.qcow2"

    def kept(self) -> dict[int, dict]:
        """Return what is kept beside each number: on which hardware the machine ran if its memory is kept with it (else None)."""
        return {int(path.stem): json.loads(path.read_bytes()) for path in self._folder.glob("*.json") if path.stem.isdigit()}

    def announce(self, hardware: tuple | None) -> int:
        """Return the number under which something is to be kept next: named before it is there, so that nothing is kept of which nobody knows."""
        number = 1 + max(self.kept(), default=0)
        atomic_files.replace(self._folder / f"{number}.json", json.dumps({"hardware": hardware}).encode())
        return number

    def forget(self, number: int) -> None:
        """Know no more of a number, once it is certain that nothing is kept under it."""
        (self._folder / f"{number}.json").unlink(missing_ok=True)

    # While no QEMU has it open

    def keep(self) -> int:
        """Keep the disk as it is. Raises DiskError; what there may be of it then is dropped with what is not used."""
        number = self.announce(None)
        image("snapshot", "-c", tag(number), str(self.path))
        return number

    def restore(self, number: int) -> None:
        """Have the disk as it was kept under this number. Raises DiskError."""
        image("snapshot", "-a", tag(number), str(self.path))

    def drop(self, number: int) -> None:
        """Keep no longer what is kept under this number, if there is anything. Raises DiskError."""
        if number in self.numbers():
            image("snapshot", "-d", tag(number), str(self.path))
        self.forget(number)

    def mend(self):
        """Give back the room that one had taken for what it had not written when it was killed. Raises DiskError."""
        image("check", "-q", "-r", "leaks", str(self.path))

    # Also beside one

    def numbers(self) -> set[int]:
        """Return the numbers under which something is kept in the file. Raises DiskError."""
        said = json.loads(image("info", "-U", "-f", "qcow2", "--output=json", str(self.path)))
        return {int(each["name"].removeprefix(TAG)) for each in said.get("snapshots", []) if each["name"].startswith(TAG)}

    def copy(self, number: int, target: Path) -> None:
        """Make a disk at target that begins with what is kept under this number. Raises DiskError."""
        what = ("-l", f"snapshot.name={tag(number)}") if number else ()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        image("convert", "-U", "-f", "qcow2", "-O", "qcow2", *what, str(self.path), str(target))


def tag(number: int) -> str:
    """Return the name in the file of what is kept under a number: the number alone would be taken by qemu-img for the id of another."""
    return f"{TAG}{number}"


def image(*arguments: str) -> bytes:
    """Run qemu-img and return what it prints. Raises DiskError."""
    try:
        done = subprocess.run(["qemu-img", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise DiskError("qemu-img is not installed; run 'openvix doctor' to see how to install it") from None
    except subprocess.TimeoutExpired:
        raise DiskError(f"qemu-img {arguments[0]} did not finish within {SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it failed"]
        raise DiskError(f"qemu-img {arguments[0]} failed: {said[-1]}")
    return done.stdout
