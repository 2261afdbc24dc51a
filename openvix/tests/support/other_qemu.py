# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU of another Debian: unpacked from its packages into the cache, where two commands run it with its own libraries. Nothing is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from openvix.system import c_build, debian_packages
from openvix.system.c_build import CannotBuild

PACKAGES = ("qemu-system-x86", "qemu-utils")
COMMANDS = ("qemu-system-x86_64", "qemu-img")
# The other release of each.
OTHER = {"bookworm": "trixie", "trixie": "bookworm"}
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
RUN = """#!/bin/sh
exec '{root}/lib64/ld-linux-x86-64.so.2' --library-path '{root}{libraries}' '{root}/usr/bin/{name}'{data} "$@"
"""
DATA = " -L '{root}/usr/share/qemu' -L '{root}/usr/share/seabios' -L '{root}/usr/lib/ipxe/qemu'"


def codename() -> str:
    """Return the name of this Debian's release."""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def find() -> Path:
    """Return a directory with the commands of the other Debian's QEMU, made where the cache has none. Raises CannotBuild."""
    here = codename()
    if here not in OTHER:
        raise CannotBuild(f"this is {here or 'not Debian'}; the releases whose QEMU is known are {', '.join(OTHER)}")
    place = c_build.cache() / "qemu" / OTHER[here]
    if not (place / "bin").is_dir():
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            made = Path(scratch, "made")
            _make(Path(scratch), made, place, OTHER[here])
            shutil.rmtree(place, ignore_errors=True)
            os.rename(made, place)
    return place / "bin"


def _make(scratch: Path, made: Path, place: Path, release: str) -> None:
    """Unpack the packages below a directory that will be at the given place."""
    options = _lists(scratch, release)
    files = scratch / "files"
    files.mkdir()
    status = scratch / "status"
    status.touch()
    wanted = _apt(scratch, *options, "-o", f"Dir::State::status={status}", "--no-install-recommends", "--print-uris", "-qq", "install", *PACKAGES)
    names = sorted({line.rpartition("' ")[2].partition("_")[0] for line in wanted.splitlines() if line.startswith("'")})
    _apt(scratch, *options, "download", "-qq", *names, cwd=files)
    root = made / "root"
    root.mkdir(parents=True)
    owners: dict[str, tuple[int, int]] = {}
    for file in sorted(files.iterdir()):
        debian_packages.unpack(file, root, owners)
    for link, target in debian_packages.MERGED.items():
        if not (root / link).exists():
            (root / link).symlink_to(target)
    (made / "bin").mkdir()
    for name in COMMANDS:
        data = DATA.format(root=place / "root") if "system" in name else ""
        (made / "bin" / name).write_text(RUN.format(root=place / "root", libraries=LIBRARIES, name=name, data=data), encoding="utf-8")
        (made / "bin" / name).chmod(0o755)


def _lists(scratch: Path, release: str) -> list[str]:
    """Fetch the package lists of another release from where this machine's come from; return the options that have apt use them."""
    printed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    sites = sorted({line.split()[0] for line in printed if line.split()[1:] == [codename(), "main"]})
    if not sites:
        raise CannotBuild(f"apt has no source of {codename()} main; run 'apt-get update' as root")
    sources = scratch / "sources.list"
    sources.write_text("".join(f"deb {site} {release} main\n" for site in sites), encoding="utf-8")
    for folder in ("lists/partial", "apt"):
        (scratch / folder).mkdir(parents=True)
    settings = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "-", "Dir::State::Lists": scratch / "lists", "APT::Sandbox::User": "root"}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _apt(scratch, *options, "update", "-qq")
    return options


def _apt(scratch: Path, *arguments: str, cwd: Path | None = None) -> str:
    cache = ("-o", f"Dir::Cache={scratch / 'apt'}", "-o", "Debug::NoLocking=1")
    done = subprocess.run(["apt-get", *cache, *arguments], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise CannotBuild(f"apt-get failed: {done.stderr.strip()[-500:]}")
    return done.stdout
