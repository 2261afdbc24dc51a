# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvix.so laid out as an installed product, for VMware's wrapper library and for clients that know only the name libvixAllProducts.so."""

from __future__ import annotations

from pathlib import Path

from openvix import __version__
from openvix.system import atomic_files

ALL_PRODUCTS, CONFIG = "libvixAllProducts.so", "vixwrapper-config.txt"
FOLDER = f"OpenVIX-{__version__}"
# Product, API version, IPC, product version (any), folder; the wrapper tries the last line that fits first.
LINES = [f"{product} 19 {ipc} e.x.p {FOLDER}" for product, ipc in (("ws", "vmdb"), ("player", "vmdb"), ("viserver", "none"), ("esx", "none"))]
OURS = "OpenVIX-"
# What stands in our library and in nobody else's.
MARK = b"OPENVIX_WORLD"


def install(library: Path, libdir: Path) -> bool:
    """Lay the library out in a directory; return whether another libvixAllProducts.so, such as VMware's wrapper, was there and stayed."""
    place = libdir / FOLDER / "64bit"
    place.mkdir(parents=True, exist_ok=True)
    content = library.read_bytes()
    atomic_files.replace(place / "libvix.so", content)
    beside = libdir / ALL_PRODUCTS
    other = beside.exists() and MARK not in beside.read_bytes()
    if not other:
        # No link: clients look for the configuration beside the file that a link leads to.
        atomic_files.replace(beside, content)
    config = libdir / CONFIG
    said = config.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if config.exists() else []
    kept = [line for line in said if line.startswith("#") or not (line.split() or [""])[-1].startswith(OURS)]
    atomic_files.replace(config, "".join(f"{line}\n" for line in [*kept, *LINES]).encode("utf-8", "surrogateescape"))
    return other
