# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VMware's wrapper library will do: its configuration, read as it reads it itself, and its errors (docs/vix-semantics.md, sections 2.4, 2.5 and 2.6)."""

from __future__ import annotations

import os
import re
from collections import namedtuple

# For each key the later file wins.
CONFIGS = ("/etc/vmware/config", "/usr/lib/vmware/settings", "/usr/lib/vmware/config", "~/.vmware/config", "~/.vmware/preferences")
KEYS = ("vix.libdir", "libdir", "product.name", "product.version")
SETTING = re.compile(r'^\s*([\w.]+)\s*=\s*"(.*)"\s*$', re.MULTILINE)
# Tables of implementations, with the key of their directory and its default. The lines of the second one are tried first.
TABLES = (("vixwrapper-config.txt", "vix.libdir", ""), ("vixwrapper-product-config.txt", "libdir", "/usr/lib/vmware"))
MARK = TABLES[0][0].encode()  # in the wrapper, and in no implementation
API_VERSION = "19"
IMPLEMENTATION = "64bit/libvix.so"
PLAYER = "VMware Player"
WORKSTATION_MISSING, VERSION_MISSING, PROVIDER_MISSING, PLAYER_MISSING, NO_LIBDIR = 22001, 22002, 22003, 22004, 22005

# One line of a table. library: the file that it names, or None if the line is malformed; problem: why it is of no use to the provider, or None.
Line = namedtuple("Line", "provider api_version ipc product_version directory file library problem")
FIELDS = Line._fields[:5]

# configuration: (path, whether it exists); settings: the values of KEYS that are set; lines: in the order in which they are tried;
# implementation: the file that will be loaded, or None; problem: why there is none, with the code of the error.
Wrapper = namedtuple("Wrapper", "configuration settings lines implementation problem")


def is_wrapper(library):
    """Whether a library is VMware's wrapper, which loads an implementation, and not an implementation itself."""
    try:
        with open(library, "rb") as file:
            return MARK in file.read()
    except OSError:
        return False


def read(provider, home, root="/"):
    """Return what the wrapper will do for a provider, as a Wrapper.

    provider: as in the option of this name; home: the environment variable HOME, without which the user's own files are not read.
    """
    paths = [_under(root, path) if path.startswith("/") else os.path.join(home, path[2:]) for path in CONFIGS if home or path.startswith("/")]
    settings = {}
    for path in paths:
        settings.update((key, value) for key, value in SETTING.findall(_text(path)) if key in KEYS)
    products = _products(provider, settings)
    lines = [line for table in reversed(TABLES) for line in _lines(table, products, settings, root)]
    usable = next((line for line in lines if line.library and not line.problem and line.provider in products), None)
    problem = None if usable else _problem(products, settings, lines)
    return Wrapper([(path, os.path.isfile(path)) for path in paths], settings, lines, usable.library if usable else None, problem)


def _products(provider, settings):
    """The words for a provider in the tables."""
    if provider == "default":
        provider = "player" if settings.get("product.name") == PLAYER else "workstation"
    return {"workstation": ("ws",), "player": ("player",), "workstation_shared": ("ws-shared",), "vi_server": ("viserver", "esx")}[provider]


def _lines(table, products, settings, root):
    name, key, default = table
    directory = settings.get(key) or default
    if not directory:
        return []
    file = os.path.join(_under(root, directory), name)
    rows = [line.split() for line in _text(file).splitlines() if line.strip() and not line.startswith("#")]
    return [_line(row, file, products, settings, root) for row in reversed(rows)]


def _line(row, file, products, settings, root):
    if len(row) != len(FIELDS):
        fields = (row + [""] * len(FIELDS))[: len(FIELDS)]
        return Line(*fields, file, None, f"it has {len(row)} words instead of {len(FIELDS)}")
    product, api, version, directory = row[0], row[1], row[3], row[4]
    library = os.path.join(_under(root, settings.get("vix.libdir", "")), directory, IMPLEMENTATION)
    problem = None
    if product in products:
        installed = settings.get("product.version")
        if api != API_VERSION:
            problem = f"its API version is not {API_VERSION}"
        elif product in ("ws", "player") and installed != version:
            problem = f"it is for version {version}, and product.version is {installed or 'not set'}; they must be equal to the letter"
        elif not os.path.isfile(library):
            problem = f"{library} does not exist"
    return Line(*row, file, library, problem)


def _problem(products, settings, lines):
    """Why the wrapper finds no implementation, and the error that it gives."""
    found = [line for line in lines if line.provider in products]
    if not settings.get("vix.libdir"):
        return f"vix.libdir is set in none of VMware's configuration files ({NO_LIBDIR})"
    if not found:
        return f"there is no line for {' or '.join(products)} in {' or '.join(name for name, *dummy in TABLES)} ({PROVIDER_MISSING})"
    if products[0] in ("ws", "player") and not settings.get("product.version"):
        code = WORKSTATION_MISSING if products[0] == "ws" else PLAYER_MISSING
        return f"product.version is set in none of VMware's configuration files ({code})"
    return f"no line for {' or '.join(products)} can be used ({VERSION_MISSING}): {'; '.join(f'{line.file}: {line.problem}' for line in found)}"


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _under(root, path):
    return os.path.join(root, path.lstrip("/"))
