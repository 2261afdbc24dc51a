# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image from which QEMU guests are created, built from Debian's packages by any user: a kernel, an initrd and a disk.

Nothing is installed, and nothing runs as root: packages are unpacked, mke2fs creates a file system from a directory, and debugfs sets the owners
of its files. An existing image is never changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from openvix.backends.qemu.image import cpio, kernel, seed
from openvix.guest import disks
from openvix.system import c_build, debian_packages, process_locks
from openvix.system.c_build import CannotBuild

FORMAT = 1
# The packages in the image.
MACHINE = "x86_64"
VARIANTS = ("plain", "python")
# A package that depends on the current kernel, whose name changes with each update.
KERNEL, KERNELS = "linux-image-cloud-amd64", "linux-image-"
PACKAGES = ("base-files", "bash", "busybox-static", "dash", "libc6", "libtinfo6", "netbase")
# Kernel options that save boot time, especially without KVM. The kernel's own tests of cryptography would take nearly half of the boot.
APPEND = "quiet nokaslr mitigations=off no_timer_check tsc=reliable cryptomgr.notests panic=-1"
# Modules for the disk and the port of the guest tools, needed to boot; and those loaded later: power button, network, shared folders.
NEEDED = ("virtio_pci", "virtio_blk", "virtio_console")
LATER = ("button", "evdev", "virtio_net", "fuse")
DISK_BYTES = 2 << 30
# The files of openvix/native/guest_rootfs, and their paths on the disk.
PLACES = {
    "inittab": "etc/inittab",
    "boot": "etc/init.d/boot",
    "late": "etc/init.d/late",
    "default.script": "etc/udhcpc/default.script",
    "power": "etc/acpi/PWRF/00000080",
    "nsswitch.conf": "etc/nsswitch.conf",
}
# The results of the packages' installation scripts, which are not run.
COPIES = {"etc/profile": "profile", "root/.profile": "dot.profile", "root/.bashrc": "dot.bashrc"}
LINKS = {"usr/bin/sh": "dash", "etc/mtab": "/proc/self/mounts"}
# The programs of OpenVIX in the guest and the libraries that each needs. The sources of openvix-NAME are in openvix/native/guest_NAME.
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
    """Return the newest image of this variant that was built by this version's recipe, None without one."""
    recipe, found = _recipe(variant), {}
    for description in _folder().glob("*/image.json"):
        image = _read(description.parent, recipe)
        if image:
            found[description.stat().st_mtime_ns] = image
    return found[max(found)] if found else None


def unused() -> list[Path]:
    """Return the directories of images that this version does not use for new VMs; another version may use them."""
    used = {image.root.parent for image in map(find, VARIANTS) if image}
    return sorted({description.parent for description in _folder().glob("*/image.json")} - used)


def build(variant: str = "plain", say: Callable[[str], None] = print, *, fresh: bool = False) -> Image:
    """Return the image of this variant, built if there is none; fresh: built again if Debian's packages have changed. Raises CannotBuild."""
    found = find(variant)
    if found and not fresh:
        return found
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder, say), tempfile.TemporaryDirectory(prefix="new-", dir=folder) as scratch:
        # Another process may have built it while this one waited for the lock.
        now = find(variant)
        if now and now != found:
            return now
        try:
            return _build(folder, Path(scratch), variant, say)
        except OSError as error:
            raise CannotBuild(f"writing the guest image failed: {error}") from error


def command(name: str) -> str | None:
    """Return the path of a command, also if it is only in root's search path."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)


def _folder() -> Path:
    return c_build.cache() / "guests"


@contextlib.contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock for builds, and remove the remains of an interrupted one."""
    with process_locks.alone(folder / "lock", lambda: say("waiting for another build to finish")):
        for left in folder.glob("new-*"):
            shutil.rmtree(left)
        yield


def _recipe(variant: str) -> str:
    """Return a digest of everything except Debian's packages that the image depends on."""
    own = [Path(str(module.__file__)) for module in (sys.modules[__name__], cpio, kernel, seed, debian_packages)]
    digest = hashlib.sha256(repr((FORMAT, variant)).encode())
    for path in (*own, *sorted(c_build.source_directory("guest_rootfs").iterdir()), *(path for name in PROGRAMS for path in _sources(name))):
        if path.is_file():
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _sources(name: str) -> list[Path]:
    """Return the sources of a program of the guest."""
    return sorted(c_build.source_directory(f"guest_{name}").glob("*.[ch]"))


def _read(folder: Path, recipe: str) -> Image | None:
    """Return the image in a directory, None if it is missing, incomplete or of another recipe."""
    try:
        description = json.loads((folder / "image.json").read_bytes())
        if (
            description["format"] != FORMAT
            or description["recipe"] != recipe
            or any((folder / name).stat().st_size != size for name, size in description["sizes"].items())
        ):
            return None
        kernel, initrd, root = (folder / description[each] for each in ("kernel", "initrd", "root"))
        return Image(folder.name, kernel, initrd, root, description["append"])
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
    names = debian_packages.closure([*PACKAGES, "python3"], scratch) if variant == "python" else [*PACKAGES]
    wanted = debian_packages.find([debian_packages.dependency(KERNEL, KERNELS, scratch), *names], scratch)
    recipe = _recipe(variant)
    # With another decompressor, the kernel may be one that boots sooner.
    unpackers = [name for name in kernel.UNPACKERS if command(name)]
    key = hashlib.sha256(repr((recipe, wanted, [program.read_bytes() for program in programs], unpackers)).encode()).hexdigest()[:16]
    there = folder / key
    image = _read(there, recipe)
    if image:
        say("the image is up to date with Debian's packages and this computer's decompressors")
        os.utime(there / "image.json")
        return image

    linux, *files = debian_packages.download(wanted, folder / "packages", scratch, say)
    made, root, modules = (scratch / name for name in ("made", "root", "linux"))
    for each in (made, root, modules):
        each.mkdir(mode=0o700)
    owners: dict[str, tuple[int, int]] = {}
    say(f"unpacking Linux {wanted[0].version}")
    debian_packages.unpack(linux, modules, {})
    name = _lay_kernel(modules, made)
    say(f"unpacking {len(files)} packages")
    for file in files:
        debian_packages.unpack(file, root, owners)
    early, late = _modules(modules)
    (made / "initrd").write_bytes(_initrd(root / "usr/bin/busybox", early))
    _furnish(root, owners, programs, late)
    if variant == "python":
        say("compiling Python's own modules")
        _compile_python(root)
    say("creating the disk")
    _make_disk(root, owners, scratch / "root.raw", made / "root.qcow2")

    description = {
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
    (made / "image.json").write_text(json.dumps(description, indent=2), encoding="utf-8")
    for path in made.iterdir():
        path.chmod(0o444)
        _sync(path)
    if there.exists():
        # The image is incomplete.
        there.rename(scratch / "broken")
    made.rename(there)
    _sync(folder)
    image = _read(there, recipe)
    if image is None:
        raise CannotBuild(f"the new image in {there} cannot be read")
    return image


def _lay_kernel(tree: Path, made: Path) -> str:
    """Write the kernel of an unpacked package in the form that QEMU boots fastest; return its file name."""
    image = next((tree / "boot").glob("vmlinuz-*"), None)
    if image is None:
        raise CannotBuild(f"Debian's package {KERNEL} contains no kernel")
    content = image.read_bytes()
    whole = kernel.uncompressed(content)
    name = "vmlinux" if whole else "bzImage"
    (made / name).write_bytes(whole or content)
    return name


def _modules(tree: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the modules that are needed to mount the disk, as files of the initrd, and the others, as files of the disk."""
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
    """Return the archive that mounts the disk: busybox, modules and init."""
    members = [
        *map(cpio.directory, ("bin", "dev", "disk", "modules", "proc", "sys")),
        cpio.file("bin/busybox", busybox.read_bytes(), 0o755),
        cpio.link("bin/sh", "busybox"),
        cpio.file("init", (c_build.source_directory("guest_rootfs") / "init").read_bytes(), 0o755),
        *(cpio.file(path, content) for path, content in modules.items()),
    ]
    return cpio.archive(members)


def _furnish(root: Path, owners: dict[str, tuple[int, int]], programs: list[Path], modules: dict[str, bytes]) -> None:
    """Add the files of a guest to a directory of unpacked packages."""

    def write_file(path: str, content: bytes, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(content)
        place.chmod(mode)
        owners[path] = owner

    for path, target in debian_packages.MERGED.items():
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
        write_file(f"usr/sbin/{program.name}", program.read_bytes(), 0o755)
    for name, path in PLACES.items():
        content = (c_build.source_directory("guest_rootfs") / name).read_bytes()
        write_file(path, content, 0o755 if content.startswith(b"#!") else 0o644)
    for path, content in modules.items():
        write_file(path, content, 0o644)
    for path, name in COPIES.items():
        source = root / "usr/share/base-files" / name
        if source.exists():
            write_file(path, source.read_bytes(), 0o644)
    for path, file in seed.own("openvix", seed.everyone(), []).items():
        write_file(path[1:], file.text.encode(), file.mode, (file.uid, file.gid))
    # The commands of busybox for which no package has a program.
    busybox = root / "usr/bin/busybox"
    for path in map(debian_packages.merged, subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()):
        folder, _, name = path.rpartition("/")
        if folder and not any(os.path.lexists(root / each / name) for each in ("usr/bin", "usr/sbin")):
            (root / path).symlink_to("/usr/bin/busybox")


def _compile_python(root: Path) -> None:
    """Compile the modules of the Python in a directory. The guest would need seconds for it, and an ordinary user could not store the result."""
    libraries = next((root / "usr/lib").glob("*/ld-linux-*.so.*"))
    modules = next(root.glob("usr/lib/python3.*"))
    python = [libraries, "--library-path", libraries.parent, root / "usr/bin" / modules.name, "-I", "-S"]
    compiling = ["-m", "compileall", "-q", "-j", "0", "-x", "/lib2to3/tests/", "--invalidation-mode", "unchecked-hash", "-s", root, "-p", "/", modules]
    done = subprocess.run([*map(str, python + compiling)], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise CannotBuild(f"compiling Python's modules failed: {(done.stdout + done.stderr).strip()[-200:]}")


def _make_disk(root: Path, owners: dict[str, tuple[int, int]], raw: Path, made: Path) -> None:
    """Create a disk for QEMU with the files of a directory and their owners."""
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
    output = _run("debugfs", "-w", "-f", str(script), str(raw))
    if output.count("\n") > len(lines) + 1:
        raise CannotBuild(f"debugfs cannot set the owners of the files on the disk: {output.splitlines()[-1]}")
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
