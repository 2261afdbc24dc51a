# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written in C is compiled where it is used, once, and kept in a cache."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ["-std=c11", "-O2", "-fPIC", "-pthread", "-Wall", "-Wextra"]
# A loaded library has threads: it must never be unloaded. Its own calls must not end in another library that has the same names, such as VMware's wrapper.
# It has no name of its own inside: what is linked to it needs the file that it was linked to, libvixAllProducts.so for one.
SHARED = ["-shared", "-Wl,-z,nodelete", "-Wl,-z,defs", "-Wl,-Bsymbolic"]
COMPILERS = ("cc", "gcc", "clang")
# Without these two its first run takes long and undefined behaviour traps, as in no other compiler's release build.
ZIGLANG = [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined", "-s"]
ADVICE = "install one (Debian: apt install gcc libc6-dev) or run 'pip install ziglang'"


class CannotBuild(Exception):
    """The C sources cannot be compiled here; the message tells what to do."""


def build() -> Path:
    """Return the path of libvix.so, compiled from the sources of this package, or raise CannotBuild."""
    folder = source_folder("libvix")
    symbols = folder / "symbols.map"
    read = sorted([*folder.glob("*.c"), *folder.glob("*.h"), *folder.glob("*.inc"), symbols])
    return _compiled("libvix.so", read, [*FLAGS, *_more_flags(), *SHARED, f"-Wl,--version-script={symbols}", *map(str, sorted(folder.glob("*.c")))])


def compile_program(sources: list[Path], name: str) -> Path:
    """Return the path of the program of this name, compiled from C sources and static where the machine has what that takes, or raise CannotBuild."""
    arguments = [*FLAGS, *map(str, sources)]
    try:
        return _compiled(name, sources, ["-static", *arguments])
    except CannotBuild:
        return _compiled(name, sources, arguments)


def compile_static(sources: list[Path], name: str, *libraries: str) -> Path:
    """Return the path of the program of this name, compiled from C sources and static, so that it runs in any Linux. Raises CannotBuild."""
    flags = ["-static", "-s", *FLAGS, *(str(path) for path in sources if path.suffix == ".c"), *(f"-l{library}" for library in libraries)]
    try:
        return _compiled(name, sources, flags)
    except CannotBuild:
        fault = next(filter(None, map(lacks_static, libraries)), None)
        if fault:
            raise CannotBuild(f"cannot compile {name}: {fault}") from None
        raise


def lacks_static(name: str) -> str:
    """Return one sentence that says why no static program with a library of this name can be made here, "" where it can."""
    compiler = next(_compilers(), None)
    if compiler is None:
        return f"no C compiler (cc, gcc, clang) was found; {ADVICE}"
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "main.c")
        source.write_text("int main(void) { return 0; }\n", encoding="ascii")
        command = [*compiler, "-static", str(source), f"-l{name}", "-o", str(Path(scratch, "main"))]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return "" if done.returncode == 0 else f"{compiler[0]} cannot link a static program with lib{name}; on Debian: apt install libc6-dev lib{name}-dev"


def compile_client(source: Path, library: Path | None = None) -> Path:
    """Return the path of a program that uses libvix.so or another library of these functions, compiled from one C source, or raise CannotBuild."""
    library = library or build()
    flags = [*FLAGS, *_more_flags(), "-Werror", str(source), str(library), f"-Wl,-rpath,{library.parent}"]
    return _compiled(source.stem, [source, *_beside(source)], flags)


def compile_wrapper(source: Path) -> Path:
    """Return the path of a libvixAllProducts.so that opens libvix.so itself, compiled from one C source, or raise CannotBuild."""
    flags = [*FLAGS, *_more_flags(), "-Werror", "-shared", "-Wl,-z,nodelete", str(source), "-ldl"]
    return _compiled("libvixAllProducts.so", [source, *_beside(source)], flags)


def _beside(source: Path) -> list[Path]:
    """Return what a C source of a client may include."""
    return [path for folder in (source.parent, source_folder("libvix")) for kind in ("*.h", "*.inc") for path in sorted(folder.glob(kind))]


def _more_flags() -> list[str]:
    """Return what the environment adds for the library and its clients, as -fsanitize=address; never for the agent in the guests."""
    return shlex.split(os.environ.get("OPENVIX_CFLAGS", ""))


def source_folder(name: str) -> Path:
    """Return the folder of C sources of this name: inside the installed package, or beside src/ in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "native" / name
    return installed if installed.is_dir() else package.parents[1] / "native" / name


def _compilers():
    """Yield the command lines of the compilers that are here, the preferred one first."""
    yield from ([found] for found in map(shutil.which, COMPILERS) if found)
    # Asked of another process: the one that serves a world sees no installed packages.
    if subprocess.run([sys.executable, "-c", "import ziglang"], capture_output=True, check=False).returncode == 0:
        yield ZIGLANG


def _compiled(name: str, read: list[Path], arguments: list[str]) -> Path:
    folder = cache()
    said = ""
    for compiler in _compilers():
        key = hashlib.sha256(repr([compiler, arguments]).encode())
        for path in read:
            key.update(hashlib.sha256(path.read_bytes()).digest())
        place = folder / key.hexdigest()[:16] / name
        if place.exists():
            return place
        said = said or _compile([*compiler, *arguments], place)
        if place.exists():
            return place
    if said:
        raise CannotBuild(f"compiling {name} failed: {said}")
    raise CannotBuild(f"cannot compile {name}: no C compiler (cc, gcc, clang) was found; {ADVICE}")


def _compile(command: list[str], place: Path) -> str:
    """Compile to this place, and return what the compiler said when it failed."""
    place.parent.mkdir(mode=0o700, exist_ok=True)
    # Written beside and moved: who builds at the same time, or looks, sees a whole file or none.
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        part = Path(scratch, place.name)
        zig = {"ZIG_GLOBAL_CACHE_DIR": str(place.parents[1] / "zig"), "ZIG_LOCAL_CACHE_DIR": scratch}
        whole = [*command, "-o", str(part)]
        done = subprocess.run(whole, env=os.environ | zig, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0 and part.exists():
            os.replace(part, place)
            return ""
        return (done.stderr or done.stdout).strip()[-2000:] or f"{command[0]} exited with code {done.returncode}"


def cache() -> Path:
    """Return the directory that keeps what takes long to make, made where it is missing; raise CannotBuild where it is another user's."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("OPENVIX_CACHE") or Path(home) / "openvix").absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise CannotBuild(f"the cache directory {folder} belongs to another user and is not trusted; set OPENVIX_CACHE to a directory that you own")
    folder.chmod(0o700)
    return folder
