# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel's archive of files, its payload and its modules, all made up."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import stat
import subprocess

import pytest
from archives import read_cpio
from debian import ELF, compressed

from openvix.backends.qemu.image import cpio, kernel


def test_archives_can_be_concatenated():
    members = [cpio.directory("bin"), cpio.file("bin/a b", b"12345", 0o755), cpio.link("bin/sh", "a b"), cpio.file("ü", b"")]
    first, second = cpio.archive(members), cpio.archive([cpio.file("more", b"x" * 1001, 0o600)])

    assert len(first) % 4 == 0
    assert read_cpio(first + second) == [
        ("bin", stat.S_IFDIR | 0o755, b""),
        ("bin/a b", stat.S_IFREG | 0o755, b"12345"),
        ("bin/sh", stat.S_IFLNK | 0o777, b"a b"),
        ("ü", stat.S_IFREG | 0o644, b""),
        ("more", stat.S_IFREG | 0o600, b"x" * 1001),
    ]


@pytest.mark.skipif(not shutil.which("cpio"), reason="cpio is not installed here")
def test_archive_is_readable_by_cpio(tmp_path):
    content = cpio.archive([cpio.directory("bin"), cpio.file("bin/a b", b"12345", 0o755), cpio.link("bin/sh", "a b")])
    listed = subprocess.run(["cpio", "-itv"], input=content, capture_output=True, cwd=tmp_path, check=True).stdout.decode().splitlines()

    assert [(line.split()[0], line.split()[4]) for line in listed] == [("drwxr-xr-x", "0"), ("-rwxr-xr-x", "5"), ("lrwxrwxrwx", "3")]
    assert listed[2].endswith("bin/sh -> a b")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("sectors", [3, 39])
def test_payload_of_bzimage_is_the_kernel(compress, sectors):
    assert kernel.uncompressed(compressed(compress(ELF), sectors)) == ELF


@pytest.mark.skipif(not shutil.which("lz4"), reason="lz4 is not installed here")
def test_lz4_payload_with_trailing_length():
    payload = subprocess.run(["lz4", "-l", "-c"], input=ELF, capture_output=True, check=True).stdout
    assert kernel.uncompressed(compressed(payload + len(ELF).to_bytes(4, "little"))) == ELF


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"x" * 1000,
        compressed(gzip.compress(ELF)).replace(b"HdrS", b"hdrs"),
        compressed(gzip.compress(b"no kernel" + ELF)),
        compressed(gzip.compress(ELF.replace(b"Xen", b"xen"))),
        compressed(gzip.compress(ELF)[:20]),
        compressed(b"\x1f\x8b" + bytes(30)),
        compressed(b"of an unknown kind"),
        compressed(gzip.compress(ELF))[:700],
        compressed(gzip.compress(ELF))[:0x210],
    ],
    ids=["empty", "short", "no_header", "no_program", "no_entry", "cut", "broken", "unknown", "outside", "cut_header"],
)
def test_kernel_without_qemu_entry_is_not_unpacked(image):
    assert kernel.uncompressed(image) is None


def test_payload_without_decompressor_is_not_unpacked(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert kernel.uncompressed(compressed(b"\x02\x21\x4c\x18" + bytes(30))) is None


@pytest.fixture
def folder(tmp_path):
    def write(path, needs=b""):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        content = b"\x7fELF\0license=GPL\0depends=" + needs + b"\0"
        file.write_bytes(lzma.compress(content) if path.endswith(".xz") else content)

    write("kernel/block/virtio_blk.ko.xz", b"virtio,virtio-ring")
    write("kernel/virtio/virtio.ko")
    write("kernel/virtio/virtio-ring.ko", b"virtio")
    (tmp_path / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n", encoding="utf-8")
    return tmp_path


def test_modules_follow_dependencies_uncompressed(folder):
    found = kernel.modules(folder, ("virtio-blk", "absent"), ("virtio_blk", "ext4"))
    assert list(found) == ["virtio", "virtio_ring", "virtio_blk"]
    assert {content[:4] for content in found.values()} == {b"\x7fELF"}


def test_missing_module_is_named(folder):
    with pytest.raises(LookupError, match="absent"):
        kernel.modules(folder, ("absent",), ("absent",))
