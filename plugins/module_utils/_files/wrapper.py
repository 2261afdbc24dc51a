# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of VMware's wrapper library for the installed products, and its errors (docs/vix-semantics.md, section 2.4)."""

from __future__ import annotations

import os
from collections import namedtuple

from . import vmx

CONFIG = "vixwrapper-config.txt"
ANY_VERSION = "e.x.p"
VERSION_KEYS = {"ws": "workstation.product.version", "player": "player.product.version"}

# One line of the configuration; problem: what is wrong with it, or None.
Line = namedtuple("Line", "provider api_version ipc product_version directory problem")
FIELDS = Line._fields[:-1]


def read(library, config):
    """Return the lines of the wrapper's configuration beside libvix, and messages about errors of the whole file.

    library: path of libvix; config: of VMware's own configuration file, which names the installed version. A library with no such file beside it
    is not VMware's wrapper, and has neither.
    """
    libdir = os.path.dirname(os.path.realpath(library))
    try:
        with open(os.path.join(libdir, CONFIG), encoding="utf-8", errors="replace") as file:
            rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    except OSError:
        return [], []
    installed = _installed(config)
    lines = [_line(row, libdir) for row in rows]
    return lines, [
        f"{provider} {version} is installed, but {CONFIG} has no line for it (22002)"
        for provider, version in installed
        if not _serves(lines, provider, version)
    ]


def _line(row, libdir):
    if len(row) != len(FIELDS):
        return Line(*(row + [""] * len(FIELDS))[: len(FIELDS)], f"it has {len(row)} words instead of {len(FIELDS)}")
    directory = os.path.join(libdir, row[-1])
    is_there = any(os.path.isfile(os.path.join(directory, name)) for name in ("64bit/libvix.so", "32bit/libvix.so", "libvix.so", "libvix.dylib"))
    return Line(*row, None if is_there else f"{directory} has no implementation (22005)")


def _installed(config):
    try:
        values = vmx.read(config)
    except (OSError, vmx.BrokenFile):
        return []
    return [(provider, values[key]) for provider, key in VERSION_KEYS.items() if values.get(key)]


def _serves(lines, provider, version):
    return any(line.provider == provider and line.product_version in (version, ANY_VERSION) for line in lines)
