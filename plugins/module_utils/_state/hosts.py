# Copyright (c) 2026 vmlab
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Information about a host and the connection to it."""

from __future__ import annotations

import os

from .._files import wrapper
from .._vix import locate, products, support
from .._vix.errors import VixError


def describe(connect, chosen, provider="default"):
    """Return the library, every place searched for it, what VMware's wrapper will do, and the properties of the host.

    connect: returns a connected host; chosen: the library that was asked for, or None; provider: as in the option of this name.
    """
    places = [{"path": path, "reason": why, "found": found} for path, why, found in locate.places(chosen)]
    library = next((place["path"] for place in places if place["found"]), None)
    return {"library": library, "searched": places, "wrapper": _wrapper(library, provider), **_connected(connect)}


def _wrapper(library, provider):
    """What VMware's wrapper library will do, if the library is the wrapper."""
    if library is None or not wrapper.is_wrapper(library):
        return {"is_wrapper": False, "configuration": [], "settings": {}, "lines": [], "implementation": None, "problems": [], "log_directory": None}
    found, logs = wrapper.read(provider, os.environ.get("HOME")), locate.wrapper_logs()
    problems = [f"{line.file}: {line.problem}: {' '.join(line[:5]).strip()}" for line in found.lines if line.library is None]
    if not os.access(logs if os.path.isdir(logs) else os.path.dirname(logs), os.W_OK):
        problems.append(f"the wrapper cannot write its log in {logs}, so all connections fail (1)")
    return {
        "is_wrapper": True,
        "configuration": [{"path": path, "found": is_there} for path, is_there in found.configuration],
        "settings": found.settings,
        "lines": [line._asdict() for line in found.lines],
        "implementation": found.implementation,
        "problems": problems + ([found.problem] if found.problem else []),
        "log_directory": logs,
    }


def _connected(connect):
    """The properties of the host, or the error message of the connection."""
    try:
        with connect() as host:
            described = host.describe()
            provider = described["provider"]
            unsupported = {"unsupported_features": products.lacks(provider), "unsupported_functions": list(support.LACKS.get(provider, ()))}
            return {"connected": True, "error": None, **described, **unsupported, "running_vms": len(host.running())}
    except VixError as error:
        return {"connected": False, "error": str(error)}
