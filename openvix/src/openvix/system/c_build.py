# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compilation of the C sources at their first use. The results are cached."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

FLAGS = ["-std=c11", "-O2", "-fPIC", "-pthread", "-Wall", "-Wextra"]
# nodelete: the library has threads and must never be unloaded. Bsymbolic: its calls must not be bound to another library with the same names,
# such as VMware's wrapper. No soname: programs need the file that they were linked to, for example libvixAllProducts.so.
SHARED = ["-shared", "-Wl,-z,nodelete", "-Wl,-z,defs", "-Wl,-Bsymbolic"]
COMPILERS = ("cc", "gcc", "clang")
# -s makes the first run faster. Unlike the release builds of other compilers, zig's traps on undefined behaviour by default.
ZIGLANG = [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined", "-s"]
# Programs for Windows guests.
WINDOWS_COMPILERS = ("x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-gcc-win32", "x86_64-w64-mingw32-gcc-posix")
WINDOWS_ADVICE = "install one (Debian: apt install gcc-mingw-w64-x86-64-win32) or run 'pip install ziglang'"
ADVICE = "install one (Debian: apt install gcc libc6-dev) or run 'pip install ziglang'"


class CannotBuild(Exception):
    """The C sources cannot be compiled; the message contains the remedy."""


def build() -> Path:
    """Return the path of libvix.so; compile it first if necessary. Raises CannotBuild."""
    directory = source_directory("libvix")
    symbols = directory / "symbols.map"
    read = sorted([*directory.glob("*.c"), *directory.glob("*.h"), *directory.glob("*.inc"), symbols])
    return _compiled("libvix.so", read, [*FLAGS, *_more_flags(), *SHARED, f"-Wl,--version-script={symbols}", *map(str, sorted(directory.glob("*.c")))])


def compile_program(sources: list[Path], name: str) -> Path:
    """Return the path of the program with this name, compiled from C sources, statically if possible. Raises CannotBuild."""
    arguments = [*FLAGS, *map(str, sources)]
    try:
        return _compiled(name, sources, ["-static", *arguments])
    except CannotBuild:
        return _compiled(name, sources, arguments)


def compile_static(sources: list[Path], name: str, *libraries: str) -> Path:
    """Return the path of the static program with this name, which runs on any Linux, compiled from C sources. Raises CannotBuild."""
    flags = ["-static", "-s", *FLAGS, *(str(path) for path in sources if path.suffix == ".c"), *(f"-l{library}" for library in libraries)]
    try:
        return _compiled(name, sources, flags)
    except CannotBuild:
        fault = next(filter(None, map(lacks_static, libraries)), None)
        if fault:
            raise CannotBuild(f"cannot compile {name}: {fault}") from None
        raise


def lacks_static(name: str) -> str:
    """Return a message if static programs cannot be linked with this library, else ""."""
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
    """Return the path of a program that is linked to libvix.so or another VIX library, compiled from one C source. Raises CannotBuild."""
    library = library or build()
    flags = [*FLAGS, *_more_flags(), "-Werror", str(source), str(library), f"-Wl,-rpath,{library.parent}"]
    return _compiled(source.stem, [source, *_headers(source)], flags)


def compile_wrapper(source: Path) -> Path:
    """Return the path of a libvixAllProducts.so that opens libvix.so itself, compiled from one C source. Raises CannotBuild."""
    flags = [*FLAGS, *_more_flags(), "-Werror", "-shared", "-Wl,-z,nodelete", str(source), "-ldl"]
    return _compiled("libvixAllProducts.so", [source, *_headers(source)], flags)


def compile_preload(sources: list[Path], name: str) -> Path:
    """Return the path of a library for LD_PRELOAD, compiled from C sources. Raises CannotBuild."""
    return _compiled(name, sources, [*FLAGS, "-shared", "-Wl,-z,defs", *map(str, sources)])


def compile_windows(source: Path, name: str) -> Path:
    """Return the path of a program for 64-bit Windows, compiled from one C source. Raises CannotBuild."""
    flags = ["-std=c11", "-O2", "-s", "-static", "-Wall", "-Wextra", "-municode", str(source), "-lntdll"]
    return _compiled(name, [source], flags, _windows_compilers, f"no C compiler for Windows (mingw-w64) was found; {WINDOWS_ADVICE}")


def _headers(source: Path) -> list[Path]:
    """Return the files that the C source of a client may include."""
    return [path for directory in (source.parent, source_directory("libvix")) for kind in ("*.h", "*.inc") for path in sorted(directory.glob(kind))]


def _more_flags() -> list[str]:
    """Return the flags in OPENVIX_CFLAGS, such as -fsanitize=address. They apply to the library and its clients only."""
    return shlex.split(os.environ.get("OPENVIX_CFLAGS", ""))


def source_directory(name: str) -> Path:
    """Return the directory of C sources with this name, in the installed package or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "native" / name
    return installed if installed.is_dir() else package.parents[1] / "native" / name


def _compilers() -> Iterator[list[str]]:
    """Yield the command lines of the compilers that are installed, the preferred one first."""
    yield from ([found] for found in map(shutil.which, COMPILERS) if found)
    # Checked in another process, since the daemon cannot import installed packages.
    if subprocess.run([sys.executable, "-c", "import ziglang"], capture_output=True, check=False).returncode == 0:
        yield ZIGLANG


def _windows_compilers() -> Iterator[list[str]]:
    """Yield the command lines of the compilers for Windows that are installed, the preferred one first."""
    yield from ([found] for found in map(shutil.which, WINDOWS_COMPILERS) if found)
    yield from ([*each, "-target", "x86_64-windows-gnu"] for each in _compilers() if each == ZIGLANG)


def _compiled(
    name: str,
    read: list[Path],
    arguments: list[str],
    compilers: Callable[[], Iterator[list[str]]] = _compilers,
    missing: str = f"no C compiler (cc, gcc, clang) was found; {ADVICE}",
) -> Path:
    directory = cache()
    output = ""
    for compiler in compilers():
        key = hashlib.sha256(repr([compiler, arguments]).encode())
        for path in read:
            key.update(hashlib.sha256(path.read_bytes()).digest())
        target = directory / key.hexdigest()[:16] / name
        if target.exists():
            return target
        output = output or _compile([*compiler, *arguments], target)
        if target.exists():
            return target
    if output:
        raise CannotBuild(f"compiling {name} failed: {output}")
    raise CannotBuild(f"cannot compile {name}: {missing}")


def _compile(command: list[str], target: Path) -> str:
    """Compile to this path; return the output of the compiler if it failed, else ""."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    # The program is written to another file and moved, so that concurrent builds and users never see an incomplete file.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        part = Path(scratch, target.name)
        zig = {"ZIG_GLOBAL_CACHE_DIR": str(target.parents[1] / "zig"), "ZIG_LOCAL_CACHE_DIR": scratch}
        whole = [*command, "-o", str(part)]
        done = subprocess.run(whole, env=os.environ | zig, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0 and part.exists():
            os.replace(part, target)
            return ""
        return (done.stderr or done.stdout).strip()[-2000:] or f"{command[0]} exited with code {done.returncode}"


def cache() -> Path:
    """Return the cache directory; create it if it is missing. Raises CannotBuild if it belongs to another user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(os.environ.get("OPENVIX_CACHE") or Path(home) / "openvix").absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise CannotBuild(f"the cache directory {directory} belongs to another user and is not trusted; set OPENVIX_CACHE to a directory that you own")
    directory.chmod(0o700)
    return directory
