# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image that real guests begin with, made of Debian's packages by any user: a kernel, an initrd, and a disk.

Nothing is installed, and nothing runs as root: packages are unpacked, mke2fs makes a file system of a directory, and debugfs gives its files to their
owners. An image is never changed once it is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from openvix.backends.qemu.image import cpio, kernel, packages, seed
from openvix.guest import disks
from openvix.system import c_build
from openvix.system.c_build import CannotBuild

FORMAT = 1
# Whose programs are in it.
MACHINE = "x86_64"
VARIANTS = ("plain", "python")
# It depends on the kernel of today, whose name changes with each update: never say which.
KERNEL, KERNELS = "linux-image-cloud-amd64", "linux-image-"
PACKAGES = ("base-files", "bash", "busybox-static", "dash", "libc6", "libtinfo6", "netbase")
# What costs a guest time, without KVM most of all, and is worth nothing to it; nearly half of what a kernel does until then is to test its own cryptography.
APPEND = "quiet nokaslr mitigations=off no_timer_check tsc=reliable cryptomgr.notests panic=-1"
# For the disk and for the port of the tools, without which there is no guest; and what comes later: the power button, the network, shared folders.
NEEDED = ("virtio_pci", "virtio_blk", "virtio_console")
LATER = ("button", "evdev", "virtio_net", "fuse")
DISK_BYTES = 2 << 30
# What openvix/native/guest_rootfs holds, and where it is on the disk.
PLACES = {
    "inittab": "etc/inittab",
    "boot": "etc/init.d/boot",
    "late": "etc/init.d/late",
    "default.script": "etc/udhcpc/default.script",
    "power": "etc/acpi/PWRF/00000080",
    "nsswitch.conf": "etc/nsswitch.conf",
}
# What the packages' own scripts would do.
COPIES = {"etc/profile": "profile", "root/.profile": "dot.profile", "root/.bashrc": "dot.bashrc"}
LINKS = {"usr/bin/sh": "dash", "etc/mtab": "/proc/self/mounts"}
# The guest's own programs, with the libraries that each takes: in openvix/native/guest_NAME lie the sources of openvix-NAME.
PROGRAMS = {"tools": ("crypt",), "shares": ()}
COMMANDS = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg", "mke2fs": "e2fsprogs", "debugfs": "e2fsprogs", "qemu-img": "qemu-utils"}
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


class Image(NamedTuple):
    """An image: its key, its files, and the command line of its kernel."""

    key: str
    kernel: Path
    initrd: Path
    root: Path
    append: str


def find(variant: str = "plain") -> Image | None:
    """Return the newest image of this variant that was made as this OpenVIX makes it, None when there is none."""
    recipe, found = _recipe(variant), {}
    for told in _folder().glob("*/image.json"):
        image = _read(told.parent, recipe)
        if image:
            found[told.stat().st_mtime_ns] = image
    return found[max(found)] if found else None


def unused() -> list[Path]:
    """Return the folders of images that new machines of this OpenVIX do not begin with; those of another one may."""
    used = {image.root.parent for image in map(find, VARIANTS) if image}
    return sorted({told.parent for told in _folder().glob("*/image.json")} - used)


def build(variant: str = "plain", say: Callable[[str], None] = print, *, fresh: bool = False) -> Image:
    """Return the image of this variant, built where there is none; with fresh, of the packages that Debian has today. Raises CannotBuild."""
    found = find(variant)
    if found and not fresh:
        return found
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder, say), tempfile.TemporaryDirectory(prefix="new-", dir=folder) as scratch:
        # Whoever was waited for may have built it.
        now = find(variant)
        if now and now != found:
            return now
        try:
            return _build(folder, Path(scratch), variant, say)
        except OSError as error:
            raise CannotBuild(f"writing the guest image failed: {error}") from error


def command(name: str) -> str | None:
    """Return the path of a command, also of one that only root is expected to use."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)


def _folder() -> Path:
    return c_build.cache() / "guests"


@contextlib.contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of those who build, and remove what one that was killed has left."""
    with open(folder / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob("new-*"):
            shutil.rmtree(left)
        yield


def _recipe(variant: str) -> str:
    """Return a digest of all but Debian's packages that decides how an image turns out."""
    own = [Path(__file__).with_name(f"{name}.py") for name in ("images", "cpio", "kernel", "packages", "seed")]
    digest = hashlib.sha256(repr((FORMAT, variant)).encode())
    for path in (*own, *sorted(c_build.source_folder("guest_rootfs").iterdir()), *(path for name in PROGRAMS for path in _sources(name))):
        if path.is_file():
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _sources(name: str) -> list[Path]:
    """Return the sources of a program of the guest's."""
    return sorted(c_build.source_folder(f"guest_{name}").glob("*.[ch]"))


def _read(folder: Path, recipe: str) -> Image | None:
    """Return the image in a folder, None where there is none of this recipe or one that is not whole."""
    try:
        told = json.loads((folder / "image.json").read_bytes())
        if told["format"] != FORMAT or told["recipe"] != recipe or any((folder / name).stat().st_size != size for name, size in told["sizes"].items()):
            return None
        kernel, initrd, root = (folder / told[each] for each in ("kernel", "initrd", "root"))
        return Image(folder.name, kernel, initrd, root, told["append"])
    except (OSError, ValueError, KeyError):
        return None


def _build(folder: Path, scratch: Path, variant: str, say: Callable[[str], None]) -> Image:
    if os.uname().machine != MACHINE:
        raise CannotBuild(f"guest images can only be built on {MACHINE}; this computer is {os.uname().machine}")
    missing = {package for name, package in COMMANDS.items() if not command(name)}
    if missing:
        raise CannotBuild(f"building a guest image requires {', '.join(COMMANDS)}; install the missing ones: apt install {' '.join(sorted(missing))}")
    say("compiling the guest tools")
    programs = [c_build.compile_static(_sources(name), f"openvix-{name}", *libraries) for name, libraries in PROGRAMS.items()]
    say("querying apt")
    names = packages.closure([*PACKAGES, "python3"], scratch) if variant == "python" else [*PACKAGES]
    wanted = packages.find([packages.dependency(KERNEL, KERNELS, scratch), *names], scratch)
    recipe = _recipe(variant)
    key = hashlib.sha256(repr((recipe, wanted, [program.read_bytes() for program in programs])).encode()).hexdigest()[:16]
    there = folder / key
    image = _read(there, recipe)
    if image:
        say("the image is up to date with Debian's packages")
        os.utime(there / "image.json")
        return image

    linux, *files = packages.download(wanted, folder / "packages", scratch, say)
    made, root, modules = (scratch / name for name in ("made", "root", "linux"))
    for each in (made, root, modules):
        each.mkdir(mode=0o700)
    owners: dict[str, tuple[int, int]] = {}
    say(f"unpacking Linux {wanted[0].version}")
    packages.unpack(linux, modules, {})
    name = _lay_kernel(modules, made)
    say(f"unpacking {len(files)} packages")
    for file in files:
        packages.unpack(file, root, owners)
    early, late = _modules(modules)
    (made / "initrd").write_bytes(_initrd(root / "usr/bin/busybox", early))
    _furnish(root, owners, programs, late)
    if variant == "python":
        say("compiling Python's own modules")
        _compile_python(root)
    say("creating the disk")
    _make_disk(root, owners, scratch / "root.raw", made / "root.qcow2")

    told = {
        "format": FORMAT,
        "variant": variant,
        "recipe": recipe,
        "kernel": name,
        "initrd": "initrd",
        "root": "root.qcow2",
        "append": APPEND,
        "sizes": {each: (made / each).stat().st_size for each in (name, "initrd", "root.qcow2")},
        "packages": {package.name: package.version for package in wanted},
    }
    (made / "image.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    for path in made.iterdir():
        path.chmod(0o444)
        _sync(path)
    if there.exists():
        # It is not whole.
        there.rename(scratch / "broken")
    made.rename(there)
    _sync(folder)
    image = _read(there, recipe)
    if image is None:
        raise CannotBuild(f"the new image in {there} cannot be read")
    return image


def _lay_kernel(tree: Path, made: Path) -> str:
    """Write the kernel of a package that is unpacked, as QEMU boots it soonest, and return its file's name."""
    image = next((tree / "boot").glob("vmlinuz-*"), None)
    if image is None:
        raise CannotBuild(f"Debian's package {KERNEL} contains no kernel")
    content = image.read_bytes()
    whole = kernel.uncompressed(content)
    name = "vmlinux" if whole else "bzImage"
    (made / name).write_bytes(whole or content)
    return name


def _modules(tree: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the modules that lead to the disk, as files of the initrd, and those that come later, as files of the disk."""
    folder = next((tree / "usr/lib/modules").iterdir())
    try:
        early = kernel.modules(folder, NEEDED, NEEDED)
        late = {name: content for name, content in kernel.modules(folder, LATER, ()).items() if name not in early}
    except LookupError as missing:
        raise CannotBuild(f"Debian's kernel contains no readable module {missing}") from None
    return _in_order("modules", early), _in_order(f"usr/lib/modules/{folder.name}", late)


def _in_order(folder: str, modules: dict[str, bytes]) -> dict[str, bytes]:
    order = "".join(f"{name}.ko\n" for name in modules)
    return {**{f"{folder}/{name}.ko": content for name, content in modules.items()}, f"{folder}/order": order.encode()}


def _initrd(busybox: Path, modules: dict[str, bytes]) -> bytes:
    """Return the archive with what leads from the kernel to the disk: busybox, modules and the first program."""
    members = [
        *map(cpio.directory, ("bin", "dev", "disk", "modules", "proc", "sys")),
        cpio.file("bin/busybox", busybox.read_bytes(), 0o755),
        cpio.link("bin/sh", "busybox"),
        cpio.file("init", (c_build.source_folder("guest_rootfs") / "init").read_bytes(), 0o755),
        *(cpio.file(path, content) for path, content in modules.items()),
    ]
    return cpio.archive(members)


def _furnish(root: Path, owners: dict[str, tuple[int, int]], programs: list[Path], modules: dict[str, bytes]) -> None:
    """Add to a tree of unpacked packages what makes a guest of it."""

    def lay(path: str, content: bytes, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(content)
        place.chmod(mode)
        owners[path] = owner

    for path, target in packages.MERGED.items():
        (root / target).mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    for path, mode in disks.DIRECTORIES.items():
        if not os.path.lexists(root / path):
            (root / path).mkdir(parents=True)
            (root / path).chmod(mode)
    for path, target in LINKS.items():
        (root / path).unlink(missing_ok=True)
        (root / path).symlink_to(target)
    for program in programs:
        lay(f"usr/sbin/{program.name}", program.read_bytes(), 0o755)
    for name, path in PLACES.items():
        content = (c_build.source_folder("guest_rootfs") / name).read_bytes()
        lay(path, content, 0o755 if content.startswith(b"#!") else 0o644)
    for path, content in modules.items():
        lay(path, content, 0o644)
    for path, name in COPIES.items():
        source = root / "usr/share/base-files" / name
        if source.exists():
            lay(path, source.read_bytes(), 0o644)
    for path, file in seed.own("openvix", seed.everyone(), []).items():
        lay(path[1:], file.text.encode(), file.mode, (file.uid, file.gid))
    # What busybox can be, where no package is it already.
    busybox = root / "usr/bin/busybox"
    for path in map(packages.merged, subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()):
        folder, _, name = path.rpartition("/")
        if folder and not any(os.path.lexists(root / each / name) for each in ("usr/bin", "usr/sbin")):
            (root / path).symlink_to("/usr/bin/busybox")


def _compile_python(root: Path) -> None:
    """Compile the modules of a tree's Python by itself: the guest would take seconds for it, each time where its user may not keep them."""
    libraries = next((root / "usr/lib").glob("*/ld-linux-*.so.*"))
    modules = next(root.glob("usr/lib/python3.*"))
    python = [libraries, "--library-path", libraries.parent, root / "usr/bin" / modules.name, "-I", "-S"]
    compiling = ["-m", "compileall", "-q", "-j", "0", "-x", "/lib2to3/tests/", "--invalidation-mode", "unchecked-hash", "-s", root, "-p", "/", modules]
    done = subprocess.run([*map(str, python + compiling)], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise CannotBuild(f"compiling Python's modules failed: {(done.stdout + done.stderr).strip()[-200:]}")


def _make_disk(root: Path, owners: dict[str, tuple[int, int]], raw: Path, made: Path) -> None:
    """Make a file system of a tree, its files those of their owners, and of that a disk for QEMU."""
    with open(raw, "wb") as file:
        file.truncate(DISK_BYTES)
    options = "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0"
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "openvix", "-E", options, "-d", str(root), str(raw))
    lines = []
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.relpath(os.path.join(place, name), root)
            there, wanted = os.lstat(root / path), owners.get(path, (0, 0))
            if (there.st_uid, there.st_gid) != wanted:
                lines += [f'set_inode_field "/{path}" uid {wanted[0]}\n', f'set_inode_field "/{path}" gid {wanted[1]}\n']
    script = raw.with_name("owners")
    script.write_text("".join(lines), encoding="utf-8")
    said = _run("debugfs", "-w", "-f", str(script), str(raw))
    if said.count("\n") > len(lines) + 1:
        raise CannotBuild(f"debugfs cannot set the owners of the files on the disk: {said.splitlines()[-1]}")
    _run("qemu-img", "convert", "-q", "-c", "-O", "qcow2", str(raw), str(made))


def _run(name: str, *arguments: str) -> str:
    done = subprocess.run([command(name) or name, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise CannotBuild(f"{shlex.join([name, *arguments[:1]])} failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    return done.stdout + done.stderr


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
