# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installation of libvix.so in the layout of a VMware product, for VMware's wrapper library and for clients that load libvixAllProducts.so."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from openvix import __version__
from openvix.config import products
from openvix.system import atomic_files

ALL_PRODUCTS, CONFIG = "libvixAllProducts.so", "vixwrapper-config.txt"
DIRECTORY = f"OpenVIX-{__version__}"
# The words of products and IPC kinds in VMware's configuration.
PRODUCTS = (("ws", "vmdb"), ("ws-shared", "vmodl"), ("player", "vmdb"), ("viserver", "none"), ("esx", "none"))
# What the wrapper reads; for each key the later file wins (docs/vix-semantics.md, section 2.5).
CONFIGS = ("/etc/vmware/config", "/usr/lib/vmware/settings", "/usr/lib/vmware/config", "~/.vmware/config", "~/.vmware/preferences")
# In the directory of the key libdir. Its lines come after all others, and so win.
PRODUCT_CONFIG, PRODUCT_LIBDIR = "vixwrapper-product-config.txt", "/usr/lib/vmware"
SETTING = re.compile(r'^\s*([\w.]+)\s*=\s*"(.*)"\s*$', re.MULTILINE)
OURS = "OpenVIX-"
# What stands in our library and in nobody else's.
MARK = b"OPENVIX_WORLD"


class Installed(NamedTuple):
    """How the library was installed.

    kept: whether libvixAllProducts.so is that of somebody else, such as VMware's wrapper. version: the product version in the lines. is_known: whether VMware's
    configuration names it. winning: the files with lines of this product that the wrapper tries before.
    """

    kept: bool
    version: str
    is_known: bool
    winning: list[Path]


def configured() -> dict[str, str]:
    """Return the settings that VMware's wrapper would read."""
    found: dict[str, str] = {}
    for name in CONFIGS:
        if not name.startswith("~") or os.environ.get("HOME"):
            path = Path(name.replace("~", os.environ.get("HOME", ""), 1))
            found.update(SETTING.findall(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else [])
    return found


def lines(version: str) -> list[str]:
    """Return a line for each product: API version, IPC, product version, directory. The wrapper compares Workstation's and Player's version to the letter."""
    return [f"{product} 19 {ipc} {version} {DIRECTORY}" for product, ipc in PRODUCTS]


def install(library: Path, libdir: Path) -> Installed:
    """Install the library into a directory, for the product version that VMware's configuration names. Raises OSError."""
    settings = configured()
    version = settings.get("product.version") or products.VERSIONS["workstation"]
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
    kept = [line for line in _read(config) if line.startswith("#") or not (line.split() or [""])[-1].startswith(OURS)]
    atomic_files.replace(config, "".join(f"{line}\n" for line in [*kept, *lines(version)]).encode("utf-8", "surrogateescape"))
    before = Path(settings.get("libdir") or PRODUCT_LIBDIR, PRODUCT_CONFIG)
    wins = any(line.split()[:1] in (["ws"], ["player"], ["ws-shared"]) for line in _read(before))
    return Installed(other, version, "product.version" in settings, [before] if wins else [])


def _read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if path.is_file() else []
