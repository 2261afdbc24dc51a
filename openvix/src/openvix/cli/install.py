# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installation of libvix.so in the layout of a VMware product, for VMware's wrapper library and for clients that load libvixAllProducts.so."""

from __future__ import annotations

from pathlib import Path

from openvix import __version__
from openvix.system import atomic_files

ALL_PRODUCTS, CONFIG = "libvixAllProducts.so", "vixwrapper-config.txt"
DIRECTORY = f"OpenVIX-{__version__}"
# Product, API version, IPC, product version (any), directory; the wrapper tries the last line that fits first.
LINES = [f"{product} 19 {ipc} e.x.p {DIRECTORY}" for product, ipc in (("ws", "vmdb"), ("player", "vmdb"), ("viserver", "none"), ("esx", "none"))]
OURS = "OpenVIX-"
# What stands in our library and in nobody else's.
MARK = b"OPENVIX_WORLD"


def install(library: Path, libdir: Path) -> bool:
    """Install the library into a directory.

    A libvixAllProducts.so that is not OpenVIX's, such as VMware's wrapper, is kept; returns whether there was one.
    """
    target = libdir / DIRECTORY / "64bit"
    target.mkdir(parents=True, exist_ok=True)
    content = library.read_bytes()
    atomic_files.replace(target / "libvix.so", content)
    all_products = libdir / ALL_PRODUCTS
    other = all_products.exists() and MARK not in all_products.read_bytes()
    if not other:
        # A copy, not a link: clients look for the configuration in the directory of the file that a link resolves to.
        atomic_files.replace(all_products, content)
    config = libdir / CONFIG
    lines = config.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if config.exists() else []
    kept = [line for line in lines if line.startswith("#") or not (line.split() or [""])[-1].startswith(OURS)]
    atomic_files.replace(config, "".join(f"{line}\n" for line in [*kept, *LINES]).encode("utf-8", "surrogateescape"))
    return other
