# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel in Debian's packaging: the form that QEMU boots fastest, and its modules."""

from __future__ import annotations

import bz2
import lzma
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

# From Linux's boot protocol (Documentation/arch/x86/boot.rst): sectors of real-mode code, magic number, offset and length of the payload.
SECTORS, HEADER, PAYLOAD = 0x1F1, 0x202, 0x248
SECTOR_BYTES = 512
# The commands that unpack what Python's library does not. Debian packs its kernels by lz4, since 13 by zstd.
UNPACKERS = ("lz4", "zstd")
# The ELF note with the entry of an uncompressed kernel for QEMU: length of the name, length of the content (any), XEN_ELFNOTE_PHYS32_ENTRY.
ENTRY_NOTES = tuple(struct.pack("<III", 4, length, 18) + b"Xen\0" for length in (4, 8))


def uncompressed(image: bytes) -> bytes | None:
    """Return the uncompressed kernel of a bzImage, None if it is not found or QEMU cannot boot it."""
    if len(image) < PAYLOAD + 8 or image[HEADER : HEADER + 4] != b"HdrS":
        return None
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = (image[SECTORS] + 1) * SECTOR_BYTES + offset
    payload = image[start : start + length]
    for magic, expand in EXPANDERS.items():
        if payload.startswith(magic):
            kernel = expand(payload)
            return kernel if kernel and kernel.startswith(b"\x7fELF") and any(note in kernel for note in ENTRY_NOTES) else None
    return None


def modules(folder: Path, wanted: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, bytes]:
    """Return the required modules below a directory and their dependencies, in the order in which they must be loaded.

    Built-in modules, and optional ones that are missing, are skipped. Raises LookupError with the name of a missing required module.
    """
    files = {_name(path): path for path in folder.rglob("*.ko*")}
    built_in = {_name(Path(line)) for path in folder.rglob("modules.builtin") for line in path.read_text(encoding="utf-8").split()}
    found: dict[str, bytes] = {}

    def take(name: str) -> None:
        if name in found or name not in files:
            return
        content = _content(files[name])
        for each in _needs(content):
            take(each)
        found[name] = content

    for name in wanted:
        take(name.replace("-", "_"))
    for name in needed:
        if name not in found and name not in built_in:
            raise LookupError(name)
    return found


def _name(path: Path) -> str:
    return path.name.partition(".ko")[0].replace("-", "_")


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    for magic, expand in EXPANDERS.items():
        if content.startswith(magic):
            content = expand(content) or b""
            break
    if not content:
        raise LookupError(path.name)
    return content


def _needs(module: bytes) -> list[str]:
    """Return the names of the modules on which a module depends."""
    start = module.find(b"\0depends=")
    if start < 0:
        return []
    names = module[start + len(b"\0depends=") :].partition(b"\0")[0].decode()
    return [name.replace("-", "_") for name in names.split(",") if name]


def _by_command(*command: str) -> Callable[[bytes], bytes | None]:
    def expand(content: bytes) -> bytes | None:
        if not shutil.which(command[0]):
            return None
        done = subprocess.run(command, input=content, capture_output=True, check=False)
        # The payload is followed by its length, which the decompressor reports as an error after it has written everything.
        return done.stdout

    return expand


def _by(decompressor: Callable) -> Callable[[bytes], bytes | None]:
    def expand(content: bytes) -> bytes | None:
        try:
            return decompressor().decompress(content)
        except (zlib.error, lzma.LZMAError, OSError):
            return None

    return expand


EXPANDERS = {
    b"\x02\x21\x4c\x18": _by_command("lz4", "-dc"),
    b"\x28\xb5\x2f\xfd": _by_command("zstd", "-dc"),
    b"\x1f\x8b": _by(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16)),
    b"\xfd7zXZ\0": _by(lzma.LZMADecompressor),
    b"BZh": _by(bz2.BZ2Decompressor),
}
