# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake Debian: scripts in place of apt, dpkg and the tools for disks, which need neither network nor Debian."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from pathlib import Path

KERNEL = "linux-image-1.2.3-4-cloud-amd64"
ELF = b"\x7fELF" + struct.pack("<III", 4, 8, 18) + b"Xen\0" + bytes(100)
BUSYBOX = b"#!/bin/sh\nprintf '%s\\n' bin/ls bin/sh sbin/init usr/bin/bash linuxrc\n"
SCRIPTS = {
    "apt-cache": 'echo "$*" >>"$mirror/asked"; [ -e "$mirror/lists" ] || { echo "E: No packages found" >&2; exit 100; }; cat "$mirror/depends"',
    "apt-get": """
echo "$*" >>"$mirror/asked"
case " $* " in
*" --print-uris "*) cat "$mirror/lists" ;;
*)
    [ ! -e "$mirror/slow" ] || { touch "$mirror/reached"; sleep 60; }
    [ ! -e "$mirror/down" ] || { cat "$mirror/down" >&2; exit 100; }
    for each; do
        case "$each" in
        *::*) ;;
        *=*) cp "$mirror/$(echo "$each" | sed 's/=/_/; s/:/%3a/')_amd64.deb" . ;;
        esac
    done
    ;;
esac
""",
    "dpkg-deb": 'cat "$2"',
    "mke2fs": """
for each; do
    [ "$before" != -d ] || cp -a "$each" "$mirror/tree.$$"
    before=$each
done
rm -rf "$mirror/tree"
mv "$mirror/tree.$$" "$mirror/tree"
""",
    "debugfs": 'cp "$3" "$mirror/owners"',
    "qemu-img": 'for each; do :; done; echo a disk >"$each"',
    "cc": 'while [ $# -gt 0 ]; do [ "$1" != -o ] || echo a program >"$2"; shift; done',
}


class Debian:
    """bin contains the scripts, and mirror the data that they read and write."""

    def __init__(self, folder: Path):
        self.mirror, self.bin = folder / "a mirror", folder / "bin"
        self.mirror.mkdir()
        self.bin.mkdir()
        for name, text in SCRIPTS.items():
            self.install(name, text)
        self._files: dict[str, bytes] = {}
        self.offer(KERNEL, "1.2.3-4", kernel())
        for name in ("base-files", "bash", "dash", "libc6", "libtinfo6", "netbase"):
            self.offer(name, "1-1", {})
        self.offer("base-files", "1-1", {"./etc/": (0o755, 0, 0, None), "./usr/share/base-files/profile": (0o644, 0, 0, b"profile\n")})
        self.offer("dash", "1-1", {"./bin/dash": (0o755, 0, 0, b"dash\n")})
        self.offer("bash", "1:5-1", {"./bin/bash": (0o755, 0, 0, b"bash\n"), "./usr/share/doc/bash/README": (0o644, 0, 0, b"long\n")})
        self.offer("libc6", "1-1", {"./lib/x86/libc.so.6": (0o644, 0, 0, b"libc\n"), "./etc/secret": (0o640, 3, 42, b"shadow\n")})
        self.offer("busybox-static", "1-1", {"./bin/busybox": (0o755, 0, 0, BUSYBOX)})

    def install(self, name: str, text: str):
        script = self.bin / name
        script.write_text(f"#!/bin/sh\nmirror='{self.mirror}'\n{text}\n", encoding="utf-8")
        script.chmod(0o755)

    def offer(self, name: str, version: str, files: dict):
        """Add a package to the lists. files: {path: (mode, user, group, content)}; content is None for a directory, a string for the target of a link."""
        file, content = f"{name}_{version.replace(':', '%3a')}_amd64.deb", _package(files)
        (self.mirror / file).write_bytes(content)
        self._files[name] = f"'http://mirror.test/{file}' {file} {len(content)} SHA256:{hashlib.sha256(content).hexdigest()}\n"
        (self.mirror / "lists").write_text("".join(self._files.values()), encoding="utf-8")
        if name.startswith("linux-image-"):
            (self.mirror / "depends").write_text(f"linux-image-cloud-amd64\n  Depends: {name}\n", encoding="utf-8")

    def asked(self) -> list[str]:
        """Return the arguments of all calls of apt."""
        path = self.mirror / "asked"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def downloads(self) -> int:
        return sum(" download " in line and "--print-uris" not in line for line in self.asked())


def kernel(payload: bytes | None = None) -> dict:
    """Return the files of a package with a kernel and its modules."""
    modules = dict.fromkeys(("virtio_blk", "virtio-console"), b"virtio") | dict.fromkeys(("virtio", "virtio_ring", "button", "evdev"), b"")
    modules["virtio_pci"] = b"virtio,virtio_ring"
    folder = "./lib/modules/1.2.3-4-cloud-amd64/kernel/drivers"
    return {
        "./boot/vmlinuz-1.2.3-4-cloud-amd64": (0o644, 0, 0, compressed(payload or gzip.compress(ELF))),
        **{f"{folder}/{name}.ko": (0o644, 0, 0, b"\x7fELF\0name=" + name.encode() + b"\0depends=" + needs + b"\0") for name, needs in sorted(modules.items())},
    }


def compressed(payload: bytes, sectors: int = 3) -> bytes:
    """Return a kernel image with this payload."""
    image = bytearray((sectors + 1) * 512)
    image[0x1F1], image[0x202:0x206] = sectors, b"HdrS"
    struct.pack_into("<II", image, 0x248, 64, len(payload))
    return bytes(image) + bytes(64) + payload + b"and more"


def _package(files: dict) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for path, (mode, user, group, content) in files.items():
            member = tarfile.TarInfo(path)
            member.mode, member.uid, member.gid = mode, user, group
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return whole.getvalue()
