# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk of a QEMU VM: one qcow2 file that also contains its snapshots, which have numbers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from openvix.system import atomic_files

SECONDS, TAG = 600, "kept-"


class DiskError(Exception):
    """An operation on a disk failed; the message names it and the reason."""


class Disk:
    """The disk of a VM in this directory. Snapshots have numbers from 1; 0 is the current content."""

    def __init__(self, folder: Path):
        self._folder, self.path = folder, folder / "machine.qcow2"

    def kept(self) -> dict[int, dict]:
        """Return {number: {"hardware":, "qemu":}} of all snapshots; hardware: of the saved memory, None without; qemu: the version that saved it."""
        return {int(path.stem): json.loads(path.read_bytes()) for path in self._folder.glob("*.json") if path.stem.isdigit()}

    def announce(self, hardware: tuple | None, qemu: str = "") -> int:
        """Return the number for the next snapshot. It is recorded before the snapshot is taken, so that no snapshot is ever unknown."""
        number = 1 + max(self.kept(), default=0)
        atomic_files.replace(self._folder / f"{number}.json", json.dumps({"hardware": hardware, "qemu": qemu}).encode())
        return number

    def forget(self, number: int) -> None:
        """Forget a number, after its snapshot is certain not to exist."""
        (self._folder / f"{number}.json").unlink(missing_ok=True)

    # Without a running QEMU

    def keep(self) -> int:
        """Snapshot the disk. Raises DiskError; the remains of a failed snapshot are removed by drop()."""
        number = self.announce(None)
        image("snapshot", "-c", tag(number), str(self.path))
        return number

    def restore(self, number: int) -> None:
        """Revert the disk to a snapshot. Raises DiskError."""
        image("snapshot", "-a", tag(number), str(self.path))

    def drop(self, number: int) -> None:
        """Delete a snapshot if it exists. Raises DiskError."""
        if number in self.numbers():
            image("snapshot", "-d", tag(number), str(self.path))
        self.forget(number)

    def mend(self):
        """Free the space that a QEMU process had allocated but not written when it was killed. Raises DiskError."""
        image("check", "-q", "-r", "leaks", str(self.path))

    # Also with a running QEMU

    def numbers(self) -> set[int]:
        """Return the numbers of the snapshots in the file. Raises DiskError."""
        output = json.loads(image("info", "-U", "-f", "qcow2", "--output=json", str(self.path)))
        return {int(each["name"].removeprefix(TAG)) for each in output.get("snapshots", []) if each["name"].startswith(TAG)}

    def copy(self, number: int, target: Path) -> None:
        """Create a disk at target with the content of a snapshot. Raises DiskError."""
        what = ("-l", f"snapshot.name={tag(number)}") if number else ()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        image("convert", "-U", "-f", "qcow2", "-O", "qcow2", *what, str(self.path), str(target))


def tag(number: int) -> str:
    """Return the name of a snapshot in the file. qemu-img would take a plain number for the id of another snapshot."""
    return f"{TAG}{number}"


def image(*arguments: str) -> bytes:
    """Run qemu-img and return its output. Raises DiskError."""
    try:
        done = subprocess.run(["qemu-img", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise DiskError("qemu-img is not installed; run 'openvix doctor' to see how to install it") from None
    except subprocess.TimeoutExpired:
        raise DiskError(f"qemu-img {arguments[0]} did not finish within {SECONDS} s") from None
    if done.returncode:
        output = done.stderr.decode(errors="replace").strip().splitlines() or ["it failed"]
        raise DiskError(f"qemu-img {arguments[0]} failed: {output[-1]}")
    return done.stdout
