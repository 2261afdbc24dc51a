# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of guests are built atomically from the packages of a fake Debian. test_guest_image.py boots one of the real Debian."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from archives import read_cpio
from debian import KERNEL, Debian, kernel
from waiting import eventually

from openvix.backends.qemu.image import images
from openvix.system.c_build import CannotBuild

BUILD = [sys.executable, "-P", "-m", "openvix.cli", "guest", "build"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENVIX_CACHE", str(tmp_path / "a cache"))
    return tmp_path / "a cache" / "guests"


@pytest.fixture
def debian(tmp_path, monkeypatch, cache):
    made = Debian(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


def build(variant="plain", **options):
    said = []
    return images.build(variant, said.append, **options), said


def left(cache):
    """What is in the cache, but what stays there in any case."""
    return sorted({*os.listdir(cache)} - {"lock", "packages"})


def test_no_image_before_a_build(cache):
    assert images.find() is None


def test_built_image_is_found(debian, cache):
    made, said = build()

    assert images.find() == made
    assert left(cache) == [made.key]
    assert [path.name for path in made[1:4]] == ["vmlinux", "initrd", "root.qcow2"]
    assert {path.stat().st_mode & 0o777 for path in made[1:4]} == {0o444}
    result = json.loads((made.root.parent / "image.json").read_bytes())
    names = (KERNEL, "base-files", "bash", "busybox-static", "dash", "libc6", "libtinfo6", "netbase")
    assert result["packages"] == dict.fromkeys(names, "1-1") | {KERNEL: "1.2.3-4", "bash": "1:5-1"}
    assert any(line.startswith("downloading 8 packages") for line in said)


def test_initrd_has_modules_in_load_order(debian):
    made, _ = build()
    members = {path: (mode, content) for path, mode, content in read_cpio(made.initrd.read_bytes())}

    assert members["init"][0] == 0o100755
    assert members["init"][1].startswith(b"#!/bin/sh\n")
    assert members["bin/busybox"][1].startswith(b"#!/bin/sh")
    order = members["modules/order"][1].decode().split()
    assert sorted(order) == ["virtio.ko", "virtio_blk.ko", "virtio_console.ko", "virtio_pci.ko", "virtio_ring.ko"]
    assert order.index("virtio.ko") < order.index("virtio_pci.ko")
    assert order.index("virtio_ring.ko") < order.index("virtio_pci.ko")
    assert {f"modules/{name}" for name in order} <= set(members)


def test_disk_has_packages_and_guest_files(debian):
    build()
    tree = debian.mirror / "tree"

    assert (tree / "usr/bin/bash").read_text() == "bash\n"
    assert (tree / "usr/lib/x86/libc.so.6").read_text() == "libc\n"
    assert {name: os.readlink(tree / name) for name in ("bin", "lib", "sbin")} == {"bin": "usr/bin", "lib": "usr/lib", "sbin": "usr/sbin"}
    assert os.readlink(tree / "usr/bin/sh") == "dash"
    # Of what busybox can be only what no package is.
    assert os.readlink(tree / "usr/bin/ls") == os.readlink(tree / "usr/sbin/init") == "/usr/bin/busybox"
    assert not (tree / "linuxrc").exists()
    assert not list(tree.glob("usr/share/doc/*"))
    for name in ("openvix-tools", "openvix-shares"):
        assert (tree / "usr/sbin" / name).read_text() == "a program\n"
        assert os.access(tree / "usr/sbin" / name, os.X_OK)
    assert os.access(tree / "etc/acpi/PWRF/00000080", os.X_OK)
    assert (tree / "etc/profile").read_text() == "profile\n"
    assert (tree / "etc/passwd").read_text().startswith("root:x:0:0:")
    assert (tree / "srv").stat().st_mode & 0o7777 == 0o755
    assert (tree / "root").stat().st_mode & 0o7777 == 0o700
    assert (tree / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (tree / "etc/shadow").stat().st_mode & 0o777 == 0o640
    assert (tree / "lib/modules/1.2.3-4-cloud-amd64/order").read_text().split() == ["button.ko", "evdev.ko"]


def test_files_have_the_owners_of_their_package(debian):
    build()
    script = (debian.mirror / "owners").read_text().splitlines()

    assert 'set_inode_field "/etc/secret" uid 3' in script
    assert 'set_inode_field "/etc/secret" gid 42' in script
    assert 'set_inode_field "/etc/shadow" gid 42' in script
    # Root's files are root's, whoever builds.
    assert ('set_inode_field "/usr/bin/bash" uid 0' in script) == (os.geteuid() != 0)


def test_existing_image_is_reused(debian):
    made, _ = build()
    before = debian.asked()

    assert build() == (made, [])
    assert debian.asked() == before


def test_fresh_build_depends_on_decompressors(debian, cache, monkeypatch):
    """A kernel that could not be unpacked can be by a command that was installed since."""
    monkeypatch.setattr(images.kernel, "UNPACKERS", ("unpacker-of-kernels",))
    first, _ = build()
    assert build(fresh=True)[0] == first
    debian.install("unpacker-of-kernels", "")

    second, _ = build(fresh=True)

    assert second.key != first.key


def test_fresh_build_depends_on_new_packages(debian, cache):
    first, _ = build()
    assert build(fresh=True)[0] == first
    assert debian.downloads() == 1

    debian.offer("linux-image-1.2.3-5-cloud-amd64", "1.2.3-5", kernel())
    second, said = build(fresh=True)

    assert second.key != first.key
    assert "downloading 1 packages, 0 MB" in said
    # A machine may be made of the first right now.
    assert left(cache) == sorted([first.key, second.key])
    assert images.find() == second
    assert not list((cache / "packages").glob("linux-image-1.2.3-4-*"))


def test_image_of_another_recipe_is_not_used(debian, monkeypatch):
    made, _ = build()
    monkeypatch.setattr(images, "FORMAT", images.FORMAT + 1)
    assert images.find() is None
    assert build()[0].key != made.key


def test_variants_are_separate_images(debian):
    assert images.find("python") is None
    build()
    assert images.find("python") is None


def test_image_with_incomplete_file_is_rebuilt(debian):
    made, _ = build()
    made.root.chmod(0o600)
    made.root.write_text("a di")
    assert images.find() is None
    assert build()[0] == made
    assert made.root.read_text() == "a disk\n"


@pytest.mark.parametrize(("said", "result"), [("E: Could not connect to mirror.test:80", False), ("E: Failed to fetch it  404  Not Found", True)])
def test_failed_download_reported_and_cleaned_up(debian, cache, said, result):
    (debian.mirror / "down").write_text(f"W: whatever\n{said}\nE: and more\n")
    with pytest.raises(CannotBuild) as failed:
        build()
    assert str(failed.value).startswith(f"downloading with apt failed: {' '.join(said[3:].split())}")
    # Only where that helps.
    assert ("apt-get update" in str(failed.value)) is result
    assert left(cache) == []
    assert os.listdir(cache / "packages") == []


def test_download_with_wrong_checksum_is_rejected(debian, cache):
    path = debian.mirror / "dash_1-1_amd64.deb"
    content = path.read_bytes()
    path.write_bytes(b"x" + content[1:])
    with pytest.raises(CannotBuild, match=r"checksum of the downloaded dash_1-1_amd64\.deb differs"):
        build()
    assert left(cache) == []


def test_missing_lists_reported_with_remedy(debian):
    (debian.mirror / "lists").unlink()
    with pytest.raises(CannotBuild, match="looking for linux-image-cloud-amd64 with apt failed: No packages found; run 'apt-get update'"):
        build()


def test_missing_commands_reported_with_packages(debian, monkeypatch):
    monkeypatch.setenv("PATH", str(debian.bin))
    monkeypatch.setattr(images, "SYSTEM_PATH", "")
    for name in ("qemu-img", "debugfs"):
        (debian.bin / name).unlink()
    with pytest.raises(CannotBuild, match=r"install the missing ones: apt install e2fsprogs qemu-utils$"):
        build()


def test_next_build_removes_remains_of_killed_one(debian, cache):
    (cache / "new-abc/root").mkdir(parents=True)
    made, _ = build()
    assert left(cache) == [made.key]


def test_interrupted_build_leaves_nothing(debian, cache):
    (debian.mirror / "slow").touch()
    builder = subprocess.Popen(BUILD, stderr=subprocess.PIPE, text=True, start_new_session=True)
    eventually((debian.mirror / "reached").exists)
    os.killpg(builder.pid, signal.SIGINT)
    _, said = builder.communicate(timeout=120)

    assert builder.returncode == 1
    assert said.splitlines()[-1] == "openvix: the build was interrupted; its files have been removed"
    assert left(cache) == []


def test_concurrent_builds_share_one_image(debian, cache):
    builders = [subprocess.Popen(BUILD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    result = {builder.communicate(timeout=120)[0] for builder in builders}

    assert {builder.returncode for builder in builders} == {0}
    assert result == {f"{images.find().root.parent}\n"}
    # The others do not even ask.
    assert sum(" depends " in line for line in debian.asked()) == debian.downloads() == 1
    assert left(cache) == [images.find().key]
