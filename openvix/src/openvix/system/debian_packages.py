# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian packages: found and downloaded with apt by any user, from the configured sources, and unpacked without installation."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from openvix.system.c_build import CannotBuild

# apt gives up a stalled download.
PATIENCE = {"Acquire::Retries": "2", "Acquire::http::Timeout": "30", "Acquire::https::Timeout": "30"}
ADVICE = "; run 'apt-get update' as root if the package lists are missing or old"
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
# Files that a guest does not need.
LEFT_OUT = re.compile(r"usr/(share/(doc|man|info|locale|lintian|bug|menu)|lib/[^/]+/gconv)(/|$)")


class Package(NamedTuple):
    """A package in Debian's lists."""

    name: str
    version: str
    file: str
    size: int
    digest: str


def find(names: list[str], scratch: Path) -> list[Package]:
    """Return the current packages with these names. Raises CannotBuild."""
    lines = _apt("looking for packages", scratch, "apt-get", "download", "-qq", "--print-uris", *names).splitlines()
    # 'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE DIGEST, the version with %3a for :
    fields = [line.rpartition("' ")[2].split() for line in lines if line.startswith("'")]
    found = {}
    for file, size, digest, *_ in fields:
        name, version, *_ = file.split("_")
        found[name] = Package(name, version, file, int(size), digest)
    missing = [name for name in names if name not in found]
    if missing:
        raise CannotBuild(f"apt has no download address for {' '.join(missing)}{ADVICE}")
    return [found[name]._replace(version=found[name].version.replace("%3a", ":")) for name in names]


def dependency(name: str, pattern: str, scratch: Path) -> str:
    """Return the dependency of a package that begins with this pattern. Raises CannotBuild."""
    for line in _apt(f"looking for {name}", scratch, "apt-cache", "depends", name).splitlines():
        kind, _, package = line.strip().partition(": ")
        if kind == "Depends" and package.startswith(pattern):
            return package
    raise CannotBuild(f"the package {name} does not depend on any package named {pattern}*{ADVICE}")


def closure(names: list[str], scratch: Path) -> list[str]:
    """Return these package names and all their dependencies. Raises CannotBuild."""
    # Assume that no package is installed.
    status = scratch / "status"
    status.touch()
    options = ("-o", f"Dir::State::status={status}", "--no-install-recommends", "-qq", "--print-uris")
    lines = _apt("looking for what packages need", scratch, "apt-get", "install", *options, *names).splitlines()
    return sorted({line.rpartition("' ")[2].partition("_")[0] for line in lines if line.startswith("'")})


def download(packages: list[Package], folder: Path, scratch: Path, say: Callable[[str], None]) -> list[Path]:
    """Return the files of packages in a cache directory; missing ones are downloaded. Raises CannotBuild."""
    folder.mkdir(mode=0o700, exist_ok=True)
    missing = [package for package in packages if not _is_whole(folder / package.file, package)]
    if missing:
        say(f"downloading {len(missing)} packages, {sum(package.size for package in missing) / 1e6:.0f} MB")
        arrived = scratch / "arrived"
        arrived.mkdir()
        _apt("downloading", scratch, "apt-get", "download", "-qq", *(f"{package.name}={package.version}" for package in missing), cwd=arrived)
        for package in missing:
            if not _is_whole(arrived / package.file, package):
                raise CannotBuild(f"the size or checksum of the downloaded {package.file} differs from Debian's package list{ADVICE}")
            os.replace(arrived / package.file, folder / package.file)
    kinds = {_kind(package.file) for package in packages}
    for path in folder.iterdir():
        if _kind(path.name) in kinds and path.name not in {package.file for package in packages}:
            path.unlink()
    return [folder / package.file for package in packages]


def unpack(file: Path, tree: Path, owners: dict[str, tuple[int, int]]) -> None:
    """Unpack a package into a directory and record the owner of each path; files that a guest does not need are skipped. Raises CannotBuild."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    _lay(archive, member, tree, owners)
        except (tarfile.TarError, OSError) as error:
            process.kill()
            raise CannotBuild(f"unpacking {file.name} failed: {error}") from error


def _lay(archive: tarfile.TarFile, member: tarfile.TarInfo, tree: Path, owners: dict[str, tuple[int, int]]) -> None:
    path = merged(member.name)
    if not path or path in MERGED or LEFT_OUT.match(path):
        return
    place = tree / path
    place.parent.mkdir(parents=True, exist_ok=True)
    owners[path] = (member.uid, member.gid)
    if member.isdir():
        place.mkdir(exist_ok=True)
        place.chmod(member.mode | 0o700)
        return
    place.unlink(missing_ok=True)
    if member.issym():
        place.symlink_to(member.linkname)
    elif member.islnk():
        place.hardlink_to(tree / merged(member.linkname))
    elif member.isfile() and (content := archive.extractfile(member)):
        with open(place, "wb") as file:
            file.write(content.read())
        place.chmod(member.mode)
        os.utime(place, (member.mtime, member.mtime))


def merged(name: str) -> str:
    """Return a path of a package without ./ and with /usr: older packages still use /bin, /lib and /sbin."""
    first, slash, rest = name.removeprefix(".").strip("/").partition("/")
    return f"{MERGED[first]}/{rest}" if slash and first in MERGED else f"{first}{slash}{rest}"


def _is_whole(path: Path, package: Package) -> bool:
    if not path.is_file() or path.stat().st_size != package.size:
        return False
    kind, _, digest = package.digest.partition(":")
    return hashlib.new(kind.removesuffix("Sum").lower(), path.read_bytes()).hexdigest() == digest


def _kind(file: str) -> str:
    """Return the name of a package without version numbers, by which kernel packages differ."""
    return re.sub(r"[0-9]+", "", file.partition("_")[0])


def _apt(doing: str, scratch: Path, command: str, *arguments: str, cwd: Path | None = None) -> str:
    # A separate cache: an ordinary user cannot write to apt's cache, and without one all lists would be parsed each time.
    (scratch / "apt").mkdir(exist_ok=True)
    settings = {"Dir::Cache": str(scratch / "apt"), "Debug::NoLocking": "1", "APT::Sandbox::User": "root", **PATIENCE}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    whole, environment = [command, *options, *arguments], {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(whole, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        messages = [line for line in done.stderr.splitlines() if line.startswith("E: ")] or done.stderr.splitlines() or [f"it ended with {done.returncode}"]
        # If the network is down, updated lists do not help.
        advice = "" if "connect" in messages[0] or "resolv" in messages[0] else ADVICE
        raise CannotBuild(f"{doing} with apt failed: {' '.join(messages[0].removeprefix('E: ').split())}{advice}")
    return done.stdout
